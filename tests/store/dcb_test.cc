// SPDX-License-Identifier: Apache-2.0
// Goal: fail_if_match lets an append in exactly if no event after `after` matches, and tells every condition that
// stands in the way with the first event that does. Method: the rules as tables, each on a log that is durable, only
// written, still under way, or was opened again.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/store/support.h"

namespace tidemark {
namespace {

using namespace test;

using Conflicts = std::vector<MatchConflict>;

std::optional<Position> at(std::optional<std::uint64_t> position) {
  return position ? std::optional(Position(*position)) : std::nullopt;
}

Batch guarded(const Query& query, std::optional<std::uint64_t> after = {}) {
  Batch batch;
  batch.fail_if_match(query, {.after = at(after)});
  return batch;
}

testing::AssertionResult conflicts_with(const Result<Receipt>& answer, const Conflicts& conflicts) {
  if (auto failed = fails_with(answer, ErrorCode::kMatchConflict); !failed) { return failed; }
  if (!answer.error().conflicts().empty()) { return testing::AssertionFailure() << "it tells of expected versions"; }
  if (answer.error().match_conflicts() == conflicts) { return testing::AssertionSuccess(); }
  return testing::AssertionFailure() << testing::PrintToString(answer.error().match_conflicts()) << " instead of "
                                     << testing::PrintToString(conflicts);
}

enum class State : std::uint8_t { kDurable, kBuffered, kUnderWay, kReopened };

class Dcb : public testing::TestWithParam<State> {
 protected:
  World world;
  Store store = world.open(tiny_segments());
  std::vector<Ticket> tickets;

