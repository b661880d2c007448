// SPDX-License-Identifier: Apache-2.0
// Goal: a query over keys gives just the positions that match, whatever its shape, the direction, the end and the place
// to start. Method: random postings and queries, held against a look at every position.
#include "index/positions.h"

#include <algorithm>
#include <gtest/gtest.h>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "index/memory_table.h"

namespace tidemark::index {
namespace {

constexpr std::uint64_t kEvents = 3000;

struct Names {
  std::string stream;
  std::string type;
  std::vector<std::string> tags;
};

class PositionsTest : public testing::Test {
 protected:
  std::mt19937 random{std::random_device()()};
  std::shared_ptr<MemoryTable> table = std::make_shared<MemoryTable>(Position(0));
  const Tiers index{{}, {table}};
  std::vector<Names> events;
  // Common, and rare: so that one posting list leads the others by far.
  const std::vector<std::string> streams = {"often", "seldom", "once", "never"};
  const std::vector<std::string> types = {"A", "B", "C", "rare", "never"};
  const std::vector<std::string> tags = {"x", "y", "z", "rare", "never"};

  std::uint64_t pick(std::uint64_t n) { return std::uniform_int_distribution<std::uint64_t>(0, n - 1)(random); }

  void SetUp() override {
    for (std::uint64_t i = 0; i < kEvents; ++i) {
      Names event;
      event.stream = i == kEvents / 2 ? "once" : pick(50) == 0 ? "seldom" : "often";
      event.type = pick(300) == 0 ? "rare" : types[pick(3)];
      for (std::size_t tag = 0; tag < 3; ++tag) {
        if (pick(3) == 0) { event.tags.push_back(tags[tag]); }
      }
      if (pick(200) == 0) { event.tags.emplace_back("rare"); }
      table->keys.add(make_key(KeyKind::kStream, event.stream), Position(i));
      table->keys.add(make_key(KeyKind::kType, event.type), Position(i));
      for (const auto& tag : event.tags) { table->keys.add(make_key(KeyKind::kTag, tag), Position(i)); }
      events.push_back(std::move(event));
    }
  }

  KeyQuery random_query() {
    KeyQuery query;
    if (pick(2) == 0) { query.scope = make_key(KeyKind::kStream, streams[pick(4)]); }
    for (std::uint64_t items = pick(4); items > 0; --items) {
      auto& item = query.items.emplace_back();
      for (std::uint64_t n = pick(3); n > 0; --n) { item.types.push_back(make_key(KeyKind::kType, types[pick(5)])); }
      for (std::uint64_t n = pick(3) + (item.types.empty() ? 1 : 0); n > 0; --n) {
        item.tags.push_back(make_key(KeyKind::kTag, tags[pick(5)]));
      }
    }
    return query;
  }

  static bool matches(const KeyQuery& query, const Names& event) {
    if (query.scope && query.scope->name != event.stream) { return false; }
    const auto has_tag = [&](const Key& tag) { return std::ranges::find(event.tags, tag.name) != event.tags.end(); };
    const auto is_type = [&](const Key& type) { return type.name == event.type; };
    return query.items.empty() || std::ranges::any_of(query.items, [&](const auto& item) {
             return (item.types.empty() || std::ranges::any_of(item.types, is_type)) &&
                    std::ranges::all_of(item.tags, has_tag);
           });
  }
};

TEST_F(PositionsTest, EqualALookAtEveryPosition) {
  std::uint64_t found = 0;
  for (int round = 0; round < 600; ++round) {
    const KeyQuery query = random_query();
    const std::uint64_t end = pick(4) == 0 ? pick(kEvents + 1) : kEvents;
    const Way way = pick(2) == 0 ? Way::kUp : Way::kDown;
    const auto made = find_positions(index, query, Position(end), way);
    ASSERT_TRUE(made);
    Positions& positions = **made;
    // Starts anywhere, then goes on by one or by leaps.
    const std::uint64_t leap = pick(3) == 0 ? 1 + pick(200) : 1;
    if (way == Way::kUp) {
      std::uint64_t from = pick(3) == 0 ? pick(kEvents + 10) : 0;
      for (;;) {
        std::uint64_t expected = from;
        while (expected < end && !matches(query, events[expected])) { ++expected; }
        const auto at = positions.seek(Position(from)).value();
        ASSERT_EQ(at.has_value(), expected < end) << round;
        if (!at) { break; }
        ASSERT_EQ(at->value(), expected) << round;
        ++found;
        from = expected + leap;
      }
    } else {
      std::int64_t from = static_cast<std::int64_t>(pick(3) == 0 ? pick(kEvents + 10) : kEvents);
      while (from >= 0) {
        std::int64_t expected = std::min(from, static_cast<std::int64_t>(end) - 1);
        while (expected >= 0 && !matches(query, events[static_cast<std::uint64_t>(expected)])) { --expected; }
        const auto at = positions.seek(Position(static_cast<std::uint64_t>(from))).value();
        ASSERT_EQ(at.has_value(), expected >= 0) << round;
        if (!at) { break; }
        ASSERT_EQ(at->value(), static_cast<std::uint64_t>(expected)) << round;
        ++found;
        from = expected - static_cast<std::int64_t>(leap);
      }
    }
  }
  EXPECT_GT(found, 10'000U);
}

}  // namespace
}  // namespace tidemark::index
