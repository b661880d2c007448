// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>

namespace tidemark::platform {

inline constexpr std::uint64_t kCacheLineBytes = 64;

// Asks the processor for the memory at an address, without waiting for it. Any address goes: nothing fails.
inline void prefetch(const void* at) {
  __builtin_prefetch(at);
  // GCC 12 takes a function that only prefetches for one without an effect, and leaves its calls out.
  asm volatile("" : : "r"(at));
}

// The lines of these bytes.
inline void prefetch(const std::byte* from, std::uint64_t length) {
  if (length == 0) { return; }
  for (std::uint64_t at = 0; at < length; at += kCacheLineBytes) { prefetch(from + at); }
  prefetch(from + length - 1);
}

}  // namespace tidemark::platform
