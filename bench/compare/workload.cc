// SPDX-License-Identifier: Apache-2.0
#include "bench/compare/workload.h"

#include <algorithm>
#include <functional>
#include <unordered_map>

#include "bench/compare/append_workloads.h"

namespace tidemark::compare {

namespace {

const Column kRate{.figure = "events_s", .title = "events/s", .is_compared = true};
const Column kHalf{.figure = "p50_us", .title = "p50 µs"};
const Column kTail{.figure = "p99_us", .title = "p99 µs"};

Contender plain(const std::string& store, const Measure& measure) {
  return {.name = store, .store = store, .measure = measure};
}

void add_stores(Workload& workload, const std::vector<std::string>& stores, const Measure& measure) {
  for (const std::string& store : stores) { workload.contenders.push_back(plain(store, measure)); }
}

Workload durable_appends(const std::vector<std::string>& stores) {
  Workload w{.name = "w1",
             .family = "w1",
             .title = "W1: durable appends of one event, one thread",
             .columns = {kRate, kHalf, kTail},
             .bases = {"L1"},
             .contenders = {}};
  add_stores(w, {"L1", "L1-fresh"}, measure_waiting(1));
  add_stores(w, stores, measure_waiting(1));
  return w;
}

Workload group_commit(const std::vector<std::string>& stores, std::size_t threads) {
  const std::string count = std::to_string(threads);
  Workload w{.name = "w2-" + count,
             .family = "w2",
             .title = "W2: durable appends of one event, " + count + " at a time",
             .columns = {kRate, kHalf, kTail},
             .bases = {"L1", "ideal"},
             .contenders = {{.name = "ideal", .store = "L1", .measure = measure_groups(threads)}}};
  add_stores(w, {"L1", "L1-gather"}, measure_waiting(threads));
  add_stores(w, stores, measure_waiting(threads));
  if (std::ranges::find(stores, "tidemark") != stores.end()) {
    for (const std::size_t drivers : {1U, 2U}) {
      w.contenders.push_back(
          {.name = "tidemark, tickets of " + std::to_string(drivers) + (drivers == 1 ? " thread" : " threads"),
           .store = "tidemark",
           .measure = measure_submitting(threads, drivers)});
    }
  }
  return w;
}

Workload batches(const std::vector<std::string>& stores, std::size_t events) {
  const std::string count = std::to_string(events);
  Workload w{.name = "w3-" + count,
             .family = "w3",
             .title = "W3: batches of " + count + ", each durable, one thread",
             .columns = {kRate, kHalf, kTail},
             .bases = {"L1"},
             .contenders = {}};
  add_stores(w, {"L1", "L1-fresh"}, measure_batches(events));
  add_stores(w, stores, measure_batches(events));
  return w;
}

Workload buffered_batches(const std::vector<std::string>& stores, std::size_t events) {
  const std::string count = std::to_string(events);
  Workload w{.name = "w3-buffered-" + count,
             .family = "w3",
             .title = "W3: batches of " + count + ", one sync at the end, one thread",
             .columns = {kRate},
             .bases = {"L1"},
             .contenders = {}};
  add_stores(w, {"L1", "L1-fresh"}, measure_buffered_batches(events));
  add_stores(w, stores, measure_buffered_batches(events));
  return w;
}

}  // namespace

std::vector<Workload> workloads(const std::vector<std::string>& stores) {
  std::vector<Workload> all{durable_appends(stores)};
  for (const std::size_t threads : {8U, 64U, 256U}) { all.push_back(group_commit(stores, threads)); }
  for (const std::size_t events : {100U, 1000U}) { all.push_back(batches(stores, events)); }
  for (const std::size_t events : {100U, 1000U}) { all.push_back(buffered_batches(stores, events)); }
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
