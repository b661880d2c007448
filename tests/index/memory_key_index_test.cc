// SPDX-License-Identifier: Apache-2.0
// Goal: a key gives its positions in order, up to any end; keys of other kinds, names or hashes never mix; lists page
// in byte order. Method: small indexes by hand, a model of random adds, keys built to collide, and readers beside the
// adder.
#include "index/memory_key_index.h"

#include <algorithm>
#include <atomic>
#include <gtest/gtest.h>
#include <limits>
#include <map>
#include <random>
#include <string>
#include <thread>
#include <vector>

namespace tidemark::index {
namespace {

constexpr Position kNoEnd(std::numeric_limits<std::uint64_t>::max());

std::vector<std::uint64_t> all_of(const MemoryKeyIndex& index, const Key& key, Position end = kNoEnd,
                                  std::uint64_t ordinal = 0, std::size_t room = 100000) {
  std::vector<Position> into(room);
  into.resize(index.positions(key, ordinal, into, end));
  std::vector<std::uint64_t> values;
  for (const Position p : into) { values.push_back(p.value()); }
  return values;
}

std::vector<std::string> names_of(const std::vector<MemoryKeyIndex::Entry>& entries) {
  std::vector<std::string> names;
  for (const auto& entry : entries) { names.push_back(entry.name); }
  return names;
}

using Values = std::vector<std::uint64_t>;
using Names = std::vector<std::string>;

TEST(MemoryKeyIndex, GivesPositionsInOrderBelowAnEnd) {
  Arena memory;
  MemoryKeyIndex index(memory);
  const Key key = make_key(KeyKind::kStream, "a");
  EXPECT_EQ(index.count(key, kNoEnd), 0U);
  EXPECT_EQ(all_of(index, key), Values{});
  for (const std::uint64_t p : {2U, 5U, 9U, 10U}) { index.add(key, Position(p)); }
  EXPECT_EQ(all_of(index, key), (Values{2, 5, 9, 10}));
  for (std::uint64_t end = 0; end < 12; ++end) {
    Values expected;
    for (const std::uint64_t p : {2U, 5U, 9U, 10U}) {
      if (p < end) { expected.push_back(p); }
    }
    EXPECT_EQ(index.count(key, Position(end)), expected.size());
    EXPECT_EQ(all_of(index, key, Position(end)), expected);
  }
  EXPECT_EQ(all_of(index, key, kNoEnd, 1, 2), (Values{5, 9}));
  EXPECT_EQ(all_of(index, key, Position(10), 2, 5), (Values{9}));
  EXPECT_EQ(all_of(index, key, kNoEnd, 4), Values{});
  EXPECT_EQ(all_of(index, key, kNoEnd, std::numeric_limits<std::uint64_t>::max()), Values{});
  EXPECT_EQ(all_of(index, key, kNoEnd, 0, 0), Values{});
}

TEST(MemoryKeyIndex, KindsAreApart) {
  Arena memory;
  MemoryKeyIndex index(memory);
  const KeyKind kinds[] = {KeyKind::kStream, KeyKind::kCategory, KeyKind::kType, KeyKind::kTag, KeyKind::kCheckpoint};
  std::uint64_t position = 0;
  for (const KeyKind kind : kinds) { index.add(make_key(kind, "same"), Position(position++)); }
  position = 0;
  for (const KeyKind kind : kinds) {
    EXPECT_EQ(all_of(index, make_key(kind, "same")), Values{position++});
    EXPECT_EQ(index.key_count(kind, kNoEnd), 1U);
    EXPECT_EQ(names_of(index.list(kind, {.limit = 10}, kNoEnd)), Names{"same"});
  }
}

// Names whose hashes are the same are told apart by their bytes.
TEST(MemoryKeyIndex, CollidingHashesAreToldApart) {
  Arena memory;
  MemoryKeyIndex index(memory);
  const platform::Hash128 hash{42, 42};
  std::vector<std::string> names;
  for (int i = 0; i < 50; ++i) { names.push_back("name " + std::to_string(i)); }
  for (std::uint64_t i = 0; i < 200; ++i) { index.add({KeyKind::kStream, names[i % 50], hash}, Position(i)); }
  for (std::uint64_t i = 0; i < 50; ++i) {
    EXPECT_EQ(all_of(index, {KeyKind::kStream, names[i], hash}), (Values{i, i + 50, i + 100, i + 150}));
    EXPECT_EQ(index.count({KeyKind::kType, names[i], hash}, kNoEnd), 0U);
    // The same name under another hash is another key.
    EXPECT_EQ(index.count({KeyKind::kStream, names[i], {42, 58}}, kNoEnd), 0U);
  }
  EXPECT_EQ(index.key_count(KeyKind::kStream, kNoEnd), 50U);
}

// An event may have the same tag twice.
TEST(MemoryKeyIndex, APositionIsTakenOnce) {
  Arena memory;
  MemoryKeyIndex index(memory);
  const Key key = make_key(KeyKind::kTag, "t");
  for (const std::uint64_t position : {3U, 3U, 4U, 7U, 7U}) { index.add(key, Position(position)); }
  EXPECT_EQ(all_of(index, key), (Values{3, 4, 7}));
}

TEST(MemoryKeyIndex, KeepsNoViewOfTheCallersName) {
  Arena memory;
  MemoryKeyIndex index(memory);
  {
    std::string name = "a name that is long enough to live outside the string itself";
    index.add(make_key(KeyKind::kStream, name), Position(0));
    std::ranges::fill(name, '#');
  }
  const Key key = make_key(KeyKind::kStream, "a name that is long enough to live outside the string itself");
  index.add(key, Position(1));
  EXPECT_EQ(all_of(index, key), (Values{0, 1}));
}

TEST(MemoryKeyIndex, ListsPageByNameInByteOrder) {
  Arena memory;
  MemoryKeyIndex index(memory);
  const Names names = {"", "\x01", "A", "Z", "a", "a-1", "a-10", "a-2", "b", "\xC3\xA9", "\xF0\x9F\x98\x80"};
  std::uint64_t position = 0;
  for (auto name = names.rbegin(); name != names.rend(); ++name) {
    index.add(make_key(KeyKind::kStream, *name), Position(position++));
  }
  const Names named(names.begin() + 1, names.end());  // "after" the empty name comes everything else
  EXPECT_EQ(names_of(index.list(KeyKind::kStream, {.limit = 100}, kNoEnd)), named);
  for (const std::uint64_t limit : {1U, 2U, 3U, 7U}) {
    Names paged;
    std::string after;
    for (;;) {
      const auto page = index.list(KeyKind::kStream, {.after = after, .limit = limit}, kNoEnd);
      EXPECT_LE(page.size(), limit);
      if (page.empty()) { break; }
      for (const auto& entry : page) { paged.push_back(entry.name); }
      after = page.back().name;
    }
    EXPECT_EQ(paged, named);
  }
  EXPECT_EQ(names_of(index.list(KeyKind::kStream, {.prefix = "a"}, kNoEnd)), (Names{"a", "a-1", "a-10", "a-2"}));
  EXPECT_EQ(names_of(index.list(KeyKind::kStream, {.prefix = "a-", .after = "a-1", .limit = 1}, kNoEnd)),
            Names{"a-10"});
  EXPECT_TRUE(index.list(KeyKind::kStream, {.prefix = "a", .after = "b"}, kNoEnd).empty());
  EXPECT_TRUE(index.list(KeyKind::kStream, {.limit = 0}, kNoEnd).empty());
  // With an end: only keys that begin below it, with what they have below it.
  index.add(make_key(KeyKind::kStream, "a"), Position(position));
  const auto whole = index.list(KeyKind::kStream, {.after = "Z", .limit = 1}, kNoEnd);
  ASSERT_EQ(whole.size(), 1U);
  EXPECT_EQ(whole[0].count, 2U);
  EXPECT_EQ(whole[0].last, Position(position));
  const auto before = index.list(KeyKind::kStream, {.after = "Z", .limit = 1}, Position(position));
  EXPECT_EQ(before.at(0).count, 1U);
  EXPECT_LT(before.at(0).last, Position(position));
  EXPECT_EQ(index.key_count(KeyKind::kStream, Position(3)), 3U);
  EXPECT_EQ(names_of(index.list(KeyKind::kStream, {.limit = 100}, Position(3))),
            (Names{"b", "\xC3\xA9", "\xF0\x9F\x98\x80"}));
}

TEST(MemoryKeyIndex, EqualsAModel) {
  const std::uint32_t seed = std::random_device()();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937 random(seed);
  Arena memory;
  MemoryKeyIndex index(memory);
  std::map<std::string, Values> model;
  for (std::uint64_t p = 0; p < 20000; ++p) {
    const std::string name = "k" + std::to_string(random() % (1 + p / 10));
    index.add(make_key(KeyKind::kTag, name), Position(p));
    model[name].push_back(p);
  }
  const Position end(random() % 20000);
  std::uint64_t keys = 0;
  for (const auto& [name, positions] : model) {
    const Key key = make_key(KeyKind::kTag, name);
    ASSERT_EQ(all_of(index, key), positions);
    const auto below = std::ranges::lower_bound(positions, end.value()) - positions.begin();
    ASSERT_EQ(index.count(key, end), static_cast<std::uint64_t>(below));
    if (below > 0) { ++keys; }
  }
  EXPECT_EQ(index.key_count(KeyKind::kTag, end), keys);
}

// One adds, others ask with an end that was published to them: they see all of it.
TEST(MemoryKeyIndex, ReadersBesideTheAdder) {
  Arena memory;
  MemoryKeyIndex index(memory);
  std::atomic<std::uint64_t> published = 0;
  std::atomic<bool> wrong = false;
  constexpr std::uint64_t kCount = 20000;
  {
    std::vector<std::jthread> readers;
    for (int t = 0; t < 3; ++t) {
      readers.emplace_back([&] {
        std::uint64_t end = 0;
        std::uint64_t ahead = 0;
        while (end < kCount) {
          end = published.load(std::memory_order_acquire);
          const std::string name = "k" + std::to_string(end % 10);
          const Key key = make_key(KeyKind::kStream, name);
          const std::uint64_t expected = end / 10;  // of the key whose turn is next
          if (index.count(key, Position(end)) != expected) { wrong = true; }
          Position first;
          if (expected > 0 && (index.positions(key, 0, {&first, 1}, Position(end)) != 1 || first.value() != end % 10)) {
            wrong = true;
          }
          (void)index.list(KeyKind::kStream, {.limit = 3}, Position(end));
          // One that is just coming.
          const std::string ahead_name = "fresh " + std::to_string(end + ahead++ % 50);
          const Key fresh = make_key(KeyKind::kType, ahead_name);
          if (index.count(fresh, Position(end)) != 0) { wrong = true; }
        }
      });
    }
    for (std::uint64_t p = 0; p < kCount; ++p) {
      index.add(make_key(KeyKind::kStream, "k" + std::to_string(p % 10)), Position(p));
      index.add(make_key(KeyKind::kType, "fresh " + std::to_string(p)), Position(p));
      published.store(p + 1, std::memory_order_release);
    }
  }
  EXPECT_FALSE(wrong);
}

}  // namespace
}  // namespace tidemark::index
