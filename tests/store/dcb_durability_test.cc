// SPDX-License-Identifier: Apache-2.0
// Goal: the answer to a condition rests on nothing that a crash can take away: a conflict with an event is told once
// that event has the durability asked for, and if it never gets it, the answer is a failure and no conflict. Events
// that have their place in the log count, written or not. Method: stores without threads, where nothing is written
// before somebody waits; gates and faults at the seam.
#include <cerrno>
#include <gtest/gtest.h>
#include <stop_token>
#include <thread>

#include "tests/store/support.h"

namespace tidemark {
namespace {

using namespace test;
using platform::SeamCall;
using platform::SeamFault;

const AppendOptions kBuffered{.durability = Durability::kBuffered};

Batch tagged(std::string_view tag, std::string_view stream = "a-1") {
  Batch batch;
  batch.to(stream).add({.type = "T", .tags = {tag}});
  return batch;
}

Batch guarded(const Query& query, std::optional<Position> after = {}) {
  Batch batch;
  batch.to("guarded").add(event("G"));
  batch.fail_if_match(query, {.after = after});
  return batch;
}

Batch check(const Query& query, std::optional<Position> after = {}) {
  Batch batch;
  batch.fail_if_match(query, {.after = after});
  return batch;
}

void expect_conflict(const Result<Receipt>& answer, Position position) {
  ASSERT_TRUE(fails_with(answer, ErrorCode::kMatchConflict));
  EXPECT_EQ(answer.error().match_conflicts(), (std::vector<MatchConflict>{{0, position}}));
}

const std::vector<Query>& ways_to_match() {
  static const std::vector<Query> queries = {Query::all(),
                                             Query::stream("a-1"),
                                             Query::category("a"),
                                             Query::type("T"),
                                             Query::tag("x"),
                                             Query::category("a").types({"T"}).tags({"x"}),
                                             Query::all().any_of({{.types = {"U"}}, {.tags = {"x"}}})};
  return queries;
}

TEST(DcbDurability, WhatIsOnlySequencedCounts) {
  for (const Query& query : ways_to_match()) {
    SCOPED_TRACE(to_string(query));
    World world;
    Store store = world.open();
    const Ticket first = must(store.submit(tagged("x")));
    const Ticket refused = must(store.submit(guarded(query)));
    const Ticket known = must(store.submit(guarded(query, Position(0))));
    EXPECT_EQ(store.info().written, Position(0));
    EXPECT_EQ(store.info().sequenced, Position(2));
    EXPECT_TRUE(ok(known.wait()));
    EXPECT_TRUE(ok(first.wait()));
    expect_conflict(refused.wait(), Position(0));
    EXPECT_EQ(read(store).size(), 2U);
  }
}

TEST(DcbDurability, AConflictIsToldOnceItsEventIsDurable) {
  for (const Query& query : ways_to_match()) {
    SCOPED_TRACE(to_string(query));
    World world;
    Store store = world.open();
    const Ticket first = must(store.submit(tagged("x")));
    const Ticket refused = must(store.submit(guarded(query)));
    const Ticket checked = must(store.submit(check(query)));
    EXPECT_FALSE(refused.poll());
    EXPECT_FALSE(checked.poll());
    EXPECT_TRUE(ok(first.wait()));
    expect_conflict(refused.wait(), Position(0));
    expect_conflict(checked.wait(), Position(0));
  }
}

// One who asks for durable answers has the event synced first; one who takes buffered ones has not.
TEST(DcbDurability, AConflictHasTheDurabilityThatWasAskedFor) {
  World world;
  Store store = world.open();
  must(store.append(tagged("x"), kBuffered));
  const auto syncs = world.files.calls(World::Kind::kDatasync);
  expect_conflict(store.append(guarded(Query::tag("x")), kBuffered), Position(0));
  EXPECT_EQ(world.files.calls(World::Kind::kDatasync), syncs);
  EXPECT_EQ(store.info().durable, Position(0));
  expect_conflict(store.append(guarded(Query::tag("x"))), Position(0));
  EXPECT_EQ(world.files.calls(World::Kind::kDatasync), syncs + 1);
  EXPECT_EQ(store.info().durable, Position(1));
  // Who is refused can read why.
  EXPECT_EQ(read(store, Query::tag("x")).size(), 1U);
}

TEST(DcbDurability, AConflictWaitsForASyncUnderWay) {
  World world(true);
  Gate gate;
  Store store = world.open();
  must(append(store, "warm", "up"));
  world.files.set_fault_rule([&](const SeamCall& call) -> std::optional<SeamFault> {
    if (call.kind == World::Kind::kDatasync && call.path.find("segment-") != std::string_view::npos) { gate.pass(); }
    return std::nullopt;
  });
  const Ticket first = must(store.submit(tagged("x")));
  gate.wait_for(1);
  const Ticket refused = must(store.submit(guarded(Query::tag("x"))));
  const Ticket old = must(store.submit(check(Query::stream("warm"))));
  Result<Receipt> blocked;
  std::jthread appender([&] { blocked = store.append(guarded(Query::category("a"))); });
  std::this_thread::sleep_for(std::chrono::milliseconds(20));
  EXPECT_FALSE(refused.poll());
  EXPECT_EQ(store.info().durable, Position(1));
  gate.open();
  appender.join();
  expect_conflict(blocked, Position(1));
  expect_conflict(refused.wait(), Position(1));
  expect_conflict(old.wait(), Position(0));
  EXPECT_TRUE(ok(first.wait()));
  EXPECT_EQ(store.info().sequenced, Position(2));
}

// Who stops waiting for the event in the way to become durable is not told of it.
TEST(DcbDurability, AStoppedWaitTellsNoConflict) {
  World world(true);
  Gate gate;
  Store store = world.open();
  must(append(store, "warm", "up"));
  world.files.set_fault_rule([&](const SeamCall& call) -> std::optional<SeamFault> {
    if (call.kind == World::Kind::kDatasync && call.path.find("segment-") != std::string_view::npos) { gate.pass(); }
    return std::nullopt;
  });
  const Ticket first = must(store.submit(tagged("x")));
  gate.wait_for(1);
  std::stop_source stop;
  stop.request_stop();
  Batch batch = guarded(Query::tag("x"));
  EXPECT_TRUE(fails_with(store.append(batch, {.stop = stop.get_token()}), ErrorCode::kStopped));
  gate.open();
  expect_conflict(store.append(batch), Position(1));
  EXPECT_TRUE(ok(first.wait()));
}

// More batches than are remembered, written or not.
TEST(DcbDurability, ThousandsOfBatches) {
  constexpr std::uint64_t kBatches = 9000;
  World world;
  Store store = world.open();
  const auto expect_right = [&](std::uint64_t events) {
    for (std::uint64_t i = 0; i < events; i += 97) {
      const Query query = Query::tag("n:" + std::to_string(i));
      expect_conflict(must(store.submit(check(query))).wait(), Position(i));
      if (i > 0) { expect_conflict(must(store.submit(check(query, Position(i - 1)))).wait(), Position(i)); }
      EXPECT_TRUE(ok(must(store.submit(check(query, Position(i)))).wait()));
    }
  };
  std::vector<Ticket> refused;
  for (std::uint64_t i = 0; i < kBatches; ++i) {
    const std::string tag = "n:" + std::to_string(i);
    (void)must(store.submit(tagged(tag, "s-" + std::to_string(i % 100))));
    if (i % 50 == 0) { refused.push_back(must(store.submit(check(Query::tag("n:" + std::to_string(i / 2)))))); }
  }
  ASSERT_EQ(store.info().written, Position(0));
  for (std::uint64_t n = 0; n < refused.size(); ++n) { expect_conflict(refused[n].wait(), Position(n * 50 / 2)); }
  expect_right(kBatches);
  for (std::uint64_t i = kBatches; i < 2 * kBatches; ++i) {
    must(store.append(tagged("n:" + std::to_string(i), "s-" + std::to_string(i % 100)), kBuffered));
  }
  expect_right(2 * kBatches);
}

// Names that came first so long ago that it is forgotten, and again in what is not written yet, count by the latter.
TEST(DcbDurability, AForgottenNameThatComesAgain) {
  World world;
  Store store = world.open({.segment_bytes_first = std::uint64_t{2} << 20U});
  const auto put = [&](std::string_view tag, std::string_view data) {
    Batch batch;
    batch.to(tag).add({.type = tag, .data = as_bytes(data), .tags = {tag}});
    return must(store.submit(batch));
  };
  must(put("other", "").wait());
  (void)put("again", "");
  must(store.submit(check(Query::tag("none"))));  // from now on names are remembered
  for (int i = 0; i < 4000; ++i) { (void)put("other", ""); }
  must(put("other", "").wait());
  Ticket forgets = put("other", "");
  for (int i = 0; i < 500; ++i) { forgets = put("other", ""); }
  const std::uint64_t position = store.info().sequenced.value();
  const Ticket again = put("again", std::string(std::size_t{2} << 20U, 'x'));  // has to wait for a segment
  must(forgets.wait());
  ASSERT_EQ(store.info().written, Position(position));
  std::vector<Ticket> refused;
  for (const Query& query :
       {Query::tag("again"), Query::type("again"), Query::category("again"), Query::stream("again")}) {
    refused.push_back(must(store.submit(check(query, Position(1)))));
  }
  Batch exact;
  exact.check("again", Expect::exactly(1));
  const Ticket met = must(store.submit(exact));
  EXPECT_EQ(store.info().written, Position(position));
  must(again.wait());
  for (const Ticket& ticket : refused) { expect_conflict(ticket.wait(), Position(position)); }
  EXPECT_TRUE(ok(met.wait()));
}

// Conditions cost no call: one durable append is one write and one sync, of a store just opened, too.
TEST(DcbDurability, AGuardedAppendIsOneWriteAndOneSync) {
  World world;
  Store store = world.open();
  for (int i = 0; i < 50; ++i) { must(store.append(tagged("n:" + std::to_string(i)))); }
  must(store.close());
  store = world.open();
  must(append(store, "warm", "up"));
  for (int i = 0; i < 50; ++i) {
    const std::string tag = "n:" + std::to_string(i);
    const auto calls = world.files.calls();
    const auto writes = world.files.calls(World::Kind::kPwritev);
    const auto syncs = world.files.calls(World::Kind::kDatasync);
    const auto looks = world.files.calls(World::Kind::kCheckLock);
    expect_conflict(store.append(guarded(Query::tag(tag))), Position(static_cast<std::uint64_t>(i)));
    EXPECT_EQ(world.files.calls(), calls);
    must(store.append(guarded(Query::tag(tag).types({"T"}), Position(50))));
    EXPECT_EQ(world.files.calls(World::Kind::kPwritev), writes + 2);  // of the log, of the live page
    EXPECT_EQ(world.files.calls(World::Kind::kDatasync), syncs + 1);
    EXPECT_EQ(world.files.calls() - calls, 3 + world.files.calls(World::Kind::kCheckLock) - looks);
  }
}

class DcbFailStop : public testing::TestWithParam<World::Kind> {
 protected:
  World world;
  Store store = world.open();