  // Four events, in more than one segment.
  void SetUp() override {
    put("a-1", "T", {"x"});
    put("b-1", "U", {"y"});
    put("a-1", "T", {"x", "y"});
    put("b-2", "V", {});
    if (GetParam() == State::kReopened) {
      must(store.close());
      store = world.open(tiny_segments());
    }
    ASSERT_EQ(store.info().sequenced, Position(4));
  }
  void put(std::string_view stream, std::string_view type, const std::vector<std::string_view>& tags) {
    const std::string data(1500, 'd');
    Batch batch;
    batch.to(stream).add({.type = type, .data = as_bytes(data), .tags = tags});
    if (GetParam() == State::kUnderWay) {
      tickets.push_back(must(store.submit(batch)));
    } else {
      const bool buffered = GetParam() == State::kBuffered;
      must(store.append(batch, {.durability = buffered ? Durability::kBuffered : Durability::kDurable}));
    }
  }
};

struct Row {
  Query query;
  std::optional<std::uint64_t> after;
  std::optional<std::uint64_t> conflict;  // the first event in the way
};

const std::vector<Row> kTable = {
    // Without `after` any match fails.
    {Query::all(), {}, 0},
    {Query::type("T"), {}, 0},
    {Query::type("V"), {}, 3},
    {Query::type("W"), {}, {}},
    {Query::tag("x"), {}, 0},
    {Query::tag("y"), {}, 1},
    {Query::tag("z"), {}, {}},
    {Query::all().tags({"x", "y"}), {}, 2},
    {Query::all().tags({"x", "z"}), {}, {}},
    {Query::type("T").tags({"y"}), {}, 2},
    {Query::type("V").tags({"y"}), {}, {}},
    {Query::stream("b-1"), {}, 1},
    {Query::stream("b-3"), {}, {}},
    {Query::stream("a-1").types({"U"}), {}, {}},
    {Query::stream("a-1").tags({"y"}), {}, 2},
    {Query::category("b"), {}, 1},
    {Query::category("b").types({"V"}), {}, 3},
    {Query::category("c"), {}, {}},
    {Query::all().any_of({{.types = {"V"}}, {.tags = {"x", "y"}}}), {}, 2},
    {Query::all().any_of({{.types = {"W"}}, {.tags = {"z"}}}), {}, {}},
    // `after` is exclusive: before a match, on it, past it.
    {Query::type("U"), 0, 1},
    {Query::type("U"), 1, {}},
    {Query::type("U"), 2, {}},
    {Query::type("T"), 0, 2},
    {Query::type("T"), 1, 2},
    {Query::type("T"), 2, {}},
    {Query::tag("x"), 1, 2},
    {Query::tag("x"), 2, {}},
    {Query::stream("a-1"), 0, 2},
    {Query::stream("a-1"), 2, {}},
    {Query::category("b"), 1, 3},
    {Query::all().any_of({{.types = {"U"}}, {.types = {"V"}}}), 1, 3},
    {Query::all(), 0, 1},
    {Query::all(), 2, 3},
    // On the last event nothing is left, whatever matches.
    {Query::all(), 3, {}},
    {Query::type("T"), 3, {}},
    {Query::type("V"), 3, {}},
    {Query::category("b"), 3, {}},
    {Query::type("W"), 3, {}},
};

TEST_P(Dcb, Table) {
  for (const Row& row : kTable) {
    SCOPED_TRACE(to_string(row.query) + " after " + (row.after ? std::to_string(*row.after) : "none"));
    Batch batch = guarded(row.query, row.after);
    const auto checked = store.append(batch);
    if (row.conflict) {
      EXPECT_TRUE(conflicts_with(checked, {{0, Position(*row.conflict)}}));
      // With events the same, and none of them goes in.
      batch.to("new").add(event("T", "x"));
      EXPECT_TRUE(conflicts_with(store.append(batch), {{0, Position(*row.conflict)}}));
      EXPECT_TRUE(conflicts_with(must(store.submit(batch)).wait(), {{0, Position(*row.conflict)}}));
      EXPECT_TRUE(fails_with(store.append(batch, {.durability = Durability::kBuffered}), ErrorCode::kMatchConflict));
    } else {
      ASSERT_TRUE(ok(checked));
      EXPECT_EQ(checked->count, 0U);
      EXPECT_TRUE(checked->streams.empty());
      EXPECT_FALSE(checked->already_appended);
    }
    EXPECT_EQ(store.info().sequenced, Position(4));
  }
}

TEST_P(Dcb, WhatMayGoInDoes) {
  Batch batch = guarded(Query::tag("z"));
  batch.to("new", Expect::no_stream()).add({.type = "N", .tags = {"z"}});
  const auto receipt = must(store.append(batch));
  EXPECT_EQ(receipt.first, Position(4));
  EXPECT_EQ(receipt.count, 1U);
  EXPECT_TRUE(conflicts_with(store.append(guarded(Query::tag("z"))), {{0, Position(4)}}));
  EXPECT_TRUE(ok(store.append(guarded(Query::tag("z"), 4))));
}

TEST_P(Dcb, ThereMustBeAnEventAtAfter) {
  for (const Query& query : {Query::all(), Query::type("T"), Query::type("W"), Query::stream("b-3")}) {
    for (const std::uint64_t after :
         {std::uint64_t{4}, std::uint64_t{5}, std::uint64_t{1} << 63U, std::numeric_limits<std::uint64_t>::max()}) {
      SCOPED_TRACE(to_string(query) + " after " + std::to_string(after));
      Batch batch = guarded(query, after);
      EXPECT_TRUE(fails_with(store.append(batch), ErrorCode::kInvalidArgument));
      batch.to("new").add(event("N"));
      EXPECT_TRUE(ok(batch.validate()));  // another store may have it
      EXPECT_TRUE(fails_with(store.append(batch), ErrorCode::kInvalidArgument));
      const auto ticket = store.submit(batch);
      EXPECT_TRUE(fails_with(ticket ? ticket->wait() : std::unexpected(ticket.error()), ErrorCode::kInvalidArgument));
    }
  }
  EXPECT_EQ(store.info().sequenced, Position(4));
}

// Nor does an event count that the same append would put there.
TEST_P(Dcb, AfterIsNotAmongTheBatchsOwnEvents) {
  Batch batch = guarded(Query::type("T"), 4);
  batch.to("new").add(event("N")).add(event("N"));
  EXPECT_TRUE(fails_with(store.append(batch), ErrorCode::kInvalidArgument));
}

TEST_P(Dcb, EveryConditionThatFailedIsTold) {
  Batch batch;
  batch
      .fail_if_match(Query::type("T"), {.after = Position(0)})      // 0: at 2
      .fail_if_match(Query::type("W"))                              // 1: holds
      .fail_if_match(Query::all())                                  // 2: at 0
      .fail_if_match(Query::tag("y"), {.after = Position(2)})       // 3: holds
      .fail_if_match(Query::category("b"), {.after = Position(1)})  // 4: at 3
      .fail_if_match(Query::category("b"), {.after = Position(1)})  // 5: the same again
      .fail_if_match(Query::all(), {.after = Position(3)});         // 6: holds
  const Conflicts expected = {{0, Position(2)}, {2, Position(0)}, {4, Position(3)}, {5, Position(3)}};
  EXPECT_TRUE(conflicts_with(store.append(batch), expected));
  batch.to("new").add(event("T"));
  EXPECT_TRUE(conflicts_with(store.append(batch), expected));
  EXPECT_TRUE(conflicts_with(must(store.submit(batch)).wait(), expected));
}

TEST_P(Dcb, ManyConditionsThatHold) {
  Batch batch;
  for (int i = 0; i < 100; ++i) { batch.fail_if_match(Query::tag(std::to_string(i))); }
  batch.fail_if_match(Query::all(), {.after = Position(3)});
  batch.to("new").add(event("N"));
  EXPECT_TRUE(ok(store.append(batch)));
}

TEST_P(Dcb, BesideExpectedVersions) {
  const auto both = [](Expect expect, const Query& query) {
    Batch batch;
    batch.to("a-1", expect).add(event("N"));
    batch.check("b-1", expect);
    batch.fail_if_match(Query::type("W")).fail_if_match(query);
    return batch;
  };
  // Both fail.
  const auto answer = store.append(both(Expect::no_stream(), Query::tag("y")));
  ASSERT_TRUE(fails_with(answer, ErrorCode::kVersionConflict));
  EXPECT_EQ(answer.error().conflicts(), (std::vector<Conflict>{{"a-1", Expect::no_stream(), Version(1)},
                                                               {"b-1", Expect::no_stream(), Version(0)}}));
  EXPECT_EQ(answer.error().match_conflicts(), (Conflicts{{1, Position(1)}}));
  // Only the expectations.
  const auto versions = store.append(both(Expect::exactly(1), Query::tag("z")));
  ASSERT_TRUE(fails_with(versions, ErrorCode::kVersionConflict));
  EXPECT_EQ(versions.error().conflicts(), (std::vector<Conflict>{{"b-1", Expect::exactly(1), Version(0)}}));
  EXPECT_TRUE(versions.error().match_conflicts().empty());
  // Only the condition.
  EXPECT_TRUE(conflicts_with(store.append(both(Expect::stream_exists(), Query::tag("y"))), {{1, Position(1)}}));
  EXPECT_EQ(store.info().sequenced, Position(4));
  // Neither.
  EXPECT_TRUE(ok(store.append(both(Expect::stream_exists(), Query::tag("z")))));
  EXPECT_EQ(store.info().sequenced, Position(5));
}

TEST_P(Dcb, TheMessageNamesEveryConflict) {
  tickets.clear();
  for (int i = 4; i < 30; ++i) { put("c-1", i == 17 ? "Seventeen" : i == 23 ? "Last" : "W", {}); }
  Batch batch;
  batch.fail_if_match(Query::type("Seventeen"))
      .fail_if_match(Query::tag("unrelated"))
      .fail_if_match(Query::type("Last"));
  const auto answer = store.append(batch);
  ASSERT_TRUE(conflicts_with(answer, {{0, Position(17)}, {2, Position(23)}}));
  EXPECT_THAT(answer.error().message(), testing::HasSubstr("17"));
  EXPECT_THAT(answer.error().message(), testing::HasSubstr("23"));
  EXPECT_THAT(answer.error().message(), testing::Not(testing::HasSubstr("unrelated")));
}

TEST_P(Dcb, ThePositionThatWasSeenGuardsTheDecision) {
  Cursor cursor = store.read(Query::tag("y"), {.visibility = Visibility::kWritten});
  must(cursor.for_each([](const Event&) {}));
  const auto seen = cursor.last_visible();
  // While under way nothing is seen, and so everything counts.
  EXPECT_EQ(seen, GetParam() == State::kUnderWay ? std::nullopt : at(3));
  Batch batch;
  batch.to("new").add({.type = "N", .tags = {"y"}});
  batch.fail_if_match(Query::tag("y"), {.after = seen});
  const auto first = store.append(batch);
  if (seen) {
    EXPECT_TRUE(ok(first));
  } else {
    EXPECT_TRUE(conflicts_with(first, {{0, Position(1)}}));
  }
}

INSTANTIATE_TEST_SUITE_P(On, Dcb,
                         testing::Values(State::kDurable, State::kBuffered, State::kUnderWay, State::kReopened),
                         [](const auto& one) {
                           switch (one.param) {
                             case State::kDurable:
                               return "Durable";
                             case State::kBuffered:
                               return "Buffered";
                             case State::kUnderWay:
                               return "UnderWay";
                             case State::kReopened:
                               return "Reopened";
                           }
                           return "";
                         });

TEST(DcbOf, AnEmptyStore) {
  World world;
  Store store = world.open();
  EXPECT_TRUE(ok(store.append(guarded(Query::all()))));
  EXPECT_TRUE(ok(store.append(guarded(Query::tag("x")))));
  EXPECT_TRUE(fails_with(store.append(guarded(Query::all(), 0)), ErrorCode::kInvalidArgument));
  Batch batch = guarded(Query::all());
  batch.to("a").add(event("T"));
  EXPECT_EQ(must(store.append(batch)).first, Position(0));
  batch.clear();
  batch.to("a").add(event("T"));
  batch.fail_if_match(Query::all());
  EXPECT_TRUE(conflicts_with(store.append(batch), {{0, Position(0)}}));
}

TEST(DcbOf, ABatchsOwnEventsDoNotCount) {
  World world;
  Store store = world.open();
  const auto taken = [] {
    Batch batch;
    batch.to("name-1").add({.type = "NameTaken", .tags = {"name:ada"}});
    batch.to("name-1").add({.type = "NameTaken", .tags = {"name:ada"}});
    batch.fail_if_match(Query::tag("name:ada")).fail_if_match(Query::stream("name-1")).fail_if_match(Query::all());
    return batch;
  };
  EXPECT_EQ(must(store.append(taken())).count, 2U);
  EXPECT_TRUE(conflicts_with(store.append(taken()), {{0, Position(0)}, {1, Position(0)}, {2, Position(0)}}));
}

TEST(DcbOf, ACheckWritesNothing) {
  World world;
  Store store = world.open();
  must(append(store, "a", "1"));
  const auto writes = world.files.calls(World::Kind::kPwritev);
  const auto syncs = world.files.calls(World::Kind::kDatasync);
  for (int i = 0; i < 10; ++i) {
    EXPECT_TRUE(ok(store.append(guarded(Query::type("U")))));
    EXPECT_TRUE(conflicts_with(store.append(guarded(Query::type("T"))), {{0, Position(0)}}));
  }
  Batch with_versions = guarded(Query::type("U"), 0);
  with_versions.check("a", Expect::exactly(0)).check("b", Expect::no_stream());
  EXPECT_TRUE(ok(store.append(with_versions)));
  EXPECT_EQ(world.files.calls(World::Kind::kPwritev), writes);
  EXPECT_EQ(world.files.calls(World::Kind::kDatasync), syncs);
}

// As for expected versions: what is known to be there is answered with its receipt, whatever the conditions say now.
TEST(DcbOf, ARepeatedBatchGivesItsReceiptWhateverMatchesNow) {
  for (const bool given : {false, true}) {
    for (const bool reopened : {false, true}) {
      World world;
      Store store = world.open(tiny_segments());
      must(append(store, "before", "x"));
      Batch batch;
      NewEvent event{.type = "NameTaken", .tags = {"name:ada"}};
      if (given) { event.id = EventId::from_name("ada"); }
      batch.to("name-1").add(event);
      batch.fail_if_match(Query::tag("name:ada"));
      const auto original = must(store.append(batch));
      for (int i = 0; i < 6; ++i) { must(append(store, "between", std::string(1500, 'x'))); }
      if (reopened) {
        must(store.close());
        store = world.open(tiny_segments());
      }
      const auto again = store.append(batch);
      ASSERT_TRUE(ok(again));
      EXPECT_TRUE(again->already_appended);
      EXPECT_EQ(again->first, original.first);
      EXPECT_EQ(again->streams, original.streams);
      if (given) {
        // Also from a batch made anew, whose condition is another.
        Batch anew;
        anew.to("name-1").add(event);
        anew.fail_if_match(Query::all());
        EXPECT_TRUE(must(store.append(anew)).already_appended);
      }
      // Its content under new ids is a new append.
      Batch other;
      other.to("name-1").add({.type = "NameTaken", .tags = {"name:ada"}});
      other.fail_if_match(Query::tag("name:ada"));
      EXPECT_TRUE(conflicts_with(store.append(other), {{0, original.first}}));
    }
  }
}

TEST(DcbOf, ABatchThatWasRefusedCanBeTriedAgain) {
  World world;
  Store store = world.open();
  must(store.append("a", Expect::any(), {{.type = "T", .tags = {"x"}}}));
  Batch batch = guarded(Query::tag("x"));
  batch.to("a").add({.type = "T", .tags = {"x"}});
  EXPECT_TRUE(conflicts_with(store.append(batch), {{0, Position(0)}}));
  EXPECT_TRUE(conflicts_with(store.append(batch), {{0, Position(0)}}));
  EXPECT_EQ(read(store).size(), 1U);
}

TEST(DcbOf, AReadOnlyOrClosedStoreChecksNothing) {
  World world;
  Store store = world.open();
  must(append(store, "a", "1"));
  Store reader = world.open({.read_only = true});
  EXPECT_TRUE(fails_with(reader.append(guarded(Query::all())), ErrorCode::kReadOnly));
  must(reader.close());
  EXPECT_TRUE(fails_with(reader.append(guarded(Query::all())), ErrorCode::kClosed));
}

}  // namespace
}  // namespace tidemark
