// SPDX-License-Identifier: Apache-2.0
// What the index costs who appends: the same load with it and without it, by turns, each into a new store. Without it,
// nothing is kept of names and ids to find events by, in memory or in files, and nothing is looked up; only the heads
// of the streams appended to last are known, as with it. The linker gives the calls of three functions to this program
// (CMakeLists.txt), so that the library knows nothing of it.
//
//   cmake --preset release -DTIDEMARK_BUILD_BENCH=ON && cmake --build --preset release --target load_bench
//   build/release/bin/load_bench /a/real/disk
#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <ctime>
#include <filesystem>
#include <optional>
#include <random>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "index/memory_id_index.h"
#include "index/memory_key_index.h"
#include "index/tiers.h"
#include "tidemark/tidemark.hpp"

namespace {

bool with_index = true;

}  // namespace

namespace tidemark::index {

// The labels are the names that the linker gives.
std::uint32_t
real_add_key(MemoryKeyIndex* self, const Key& key, Position position, std::optional<std::uint64_t> before) asm(
    "__real__ZN8tidemark5index14MemoryKeyIndex3addERKNS0_3KeyENS_6detail6NumberINS_11PositionTagEEESt8optionalImE");
std::uint32_t add_key(MemoryKeyIndex* self, const Key& key, Position position, std::optional<std::uint64_t> before) asm(
    "__wrap__ZN8tidemark5index14MemoryKeyIndex3addERKNS0_3KeyENS_6detail6NumberINS_11PositionTagEEESt8optionalImE");
std::uint32_t add_key(MemoryKeyIndex* self, const Key& key, Position position, std::optional<std::uint64_t> before) {
  return with_index ? real_add_key(self, key, position, before) : 0;
}

void real_add_again(MemoryKeyIndex* self, KeyKind kind, std::uint32_t number, Position position) asm(
    "__real__ZN8tidemark5index14MemoryKeyIndex9add_againENS0_7KeyKindEjNS_6detail6NumberINS_11PositionTagEEE");
void add_again(MemoryKeyIndex* self, KeyKind kind, std::uint32_t number, Position position) asm(
    "__wrap__ZN8tidemark5index14MemoryKeyIndex9add_againENS0_7KeyKindEjNS_6detail6NumberINS_11PositionTagEEE");
void add_again(MemoryKeyIndex* self, KeyKind kind, std::uint32_t number, Position position) {
  if (with_index) { real_add_again(self, kind, number, position); }
}

void real_add_id(MemoryIdIndex* self, const EventId& id, Position position) asm(
    "__real__ZN8tidemark5index13MemoryIdIndex3addERKNS_7EventIdENS_6detail6NumberINS_11PositionTagEEE");
void add_id(MemoryIdIndex* self, const EventId& id, Position position) asm(
    "__wrap__ZN8tidemark5index13MemoryIdIndex3addERKNS_7EventIdENS_6detail6NumberINS_11PositionTagEEE");
void add_id(MemoryIdIndex* self, const EventId& id, Position position) {
  if (with_index) { real_add_id(self, id, position); }
}

Status
real_counts(const Tiers* self, std::span<const Key* const> keys, Position end, std::span<std::uint64_t> into) asm(
    "__real__ZNK8tidemark5index5Tiers6countsESt4spanIKPKNS0_3KeyELm18446744073709551615EENS_"
    "6detail6NumberINS_11PositionTagEEES2_ImLm18446744073709551615EE");
Status counts(const Tiers* self, std::span<const Key* const> keys, Position end, std::span<std::uint64_t> into) asm(
    "__wrap__ZNK8tidemark5index5Tiers6countsESt4spanIKPKNS0_3KeyELm18446744073709551615EENS_"
    "6detail6NumberINS_11PositionTagEEES2_ImLm18446744073709551615EE");
Status counts(const Tiers* self, std::span<const Key* const> keys, Position end, std::span<std::uint64_t> into) {
  if (with_index) { return real_counts(self, keys, end, into); }
  std::ranges::fill(into, 0);
  return {};
}

}  // namespace tidemark::index

namespace {

using namespace tidemark;

struct Load {
  std::filesystem::path folder;
  std::uint64_t events = 1'000'000;
  std::uint64_t streams = 100'000;
  std::uint64_t batch = 1000;
  std::uint64_t tags = 0;
  bool durable = false;
};

double seconds_of(clockid_t clock) {
  timespec time{};
  clock_gettime(clock, &time);
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) * 1e-9;
}

struct Took {
  double wall = 0;     // until every event is on the disk
  double whole = 0;    // until the store is closed
  double append = 0;   // in append(), of the loading thread's processor time
  double process = 0;  // processor time of all threads
};

template <class T>
T must(Result<T> result) {
  if (!result) {
    std::fprintf(stderr, "load_bench: %s\n", to_string(result.error()).c_str());
    std::exit(1);
  }
  if constexpr (!std::is_void_v<T>) { return std::move(*result); }
}

