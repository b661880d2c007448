// SPDX-License-Identifier: Apache-2.0
#include "bench/compare/load.h"

#include <algorithm>

#include "bench/compare/closed_loop.h"
#include "bench/compare/folder.h"
#include "bench/compare/machine_facts.h"

namespace tidemark::compare {

namespace {

constexpr std::uint64_t kStreamsOfCommit = 1000;
// A prime, so that steps of it come to every stream once, and not in the order of their names.
constexpr std::uint64_t kStep = 7'368'787;
constexpr std::uint64_t kSeed = 1'000'000;

Figures per_event(const Bench& bench, std::uint64_t events, std::uint64_t disk, std::uint64_t written,
                  std::uint64_t written_by_all) {
  const auto count = static_cast<double>(events);
  const auto content = static_cast<double>(content_bytes(bench.scale.payload_bytes));
  Figures figures;
  const auto add = [&](const std::string& name, std::uint64_t bytes) {
    figures[name] = static_cast<double>(bytes) / count;
    figures[name + "_of_content"] = static_cast<double>(bytes) / count / content;
  };
  add("disk", disk);
  add("written", written);
  if (written_by_all > 0) { add("device", written_by_all); }
  return figures;
}

}  // namespace

std::uint64_t streams_of_load(const Scale& scale) { return std::max<std::uint64_t>(1, scale.events / kEventsOfStream); }

Opening opening_of_load(const Bench& bench) {
  Opening how = bench.opening();
  how.durable = false;
  how.is_kept = true;
  how.raw_bytes = 2 * bench.scale.events * (content_bytes(bench.scale.payload_bytes) + 64) + (1U << 20U);
  return how;
}

Tally append_rounds(const Bench& bench, std::uint64_t first_round, std::uint64_t rounds) {
  const std::uint64_t streams = streams_of_load(bench.scale);
  Events source(bench.pool, kSeed + first_round);
  std::vector<std::string> names;
  std::vector<EventToAppend> events;
  std::vector<Append> appends;
  for (std::uint64_t round = first_round; round < first_round + rounds; ++round) {
    for (std::uint64_t i = 0; i < streams; i += kStreamsOfCommit) {
      const std::uint64_t count = std::min(kStreamsOfCommit, streams - i);
      names.clear();
      events.clear();
      appends.clear();
      for (std::uint64_t n = i; n < i + count; ++n) {
        names.push_back(stream_name((n * kStep + round) % streams));
        events.push_back(source.next());
      }
      for (std::uint64_t n = 0; n < count; ++n) {
        appends.push_back({.stream = names[n], .expected_length = {}, .events = std::span(&events[n], 1)});
      }
      bench.store.append_together(appends);
    }
  }
  return source.taken();
}

Tally tally_of_rounds(const Bench& bench, std::uint64_t first_round, std::uint64_t rounds) {
  Events source(bench.pool, kSeed + first_round);
  for (std::uint64_t i = 0; i < streams_of_load(bench.scale) * rounds; ++i) { source.next(); }
  return source.taken();
}

Tally tally_of_load(const Bench& bench) { return tally_of_rounds(bench, 0, kEventsOfStream); }

Measure measure_load() {
  return [](const Bench& bench) {
    const std::uint64_t written_before = bytes_written();
    const std::uint64_t device_before = bytes_written_to_device(bench.folder);
    bench.store.open(bench.folder, opening_of_load(bench));
    const Nanoseconds start = now();
    const Tally appended = append_rounds(bench, 0, kEventsOfStream);
    bench.store.sync();
    const double took = seconds_since(start);
    bench.store.close();
    settle(bench.folder);
    Figures figures = per_event(bench, appended.events, bytes_on_disk(bench.folder), bytes_written() - written_before,
                                device_before == 0 ? 0 : bytes_written_to_device(bench.folder) - device_before);
    figures["events_s"] = static_cast<double>(appended.events) / took;
    if (bench.is_checked) {
      bench.store.open(bench.folder, bench.opening());
      check_content(bench.store, appended);
      bench.store.close();
    }
    return figures;
  };
}

}  // namespace tidemark::compare
