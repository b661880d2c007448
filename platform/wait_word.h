// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <stop_token>

#include "platform/file_system.h"

namespace tidemark::platform {

// One 32-bit word that threads sleep on (a futex). Whoever changes it wakes the sleepers.
class WaitWord {
 public:
  explicit WaitWord(std::uint32_t value = 0) : value_(value) {}
  WaitWord(const WaitWord&) = delete;
  WaitWord& operator=(const WaitWord&) = delete;

  [[nodiscard]] std::uint32_t load() const { return value_.load(); }
  void store(std::uint32_t value) { value_.store(value, std::memory_order_release); }
  // All threads see these and what else is seq_cst in one order: who changes the word may look for sleepers next.
  std::uint32_t add(std::uint32_t n) { return value_.fetch_add(n) + n; }

  // Sleeps while the word is still `seen`. May return early for no reason: look again.
  void wait(std::uint32_t seen) const;
  // The same until a moment of the steady clock.
  void wait_until(std::uint32_t seen, std::chrono::steady_clock::time_point deadline) const;
  // The same until stop is requested, or until that moment.
  void wait(std::uint32_t seen, const std::stop_token& stop,
            std::optional<std::chrono::steady_clock::time_point> deadline = {}) const;

  void wake_one();
  void wake_all();

 private:
  mutable std::atomic<std::uint32_t> value_;
};

// The same for a word in a file that several processes have mapped, read-only too. Whoever changes it does so by
// writing to the file. It is slept on by its place in the map and read through the file, so that one that somebody cuts
// short ends no process. File and mapping outlive this.
class SharedWord {
 public:
  // The offset is a multiple of four, within what is mapped.
  SharedWord(File& file, const Mapping& mapping, std::uint64_t offset);
  // 0 if it is not there.
  [[nodiscard]] std::uint32_t load() const;
  // See WaitWord.
  void wait(std::uint32_t seen, const std::stop_token& stop,
            std::optional<std::chrono::steady_clock::time_point> deadline = {}) const;
  // Wakes the sleepers of all processes.
  void wake_all() const;

 private:
  File& file_;
  const std::uint64_t offset_;
  std::atomic<std::uint32_t>* value_;  // its address alone: neither read nor written through
};

}  // namespace tidemark::platform
