// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <condition_variable>
#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <stop_token>
#include <thread>

namespace tidemark::engine {

// Runs what is to be done when appends are complete: on one thread, in the order of submission, never under a lock of
// the store. The thread starts with the first task.
class Completions {
 public:
  Completions() = default;
  ~Completions() { drain(); }
  Completions(const Completions&) = delete;
  Completions& operator=(const Completions&) = delete;

  // task waits for its append and then calls the user. order is the append's place among the submissions. False, and
  // nothing is run, after drain().
  [[nodiscard]] bool add(std::uint64_t order, std::function<void()> task);
  // Runs all that is there and ends the thread.
  void drain();

 private:
  void run(const std::stop_token& stop);

  std::mutex mutex_;
  std::condition_variable_any changed_;
  std::multimap<std::uint64_t, std::function<void()>> tasks_;  // guarded by mutex_, like the next
  bool drained_ = false;
  std::jthread thread_;
};

}  // namespace tidemark::engine
