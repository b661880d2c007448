// SPDX-License-Identifier: Apache-2.0
// Goal: entries come back by index, never move, and can be read beside the thread that adds. Method: growth over many
// chunks' edges, addresses taken before and after, readers that follow a published number.
#include "index/growing_table.h"

#include <atomic>
#include <gtest/gtest.h>
#include <thread>
#include <vector>

namespace tidemark::index {
namespace {

TEST(GrowingTable, EveryEntryIsWhereItWasAdded) {
  Arena memory;
  GrowingTable<std::uint64_t> table(memory);
  EXPECT_EQ(table.size(), 0U);
  for (std::uint64_t i = 0; i < 300'000; ++i) {
    table.add(i * 3);
    ASSERT_EQ(table.size(), i + 1);
    ASSERT_EQ(table[i], i * 3);
  }
  for (std::uint64_t i = 0; i < 300'000; ++i) { ASSERT_EQ(table[i], i * 3); }
}

TEST(GrowingTable, EntriesNeverMove) {
  Arena memory;
  GrowingTable<int> table(memory);
  std::vector<const int*> addresses;
  for (int i = 0; i < 20'000; ++i) {
    table.add(i);
    addresses.push_back(&table[static_cast<std::uint64_t>(i)]);
  }
  for (std::uint64_t i = 0; i < addresses.size(); ++i) { ASSERT_EQ(addresses[i], &table[i]); }
}

TEST(GrowingTable, ReadersBesideTheAdder) {
  Arena memory;
  GrowingTable<std::uint64_t> table(memory);
  std::atomic<std::uint64_t> published = 0;
  std::atomic<bool> wrong = false;
  constexpr std::uint64_t kCount = 200'000;
  {
    std::vector<std::jthread> readers;
    for (int t = 0; t < 3; ++t) {
      readers.emplace_back([&] {
        std::uint64_t end = 0;
        while (end < kCount) {
          end = published.load(std::memory_order_acquire);
          if (end > 0 && (table[end - 1] != end - 1 || table[end / 2] != end / 2)) { wrong = true; }
        }
      });
    }
    for (std::uint64_t i = 0; i < kCount; ++i) {
      table.add(i);
      published.store(i + 1, std::memory_order_release);
    }
  }
  EXPECT_FALSE(wrong);
}

}  // namespace
}  // namespace tidemark::index
