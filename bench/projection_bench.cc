// SPDX-License-Identifier: Apache-2.0
// Rebuilding a read model in memory: event by event, and from parts on several threads, by turns in one run. The model
// has of each stream how many events and bytes it has, in a hash table; a part is such a table of its own. What counts
// is the ratio.
//
//   cmake --preset release -DTIDEMARK_BUILD_BENCH=ON && cmake --build --preset release --target projection_bench
//   build/release/bin/projection_bench /a/real/disk
#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "tidemark/tidemark.hpp"

namespace {

using namespace tidemark;
using Clock = std::chrono::steady_clock;

struct Sum {
  std::uint64_t events = 0;
  std::uint64_t bytes = 0;
  std::uint64_t letters = 0;  // of a kind in the data: each byte is looked at, as a parser would
  friend bool operator==(const Sum&, const Sum&) = default;
};

struct Hash {
  using is_transparent = void;
  std::size_t operator()(std::string_view text) const { return std::hash<std::string_view>()(text); }
};

class Sums {
 public:
  void add(const Event& event) {
    Sum& sum = of(event.stream());
    ++sum.events;
    sum.bytes += event.data().size();
    sum.letters += static_cast<std::uint64_t>(std::ranges::count(event.data(), std::byte{'e'}));
  }
  void add(const Sums& other) {
    for (const auto& [stream, more] : other.sums_) {
      Sum& sum = of(stream);
      sum.events += more.events;
      sum.bytes += more.bytes;
      sum.letters += more.letters;
    }
  }
  void clear() { sums_.clear(); }
  friend bool operator==(const Sums&, const Sums&) = default;

 private:
  Sum& of(std::string_view stream) {
    const auto found = sums_.find(stream);
    return found != sums_.end() ? found->second : sums_[std::string(stream)];
  }

  std::unordered_map<std::string, Sum, Hash, std::equal_to<>> sums_;
};

Status fill(Store& store, std::uint64_t events, std::uint64_t streams) {
  std::string data;
  while (data.size() < 250) { data += R"({"resource":"112","transition":"COMPLETE"})"; }
  for (std::uint64_t n = 0; n < events;) {
    Batch batch;
    for (int i = 0; i < 1000 && n < events; ++i, ++n) {
      batch.to("stream-" + std::to_string(n * 7919 % streams)).add({.type = "Happened", .data = as_bytes(data)});
    }
    if (auto done = store.append(batch, {.durability = Durability::kBuffered}); !done) {
      return std::unexpected(done.error());
    }
  }
  return store.wait_durable(Position(events - 1));
}

Status measure(Store& store, unsigned threads, int repetitions) {
  Sums sums;
  auto projection = Projection::open(store, {.apply = [&](const Event& e, bool) { return sums.add(e), Status(); },
                                             .reset = [&] { return sums.clear(), Status(); },
                                             .replay_history = true,
                                             .part = [&]() -> Result<ProjectionPart> {
                                               auto part = std::make_shared<Sums>();
                                               return ProjectionPart{
                                                   .apply = [part](const Event& e) { return part->add(e), Status(); },
                                                   .merge = [&, part] { return sums.add(*part), Status(); }};
                                             }});
  if (!projection) { return std::unexpected(projection.error()); }
  // Everything is read, checked and in the page cache from here on.
  if (auto done = projection->catch_up(); !done) { return done; }
  const Sums right = sums;
  std::vector<double> ratios;
  for (int i = 0; i < repetitions; ++i) {
    double seconds[2] = {};
    for (const bool parts : {false, true}) {
      const auto begun = Clock::now();
      if (auto done = projection->rebuild({.threads = parts ? threads : 1}); !done) { return done; }
      seconds[parts ? 1 : 0] = std::chrono::duration<double>(Clock::now() - begun).count();
      if (!(sums == right)) { return std::unexpected(Error(ErrorCode::kDamaged, "another model")); }
    }
    ratios.push_back(seconds[0] / seconds[1]);
    std::printf("one by one %.3f s, parts on %u threads %.3f s: %.2f times as fast\n", seconds[0], threads, seconds[1],
                ratios.back());
  }
  std::ranges::sort(ratios);
  std::printf("%u threads: median %.2f [%.2f, %.2f]\n", threads, ratios[ratios.size() / 2], ratios.front(),
              ratios.back());
  return {};
}

}  // namespace

int main(int argc, char** argv) {
  std::filesystem::path where;
  std::uint64_t events = 1'000'000;
  std::uint64_t streams = 10'000;
  unsigned threads = 2;
  int repetitions = 7;
  CLI::App app("Rebuilds a read model one by one and from parts.");
  app.add_option("folder", where, "where the store is made, and removed again")->required();
  app.add_option("--events", events)->check(CLI::PositiveNumber);
  app.add_option("--streams", streams)->check(CLI::PositiveNumber);
  app.add_option("--threads", threads)->check(CLI::PositiveNumber);
  app.add_option("--repetitions", repetitions)->check(CLI::PositiveNumber);
  CLI11_PARSE(app, argc, argv);

  const auto folder = where / "tidemark-projection-bench";
  std::filesystem::remove_all(folder);
  Status done;
  {
    auto store = Store::open(folder);
    if (store) {
      done = fill(*store, events, streams);
      if (done) { done = measure(*store, threads, repetitions); }
    } else {
      done = std::unexpected(store.error());
    }
  }
  std::filesystem::remove_all(folder);
  if (!done) { std::fprintf(stderr, "%s\n", to_string(done.error()).c_str()); }
  return done ? 0 : 1;
}