  void fail() {
    world.files.set_fault_rule([kind = GetParam()](const SeamCall& call) -> std::optional<SeamFault> {
      const bool segment = call.path.find("segment-") != std::string_view::npos;
      if (call.kind == kind && segment) { return SeamFault{.error = EIO}; }
      return std::nullopt;
    });
  }
};

TEST_P(DcbFailStop, NoConflictRestsOnWhatWasLost) {
  must(append(store, "warm", "up"));
  for (const Query& query : ways_to_match()) {
    SCOPED_TRACE(to_string(query));
    World own;
    Store failing = own.open();
    const Ticket first = must(failing.submit(tagged("x")));
    const Ticket refused = must(failing.submit(guarded(query)));
    const Ticket checked = must(failing.submit(check(query)));
    const Ticket accepted = must(failing.submit(guarded(query, Position(0))));
    own.files.set_fault_rule([kind = GetParam()](const SeamCall& call) -> std::optional<SeamFault> {
      if (call.kind == kind) { return SeamFault{.error = EIO}; }
      return std::nullopt;
    });
    EXPECT_TRUE(fails_with(first.wait(), ErrorCode::kOutcomeUnknown));
    EXPECT_TRUE(fails_with(refused.wait(), ErrorCode::kStoreFailed));
    EXPECT_TRUE(fails_with(checked.wait(), ErrorCode::kStoreFailed));
    EXPECT_TRUE(fails_with(accepted.wait(), ErrorCode::kOutcomeUnknown));
    EXPECT_TRUE(fails_with(failing.append(check(query)), ErrorCode::kStoreFailed));
  }
}

TEST_P(DcbFailStop, ABlockedConflictIsAStoreFailureToo) {
  must(store.submit(tagged("x"), kBuffered));
  fail();
  EXPECT_TRUE(fails_with(store.append(guarded(Query::tag("x"))), ErrorCode::kStoreFailed));
  EXPECT_TRUE(fails_with(store.append(guarded(Query::tag("x")), kBuffered), ErrorCode::kStoreFailed));
  EXPECT_TRUE(fails_with(store.close(), ErrorCode::kStoreFailed));
}

// A check that holds because its matches lie before `after` rests on these: were they lost, others would take their
// places.
TEST_P(DcbFailStop, ACheckThatHoldsRestsOnWhatItLeavesAside) {
  must(store.submit(tagged("x"), kBuffered));
  fail();
  EXPECT_TRUE(fails_with(store.append(check(Query::tag("x"), Position(0))), ErrorCode::kStoreFailed));
}

TEST_P(DcbFailStop, VersionAndMatchConflictTogetherToo) {
  must(append(store, "a-1", "durable"));
  must(store.submit(tagged("x"), kBuffered));
  Batch batch;
  batch.to("a-1", Expect::no_stream()).add(event("T"));
  batch.fail_if_match(Query::tag("x"));
  const Ticket both = must(store.submit(batch));
  fail();
  EXPECT_TRUE(fails_with(both.wait(), ErrorCode::kStoreFailed));
}

INSTANTIATE_TEST_SUITE_P(At, DcbFailStop, testing::Values(World::Kind::kPwritev, World::Kind::kDatasync),
                         [](const auto& one) { return one.param == World::Kind::kPwritev ? "Write" : "Sync"; });

// After an unknown outcome the same batch is tried on the reopened store: whether the first attempt survived or not, it
// is there once in the end, and its own events never stand in its way.
TEST(DcbDurability, AfterAnUnknownOutcomeTheSameBatchIsNoConflictWithItself) {
  for (const bool survives : {false, true}) {
    World world;
    Store store = world.open();
    must(append(store, "a", "before"));
    Batch batch = tagged("name:ada", "name-1");
    batch.fail_if_match(Query::tag("name:ada"));
    world.files.set_fault_rule([](const SeamCall& call) -> std::optional<SeamFault> {
      if (call.kind == World::Kind::kDatasync) { return SeamFault{.error = EIO}; }
      return std::nullopt;
    });
    EXPECT_TRUE(fails_with(store.append(batch), ErrorCode::kOutcomeUnknown));
    world.files.set_fault_rule({});
    if (survives) {
      world.files.kill_process();
    } else {
      world.files.power_off();
      world.files.power_on(1, 0.0);
    }
    (void)store.close();
    Store again = world.open();
    EXPECT_EQ(must(again.append(batch)).already_appended, survives);
    EXPECT_EQ(read(again, Query::tag("name:ada")).size(), 1U);
  }
}

// What only a lost buffered append stood in the way of goes in after the crash.
TEST(DcbDurability, ABufferedEventThatACrashTookAwayIsInNobodysWay) {
  World world;
  Store store = world.open();
  must(append(store, "a", "before"));
  must(store.append(tagged("x"), kBuffered));
  world.files.power_off();
  (void)store.close();
  world.files.power_on(1, 0.0);
  Store again = world.open();
  ASSERT_EQ(read(again).size(), 1U);
  EXPECT_TRUE(ok(again.append(check(Query::tag("x")))));
  EXPECT_TRUE(fails_with(again.append(check(Query::all(), Position(1))), ErrorCode::kInvalidArgument));
  Batch batch = tagged("x");
  batch.fail_if_match(Query::tag("x"));
  EXPECT_EQ(must(again.append(batch)).first, Position(1));
}

}  // namespace
}  // namespace tidemark
