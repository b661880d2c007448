// SPDX-License-Identifier: Apache-2.0
#include "bench/compare/closed_loop.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <exception>
#include <mutex>
#include <thread>

#include "bench/compare/store.h"

namespace tidemark::compare {

namespace {

enum Phase : int { kWarmUp, kMeasured, kOver };

constexpr double kWarmUpShare = 0.25;
// A slow store is given more time, so that there is something to count.
constexpr std::uint64_t kOperationsMin = 20;
constexpr double kSecondsMax = 20;

void sleep_seconds(double seconds) { std::this_thread::sleep_for(std::chrono::duration<double>(seconds)); }

}  // namespace

Nanoseconds now() {
  return static_cast<Nanoseconds>(std::chrono::steady_clock::now().time_since_epoch() / std::chrono::nanoseconds(1));
}

double seconds_since(Nanoseconds start) { return static_cast<double>(now() - start) * 1e-9; }

double Latencies::per_mille_us(std::uint64_t per_mille) {
  if (all_.empty()) { return 0; }
  if (!is_sorted_) {
    std::ranges::sort(all_);
    is_sorted_ = true;
  }
  const std::uint64_t at = std::min<std::uint64_t>(all_.size() - 1, all_.size() * per_mille / 1000);
  return static_cast<double>(all_[at]) * 1e-3;
}

void run_threads(std::size_t threads, const std::function<void(std::size_t)>& body) {
  std::mutex mutex;
  std::exception_ptr failed;
  {
    std::vector<std::jthread> all;
    for (std::size_t i = 0; i < threads; ++i) {
      all.emplace_back([&, i] {
        try {
          body(i);
        } catch (...) {
          const std::scoped_lock lock(mutex);
          if (!failed) { failed = std::current_exception(); }
        }
      });
    }
  }
  if (failed) { std::rethrow_exception(failed); }
}

LoopResult closed_loop(std::size_t threads, double seconds, const std::function<Operation(std::size_t)>& make,
                       const std::function<void()>& begin_timed) {
  std::atomic<int> phase{kWarmUp};
  std::atomic<std::size_t> ready{0};
  std::atomic<std::uint64_t> ended{0};  // counted up to kOperationsMin only
  std::mutex mutex;
  LoopResult result;
  double measured_seconds = 0;
  // The last thread keeps the time. Who fails ends it for all.
  run_threads(threads + 1, [&](std::size_t thread) {
    if (thread == threads) {
      while (ready.load() < threads && phase.load() != kOver) { sleep_seconds(0.0005); }
      sleep_seconds(seconds * kWarmUpShare);
      begin_timed();
      const Nanoseconds start = now();
      int expected = kWarmUp;
      phase.compare_exchange_strong(expected, kMeasured);
      sleep_seconds(seconds);
      while (ended.load() < kOperationsMin && phase.load() != kOver && seconds_since(start) < kSecondsMax) {
        sleep_seconds(0.01);
      }
      phase = kOver;
      measured_seconds = seconds_since(start);
      return;
    }
    try {
      const Operation operation = make(thread);
      Latencies latencies;
      latencies.reserve(std::size_t{1} << 16U);
      ready.fetch_add(1);
      while (phase.load(std::memory_order_relaxed) != kOver) {
        const Nanoseconds start = now();
        operation();
        if (phase.load(std::memory_order_relaxed) != kMeasured) { continue; }
        latencies.add(now() - start);
        if (ended.load(std::memory_order_relaxed) < kOperationsMin) { ended.fetch_add(1); }
      }
      const std::scoped_lock lock(mutex);
      result.latencies.add(latencies);
    } catch (...) {
      phase = kOver;
      throw;
    }
  });
  if (result.latencies.count() == 0) { throw Failure("nothing was done in the time"); }
  result.per_second = static_cast<double>(result.latencies.count()) / measured_seconds;
  return result;
}

}  // namespace tidemark::compare
