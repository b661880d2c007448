// SPDX-License-Identifier: Apache-2.0
// Goal: what was sequenced last is known from memory, stream by stream and id by id, up to a bound; what is dropped was
// old enough. Method: batches added and trimmed, held against a model of the whole log.
#include "engine/commit/recent.h"

#include <algorithm>
#include <gtest/gtest.h>
#include <map>
#include <random>

#include "engine/log/query_keys.h"
#include "tests/engine/format/sample_frame.h"

namespace tidemark::engine {
namespace {

using namespace test;

class RecentTest : public testing::Test {
 protected:
  Recent recent{Position(0)};
  std::map<std::string, std::uint64_t> counts;
  std::uint64_t next = 0;

  void add(const std::vector<std::string>& streams, std::size_t data_bytes = 10, std::optional<EventId> id = {},
           std::string_view type = "T", const std::vector<std::string_view>& tags = {}) {
    Batch batch;
    const std::string data(data_bytes, 'x');
    for (const auto& stream : streams) {
      batch.to(stream).add({.type = type, .data = as_bytes(data), .tags = tags, .id = id});
      id.reset();
    }
    auto encoded = std::make_shared<EncodedBatch>(must(EncodedBatch::encode(batch)));
    std::vector<Version> versions;
    for (std::uint32_t i = 0; i < encoded->appended_streams(); ++i) {
      const StreamUse& use = encoded->streams()[i];
      auto& count = counts[std::string(use.key.name)];
      versions.emplace_back(count);
      count += use.events;
    }
    Assignment assignment;
    assignment.place = place_at(512);
    encoded->assign(assignment, versions);
    recent.add(encoded, Position(next), versions);
    next += encoded->event_count();
  }
  std::optional<std::uint64_t> count(const std::string& stream) {
    const StreamUse use{.key = index::make_key(index::KeyKind::kStream, stream)};
    std::optional<std::uint64_t> known;
    recent.counts({&use, 1}, {&known, 1});
    return known;
  }
};

TEST_F(RecentTest, KnowsWhatWasAdded) {
  EXPECT_FALSE(count("a"));
  add({"a", "b", "a"});
  EXPECT_EQ(count("a"), 2U);
  EXPECT_EQ(count("b"), 1U);
  EXPECT_FALSE(count("c"));
  add({"a"});
  EXPECT_EQ(count("a"), 3U);
}

TEST_F(RecentTest, KnowsGivenIdsAlone) {
  const EventId id = EventId::from_name("x");
  EXPECT_FALSE(recent.knows(id));
  add({"a", "b"}, 10, id);
  EXPECT_TRUE(recent.knows(id));
  EXPECT_FALSE(recent.knows(EventId::from_name("y")));
}

TEST_F(RecentTest, TrimsOnlyPastItsBudgetAndOnlyBelowTheEnd) {
  add({"a"}, 10, EventId::from_name("first"));
  EXPECT_TRUE(recent.trim(Position(next)).empty());
  EXPECT_EQ(recent.begin(), Position(0));  // little is kept anyway
  for (int i = 0; i < 100; ++i) { add({"b"}, 100'000); }
  EXPECT_TRUE(recent.trim(Position(0)).empty());
  EXPECT_EQ(recent.begin(), Position(0));  // nothing below the end
  EXPECT_EQ(count("a"), 1U);
  EXPECT_EQ(recent.trim(Position(50)).size(), 50U) << "given to who frees them";
  EXPECT_EQ(recent.begin(), Position(50));
  EXPECT_FALSE(recent.knows(EventId::from_name("first")));
  EXPECT_EQ(count("b"), 100U);  // appended to after the beginning, too
  EXPECT_FALSE(recent.trim(Position(next)).empty());
  EXPECT_GT(recent.begin(), Position(50));
  EXPECT_LT(recent.begin(), Position(next));
  EXPECT_EQ(count("b"), 100U);
}

// More than is kept of what may be forgotten: nothing may be before a trim.
TEST_F(RecentTest, WhatIsNotTrimmedIsNeverForgotten) {
  const std::string tail(1000, 'x');
  for (int i = 0; i < 600; ++i) {
    std::vector<std::string> streams;
    for (int n = 0; n < 100; ++n) { streams.push_back(std::to_string(100 * i + n) + tail); }
    add(streams);
  }
  for (const auto& [stream, events] : counts) { ASSERT_EQ(count(stream), events); }
  EXPECT_FALSE(recent.trim(Position(next)).empty());
  for (int n = 0; n < 100; ++n) { add({"more " + std::to_string(n) + tail}); }
  std::size_t known = 0;
  for (const auto& [stream, events] : counts) { known += count(stream) ? 1U : 0U; }
  EXPECT_LT(known, counts.size() - 10'000);
}

TEST_F(RecentTest, ManySmallBatchesAreBoundedToo) {
  for (int i = 0; i < 10'000; ++i) { add({"s" + std::to_string(i % 7)}); }
  EXPECT_FALSE(recent.trim(Position(next)).empty());
  EXPECT_GE(recent.begin(), Position(5000));
  EXPECT_LT(recent.begin(), Position(next));
}

// Whatever is added and trimmed: a stream appended to since begin() is known with its true count, and no other is.
TEST_F(RecentTest, EqualsAModel) {
  const std::uint32_t seed = std::random_device()();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937 random(seed);
  std::map<std::string, std::uint64_t> last;  // the first position of the last batch with the stream
  for (int round = 0; round < 3000; ++round) {
    std::vector<std::string> streams;
    for (auto n = 1 + random() % 3; n > 0; --n) {
      streams.push_back("stream number " + std::to_string(random() % 200));
    }
    for (const auto& stream : streams) { last[stream] = next; }
    add(streams, random() % 20 == 0 ? 200'000 : 100);
    if (random() % 3 == 0) { (void)recent.trim(Position(random() % (next + 1))); }
    if (round % 50 == 0) {
      for (const auto& [stream, first] : last) {
        const auto known = count(stream);
        if (Position(first) >= recent.begin()) {
          ASSERT_EQ(known, counts[stream]);
        } else if (known) {
          ASSERT_EQ(known, counts[stream]);
        }
      }
    }
  }
  EXPECT_GT(recent.begin(), Position(0));
}

TEST_F(RecentTest, FirstMatchEqualsAModelThroughTrims) {
  std::mt19937 random(17);
  const auto pick = [&](std::size_t n) { return std::uniform_int_distribution<std::size_t>(0, n - 1)(random); };
  const std::vector<std::string> streams = {"a-1", "a-2", "b", "-c"};
  const std::vector<std::string_view> types = {"T", "U"};
  const std::vector<std::string_view> tags = {"x", "y", "z"};
  struct Added {
    std::string stream;
    std::string_view type;
    std::vector<std::string_view> tags;
  };
  std::vector<Added> log;
  std::size_t found_some = 0;
  for (int round = 0; round < 3000; ++round) {
    Added event{streams[pick(4)], types[pick(2)], {}};
    for (const auto tag : tags) {
      if (pick(4) == 0) { event.tags.push_back(tag); }
    }
    const std::size_t copies = 1 + pick(3);  // so many events of the same names in one batch
    add(std::vector<std::string>(copies, event.stream), 2000, {}, event.type, event.tags);
    log.insert(log.end(), copies, event);
    if (pick(10) == 0) { (void)recent.trim(Position(next)); }
    if (round < 20) { continue; }  // the table of the newest is made late
    Query query = Query::all();
    const std::size_t scope = pick(3);
    if (scope == 1) { query = Query::category(pick(2) == 0 ? "a" : "b"); }
    if (scope == 2) { query = Query::stream(streams[pick(4)]); }
    if (pick(2) == 0) { query = query.types({types[pick(2)]}); }
    if (pick(2) == 0) { query = query.tags({tags[pick(3)]}); }
    const Position known(std::max(recent.begin().value(), next - std::min<std::uint64_t>(next, pick(40))));
    const Position from(next - std::min<std::uint64_t>(next, pick(60)));
    std::optional<Position> expected;
    for (std::uint64_t i = std::max(known, from).value(); i < next && !expected; ++i) {
      const Added& at = log[i];
      const bool in_scope = scope == 0 || (scope == 1 ? at.stream.substr(0, at.stream.find('-')) == query.scope_name()
                                                      : at.stream == query.scope_name());
      const auto& items = query.items();
      const bool match =
          items.empty() || ((items[0].types.empty() || items[0].types[0] == at.type) &&
                            (items[0].tags.empty() || std::ranges::find(at.tags, items[0].tags[0]) != at.tags.end()));
      if (in_scope && match) { expected = Position(i); }
    }
    const auto match = recent.first_match(key_query(query), from, known);
    ASSERT_EQ(match.has_value(), expected.has_value()) << to_string(query) << " round " << round;
    if (expected) {
      EXPECT_EQ(match->value(), expected->value()) << to_string(query) << " round " << round;
      ++found_some;
    }
  }
  EXPECT_GT(found_some, 500U);
  EXPECT_GT(recent.begin(), Position(100));  // trims did happen
}

}  // namespace
}  // namespace tidemark::engine
