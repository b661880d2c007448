// SPDX-License-Identifier: Apache-2.0
#include "bench/compare/workload.h"

#include <algorithm>
#include <functional>
#include <iterator>
#include <unordered_map>

#include "bench/compare/append_workloads.h"
#include "bench/compare/check.h"
#include "bench/compare/curves.h"
#include "bench/compare/delivery_workload.h"
#include "bench/compare/load.h"
#include "bench/compare/read_workloads.h"
#include "bench/compare/tables.h"

namespace tidemark::compare {

namespace {

Workload answers(const std::vector<std::string>& stores) {
  Workload w =
      make_table(std::string(kCheckWorkload), "Answers", {{.figure = "answers", .title = "right answers"}}, {});
  w.repetitions_max = 1;
  add_stores(w, stores, check_answers());
  return w;
}

Workload durable_appends(const std::vector<std::string>& stores) {
  Workload w = make_table("w1", "W1: durable appends of one event, one thread", {kRate, kHalf, kTail}, kWritingLimits);
  add_stores(w, kWritingLimits, measure_waiting(1));
  add_stores(w, stores, measure_waiting(1));
  return w;
}

Workload group_commit(const std::vector<std::string>& stores, std::size_t threads) {
  const std::string count = std::to_string(threads);
  Workload w = make_table("w2-" + count, "W2: durable appends of one event, " + count + " at a time",
                          {kRate, kHalf, kTail}, {"L1", "L1-fresh", "ideal"});
  w.contenders.push_back({.name = "ideal", .store = "L1", .measure = measure_groups(threads)});
  add_stores(w, {"L1", "L1-gather", "L1-fresh"}, measure_waiting(threads));
  add_stores(w, stores, measure_waiting(threads));
  if (std::ranges::find(stores, "tidemark") == stores.end()) { return w; }
  for (const std::size_t drivers : {1U, 2U}) {
    const std::string who = std::to_string(drivers) + (drivers == 1 ? " thread" : " threads");
    w.contenders.push_back(
        {.name = "tidemark, tickets of " + who, .store = "tidemark", .measure = measure_submitting(threads, drivers)});
  }
  return w;
}

Workload batches(const std::vector<std::string>& stores, std::size_t events) {
  const std::string count = std::to_string(events);
  Workload w = make_table("w3-" + count, "W3: batches of " + count + ", each durable, one thread",
                          {kRate, kHalf, kTail}, kWritingLimits);
  add_stores(w, kWritingLimits, measure_batches(events));
  add_stores(w, stores, measure_batches(events));
  return w;
}

Workload buffered_batches(const std::vector<std::string>& stores, std::size_t events) {
  const std::string count = std::to_string(events);
  Workload w = make_table("w3-buffered-" + count, "W3: batches of " + count + ", one sync at the end, one thread",
                          {kRate}, {"L1", "L1-fresh", "L6"});
  add_stores(w, {"L1", "L1-fresh", "L6"}, measure_buffered_batches(events));
  add_stores(w, stores, measure_buffered_batches(events));
  return w;
}

Workload optimistic(const std::vector<std::string>& stores) {
  Workload w =
      make_table("w4", "W4: durable appends that expect a version, 8 threads, 100 streams",
                 {kRate, {.figure = "conflicts_s", .title = "conflicts/s", .more_is_better = false}, kHalf, kTail},
                 kWritingLimits);
  add_stores(w, kWritingLimits, measure_optimistic(8, 100));
  add_stores(w, stores, measure_optimistic(8, 100));
  return w;
}

Workload read_all(const std::vector<std::string>& stores) {
  Workload w =
      make_table("w5", "W5: the whole log, every byte added up, warm",
                 {{.figure = "first_events_s", .title = "first pass, events/s", .is_compared = true}, kRate}, {"walk"});
  w.place = Place::kLoaded;
  w.contenders.push_back({.name = "walk", .store = "L1", .measure = measure_read_all()});
  add_stores(w, stores, measure_read_all());
  return w;
}

Workload read_streams(const std::vector<std::string>& stores, const std::string& name, std::size_t threads) {
  Workload w = make_table(name,
                          "W6: whole streams of ten events at random, " + std::to_string(threads) +
                              (threads == 1 ? " thread" : " threads") + ", warm",
                          {{.figure = "streams_s", .title = "streams/s", .is_compared = true}, kHalf, kTail}, {"L6"});
  w.place = Place::kLoaded;
  add_stores(w, {"L6", "L6-ahead"}, measure_read_streams(threads));
  add_stores(w, stores, measure_read_streams(threads));
  return w;
}

Workload opening(const std::vector<std::string>& stores, const std::string& name, const std::string& after,
                 Measure before) {
  Workload w = make_table(name, "W7: opening a loaded store " + after,
                          {{.figure = "open_ms", .title = "open, ms", .more_is_better = false},
                           {.figure = "read_ms",
                            .title = "first read, ms",
                            .is_compared = true,
                            .more_is_better = false,
                            .is_drawn = true,
                            .drawing_title = "ms until open and a stream is read"},
                           {.figure = "append_ms",
                            .title = "first append, ms",
                            .is_compared = true,
                            .more_is_better = false,
                            .is_drawn = true,
                            .drawing_title = "ms until a durable append has ended, too"},
                           {.figure = "memory_mib", .title = "memory, MiB", .more_is_better = false}},
                          {"sqlite"});
  w.place = Place::kLoaded;
  w.cost = before ? 1.5 : 1;
  w.before = std::move(before);
  add_stores(w, stores, measure_opening());
  return w;
}

Workload delivery(const std::vector<std::string>& stores) {
  Workload w = make_table(
      "w8", "W8: from append to delivery, a durable writer and one follower",
      {{.figure = "delivered_us", .title = "delivered, p50 µs", .is_compared = true, .more_is_better = false},
       {.figure = "delivered_p99_us", .title = "p99 µs", .more_is_better = false},
       {.figure = "acknowledged_us", .title = "acknowledged, p50 µs", .more_is_better = false},
       {.figure = "after_us", .title = "delivered after that, p50 µs", .more_is_better = false}},
      {"L1"});
  add_stores(w, {"L1", "L1-woken"}, measure_delivery(1));
  add_stores(w, stores, measure_delivery(1));
  return w;
}

Workload load(const std::vector<std::string>& stores) {
  Workload w = make_table(std::string(kLoadWorkload), "W9: what a load takes",
                          {kRate,
                           {.figure = "disk", .title = "on disk, bytes an event", .more_is_better = false},
                           {.figure = "disk_of_content",
                            .title = "of content",
                            .more_is_better = false,
                            .is_drawn = true,
                            .drawing_title = "bytes on disk, of the bytes of content"},
                           {.figure = "written", .title = "written by the process", .more_is_better = false},
                           {.figure = "written_of_content",
                            .title = "of content",
                            .more_is_better = false,
                            .is_drawn = true,
                            .drawing_title = "bytes written by the process, of the bytes of content"},
                           {.figure = "device", .title = "written to the device, by all", .more_is_better = false},
                           {.figure = "device_of_content", .title = "of content", .more_is_better = false}},
                          {"L1"});
  w.place = Place::kLoading;
  w.cost = 4;
  w.repetitions_max = 2;  // bytes do not change from one to the next
  add_stores(w, {"L1"}, measure_load());
  add_stores(w, stores, measure_load());
  return w;
}

}  // namespace

std::vector<Workload> workloads(const std::vector<std::string>& stores, std::uint64_t events_max) {
  std::vector<Workload> all{answers(stores), durable_appends(stores)};
  for (const std::size_t threads : {8U, 64U, 256U}) { all.push_back(group_commit(stores, threads)); }
  for (const std::size_t events : {100U, 1000U}) { all.push_back(batches(stores, events)); }
  for (const std::size_t events : {100U, 1000U}) { all.push_back(buffered_batches(stores, events)); }
  all.push_back(optimistic(stores));
  all.push_back(delivery(stores));
  // What needs loaded stores comes last, and of that what appends to them.
  all.push_back(load(stores));
  all.push_back(read_all(stores));
  all.push_back(read_streams(stores, "w6", 1));
  all.push_back(read_streams(stores, "w6-2", 2));
  all.push_back(opening(stores, "w7-clean", "that was closed", {}));
  all.push_back(opening(stores, "w7-killed", "whose process was killed while it appended", die_while_appending()));
  std::ranges::move(curves(stores, events_max), std::back_inserter(all));
  return all;
}

const Workload* find_workload(const std::vector<Workload>& all, std::string_view name) {
  const auto found = std::ranges::find(all, name, &Workload::name);
  return found == all.end() ? nullptr : &*found;
}

void check_content(Store& store, const Tally& appended) {
  struct Hash {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const { return std::hash<std::string_view>{}(text); }
  };
  std::unordered_map<std::string, std::uint64_t, Hash, std::equal_to<>> next_versions;
  Tally found;
  std::uint64_t next_position = 0;
  store.read_all(0, [&](const EventSeen& event) {
    found.add(event.payload);
    if (event.position < next_position) { throw Failure("positions do not rise"); }
    next_position = event.position + 1;
    const auto stream = next_versions.find(event.stream);
    if (stream == next_versions.end()) {
      if (event.version != 0) { throw Failure("a stream does not begin at version 0"); }
      next_versions.emplace(event.stream, 1);
    } else if (event.version != stream->second++) {
      throw Failure("the versions of a stream are not dense");
    }
    return true;
  });
  if (found.events != appended.events) {
    throw Failure("of " + std::to_string(appended.events) + " events appended " + std::to_string(found.events) +
                  " were read");
  }
  if (found.sum != appended.sum) { throw Failure("the bytes that were read are not those that were appended"); }
}

}  // namespace tidemark::compare
