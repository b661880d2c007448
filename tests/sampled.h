// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstdint>

// For tests that one thread repeats with every seed or at every call: the thread sanitizer makes each time many times
// as dear and has nothing to find in it. There it is a sample; all the other builds do the whole.
namespace tidemark::test {

#ifdef __SANITIZE_THREAD__
inline constexpr std::uint64_t kSampleStep = 7;
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
inline constexpr std::uint64_t kSampleStep = 7;
#else
inline constexpr std::uint64_t kSampleStep = 1;
#endif
#else
inline constexpr std::uint64_t kSampleStep = 1;
#endif

// How many of `whole` repetitions to do: two at least, where seeds take turns.
[[nodiscard]] constexpr std::uint64_t sampled(std::uint64_t whole) {
  return std::min(whole, std::max<std::uint64_t>(2, whole / kSampleStep));
}

}  // namespace tidemark::test
