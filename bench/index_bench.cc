// SPDX-License-Identifier: Apache-2.0
// Index runs: what they take in bytes for an event, what writing and merging costs, and what a question costs. Events
// of one category and eight types, in random order over their streams; events of 250 to 400 bytes, each a batch of its
// own.
//
//   cmake --preset release -DTIDEMARK_BUILD_BENCH=ON && cmake --build --preset release --target index_bench
//   build/release/bin/index_bench
#include <algorithm>
#include <array>
#include <benchmark/benchmark.h>
#include <cstdio>
#include <cstring>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "index/memory_run_source.h"
#include "index/merged_run_source.h"
#include "index/run.h"
#include "index/run_writer.h"

namespace {

using namespace tidemark;
using namespace tidemark::index;

std::string stream_name(std::uint64_t number) {
  char name[32];
  std::snprintf(name, sizeof name, "order-%07llu", static_cast<unsigned long long>(number));
  return name;
}

EventId random_id(std::mt19937_64& random) {
  std::array<std::byte, EventId::kSize> bytes{};
  const std::uint64_t numbers[2] = {random(), random()};
  std::memcpy(bytes.data(), numbers, sizeof numbers);
  return EventId(bytes);
}

EventId id_at(std::uint64_t position) {
  const std::uint64_t numbers[2] = {(position + 1) * 0x9E3779B97F4A7C15, position};
  std::array<std::byte, EventId::kSize> bytes{};
  std::memcpy(bytes.data(), numbers, sizeof numbers);
  return EventId(bytes);
}

// A log whose next events can be made, run after run.
class Log {
 public:
  Log(std::uint64_t streams, std::uint64_t batch) : streams_(streams), batch_(batch), counts_(streams) {}

  std::unique_ptr<MemoryRunSource> next(std::uint64_t events) {
    const std::uint64_t begin = position_;
    // What streams and the few other keys had before.
    auto before = std::make_shared<std::vector<std::uint32_t>>(counts_);
    auto others = std::make_shared<std::map<std::string, std::uint64_t, std::less<>>>(others_);
    auto source =
        std::make_unique<MemoryRunSource>(Position(begin), [before, others](const Key& key) -> Result<std::uint64_t> {
          if (key.kind == KeyKind::kStream) { return (*before)[std::stoull(std::string(key.name.substr(6)))]; }
          const auto found = others->find(key.name);
          return found == others->end() ? 0 : found->second;
        });
    for (std::uint64_t i = 0; i < events; ++i, ++position_) {
      const std::uint64_t stream = random_() % streams_;
      const std::string name = stream_name(stream);
      const std::string type = "Type" + std::to_string(random_() % 8);
      const Key keys[] = {make_key(KeyKind::kStream, name), make_key(KeyKind::kCategory, "order"),
                          make_key(KeyKind::kType, type)};
      if (position_ % batch_ == 0) {
        frame_ += offset_ + 100;
        offset_ = 20 + random_() % 16;
      }
      (void)source->add(keys, id_at(position_), {.frame = frame_, .offset = static_cast<std::uint32_t>(offset_)});
      offset_ += 250 + random_() % 150;
      ++counts_[stream];
      ++others_["order"];
      ++others_[type];
    }
    return source;
  }

