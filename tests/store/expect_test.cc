// SPDX-License-Identifier: Apache-2.0
// Goal: an event joins its stream only where the writer expected it; every expectation that failed is told with what
// was expected and what is; nothing else changes. Method: a table of kinds against streams of 0 to 3 events; batches
// over several streams, sequenced alone and behind appends that are still under way.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/store/support.h"

namespace tidemark {
namespace {

using namespace test;

struct Row {
  Expect expect;
  std::vector<bool> met;  // by the number of events in the stream
};

const std::vector<Row> kTable = {
    {Expect::any(), {true, true, true, true}},
    {Expect::no_stream(), {true, false, false, false}},
    {Expect::stream_exists(), {false, true, true, true}},
    {Expect::exactly(0), {false, true, false, false}},
    {Expect::exactly(1), {false, false, true, false}},
    {Expect::exactly(2), {false, false, false, true}},
    {Expect::exactly(7), {false, false, false, false}},
    {Expect::exactly(std::numeric_limits<std::uint64_t>::max()), {false, false, false, false}},
};

// How the events are there when the expectation is judged.
enum class Before : std::uint8_t { kDurable, kUnderWay, kReopened };

class Expectations : public testing::TestWithParam<Before> {};

TEST_P(Expectations, TheTable) {
  for (const bool only_check : {false, true}) {
    for (const Row& row : kTable) {
      for (std::uint64_t count = 0; count < row.met.size(); ++count) {
        World world;
        Store store = world.open();
        for (std::uint64_t i = 0; i < count; ++i) {
          Batch batch;
          batch.to("s").add(event("T"));
          if (GetParam() == Before::kUnderWay) {
            (void)must(store.submit(batch));
          } else {
            must(store.append(batch));
          }
        }
        if (GetParam() == Before::kReopened) {
          must(store.close());
          store = world.open();
        }
        Batch batch;
        if (only_check) {
          batch.check("s", row.expect);
        } else {
          batch.to("s", row.expect).add(event("T", "new"));
        }
        const auto receipt = store.append(batch);
        SCOPED_TRACE(to_string(row.expect) + " with " + std::to_string(count) + " events");
        const std::uint64_t added = row.met[count] && !only_check ? 1 : 0;
        EXPECT_EQ(read(store).size(), count + added);
        if (row.met[count]) {
          ASSERT_TRUE(ok(receipt));
          EXPECT_EQ(receipt->count, added);
          if (added != 0) { EXPECT_EQ(receipt->streams.at(0).first, Version(count)); }
        } else {
          ASSERT_TRUE(fails_with(receipt, ErrorCode::kVersionConflict));
          const auto actual = count == 0 ? std::nullopt : std::optional(Version(count - 1));
          EXPECT_EQ(receipt.error().conflicts(), (std::vector<Conflict>{{"s", row.expect, actual}}));
        }
      }
    }
  }
}

std::string name_of(const testing::TestParamInfo<Before>& info) {
  switch (info.param) {
    case Before::kDurable:
      return "Durable";
    case Before::kUnderWay:
      return "UnderWay";
    case Before::kReopened:
      return "Reopened";
  }
  return {};
}

INSTANTIATE_TEST_SUITE_P(Before, Expectations, testing::Values(Before::kDurable, Before::kUnderWay, Before::kReopened),
                         name_of);

TEST(ExpectSeveral, AllOrNothingAndEveryFailureIsTold) {
  World world;
  Store store = world.open();
  must(append(store, "account-1", "a"));
  must(append(store, "account-2", "b"));
  Batch batch;
  batch.to("account-1", Expect::exactly(4)).add(event("Withdrawn"));
  batch.to("account-2", Expect::stream_exists()).add(event("Deposited"));
  batch.check("ledger", Expect::exactly(9));
  batch.check("fresh", Expect::no_stream());
  batch.to("account-3", Expect::stream_exists()).add(event("Deposited"));
  const auto failed = store.append(batch);
  ASSERT_TRUE(fails_with(failed, ErrorCode::kVersionConflict));
  EXPECT_THAT(failed.error().conflicts(),
              testing::UnorderedElementsAre(Conflict{"account-1", Expect::exactly(4), Version(0)},
                                            Conflict{"ledger", Expect::exactly(9), std::nullopt},
                                            Conflict{"account-3", Expect::stream_exists(), std::nullopt}));
  EXPECT_EQ(read(store).size(), 2U);
  EXPECT_FALSE(must(store.stream("account-3")));
}

// Error::conflicts() says: in the order of the batch.
TEST(ExpectSeveral, ConflictsStandInTheOrderOfTheBatch) {
  World world;
  Store store = world.open();
  Batch batch;
  batch.check("z-checked-first", Expect::stream_exists());
  batch.to("y-appended", Expect::exactly(1)).add(event("T"));
  batch.check("x-checked-last", Expect::exactly(2));
  const auto failed = store.append(batch);
  ASSERT_TRUE(fails_with(failed, ErrorCode::kVersionConflict));
  EXPECT_THAT(failed.error().conflicts(),
              testing::ElementsAre(Conflict{"z-checked-first", Expect::stream_exists(), std::nullopt},
                                   Conflict{"y-appended", Expect::exactly(1), std::nullopt},
                                   Conflict{"x-checked-last", Expect::exactly(2), std::nullopt}));
}

TEST(ExpectSeveral, OneBatchOverSeveralStreamsIsOneCommit) {
  World world;
  Store store = world.open();
  must(append(store, "b", "old"));
  const auto writes = world.files.calls(World::Kind::kPwritev);
  const auto syncs = world.files.calls(World::Kind::kDatasync);
  Batch batch;
  batch.check("c", Expect::no_stream());
  batch.to("a", Expect::no_stream()).add(event("T", "1"));
  batch.to("b", Expect::exactly(0)).add(event("T", "2")).add(event("T", "3"));
  batch.to("a").add(event("T", "4"));
  const auto receipt = must(store.append(batch));
  EXPECT_EQ(world.files.calls(World::Kind::kPwritev), writes + 2);  // of the log, of the live page
  EXPECT_EQ(world.files.calls(World::Kind::kDatasync), syncs + 1);
  EXPECT_EQ(lines(store), (Lines{"0 b@0 old", "1 a@0 1", "2 b@1 2", "3 b@2 3", "4 a@1 4"}));
  EXPECT_EQ(receipt.first, Position(1));
  EXPECT_EQ(receipt.count, 4U);
  EXPECT_EQ(receipt.streams,
            (std::vector<StreamReceipt>{{"a", Version(0), Version(1)}, {"b", Version(1), Version(2)}}));
}

TEST(ExpectSeveral, APureCheckWritesNothing) {
  World world;
  Store store = world.open();
  must(append(store, "a", "1"));
  const auto writes = world.writing_calls();
  Batch batch;
  batch.check("a", Expect::exactly(0)).check("b", Expect::no_stream());
  const auto receipt = must(store.append(batch));
  EXPECT_EQ(receipt.count, 0U);
  EXPECT_TRUE(receipt.streams.empty());
  EXPECT_TRUE(ok(store.append("a", Expect::stream_exists(), {})));
  EXPECT_TRUE(fails_with(store.append("a", Expect::no_stream(), {}), ErrorCode::kVersionConflict));
  EXPECT_EQ(world.writing_calls(), writes);
  EXPECT_EQ(read(store).size(), 1U);
}

TEST(ExpectSeveral, AnAnswerWaitsUntilWhatItRestsOnIsDurable) {
  World world;
  Store store = world.open();
  const AppendOptions buffered{.durability = Durability::kBuffered};
  must(append(store, "a", "1", Expect::any(), buffered));
  EXPECT_EQ(store.info().durable, Position(0));
  // Judged for a buffered caller it may rest on what is only written.
  EXPECT_TRUE(fails_with(append(store, "a", "2", Expect::no_stream(), buffered), ErrorCode::kVersionConflict));
  EXPECT_EQ(store.info().durable, Position(0));
  EXPECT_TRUE(fails_with(append(store, "a", "2", Expect::no_stream()), ErrorCode::kVersionConflict));
  EXPECT_EQ(store.info().durable, Position(1));
  must(append(store, "a", "3", Expect::any(), buffered));
  EXPECT_TRUE(ok(store.append("a", Expect::exactly(1), {})));
  EXPECT_EQ(store.info().durable, Position(2));
}

TEST(ExpectSeveral, ContradictoryExpectationsAreRefused) {
  World world;
  Store store = world.open();
  Batch batch;
  batch.to("a", Expect::no_stream()).add(event("T"));
  batch.check("a", Expect::stream_exists());
  EXPECT_TRUE(fails_with(store.append(batch), ErrorCode::kInvalidArgument));
  EXPECT_TRUE(read(store).empty());
  Batch same;
  same.to("a", Expect::no_stream()).add(event("T"));
  same.to("a").add(event("T"));
  same.to("a", Expect::no_stream()).add(event("T"));
  EXPECT_TRUE(ok(store.append(same)));
}

// A batch finds a stream that it has named already, however many it has.
TEST(ExpectSeveral, ManyStreamsInOneBatch) {
  World world;
  Store store = world.open();
  Batch batch;
  for (int round = 0; round < 2; ++round) {
    for (int i = 0; i < 1000; ++i) { batch.to("s" + std::to_string(i)).add(event("T", std::to_string(round))); }
  }
  const auto receipt = must(store.append(batch));
  ASSERT_EQ(receipt.streams.size(), 1000U);
  for (std::uint64_t i = 0; i < 1000; ++i) {
    EXPECT_EQ(receipt.streams[i], (StreamReceipt{"s" + std::to_string(i), Version(0), Version(1)}));
  }
  EXPECT_EQ(store.info().streams, 1000U);
  EXPECT_EQ(lines(store, Query::stream("s999")), (Lines{"999 s999@0 0", "1999 s999@1 1"}));
}

// More streams than are remembered: what is said of one is the same whether it is remembered or looked up.
TEST(ExpectMany, StreamsThatWereForgotten) {
  World world;
  Store store = world.open({.segment_bytes_first = std::uint64_t{64} << 20U});
  const std::string tail(1000, 'x');
  constexpr int kBatches = 160;
  constexpr int kStreams = 250;
  const auto name = [&](int n) { return std::to_string(n) + "-" + tail; };
  for (int i = 0; i < kBatches; ++i) {
    Batch batch;
    for (int n = 0; n < kStreams; ++n) { batch.to(name(kStreams * i + n), Expect::no_stream()).add({.type = "T"}); }
    must(store.append(batch, {.durability = Durability::kBuffered}));
  }
  for (const int n : {0, 1, 100, kStreams * kBatches / 2, kStreams * kBatches - 1}) {
    SCOPED_TRACE(n);
    Batch absent;
    absent.to(name(n), Expect::no_stream()).add({.type = "T"});
    const auto refused = store.append(absent);
    ASSERT_TRUE(fails_with(refused, ErrorCode::kVersionConflict));
    EXPECT_EQ(refused.error().conflicts().at(0).actual, Version(0));
    // Several together, of which some are remembered, one is only checked, and one is new.
    Batch several;
    several.to(name(n), Expect::exactly(0)).add({.type = "T", .id = EventId::from_name(std::to_string(n))});
    several.check(name((n + 77) % (kStreams * kBatches)), Expect::stream_exists());
    several.to("new " + std::to_string(n), Expect::no_stream()).add({.type = "T"});
    several.fail_if_match(Query::type("there is none"));
    const auto receipt = store.append(several);
    ASSERT_TRUE(ok(receipt));
    EXPECT_EQ(receipt->streams.at(0).first, Version(1));
    EXPECT_EQ(receipt->streams.at(1).first, Version(0));
    const auto repeated = store.append(several);
    ASSERT_TRUE(ok(repeated));
    EXPECT_TRUE(repeated->already_appended);
    EXPECT_EQ(repeated->first, receipt->first);
  }
}

}  // namespace
}  // namespace tidemark
