// SPDX-License-Identifier: Apache-2.0
// Parts of the write and read paths, each alone: a frame made, given its place and checked; the sequencer, without a
// write; the index of the newest events; a step of a cursor; waking who sleeps. What files of the index cost is in
// index_bench, whole appends and reads in store_bench.
//
//   cmake --preset release -DTIDEMARK_BUILD_BENCH=ON && cmake --build --preset release --target parts_bench
//   build/release/bin/parts_bench --benchmark_filter=frame
#include <array>
#include <atomic>
#include <benchmark/benchmark.h>
#include <cstring>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "bench/bench_parts.h"
#include "engine/commit/encoded_batch.h"
#include "engine/commit/recent.h"
#include "engine/format/frame.h"
#include "index/memory_table.h"
#include "platform/wait_word.h"
#include "tidemark/tidemark.hpp"

namespace {

using namespace tidemark;
using bench::OwnFolder;
using bench::random_data;

constexpr std::size_t kDataBytes = 256;
constexpr std::uint64_t kSegmentBytes = std::uint64_t{128} << 20U;
constexpr std::array<const char*, 8> kTypes = {"AccountOpened",   "DepositReceived", "WithdrawalMade",
                                               "TransferStarted", "TransferSettled", "InterestAccrued",
                                               "AddressChanged",  "AccountClosed"};

std::string stream_name(std::uint64_t number) { return "account-" + std::to_string(1'000'000 + number); }

// Each event for another stream.
Batch batch_of(std::int64_t events, std::uint64_t first_stream = 0) {
  static const std::vector<std::byte> data = random_data(kDataBytes);
  Batch batch;
  for (std::int64_t i = 0; i < events; ++i) {
    const auto n = static_cast<std::uint64_t>(i);
    batch.to(stream_name(first_stream + n)).add({.type = kTypes[n % kTypes.size()], .data = data});
  }
  return batch;
}

engine::Assignment assignment_at(Position first) {
  engine::Assignment assignment;
  assignment.place = {.log_id = {}, .segment = 1, .offset = 4096};
  assignment.first = first;
  return assignment;
}

// ---- A frame. ----

// From a batch to a body that is final and hashed, as the caller of append does it, without a lock.
void frame_encode(benchmark::State& state) {
  const Batch batch = batch_of(state.range(0));
  for (auto _ : state) { benchmark::DoNotOptimize(engine::EncodedBatch::encode(batch)); }
  state.SetItemsProcessed(state.iterations() * state.range(0));
}
BENCHMARK(frame_encode)->Arg(1)->Arg(100)->Arg(1000);

// What the sequencer writes into it, under its lock.
void frame_assign(benchmark::State& state) {
  auto batch = engine::EncodedBatch::encode(batch_of(state.range(0)));
  if (!batch) { return state.SkipWithError("encode failed"); }
  const std::vector<Version> versions(batch->appended_streams(), Version(7));
  const engine::Assignment assignment = assignment_at(Position(1000));
  for (auto _ : state) { benchmark::DoNotOptimize(batch->assign(assignment, versions)); }
  state.SetItemsProcessed(state.iterations() * state.range(0));
}
BENCHMARK(frame_assign)->Arg(1)->Arg(100)->Arg(1000);

// As a reader and a recovery do it: the header, then every byte.
void frame_verify(benchmark::State& state) {
  auto batch = engine::EncodedBatch::encode(batch_of(state.range(0)));
  if (!batch) { return state.SkipWithError("encode failed"); }
  const engine::Assignment assignment = assignment_at(Position(1000));
  batch->assign(assignment, std::vector<Version>(batch->appended_streams(), Version(7)));
  const auto frame = batch->frame();
  for (auto _ : state) {
    engine::FrameHeader header;
    if (!engine::read_frame_header(frame, assignment.place, kSegmentBytes, header) ||
        !engine::frame_is_whole(frame, header)) {
      return state.SkipWithError("the frame is not whole");
    }
  }
  state.SetItemsProcessed(state.iterations() * state.range(0));
  state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(frame.size()));
}
BENCHMARK(frame_verify)->Arg(1)->Arg(100)->Arg(1000);

// ---- The sequencer. ----

constexpr std::uint64_t kStreams = 1000;
constexpr std::uint64_t kEvents = 100'000;

// A store for all threads of a benchmark: 1,000 streams of 100 events, in batches of 1,000; an event in 100 is tagged.
std::unique_ptr<OwnFolder> shared_folder;
std::optional<Store> shared_store;

