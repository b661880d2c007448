// SPDX-License-Identifier: Apache-2.0
#include "bench/compare/grown_workload.h"

#include <algorithm>
#include <string>
#include <vector>

#include "bench/compare/closed_loop.h"
#include "bench/compare/folder.h"

namespace tidemark::compare {

namespace {

constexpr std::uint64_t kEventsOfCommit = 1000;
constexpr std::uint64_t kEventsRead = 10;

// Appends the events in turn to all streams. A stream gets its events of one commit together.
Tally load(const Bench& bench, std::uint64_t events, std::uint64_t streams) {
  Events source(bench.pool, 0);
  const std::uint64_t streams_each = std::min(streams, kEventsOfCommit);
  const std::uint64_t of_each = kEventsOfCommit / streams_each;
  std::vector<std::string> names(streams_each);
  std::vector<EventToAppend> taken(streams_each * of_each);
  std::vector<Append> appends;
  std::uint64_t first = 0;
  for (std::uint64_t done = 0; done < events;) {
    appends.clear();
    std::uint64_t filled = 0;
    for (std::uint64_t i = 0; i < streams_each && done < events; ++i) {
      const std::uint64_t count = std::min(of_each, events - done);
      for (std::uint64_t n = 0; n < count; ++n) { taken[filled + n] = source.next(); }
      names[i] = stream_name((first + i) % streams);
      appends.push_back({.stream = names[i], .expected_length = {}, .events = std::span(&taken[filled], count)});
      filled += count;
      done += count;
    }
    first += appends.size();
    bench.store.append_together(appends);
  }
  return source.taken();
}

Latencies read_at_random(const Bench& bench, std::uint64_t streams) {
  std::uint64_t sum = 0;
  LoopResult result = closed_loop(
      1, bench.scale.seconds,
      [&](std::size_t) {
        return [&, numbers = Numbers(1)]() mutable {
          const std::string name = stream_name(numbers.next() % streams);
          std::uint64_t next = 0;
          bench.store.read_stream(name, [&](const EventSeen& event) {
            if (event.version != next++) { throw Failure("the versions of " + name + " are not dense"); }
            sum += sum_of(event.payload);
            return next < kEventsRead;
          });
          if (next == 0) { throw Failure(name + " has no events"); }
        };
      },
      [] {});
  return std::move(result.latencies);
}

Latencies append_at_random(const Bench& bench, std::uint64_t streams) {
  LoopResult result = closed_loop(
      1, bench.scale.seconds,
      [&](std::size_t) {
        return [&bench, streams, numbers = Numbers(2), source = Events(bench.pool, 1)]() mutable {
          const std::string name = stream_name(numbers.next() % streams);
          const EventToAppend event = source.next();
          bench.store.append({.stream = name, .expected_length = {}, .events = std::span(&event, 1)});
        };
      },
      [] {});
  return std::move(result.latencies);
}

}  // namespace

Measure measure_grown(std::uint64_t events, std::uint64_t streams, bool has_index) {
  return [events, streams, has_index](const Bench& bench) {
    Opening how = bench.opening();
    how.is_kept = true;
    how.durable = false;
    bench.store.open(bench.folder, how);
    Nanoseconds start = now();
    const Tally appended = load(bench, events, streams);
    bench.store.sync();
    Figures figures{{"load_s", static_cast<double>(appended.events) / seconds_since(start)}};
    bench.store.close();
    settle(bench.folder);

    how.durable = true;
    start = now();
    bench.store.open(bench.folder, how);
    figures["open_ms"] = seconds_since(start) * 1e3;
    start = now();
    Tally found;
    bench.store.read_all(0, [&](const EventSeen& event) {
      found.add(event.payload);
      return true;
    });
    figures["all_s"] = static_cast<double>(found.events) / seconds_since(start);
    if (found != appended) { throw Failure("what was read is not what was loaded"); }
    if (has_index) {
      figures["read_us"] = read_at_random(bench, streams).per_mille_us(500);
      figures["append_us"] = append_at_random(bench, streams).per_mille_us(500);
    }
    bench.store.close();
    return figures;
  };
}

}  // namespace tidemark::compare