// Streams in turn, an event of 256 bytes each time.
Took run(const Load& load) {
  const std::filesystem::path folder = load.folder / "load_bench.store";
  OpenOptions how;
  how.durability = load.durable ? Durability::kDurable : Durability::kBuffered;
  if (!load.durable) { how.preallocation = Preallocation::kUnwritten; }
  Store store = must(Store::open(folder, how));
  std::mt19937_64 random(1);
  std::vector<std::byte> pool(std::size_t{1} << 20U);
  for (std::byte& one : pool) { one = static_cast<std::byte>(random()); }
  constexpr std::size_t kDataBytes = 256;
  Took took;
  const double process_before = seconds_of(CLOCK_PROCESS_CPUTIME_ID);
  const auto start = std::chrono::steady_clock::now();
  Position last;
  for (std::uint64_t done = 0; done < load.events;) {
    Batch batch;
    for (std::uint64_t i = 0; i < load.batch && done < load.events; ++i, ++done) {
      char name[32];
      std::snprintf(name, sizeof(name), "acct-%07llu", static_cast<unsigned long long>(done % load.streams));
      NewEvent event{.type = done % 8 == 0 ? "AccountAmended.v0001" : "AccountCharged.v0001",
                     .data = std::span(pool).subspan(done * 61 % (pool.size() - kDataBytes), kDataBytes)};
      std::vector<std::string> tags;
      for (std::uint64_t t = 0; t < load.tags; ++t) { tags.push_back(std::to_string(t) + ":" + (name + 5 + t * 3)); }
      event.tags.assign(tags.begin(), tags.end());
      batch.to(name).add(event);
    }
    const double before = seconds_of(CLOCK_THREAD_CPUTIME_ID);
    last = must(store.append(batch)).last();
    took.append += seconds_of(CLOCK_THREAD_CPUTIME_ID) - before;
  }
  must(store.wait_durable(last));
  took.wall = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  const bool is_found = must(store.stream("acct-0000000")).has_value();
  if (is_found != with_index) {
    std::fprintf(stderr, "load_bench: the library was linked so that its index cannot be left out\n");
    std::exit(1);
  }
  must(store.close());
  took.whole = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  took.process = seconds_of(CLOCK_PROCESS_CPUTIME_ID) - process_before;
  std::filesystem::remove_all(folder);
  return took;
}

double median(std::vector<double> values) {
  std::ranges::sort(values);
  return values[values.size() / 2];
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app("What the index costs a load: with it and without it, by turns.");
  Load load;
  int repetitions = 5;
  std::string only;
  app.add_option("FOLDER", load.folder, "where stores are made and removed; on a real disk")
      ->required()
      ->check(CLI::ExistingDirectory);
  app.add_option("--events", load.events, "how many")->capture_default_str()->check(CLI::PositiveNumber);
  app.add_option("--streams", load.streams, "in how many streams")->capture_default_str()->check(CLI::PositiveNumber);
  app.add_option("--batch", load.batch, "events a batch")->capture_default_str()->check(CLI::PositiveNumber);
  app.add_option("--tags", load.tags, "tags an event, at most 2")->capture_default_str()->check(CLI::Range(0, 2));
  app.add_flag("--durable", load.durable, "each batch durable; without it buffered, durable at the end");
  app.add_option("--repetitions", repetitions, "of both")->capture_default_str()->check(CLI::PositiveNumber);
  app.add_option("--only", only, "one of the two alone, for a profiler")->check(CLI::IsMember({"with", "without"}));
  CLI11_PARSE(app, argc, argv);
  if (std::filesystem::exists(load.folder / "load_bench.store")) {
    std::fprintf(stderr, "load_bench: %s is there already: remove it\n", (load.folder / "load_bench.store").c_str());
    return 1;
  }
  std::vector<double> ratios;
  std::vector<double> append_ratios;
  std::vector<double> whole_ratios;
  for (int i = 0; i < repetitions; ++i) {
    Took took[2];
    for (const bool now : {i % 2 == 0, i % 2 != 0}) {
      if (!only.empty() && now != (only == "with")) { continue; }
      with_index = now;
      took[now ? 1 : 0] = run(load);
      std::printf("%-8s %9.0f events/s; %5.2f us an event in append, %5.2f of all threads\n", now ? "with" : "without",
                  static_cast<double>(load.events) / took[now].wall,
                  took[now].append * 1e6 / static_cast<double>(load.events),
                  took[now].process * 1e6 / static_cast<double>(load.events));
    }
    ratios.push_back(took[0].wall / took[1].wall);
    append_ratios.push_back(took[0].append / took[1].append);
    whole_ratios.push_back(took[0].whole / took[1].whole);
  }
  if (only.empty()) {
    std::printf("with / without: rate %.2f [%.2f, %.2f], closing included %.2f; of processor time in append %.2f\n",
                median(ratios), *std::ranges::min_element(ratios), *std::ranges::max_element(ratios),
                median(whole_ratios), median(append_ratios));
  }
}
