// SPDX-License-Identifier: Apache-2.0
#include "bench/compare/read_workloads.h"

#include <algorithm>
#include <csignal>

#include "bench/compare/closed_loop.h"
#include "bench/compare/load.h"
#include "bench/compare/machine_facts.h"
#include "bench/compare/report.h"

namespace tidemark::compare {

namespace {

// Opens what was loaded; what is only in memory is loaded now.
void open_loaded(const Bench& bench) {
  bench.store.open(bench.folder, opening_of_load(bench));
  if (bench.is_in_memory) { append_rounds(bench, 0, kEventsOfStream); }
}

Tally read_everything(Store& store) {
  Tally found;
  store.read_all(0, [&](const EventSeen& event) {
    found.add(event.payload);
    return true;
  });
  return found;
}

// Gives how many events there were.
std::uint64_t read_whole_stream(Store& store, const std::string& name, std::uint64_t& sum) {
  std::uint64_t next = 0;
  store.read_stream(name, [&](const EventSeen& event) {
    if (event.version != next++) { throw Failure("the versions of " + name + " are not dense"); }
    sum += sum_of(event.payload);
    return true;
  });
  return next;
}

// A kill takes nothing away that was handed to the system. So the store has what was loaded, a round for each kill, by
// which streams have more events than were loaded, and an event for each opening, by which one stream has more than the
// others.
void check_reopened(const Bench& bench, std::uint64_t length, const std::string& appended_to, const Tally& one) {
  Tally expected = tally_of_load(bench);
  const Tally round = tally_of_rounds(bench, kEventsOfStream, 1);
  for (std::uint64_t i = kEventsOfStream; i < length; ++i) { expected += round; }
  for (std::uint64_t i = length; i < bench.store.stream_length(appended_to); ++i) { expected += one; }
  check_content(bench.store, expected);
}

double milliseconds_since(Nanoseconds start) { return seconds_since(start) * 1e3; }

}  // namespace

Measure measure_read_all() {
  return [](const Bench& bench) {
    const Tally expected = tally_of_load(bench);
    open_loaded(bench);
    const auto pass = [&] {
      const Nanoseconds start = now();
      const Tally found = read_everything(bench.store);
      const double took = seconds_since(start);
      if (found != expected) { throw Failure("what was read is not what was loaded"); }
      return static_cast<double>(found.events) / took;
    };
    Figures figures{{"first_events_s", pass()}};
    std::vector<double> rates;
    const Nanoseconds start = now();
    do { rates.push_back(pass()); } while (rates.size() < 3 || seconds_since(start) < bench.scale.seconds);
    figures["events_s"] = spread_of(rates).median;
    bench.store.close();
    return figures;
  };
}

Measure measure_read_streams(std::size_t threads) {
  return [threads](const Bench& bench) {
    open_loaded(bench);
    if (read_everything(bench.store) != tally_of_load(bench)) { throw Failure("what was read is not what was loaded"); }
    const std::uint64_t streams = streams_of_load(bench.scale);
    LoopResult result = closed_loop(
        threads, bench.scale.seconds,
        [&](std::size_t thread) {
          return [&, numbers = Numbers(thread + 1), sum = std::uint64_t(0)]() mutable {
            const std::string name = stream_name(numbers.next() % streams);
            if (read_whole_stream(bench.store, name, sum) != kEventsOfStream) {
              throw Failure(name + " does not have the events that were loaded");
            }
          };
        },
        [] {});
    bench.store.close();
    return Figures{{"streams_s", result.per_second},
                   {"p50_us", result.latencies.per_mille_us(500)},
                   {"p99_us", result.latencies.per_mille_us(990)}};
  };
}

Measure measure_opening() {
  return [](const Bench& bench) {
    const std::uint64_t streams = streams_of_load(bench.scale);
    const std::string read_name = stream_name(streams - 1);
    const std::string append_name = stream_name(streams / 3);
    Events source(bench.pool, 0);
    const EventToAppend event = source.next();
    std::uint64_t sum = 0;
    const std::int64_t memory_before = private_memory();
    Figures figures;
    const Nanoseconds start = now();
    bench.store.open(bench.folder, bench.opening());
    figures["open_ms"] = milliseconds_since(start);
    const std::uint64_t count = read_whole_stream(bench.store, read_name, sum);
    figures["read_ms"] = milliseconds_since(start);
    bench.store.append({.stream = append_name, .expected_length = {}, .events = std::span(&event, 1)});
    figures["append_ms"] = milliseconds_since(start);
    figures["memory_mib"] = static_cast<double>(private_memory() - memory_before) / (1 << 20);
    if (count < kEventsOfStream) { throw Failure("a loaded stream has fewer events after an opening"); }
    check_reopened(bench, count, append_name, source.taken());
    bench.store.close();
    return figures;
  };
}

Measure die_while_appending() {
  return [](const Bench& bench) {
    bench.store.open(bench.folder, opening_of_load(bench));
    append_rounds(bench, kEventsOfStream, 1);
    std::raise(SIGKILL);
    return Figures{};
  };
}

}  // namespace tidemark::compare
