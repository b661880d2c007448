// SPDX-License-Identifier: Apache-2.0
// The write and read paths of a store on the disk under TMPDIR, beside what the disk itself does: one write and one
// fdatasync into a file that was written full of zeros before. Compare within one run, by ratio: disks and machines
// differ and are shared.
//
//   cmake --preset release -DTIDEMARK_BUILD_BENCH=ON && cmake --build --preset release --target store_bench
//   build/release/bin/store_bench --benchmark_repetitions=5 --benchmark_enable_random_interleaving=true
#include <benchmark/benchmark.h>
#include <fcntl.h>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <unistd.h>
#include <vector>

#include "bench/bench_parts.h"
#include "engine/store/store_core.h"
#include "tidemark/tidemark.hpp"

namespace {

using namespace tidemark;
using bench::OwnFolder;
using bench::random_data;

constexpr std::size_t kDataBytes = 256;
constexpr std::size_t kRecordBytes = 344;  // such an event, framed

// The limit: records appended to one file of zeros, as many threads or events at a time as asked.
void raw_write_and_sync(benchmark::State& state) {
  const OwnFolder folder;
  const auto batch = static_cast<std::size_t>(state.range(0));
  const int file = ::open((folder.path() / "zeros").c_str(), O_CREAT | O_RDWR | O_CLOEXEC, 0600);
  const std::vector<char> zeros(std::size_t{64} << 20U);
  if (::pwrite(file, zeros.data(), zeros.size(), 0) < 0 || ::fsync(file) != 0) { state.SkipWithError("no room"); }
  const std::vector<char> records(kRecordBytes * batch, 'x');
  std::size_t at = 0;
  for (auto _ : state) {
    if (at + records.size() > zeros.size()) { at = 0; }
    if (::pwrite(file, records.data(), records.size(), static_cast<off_t>(at)) < 0 || ::fdatasync(file) != 0) {
      state.SkipWithError("write failed");
      break;
    }
    at += records.size();
  }
  ::close(file);
  state.SetItemsProcessed(state.iterations() * state.range(0));
}
BENCHMARK(raw_write_and_sync)->Arg(1)->Arg(1000)->UseRealTime();

// One store for all threads of a benchmark.
std::unique_ptr<OwnFolder> shared_folder;
std::optional<Store> shared_store;

void open_shared(const benchmark::State&) {
  shared_folder = std::make_unique<OwnFolder>();
  auto store = Store::open(shared_folder->path() / "store");
  if (store) { shared_store.emplace(std::move(*store)); }
}
void close_shared(const benchmark::State&) {
  shared_store.reset();
  shared_folder.reset();
}

void append_one(benchmark::State& state) {
  const std::vector<std::byte> data = random_data(kDataBytes);
  const std::string stream = "stream-" + std::to_string(state.thread_index());
  for (auto _ : state) {
    if (!shared_store->append(stream, Expect::any(), {{.type = "SomethingHappened", .data = data}})) {
      state.SkipWithError("append failed");
      break;
    }
  }
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(append_one)->Setup(open_shared)->Teardown(close_shared)->Threads(1)->Threads(8)->Threads(64)->UseRealTime();

void append_batch(benchmark::State& state) {
  const std::vector<std::byte> data = random_data(kDataBytes);
  std::uint64_t n = 0;
  for (auto _ : state) {
    Batch batch;
    for (int i = 0; i < state.range(0); ++i, ++n) {
      batch.to("stream-" + std::to_string(n % 100'000)).add({.type = "SomethingHappened", .data = data});
    }
    if (!shared_store->append(batch)) {
      state.SkipWithError("append failed");
      break;
    }
  }
  state.SetItemsProcessed(state.iterations() * state.range(0));
}
BENCHMARK(append_batch)->Setup(open_shared)->Teardown(close_shared)->Arg(1000)->UseRealTime();

void read_all(benchmark::State& state) {
  const OwnFolder folder;
  auto store = Store::open(folder.path() / "store");
  if (!store) { return state.SkipWithError("open failed"); }
  const std::vector<std::byte> data = random_data(kDataBytes);
  for (int b = 0; b < 100; ++b) {
    Batch batch;
    for (int i = 0; i < 1000; ++i) { batch.to("stream-" + std::to_string(i)).add({.type = "T", .data = data}); }
    if (!store->append(batch, {.durability = Durability::kBuffered})) { return state.SkipWithError("append failed"); }
  }
  std::int64_t events = 0;
  for (auto _ : state) {
    unsigned sum = 0;
    auto done = store->read(Query::all(), {.visibility = Visibility::kWritten}).for_each([&](const Event& event) {
      for (const std::byte byte : event.data()) { sum += std::to_integer<unsigned>(byte); }
      ++events;
    });
    if (!done) { return state.SkipWithError("read failed"); }
    benchmark::DoNotOptimize(sum);
  }
  state.SetItemsProcessed(events);
}
BENCHMARK(read_all)->UseRealTime();

// Opens a store that writes index files, or one that has its index in memory alone.
Result<Store> open_with_index(const std::filesystem::path& folder, bool files) {
  engine::Environment environment{platform::real_file_system(), platform::real_clock(), platform::real_machine()};
  environment.index.files = files;
  auto core = engine::open_store(folder, {.durability = Durability::kBuffered}, environment);
  if (!core) { return std::unexpected(std::move(core.error())); }
  return Store(std::move(*core));
}

// Streams of ten events whose events came in batches of a thousand, so that each is in another frame: read whole, at
// random. As many streams as asked; with index files if asked, once all of the index is in them.
void whole_streams(benchmark::State& state) {
  const OwnFolder folder;
  const bool files = state.range(1) != 0;
  auto store = open_with_index(folder.path() / "store", files);
  if (!store) { return state.SkipWithError("open failed"); }
  const std::vector<std::byte> data = random_data(kDataBytes);
  const auto streams = static_cast<std::uint64_t>(state.range(0));
  for (std::uint64_t n = 0; n < 10 * streams;) {
    Batch batch;
    for (int i = 0; i < 1000; ++i, ++n) {
      batch.to("stream-" + std::to_string(n * 7919 % streams)).add({.type = "T", .data = data});
    }
    if (!store->append(batch)) { return state.SkipWithError("append failed"); }
  }
  if (files) {
    if (!store->close()) { return state.SkipWithError("close failed"); }
    store = open_with_index(folder.path() / "store", true);
    if (!store) { return state.SkipWithError("open failed"); }
  }
  std::uint64_t next = 1;
  for (auto _ : state) {
    next = next * 6364136223846793005 + 1442695040888963407;
    std::uint64_t sum = 0;
    auto done = store->read(Query::stream("stream-" + std::to_string((next >> 33U) % streams)))
                    .for_each([&](const Event& event) { sum += std::to_integer<unsigned>(event.data().back()); });
    if (!done) { return state.SkipWithError("read failed"); }
    benchmark::DoNotOptimize(sum);
  }
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(whole_streams)->ArgNames({"streams", "files"})->ArgsProduct({{10'000, 100'000}, {0, 1}})->UseRealTime();

}  // namespace
