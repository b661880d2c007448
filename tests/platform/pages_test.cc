// SPDX-License-Identifier: Apache-2.0
// Goal: pages are whole, aligned, zero at first, and go once. Method: sizes about the edges, every byte read and
// written, moves.
#include "platform/pages.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <gtest/gtest.h>
#include <new>
#include <span>
#include <utility>

namespace tidemark::platform {
namespace {

constexpr std::size_t kHuge = Pages::kHugeBytes;

TEST(Pages, AreAlignedAndZeroAndHoldWhatIsWritten) {
  for (const std::size_t bytes : {std::size_t{1}, kHuge - 1, kHuge, kHuge + 1, 3 * kHuge}) {
    const Pages pages(bytes);
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(pages.data()) % kHuge, 0U);
    EXPECT_EQ(pages.size(), (bytes + kHuge - 1) / kHuge * kHuge);
    const std::span all(pages.data(), pages.size());
    EXPECT_TRUE(std::ranges::all_of(all, [](std::byte one) { return one == std::byte{0}; }));
    std::ranges::fill(all, std::byte{7});
    EXPECT_TRUE(std::ranges::all_of(all, [](std::byte one) { return one == std::byte{7}; }));
  }
}

TEST(Pages, Move) {
  Pages a(1);
  a.data()[5] = std::byte{1};
  std::byte* const at = a.data();
  Pages b(std::move(a));
  EXPECT_EQ(b.data(), at);
  EXPECT_EQ(b.data()[5], std::byte{1});
  Pages c(kHuge + 1);
  c = std::move(b);
  EXPECT_EQ(c.data(), at);
  EXPECT_EQ(c.size(), kHuge);
}

TEST(Pages, NoneOfThemAndTooManyAreRefused) {
  EXPECT_THROW(Pages(0), std::bad_alloc);
  EXPECT_THROW(Pages(SIZE_MAX), std::bad_alloc);
  EXPECT_THROW(Pages(SIZE_MAX / 2), std::bad_alloc);
}

}  // namespace
}  // namespace tidemark::platform
