// SPDX-License-Identifier: Apache-2.0
// Goal: what is taken from an arena is nobody else's, aligned, and stays. Method: pieces of all sizes, filled and
// compared at the end.
#include "index/arena.h"

#include <cstdint>
#include <gtest/gtest.h>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace tidemark::index {
namespace {

TEST(Arena, PiecesDoNotMeet) {
  Arena arena;
  std::vector<std::pair<std::string_view, std::string>> texts;
  std::vector<std::pair<std::span<std::uint64_t>, std::uint64_t>> arrays;
  for (std::uint64_t n = 0; n < 2000; ++n) {
    std::string text(n % 37 == 0 ? n * 200 : n % 50, static_cast<char>('a' + n % 26));
    texts.emplace_back(arena.copy(text), text);
    const std::size_t count = n % 41 == 0 ? n * 20 : n % 9;
    const std::span<std::uint64_t> array(arena.array<std::uint64_t>(count), count);
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(array.data()) % alignof(std::uint64_t), 0U);
    for (std::uint64_t& one : array) { one = n; }
    arrays.emplace_back(array, n);
  }
  for (const auto& [copy, text] : texts) { ASSERT_EQ(copy, text); }
  for (const auto& [array, value] : arrays) {
    for (const std::uint64_t one : array) { ASSERT_EQ(one, value); }
  }
}

}  // namespace
}  // namespace tidemark::index
