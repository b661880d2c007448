// SPDX-License-Identifier: Apache-2.0
// Goal: after any crash nothing acknowledged is missing, nothing torn is shown, batches are whole, and the store goes
// on. Method: seeded cycles on the in-memory twin of the file system (crash_cycle.h), judged by a model of plain
// vectors; a histogram shows, and asserts, that the campaign met what it is about.
#include <CLI/CLI.hpp>
#include <atomic>
#include <fmt/format.h>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "tests/crash/crash_cycle.h"

namespace {

using tidemark::crash::Histogram;
using tidemark::crash::Met;

// From so many cycles on, each kind must have been met so often.
constexpr std::uint64_t kCyclesThatMeetAll = 10'000;
constexpr std::uint64_t kMetAtLeast = 100;

bool met_all(const Histogram& histogram) {
  bool all = true;
  for (std::size_t i = 0; i < static_cast<std::size_t>(Met::kCount); ++i) {
    const Met met = static_cast<Met>(i);
    if (histogram[met] < kMetAtLeast) {
      fmt::print(stderr, "too few: {} ({} of at least {})\n", to_string(met), histogram[met], kMetAtLeast);
      all = false;
    }
  }
  return all;
}

}  // namespace

int main(int argc, char** argv) {
  std::uint64_t cycles = kCyclesThatMeetAll;
  std::uint64_t seed = 1;
  unsigned threads = 2;
  CLI::App app{"Seeded crash cycles on an in-memory file system"};
  app.add_option("--cycles", cycles, "How many cycles to run")->capture_default_str();
  app.add_option("--seed", seed, "The seed of the first cycle; the next has the next number")->capture_default_str();
  app.add_option("--threads", threads, "How many cycles run at a time")
      ->capture_default_str()
      ->check(CLI::Range(1, 256));
  CLI11_PARSE(app, argc, argv);

  std::atomic<std::uint64_t> next = 0;
  std::atomic<bool> failed = false;
  std::mutex mutex;
  Histogram all;
  std::vector<std::jthread> workers;
  for (unsigned i = 0; i < threads; ++i) {
    workers.emplace_back([&] {
      Histogram own;
      while (!failed) {
        const std::uint64_t n = next++;
        if (n >= cycles) { break; }
        if (const auto wrong = tidemark::crash::run_cycle(seed + n, own)) {
          failed = true;
          const std::scoped_lock lock(mutex);
          fmt::print(stderr, "FAILED at seed {}: {}\n  again: crash_campaign --cycles 1 --seed {}\n", seed + n, *wrong,
                     seed + n);
        }
      }
      const std::scoped_lock lock(mutex);
      all.add(own);
    });
  }
  workers.clear();
  fmt::print("{} crash cycles from seed {}\n{}", cycles, seed, all.to_text());
  if (failed) { return 1; }
  if (cycles >= kCyclesThatMeetAll && !met_all(all)) { return 1; }
  fmt::print("nothing acknowledged lost, nothing torn shown\n");
  return 0;
}
