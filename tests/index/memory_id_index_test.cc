// SPDX-License-Identifier: Apache-2.0
// Goal: an id gives the position of its event if that lies below the end asked for, and nothing else does. Method: ids
// that differ in one bit anywhere, ids of all versions, and readers beside the adder.
#include "index/memory_id_index.h"

#include <atomic>
#include <gtest/gtest.h>
#include <limits>
#include <string>
#include <thread>
#include <vector>

namespace tidemark::index {
namespace {

constexpr Position kNoEnd(std::numeric_limits<std::uint64_t>::max());

TEST(MemoryIdIndex, FindsBelowTheEnd) {
  Arena memory;
  MemoryIdIndex index(memory);
  const EventId id = EventId::from_name("a");
  EXPECT_FALSE(index.find(id, kNoEnd));
  index.add(id, Position(7));
  EXPECT_EQ(index.find(id, kNoEnd), Position(7));
  EXPECT_EQ(index.find(id, Position(8)), Position(7));
  EXPECT_FALSE(index.find(id, Position(7)));
  EXPECT_FALSE(index.find(EventId::from_name("b"), kNoEnd));
}

TEST(MemoryIdIndex, TheFirstPositionOfAnIdHolds) {
  Arena memory;
  MemoryIdIndex index(memory);
  const EventId id = EventId::from_name("a");
  index.add(id, Position(1));
  index.add(id, Position(2));
  EXPECT_EQ(index.find(id, kNoEnd), Position(1));
}

TEST(MemoryIdIndex, IdsThatDifferInOneBit) {
  Arena memory;
  MemoryIdIndex index(memory);
  const EventId base = EventId::from_name("base");
  std::vector<EventId> ids = {base};
  for (std::size_t bit = 0; bit < 8 * EventId::kSize; ++bit) {
    auto bytes = base.bytes();
    bytes[bit / 8] ^= static_cast<std::byte>(1U << (bit % 8));
    ids.emplace_back(bytes);
  }
  for (std::size_t i = 0; i < ids.size(); ++i) { index.add(ids[i], Position(i)); }
  for (std::size_t i = 0; i < ids.size(); ++i) { EXPECT_EQ(index.find(ids[i], kNoEnd), Position(i)); }
}

TEST(MemoryIdIndex, ReadersBesideTheAdder) {
  Arena memory;
  MemoryIdIndex index(memory);
  std::vector<EventId> ids;
  for (int i = 0; i < 20000; ++i) { ids.push_back(EventId::make()); }
  std::atomic<std::uint64_t> published = 0;
  std::atomic<bool> wrong = false;
  {
    std::vector<std::jthread> readers;
    for (int t = 0; t < 3; ++t) {
      readers.emplace_back([&] {
        std::uint64_t end = 0;
        while (end < ids.size()) {
          end = published.load(std::memory_order_acquire);
          if (end > 0 && index.find(ids[end - 1], Position(end)) != Position(end - 1)) { wrong = true; }
          if (end < ids.size() && index.find(ids[end], Position(end))) { wrong = true; }
        }
      });
    }
    for (std::uint64_t p = 0; p < ids.size(); ++p) {
      index.add(ids[p], Position(p));
      published.store(p + 1, std::memory_order_release);
    }
  }
  EXPECT_FALSE(wrong);
}

}  // namespace
}  // namespace tidemark::index