void open_shared(const benchmark::State&) {
  static const std::vector<std::byte> data = random_data(kDataBytes);
  shared_folder = std::make_unique<OwnFolder>();
  auto store = Store::open(shared_folder->path() / "store");
  if (!store) { return; }
  for (std::uint64_t n = 0; n < kEvents;) {
    Batch batch;
    for (std::uint64_t i = 0; i < kStreams; ++i, ++n) {
      NewEvent event{.type = kTypes[n % kTypes.size()], .data = data};
      if (n % 100 == 0) { event.tags = {"hundredth"}; }
      batch.to(stream_name(n % kStreams)).add(event);
    }
    if (!store->append(batch, {.durability = Durability::kBuffered})) { return; }
  }
  if (store->wait_durable(Position(kEvents - 1))) { shared_store.emplace(std::move(*store)); }
}
void close_shared(const benchmark::State&) {
  shared_store.reset();
  shared_folder.reset();
}

// An append that only asks whether a stream has a version: it is encoded, takes its turn at the sequencer, and is
// answered from what is known of the streams appended to last. Nothing is written.
void sequence_check(benchmark::State& state) {
  if (!shared_store) { return state.SkipWithError("no store"); }
  Batch batch;
  batch.check(stream_name(static_cast<std::uint64_t>(state.thread_index())), Expect::exactly(kEvents / kStreams - 1));
  for (auto _ : state) {
    if (!shared_store->append(batch)) {
      state.SkipWithError("the check failed");
      break;
    }
  }
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(sequence_check)->Setup(open_shared)->Teardown(close_shared)->Threads(1)->Threads(8)->UseRealTime();

// What the sequencer keeps of the batches that were sequenced last: the heads of a batch's streams looked up, the batch
// added, the oldest dropped. Under its lock.
void sequence_recent(benchmark::State& state) {
  constexpr std::size_t kBatches = 16;  // streams of so many batches, by turns
  const auto events = static_cast<std::uint64_t>(state.range(0));
  std::vector<std::shared_ptr<const engine::EncodedBatch>> batches;
  for (std::size_t i = 0; i < kBatches; ++i) {
    auto batch = engine::EncodedBatch::encode(batch_of(state.range(0), i * events));
    if (!batch) { return state.SkipWithError("encode failed"); }
    batches.push_back(std::make_shared<const engine::EncodedBatch>(std::move(*batch)));
  }
  engine::Recent recent(Position(0));
  std::vector<std::optional<std::uint64_t>> counts(events);
  std::uint64_t round = 0;
  std::vector<Version> versions(events);
  Position next(0);
  for (auto _ : state) {
    const auto& batch = batches[round % kBatches];
    recent.counts(batch->streams(), counts);
    versions.assign(events, Version(round / kBatches));
    recent.add(batch, next, versions);
    benchmark::DoNotOptimize(recent.trim(next));
    next = next + events;
    ++round;
  }
  state.SetItemsProcessed(state.iterations() * state.range(0));
}
BENCHMARK(sequence_recent)->Arg(1)->Arg(100)->Arg(1000);

// ---- The index of the newest events. ----

constexpr std::uint64_t kTableEvents = 16384;  // as many as one table has

EventId id_at(std::uint64_t position) {
  const std::array<std::uint64_t, 2> numbers = {(position + 1) * 0x9E3779B97F4A7C15, position};
  std::array<std::byte, EventId::kSize> bytes{};
  std::memcpy(bytes.data(), numbers.data(), bytes.size());
  return EventId(bytes);
}

std::vector<index::Key> keys_of(index::KeyKind kind, const std::vector<std::string>& names) {
  std::vector<index::Key> keys;
  for (const std::string& name : names) { keys.push_back(index::make_key(kind, name)); }
  return keys;
}

// So many streams in a table, whose names and keys stay.
struct TableKeys {
  explicit TableKeys(std::uint64_t count) {
    for (std::uint64_t i = 0; i < count; ++i) { names.push_back(stream_name(i * 7919 % count)); }
    for (const char* type : kTypes) { type_names.emplace_back(type); }
    streams = keys_of(index::KeyKind::kStream, names);
    types = keys_of(index::KeyKind::kType, type_names);
  }
  void fill(index::MemoryTable& table) const {
    for (std::uint64_t n = 0; n < kTableEvents; ++n) {
      const Position position(n);
      table.keys.add(streams[n % streams.size()], position);
      table.keys.add(category, position);
      table.keys.add(types[n % types.size()], position);
      table.ids.add(id_at(n), position);
    }
  }

  std::vector<std::string> names;
  std::vector<std::string> type_names;
  std::vector<index::Key> streams;
  std::vector<index::Key> types;
  index::Key category = index::make_key(index::KeyKind::kCategory, "account");
};

// Of each event its stream, category, type and id.
void index_insert(benchmark::State& state) {
  const TableKeys keys(static_cast<std::uint64_t>(state.range(0)));
  for (auto _ : state) {
    auto table = std::make_unique<index::MemoryTable>(Position(0));
    keys.fill(*table);
    benchmark::DoNotOptimize(table);
  }
  state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(kTableEvents));
}
BENCHMARK(index_insert)->ArgName("streams")->Arg(100)->Arg(kTableEvents)->Unit(benchmark::kMillisecond);

