// SPDX-License-Identifier: Apache-2.0
// Goal: sorted is what comparing would sort. Method: numbers of all sizes and distributions beside std::sort.
#include "platform/sort.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <gtest/gtest.h>
#include <random>
#include <tuple>
#include <vector>

namespace tidemark::platform {
namespace {

// What sorting by parts of numbers could stumble over: few bits, the same number often, the highest bit, sorted ones.
std::vector<std::uint64_t> numbers(std::size_t count, int pattern) {
  std::mt19937_64 random(count);
  std::vector<std::uint64_t> all(count);
  for (std::size_t i = 0; i < count; ++i) {
    const std::uint64_t one = random();
    all[i] = pattern == 0 ? one : pattern == 1 ? one % 7 : pattern == 2 ? one | std::uint64_t{1} << 63U : i;
  }
  return all;
}

constexpr std::size_t kCounts[] = {0, 1, 2, 999, 1000, 1001, 40'000};

TEST(Sort, Numbers) {
  for (const std::size_t count : kCounts) {
    for (int pattern = 0; pattern < 4; ++pattern) {
      auto sorted = numbers(count, pattern);
      auto compared = sorted;
      sort_numbers(sorted);
      std::ranges::sort(compared);
      EXPECT_EQ(sorted, compared) << count << " of pattern " << pattern;
    }
  }
}

TEST(Sort, ByKeyWithEveryValueAtItsKey) {
  for (const std::size_t count : kCounts) {
    for (int pattern = 0; pattern < 4; ++pattern) {
      const auto keys = numbers(count, pattern);
      std::vector<Keyed> entries;
      for (const std::uint64_t key : keys) { entries.push_back({key, static_cast<std::uint32_t>(entries.size())}); }
      sort_by_key(entries);
      EXPECT_TRUE(std::ranges::is_sorted(entries, {}, &Keyed::key)) << count << " of pattern " << pattern;
      std::vector<bool> seen(count);
      for (const Keyed& one : entries) {
        EXPECT_EQ(keys[one.value], one.key);
        EXPECT_FALSE(seen[one.value]);
        seen[one.value] = true;
      }
    }
  }
}

}  // namespace
}  // namespace tidemark::platform
