// SPDX-License-Identifier: Apache-2.0
#include "bench/compare/delivery_workload.h"

#include <algorithm>
#include <atomic>
#include <exception>
#include <memory>
#include <stop_token>
#include <thread>

#include "bench/compare/closed_loop.h"

namespace tidemark::compare {

namespace {

constexpr std::chrono::microseconds kPause{200};
constexpr double kWaitSecondsMax = 10;
constexpr std::uint64_t kEventsMin = 20;

// Follows a store in a thread of its own and notes when each event came.
class Follower {
 public:
  explicit Follower(Store& store)
      : thread_([this, &store](const std::stop_token& stop) {
          try {
            store.follow(stop, [this](const EventSeen& event) {
              moments_.push_back(now());
              tally_.add(event.payload);
              count_.fetch_add(1, std::memory_order_release);
              return true;
            });
          } catch (...) { failed_ = std::current_exception(); }
          is_over_ = true;
        }) {}

  void wait_for(std::uint64_t events) const {
    const Nanoseconds start = now();
    while (count_.load(std::memory_order_acquire) < events && !is_over_) {
      if (seconds_since(start) > kWaitSecondsMax) { throw Failure("events were not delivered"); }
      std::this_thread::sleep_for(kPause);
    }
  }
  void stop() {
    thread_.request_stop();
    thread_.join();
    if (failed_) { std::rethrow_exception(failed_); }
  }
  // After stop().
  [[nodiscard]] const std::vector<Nanoseconds>& moments() const { return moments_; }
  [[nodiscard]] const Tally& tally() const { return tally_; }

 private:
  std::vector<Nanoseconds> moments_;
  Tally tally_;
  std::exception_ptr failed_;
  std::atomic<std::uint64_t> count_{0};
  std::atomic<bool> is_over_{false};
  std::jthread thread_;  // last: it uses the others
};

}  // namespace

Measure measure_delivery(std::size_t followers) {
  return [followers](const Bench& bench) {
    bench.store.open(bench.folder, bench.opening());
    std::vector<std::unique_ptr<Follower>> all;
    for (std::size_t i = 0; i < followers; ++i) { all.push_back(std::make_unique<Follower>(bench.store)); }
    Events source(bench.pool, 0);
    const std::vector<std::string> streams = stream_names(0, 1000);
    std::vector<Nanoseconds> begun;
    std::vector<Nanoseconds> answered;
    const Nanoseconds start = now();
    while (begun.size() < kEventsMin || seconds_since(start) < bench.scale.seconds) {
      const EventToAppend event = source.next();
      begun.push_back(now());
      bench.store.append(
          {.stream = streams[begun.size() % streams.size()], .expected_length = {}, .events = std::span(&event, 1)});
      answered.push_back(now());
      std::this_thread::sleep_for(kPause);
    }
    for (const auto& follower : all) { follower->wait_for(begun.size()); }
    for (const auto& follower : all) { follower->stop(); }
    bench.store.close();
    Latencies delivered;
    Latencies after;
    std::vector<Nanoseconds> last = begun;
    for (const auto& follower : all) {
      if (follower->tally() != source.taken()) { throw Failure("what was delivered is not what was appended"); }
      for (std::size_t i = 0; i < begun.size(); ++i) {
        const Nanoseconds moment = follower->moments()[i];
        delivered.add(moment - begun[i]);
        after.add(moment - std::min(moment, answered[i]));
        last[i] = std::max(last[i], moment);
      }
    }
    Latencies acknowledged;
    Latencies delivered_last;
    for (std::size_t i = 0; i < begun.size(); ++i) {
      acknowledged.add(answered[i] - begun[i]);
      delivered_last.add(last[i] - begun[i]);
    }
    return Figures{{"delivered_us", delivered.per_mille_us(500)},
                   {"delivered_p99_us", delivered.per_mille_us(990)},
                   {"last_us", delivered_last.per_mille_us(500)},
                   {"acknowledged_us", acknowledged.per_mille_us(500)},
                   {"after_us", after.per_mille_us(500)}};
  };
}

}  // namespace tidemark::compare