void index_lookup(benchmark::State& state) {
  const TableKeys keys(static_cast<std::uint64_t>(state.range(0)));
  index::MemoryTable table(Position(0));
  keys.fill(table);
  std::uint64_t n = 0;
  for (auto _ : state) {
    benchmark::DoNotOptimize(table.keys.count(keys.streams[n * 7919 % keys.streams.size()], Position(kTableEvents)));
    ++n;
  }
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(index_lookup)->ArgName("streams")->Arg(100)->Arg(kTableEvents);

void index_lookup_id(benchmark::State& state) {
  const TableKeys keys(100);
  index::MemoryTable table(Position(0));
  keys.fill(table);
  std::uint64_t n = 0;
  for (auto _ : state) {
    benchmark::DoNotOptimize(table.ids.find(id_at(n++ * 7919 % kTableEvents), Position(kTableEvents)));
  }
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(index_lookup_id);

// ---- A step of a cursor. ----

void cursor_steps(benchmark::State& state, const Query& query, const ReadOptions& options) {
  if (!shared_store) { return state.SkipWithError("no store"); }
  std::int64_t events = 0;
  for (auto _ : state) {
    Cursor cursor = shared_store->read(query, options);
    while (const Event* event = cursor.next()) {
      benchmark::DoNotOptimize(event->position());
      ++events;
    }
    if (!cursor.status()) { return state.SkipWithError("read failed"); }
  }
  state.SetItemsProcessed(events);
}
void cursor_all(benchmark::State& state) { cursor_steps(state, Query::all(), {}); }
void cursor_backward(benchmark::State& state) {
  cursor_steps(state, Query::all(), {.direction = Direction::kBackward});
}
void cursor_category(benchmark::State& state) { cursor_steps(state, Query::category("account"), {}); }
void cursor_stream(benchmark::State& state) { cursor_steps(state, Query::stream(stream_name(7)), {}); }
void cursor_type(benchmark::State& state) { cursor_steps(state, Query::type(kTypes[3]), {}); }
void cursor_tag(benchmark::State& state) { cursor_steps(state, Query::tag("hundredth"), {}); }
BENCHMARK(cursor_all)->Setup(open_shared)->Teardown(close_shared);
BENCHMARK(cursor_backward)->Setup(open_shared)->Teardown(close_shared);
BENCHMARK(cursor_category)->Setup(open_shared)->Teardown(close_shared);
BENCHMARK(cursor_stream)->Setup(open_shared)->Teardown(close_shared);
BENCHMARK(cursor_type)->Setup(open_shared)->Teardown(close_shared);
BENCHMARK(cursor_tag)->Setup(open_shared)->Teardown(close_shared);

// ---- Waking who sleeps. ----

// From a change of a word to an answer by each of so many threads that slept on it.
void wake_sleepers(benchmark::State& state) {
  const auto count = static_cast<std::uint32_t>(state.range(0));
  platform::WaitWord word;
  platform::WaitWord answered;
  std::atomic<std::uint32_t> left{0};
  std::vector<std::jthread> sleepers;
  for (std::uint32_t i = 0; i < count; ++i) {
    sleepers.emplace_back([&](const std::stop_token& stop) {
      for (std::uint32_t seen = 0; !stop.stop_requested();) {
        word.wait(seen, stop);
        if (word.load() == seen) { continue; }
        seen = word.load();
        if (left.fetch_sub(1) == 1) {
          answered.add(1);
          answered.wake_one();
        }
      }
    });
  }
  for (auto _ : state) {
    const std::uint32_t before = answered.load();
    left = count;
    word.add(1);
    word.wake_all();
    while (answered.load() == before) { answered.wait(before); }
  }
  state.SetItemsProcessed(state.iterations() * state.range(0));
}
BENCHMARK(wake_sleepers)->ArgName("sleepers")->Arg(1)->Arg(8)->Arg(64)->UseRealTime();

}  // namespace
