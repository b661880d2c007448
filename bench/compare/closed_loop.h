// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

namespace tidemark::compare {

using Nanoseconds = std::uint64_t;

// By the monotonic clock.
[[nodiscard]] Nanoseconds now();
[[nodiscard]] double seconds_since(Nanoseconds start);

// How long single operations took.
class Latencies {
 public:
  void add(Nanoseconds took) { all_.push_back(took); }
  void add(const Latencies& others) { all_.insert(all_.end(), others.all_.begin(), others.all_.end()); }
  void reserve(std::size_t count) { all_.reserve(count); }
  [[nodiscard]] std::uint64_t count() const { return all_.size(); }
  // In microseconds, the smallest that so many of a thousand do not exceed; 0 if there is none.
  [[nodiscard]] double per_mille_us(std::uint64_t per_mille);

 private:
  std::vector<Nanoseconds> all_;
  bool is_sorted_ = false;
};

// Runs body(0), body(1), … each in a thread of its own, and returns when all have ended. What one throws is thrown on.
void run_threads(std::size_t threads, const std::function<void(std::size_t)>& body);

struct LoopResult {
  double per_second = 0;  // operations that ended in the measured time
  Latencies latencies;    // of these
};

using Operation = std::function<void()>;

// Threads that each repeat an operation without a pause: a quarter of the time unmeasured, then the time. make(n) gives
// the operation of the n-th thread and is called in it. begin_timed is called between the two.
[[nodiscard]] LoopResult closed_loop(std::size_t threads, double seconds,
                                     const std::function<Operation(std::size_t)>& make,
                                     const std::function<void()>& begin_timed);

}  // namespace tidemark::compare
