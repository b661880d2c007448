// SPDX-License-Identifier: Apache-2.0
// Goal: a number is found under its hash as soon as it was added and stays, through every growth, and the caller
// decides between those of one hash. Method: hashes that differ in high or low bits alone, one hash for many, and a
// reader beside the adder.
#include "index/hash_slots.h"

#include <atomic>
#include <cstdint>
#include <gtest/gtest.h>
#include <optional>
#include <random>
#include <thread>

namespace tidemark::index {
namespace {

void add(HashSlots& slots, std::uint32_t hash, std::uint32_t number) {
  slots.make_room();
  slots.add(hash, number);
}

auto is(std::uint32_t wanted) {
  return [wanted](std::uint32_t number) { return number == wanted; };
}

TEST(HashSlots, NothingIsFoundInNone) {
  Arena memory;
  const HashSlots slots(memory);
  EXPECT_EQ(slots.find(0, [](std::uint32_t) { return true; }), std::nullopt);
  EXPECT_EQ(slots.look(7), std::nullopt);
  slots.prefetch(7);
}

TEST(HashSlots, FindsWhatWasAddedWhateverTheHashes) {
  std::mt19937 random(1);
  for (int pattern = 0; pattern < 4; ++pattern) {
    Arena memory;
    HashSlots slots(memory);
    const auto hash_of = [&](std::uint32_t n) {
      switch (pattern) {
        case 0:
          return n * 2654435761U;
        case 1:
          return n << 16U;  // the same slot for all
        case 2:
          return UINT32_MAX;  // the same hash: the last slot, then round to the first
        default:
          return n;
      }
    };
    constexpr std::uint32_t kCount = 700;
    for (std::uint32_t n = 0; n < kCount; ++n) {
      ASSERT_EQ(slots.find(hash_of(n), is(n)), std::nullopt);
      add(slots, hash_of(n), n);
      const auto before = static_cast<std::uint32_t>(random() % (n + 1));
      ASSERT_EQ(slots.find(hash_of(before), is(before)), before);
    }
    for (std::uint32_t n = 0; n < kCount; ++n) { ASSERT_EQ(slots.find(hash_of(n), is(n)), n); }
    EXPECT_EQ(slots.find(hash_of(0) + 1, [](std::uint32_t) { return false; }), std::nullopt);
  }
}

TEST(HashSlots, OnlyNumbersOfTheHashAreAskedFor) {
  Arena memory;
  HashSlots slots(memory);
  for (std::uint32_t n = 0; n < 100; ++n) { add(slots, n % 10, n); }
  std::uint32_t asked = 0;
  EXPECT_EQ(slots.find(3,
                       [&](std::uint32_t number) {
                         EXPECT_EQ(number % 10, 3U);
                         ++asked;
                         return false;
                       }),
            std::nullopt);
  EXPECT_EQ(asked, 10U);
}

TEST(HashSlots, AReaderBesideTheAdder) {
  Arena memory;
  HashSlots slots(memory);
  std::atomic<std::uint32_t> published = 0;
  constexpr std::uint32_t kCount = 30000;
  std::uint64_t missed = 0;
  {
    const std::jthread reader([&] {
      for (std::uint32_t seen = 0; seen < kCount;) {
        seen = published.load(std::memory_order_acquire);
        if (seen == 0) { continue; }
        for (const std::uint32_t n : {seen - 1, seen / 2}) {
          if (slots.find(n * 2654435761U, is(n)) != n) { ++missed; }
        }
      }
    });
    for (std::uint32_t n = 0; n < kCount; ++n) {
      add(slots, n * 2654435761U, n);
      published.store(n + 1, std::memory_order_release);
    }
  }
  EXPECT_EQ(missed, 0U);
}

}  // namespace
}  // namespace tidemark::index
