// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "platform/prefetch.h"

namespace tidemark::platform {

// Many bits, zero at first, for what may be forgotten at any time: memory is taken a page at a time, where bits are
// set, and given back by forget(). Safe from many threads; nothing is ordered by it.
class ForgettableBits {
 public:
  static constexpr std::size_t kPageBytes = 4096;
  static constexpr std::uint64_t kBitsPerPage = std::uint64_t{8} * kPageBytes;

  // Throws std::bad_alloc.
  explicit ForgettableBits(std::uint64_t bits);
  ~ForgettableBits();
  ForgettableBits(const ForgettableBits&) = delete;
  ForgettableBits& operator=(const ForgettableBits&) = delete;

  [[nodiscard]] bool test(std::uint64_t bit) const {
    return (word(bit).load(std::memory_order_relaxed) >> (bit % kWordBits) & 1U) != 0;
  }
  void set(std::uint64_t bit) const {
    word(bit).fetch_or(std::uint64_t{1} << (bit % kWordBits), std::memory_order_relaxed);
  }
  // Asks the processor for what test() looks at.
  void prefetch(std::uint64_t bit) const { platform::prefetch(words_ + bit / kWordBits); }
  // All bits are zero again, but for those that others set meanwhile.
  void forget() const;

 private:
  static constexpr std::uint64_t kWordBits = 64;
  [[nodiscard]] std::atomic_ref<std::uint64_t> word(std::uint64_t bit) const {
    return std::atomic_ref(words_[bit / kWordBits]);
  }

  std::uint64_t* words_;
  std::size_t bytes_;
};

}  // namespace tidemark::platform
