// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <atomic>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <new>

#include "index/arena.h"

namespace tidemark::index {

// A table that only grows, in the memory of an arena. Its entries never move. One thread adds; any may read an entry
// whose index is below a number that was published to it after the entry was added (the store publishes positions).
// Chunks double, so that a handful of pointers serve any size; the first holds kFirst.
template <class T, std::uint64_t kFirst = 1024>
class GrowingTable {
 public:
  explicit GrowingTable(Arena& memory) : memory_(memory) {}
  GrowingTable(const GrowingTable&) = delete;
  GrowingTable& operator=(const GrowingTable&) = delete;

  [[nodiscard]] std::uint64_t size() const { return size_; }  // of the adding thread
  // May throw std::bad_alloc; nothing is added then.
  void add(const T& entry) {
    next() = entry;
    ++size_;
  }
  // The same in two steps: the entry that comes next, then that it counts.
  [[nodiscard]] T& next() {
    const auto [chunk, at] = place(size_);
    T* entries = chunks_[chunk].load(std::memory_order_relaxed);
    if (entries == nullptr) {
      entries = memory_.room<T>(static_cast<std::size_t>(kFirst << chunk));
      // Readers learn of entries by the published number; release lets them find the chunk that it counts on.
      chunks_[chunk].store(entries, std::memory_order_release);
    }
    return *new (entries + at) T();
  }
  void add_next() { ++size_; }

  [[nodiscard]] const T& operator[](std::uint64_t index) const {
    const auto [chunk, at] = place(index);
    return chunks_[chunk].load(std::memory_order_acquire)[at];
  }
  [[nodiscard]] T& operator[](std::uint64_t index) {
    const auto [chunk, at] = place(index);
    return chunks_[chunk].load(std::memory_order_acquire)[at];
  }

 private:
  struct Place {
    unsigned chunk;
    std::uint64_t at;
  };
  // Chunk c holds kFirst * 2^c entries and starts at index kFirst * (2^c - 1).
  static constexpr Place place(std::uint64_t index) {
    const std::uint64_t shifted = index / kFirst + 1;
    const auto chunk = static_cast<unsigned>(std::bit_width(shifted)) - 1;
    return {chunk, index - kFirst * ((std::uint64_t{1} << chunk) - 1)};
  }

  Arena& memory_;
  std::array<std::atomic<T*>, 48> chunks_{};
  std::uint64_t size_ = 0;
};

}  // namespace tidemark::index
