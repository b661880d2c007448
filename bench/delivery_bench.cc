// SPDX-License-Identifier: Apache-2.0
// From the acknowledgement of a durable event to its delivery: one thread appends, another one's subscription waits.
// What is measured begins when append() has returned, so a delivery before that counts as zero.
//
//   cmake --preset release -DTIDEMARK_BUILD_BENCH=ON && cmake --build --preset release --target delivery_bench
//   build/release/bin/delivery_bench /a/real/disk
#include <CLI/CLI.hpp>
#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <string>
#include <thread>
#include <vector>

#include "tidemark/tidemark.hpp"

namespace {

using namespace tidemark;
using Clock = std::chrono::steady_clock;

std::int64_t now() { return Clock::now().time_since_epoch().count(); }

bool measure(const std::filesystem::path& folder, const char* name, std::chrono::nanoseconds spin, int events) {
  std::filesystem::remove_all(folder);
  auto store = Store::open(folder);
  if (!store) { return std::fprintf(stderr, "%s\n", to_string(store.error()).c_str()), false; }
  std::vector<std::atomic<std::int64_t>> delivered(static_cast<std::size_t>(events));
  std::stop_source stop;
  std::jthread subscriber([&] {
    auto subscription = store->subscribe(Query::all(), {.spin = spin});
    if (!subscription) { return; }
    while (const auto run = subscription->next(stop.get_token())) {
      for (const Event& event : *run) { delivered[event.position().value()].store(now()); }
    }
  });
  const std::string data(256, 'd');
  std::vector<std::int64_t> times;
  bool good = true;
  for (int i = 0; i < events && good; ++i) {
    const auto answer = store->append("s-1", Expect::any(), {{.type = "Happened", .data = as_bytes(data)}});
    const std::int64_t acknowledged = now();
    good = answer.has_value();
    const auto& mine = delivered[static_cast<std::size_t>(i)];
    // Sleeping, so that this thread leaves its processor to the other.
    while (good && mine.load() == 0) { std::this_thread::sleep_for(std::chrono::microseconds(200)); }
    times.push_back(std::max<std::int64_t>(mine.load() - acknowledged, 0));
  }
  stop.request_stop();
  subscriber.join();
  if (good) {
    std::ranges::sort(times);
    const auto at = [&](std::size_t percent) {
      return static_cast<double>(times[times.size() * percent / 100]) / 1000;
    };
    std::printf("%-9s p50 %6.1f us  p90 %6.1f us  p99 %6.1f us\n", name, at(50), at(90), at(99));
  }
  return good;
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app("From the acknowledgement of a durable event to its delivery.");
  std::filesystem::path folder;
  int events = 5000;
  app.add_option("FOLDER", folder, "where a store is made and removed; on a real disk")
      ->required()
      ->check(CLI::ExistingDirectory);
  app.add_option("--events", events, "how many")->check(CLI::PositiveNumber)->capture_default_str();
  CLI11_PARSE(app, argc, argv);
  const auto mine = folder / "delivery-bench-store";
  const bool done =
      measure(mine, "sleeping", {}, events) && measure(mine, "spinning", std::chrono::milliseconds(100), events);
  std::filesystem::remove_all(mine);
  return done ? 0 : 1;
}
