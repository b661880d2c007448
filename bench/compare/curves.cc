// SPDX-License-Identifier: Apache-2.0
#include "bench/compare/curves.h"

#include <algorithm>
#include <functional>
#include <iterator>
#include <utility>

#include "bench/compare/append_workloads.h"
#include "bench/compare/delivery_workload.h"
#include "bench/compare/grown_workload.h"
#include "bench/compare/tables.h"

namespace tidemark::compare {

namespace {

Column drawn(Column column) {
  column.is_drawn = true;
  return column;
}

Workload point(const std::string& curve, const std::string& unit, std::uint64_t at, const std::string& title,
               std::vector<Column> columns, std::vector<std::string> bases) {
  Workload w = make_table(curve + "-" + std::to_string(at), title, std::move(columns), std::move(bases));
  w.point = Point{.curve = curve, .unit = unit, .at = at};
  return w;
}

Workload with_threads(const std::vector<std::string>& stores, std::uint64_t threads) {
  Workload w = point("threads", "threads, each of which waits for its own append", threads,
                     "Threads: durable appends of one event", {drawn(kRate), drawn(kHalf), kTail}, kWritingLimits);
  add_stores(w, kWritingLimits, measure_waiting(threads));
  add_stores(w, stores, measure_waiting(threads));
  if (std::ranges::find(stores, "tidemark") != stores.end()) {
    w.contenders.push_back(
        {.name = "tidemark, as many tickets", .store = "tidemark", .measure = measure_submitting(threads, 1)});
  }
  return w;
}

Workload with_batch(const std::vector<std::string>& stores, std::uint64_t events) {
  Workload w = point("batch", "events a batch", events, "Batch: durable batches, one thread",
                     {drawn(kRate), drawn(kHalf), kTail}, kWritingLimits);
  add_stores(w, kWritingLimits, measure_batches(events));
  add_stores(w, stores, measure_batches(events));
  return w;
}

Workload with_payload(const std::vector<std::string>& stores, std::uint64_t bytes) {
  Workload w = point("payload", "bytes of payload", bytes, "Payload: durable appends of one event, one thread",
                     {drawn(kRate), drawn(kHalf), kTail}, kWritingLimits);
  w.payload_bytes = bytes;
  add_stores(w, kWritingLimits, measure_waiting(1));
  add_stores(w, stores, measure_waiting(1));
  return w;
}

// The other stores wake nobody: who follows them asks again and again.
Workload with_subscribers(const std::vector<std::string>& stores, std::uint64_t followers) {
  Workload w = point(
      "subscribers", "subscribers, each in a thread that sleeps", followers,
      "Subscribers: from append to delivery, a durable writer",
      {drawn({.figure = "delivered_us", .title = "delivered, p50 µs", .is_compared = true, .more_is_better = false}),
       drawn({.figure = "last_us", .title = "delivered to all, p50 µs", .more_is_better = false}),
       drawn({.figure = "acknowledged_us", .title = "acknowledged, p50 µs", .more_is_better = false})},
      {"L1-woken"});
  add_stores(w, {"L1-woken"}, measure_delivery(followers));
  if (std::ranges::find(stores, "tidemark") != stores.end()) {
    add_stores(w, {"tidemark"}, measure_delivery(followers));
  }
  return w;
}

Workload grown(const std::vector<std::string>& stores, Workload w, std::uint64_t events, std::uint64_t streams) {
  w.columns = {drawn({.figure = "load_s", .title = "loaded, events/s", .is_compared = true}),
               drawn({.figure = "all_s", .title = "whole log read, events/s", .is_compared = true}),
               drawn({.figure = "open_ms", .title = "opened, ms", .more_is_better = false}),
               drawn({.figure = "read_us", .title = "ten events of a stream, p50 µs", .more_is_better = false}),
               drawn({.figure = "append_us", .title = "durable append, p50 µs", .more_is_better = false})};
  w.bases = {"L1"};
  w.place = Place::kGrown;
  w.repetitions_max = 3;
  w.cost = 2 + static_cast<double>(events) / 200'000;
  w.events = events;
  w.contenders.push_back({.name = "L1", .store = "L1", .measure = measure_grown(events, streams, false)});
  add_stores(w, stores, measure_grown(events, streams, true));
  return w;
}

Workload with_streams(const std::vector<std::string>& stores, std::uint64_t events, std::uint64_t streams) {
  return grown(
      stores, point("streams", "streams", streams, "Streams: a store of " + std::to_string(events) + " events", {}, {}),
      events, streams);
}

Workload with_size(const std::vector<std::string>& stores, std::uint64_t events) {
  return grown(stores, point("size", "events in the store", events, "Size: ten events in each stream", {}, {}), events,
               std::max<std::uint64_t>(1, events / 10));
}

}  // namespace

const std::vector<std::string>& curve_names() {
  static const std::vector<std::string> names = {"threads", "batch", "payload", "subscribers", "streams", "size"};
  return names;
}

std::vector<Workload> curves(const std::vector<std::string>& stores, std::uint64_t events_max) {
  std::vector<Workload> all;
  for (const std::uint64_t threads : {1U, 2U, 4U, 8U, 16U, 32U, 64U, 128U, 256U}) {
    all.push_back(with_threads(stores, threads));
  }
  for (const std::uint64_t events : {1U, 10U, 100U, 1000U, 10000U}) { all.push_back(with_batch(stores, events)); }
  for (std::uint64_t bytes = 64; bytes <= (1U << 20U); bytes *= 4) { all.push_back(with_payload(stores, bytes)); }
  for (std::uint64_t followers = 1; followers <= 64; followers *= 2) {
    all.push_back(with_subscribers(stores, followers));
  }
  const std::uint64_t events_of_streams = std::min<std::uint64_t>(events_max, 10'000'000);
  for (const std::uint64_t streams : {1U, 100U, 10'000U, 100'000U, 1'000'000U, 10'000'000U}) {
    if (streams <= events_of_streams) { all.push_back(with_streams(stores, events_of_streams, streams)); }
  }
  for (std::uint64_t events = std::min<std::uint64_t>(events_max, 10'000); events <= events_max; events *= 10) {
    all.push_back(with_size(stores, events));
  }
  return all;
}

}  // namespace tidemark::compare
