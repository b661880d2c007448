// SPDX-License-Identifier: Apache-2.0
// Goal: what was sequenced last is known from memory, stream by stream and id by id, up to a bound; what is dropped was
// old enough. Method: batches added and trimmed, held against a model of the whole log.
#include "engine/commit/recent.h"

#include <gtest/gtest.h>
#include <map>
#include <random>

#include "tests/engine/format/sample_frame.h"

namespace tidemark::engine {
namespace {

using namespace test;

class RecentTest : public testing::Test {
 protected:
  Recent recent{Position(0)};
  std::map<std::string, std::uint64_t> counts;
  std::uint64_t next = 0;

  void add(const std::vector<std::string>& streams, std::size_t data_bytes = 10, std::optional<EventId> id = {}) {
    Batch batch;
    const std::string data(data_bytes, 'x');
    for (const auto& stream : streams) {
      batch.to(stream).add({.type = "T", .data = as_bytes(data), .id = id});
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
    return recent.count(index::make_key(index::KeyKind::kStream, stream));
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
  recent.trim(Position(next));
  EXPECT_EQ(recent.begin(), Position(0));  // little is kept anyway
  for (int i = 0; i < 100; ++i) { add({"b"}, 100'000); }
  recent.trim(Position(0));
  EXPECT_EQ(recent.begin(), Position(0));  // nothing below the end
  EXPECT_EQ(count("a"), 1U);
  recent.trim(Position(50));
  EXPECT_EQ(recent.begin(), Position(50));
  EXPECT_FALSE(count("a"));
  EXPECT_FALSE(recent.knows(EventId::from_name("first")));
  EXPECT_EQ(count("b"), 100U);  // appended to after the beginning, too
  recent.trim(Position(next));
  EXPECT_GT(recent.begin(), Position(50));
  EXPECT_LT(recent.begin(), Position(next));
  EXPECT_EQ(count("b"), 100U);
}

TEST_F(RecentTest, ManySmallBatchesAreBoundedToo) {
  for (int i = 0; i < 10'000; ++i) { add({"s" + std::to_string(i % 7)}); }
  recent.trim(Position(next));
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
    if (random() % 3 == 0) { recent.trim(Position(random() % (next + 1))); }
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

}  // namespace
}  // namespace tidemark::engine