 private:
  const std::uint64_t streams_;
  const std::uint64_t batch_;
  std::mt19937_64 random_{1};
  std::vector<std::uint32_t> counts_;
  std::map<std::string, std::uint64_t, std::less<>> others_;
  std::uint64_t position_ = 0;
  std::uint64_t frame_ = 0;
  std::uint64_t offset_ = 0;
};

struct Shape {
  std::uint64_t events;
  std::uint64_t streams;
  std::uint64_t runs;  // built of so many, and merged
  friend auto operator<=>(const Shape&, const Shape&) = default;
};

struct Built {
  std::vector<std::vector<std::byte>> part_bytes;
  std::vector<std::shared_ptr<const Run>> parts;
  std::vector<std::byte> bytes;
  std::shared_ptr<const Run> run;
};

Shape shape_of(const benchmark::State& state) {
  return {static_cast<std::uint64_t>(state.range(0)), static_cast<std::uint64_t>(state.range(1)),
          static_cast<std::uint64_t>(state.range(2))};
}

std::vector<std::byte> merge(const Built& built) {
  auto source = MergedRunSource::make(built.parts);
  return *build_run(**source, {});
}

const Built& built(const Shape& shape) {
  static std::map<Shape, Built> all;
  const auto [at, is_new] = all.try_emplace(shape);
  Built& one = at->second;
  if (!is_new) { return one; }
  Log log(shape.streams, 1);
  for (std::uint64_t i = 0; i < shape.runs; ++i) {
    one.part_bytes.push_back(*build_run(*log.next(shape.events / shape.runs), {}));
    one.parts.push_back(*Run::over(one.part_bytes.back()));
  }
  one.bytes = merge(one);
  one.run = *Run::over(one.bytes);
  return one;
}

void shapes(benchmark::internal::Benchmark* bench) {
  bench->Args({400'000, 1'200'000, 1})->Args({1'000'000, 100'000, 8})->Args({10'000'000, 1'000'000, 10});
}

void size_of_run(benchmark::State& state) {
  Log log(static_cast<std::uint64_t>(state.range(1)), static_cast<std::uint64_t>(state.range(2)));
  const auto events = static_cast<std::uint64_t>(state.range(0));
  std::size_t bytes = 0;
  for (auto _ : state) { bytes = build_run(*log.next(events), {})->size(); }
  state.counters["bytes/event"] = static_cast<double>(bytes) / static_cast<double>(events);
}
BENCHMARK(size_of_run)
    ->Args({400'000, 1'200'000, 1})
    ->Args({400'000, 1'200'000, 1000})
    ->Args({1'000'000, 100'000, 1})
    ->Args({1'000'000, 100'000, 1000})
    ->Args({10'000'000, 1'000'000, 1})
    ->Iterations(1)
    ->Unit(benchmark::kMillisecond);

// From the events added to the bytes of the run.
void write(benchmark::State& state) {
  const auto events = static_cast<std::uint64_t>(state.range(0));
  for (auto _ : state) {
    state.PauseTiming();
    Log log(static_cast<std::uint64_t>(state.range(1)), 1);
    auto source = log.next(events);
    state.ResumeTiming();
    benchmark::DoNotOptimize(build_run(*source, {}));
  }
  state.SetItemsProcessed(state.iterations() * state.range(0));
}
BENCHMARK(write)->Args({400'000, 1'200'000})->Args({1'000'000, 100'000})->Unit(benchmark::kMillisecond);

void merge_runs(benchmark::State& state) {
  const Built& one = built(shape_of(state));
  for (auto _ : state) { benchmark::DoNotOptimize(merge(one)); }
  state.SetItemsProcessed(state.iterations() * state.range(0));
}
BENCHMARK(merge_runs)->Apply(shapes)->Unit(benchmark::kMillisecond);

void find_present(benchmark::State& state) {
  const Built& one = built(shape_of(state));
  std::vector<std::string> names;
  const auto listed = one.run->list(KeyKind::kStream, std::nullopt, "", 1'000'000);
  for (const auto& stream : *listed) { names.push_back(stream.name); }
  std::mt19937_64 random(2);
  std::ranges::shuffle(names, random);
  std::vector<Key> keys;
  for (const std::string& name : names) { keys.push_back(make_key(KeyKind::kStream, name)); }
  std::size_t i = 0;
  for (auto _ : state) {
    benchmark::DoNotOptimize(one.run->find(keys[i]));
    i = i + 1 == keys.size() ? 0 : i + 1;
  }
}
BENCHMARK(find_present)->Apply(shapes);

void find_absent(benchmark::State& state) {
  const Built& one = built(shape_of(state));
  std::vector<std::string> names;
  for (int i = 0; i < 100'000; ++i) { names.push_back("absent-" + std::to_string(i)); }
  std::vector<Key> keys;
  for (const std::string& name : names) { keys.push_back(make_key(KeyKind::kStream, name)); }
  std::size_t i = 0;
  for (auto _ : state) {
    benchmark::DoNotOptimize(one.run->find(keys[i]));
    i = i + 1 == keys.size() ? 0 : i + 1;
  }
}
BENCHMARK(find_absent)->Apply(shapes);

// Ids that are there.
void find_id(benchmark::State& state) {
  const Built& one = built(shape_of(state));
  const auto events = static_cast<std::uint64_t>(state.range(0));
  std::mt19937_64 random(2);
  std::vector<EventId> ids;
  for (int i = 0; i < 200'000; ++i) { ids.push_back(id_at(random() % events)); }
  std::vector<Position> found;
  std::size_t i = 0;
  std::uint64_t n = 0;
  for (auto _ : state) {
    found.clear();
    (void)one.run->candidates(ids[i], found);
    n += found.size();
    i = i + 1 == ids.size() ? 0 : i + 1;
  }
  state.counters["found"] = benchmark::Counter(static_cast<double>(n), benchmark::Counter::kAvgIterations);
}
BENCHMARK(find_id)->Apply(shapes);

void find_absent_id(benchmark::State& state) {
  const Built& one = built(shape_of(state));
  std::mt19937_64 random(99);
  std::vector<EventId> ids;
  for (int i = 0; i < 200'000; ++i) { ids.push_back(random_id(random)); }
  std::vector<Position> found;
  std::size_t i = 0;
  for (auto _ : state) {
    found.clear();
    (void)one.run->candidates(ids[i], found);
    i = i + 1 == ids.size() ? 0 : i + 1;
  }
}
BENCHMARK(find_absent_id)->Apply(shapes);

void place(benchmark::State& state) {
  const Built& one = built(shape_of(state));
  std::mt19937_64 random(2);
  const std::uint64_t events = one.run->end() - one.run->first();
  for (auto _ : state) { benchmark::DoNotOptimize(one.run->place(Position(random() % events))); }
}
BENCHMARK(place)->Apply(shapes);

// A whole stream: found, its positions, the place of each.
void stream(benchmark::State& state) {
  const Built& one = built(shape_of(state));
  std::mt19937_64 random(2);
  std::vector<Position> positions(64);
  std::uint64_t events = 0;
  for (auto _ : state) {
    const std::string name = stream_name(random() % static_cast<std::uint64_t>(state.range(1)));
    const auto key = one.run->find(make_key(KeyKind::kStream, name));
    if (!key || !*key) { continue; }
    const auto n = one.run->positions(**key, (*key)->base, positions);
    for (std::size_t i = 0; i < *n; ++i) { benchmark::DoNotOptimize(one.run->place(positions[i])); }
    events += *n;
  }
  state.SetItemsProcessed(static_cast<std::int64_t>(events));
}
BENCHMARK(stream)->Apply(shapes);

// Every event of a type, in the pieces in which a cursor asks.
void positions_of_type(benchmark::State& state) {
  const Built& one = built(shape_of(state));
  const auto key = one.run->find(make_key(KeyKind::kType, "Type3"));
  std::vector<Position> positions(64);
  std::uint64_t ordinal = 0;
  std::uint64_t events = 0;
  for (auto _ : state) {
    const auto n = one.run->positions(**key, ordinal, positions);
    ordinal = *n < positions.size() ? 0 : ordinal + *n;
    events += *n;
  }
  state.SetItemsProcessed(static_cast<std::int64_t>(events));
}
BENCHMARK(positions_of_type)->Apply(shapes);

}  // namespace
