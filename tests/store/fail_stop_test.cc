// SPDX-License-Identifier: Apache-2.0
// Goal: a failed write or sync is final. Those in the group get "outcome unknown", everybody later "store failed", no
// sync is tried again, reads go on and show only what is durable, and opening again works. Method: faults at the seam.
#include <atomic>
#include <cerrno>
#include <gtest/gtest.h>
#include <thread>

#include "tests/store/support.h"

namespace tidemark {
namespace {

using namespace test;
using platform::SeamCall;
using platform::SeamFault;

AppendOptions buffered() { return {.durability = Durability::kBuffered}; }

bool on(const SeamCall& call, std::string_view part) { return call.path.find(part) != std::string_view::npos; }

void fail_calls(World& world, World::Kind kind, std::string_view part, int error = EIO,
                std::optional<std::uint64_t> only = {}) {
  world.files.set_fault_rule([=](const SeamCall& call) -> std::optional<SeamFault> {
    if (call.kind == kind && on(call, part)) { return SeamFault{.error = error, .only = only}; }
    return std::nullopt;
  });
}

Batch one(std::string_view stream, std::string_view data, Expect expect = Expect::any()) {
  Batch batch;
  batch.to(stream, expect).add(event("T", data));
  return batch;
}

class FailStop : public testing::TestWithParam<World::Kind> {
 protected:
  World world;
  Store store = world.open();
};

TEST_P(FailStop, TheGroupIsUnknownAndLaterAppendsAreRefused) {
  must(append(store, "a", "1"));
  std::vector<Ticket> tickets;
  for (int i = 0; i < 3; ++i) { tickets.push_back(must(store.submit(one("a", "doubtful")))); }
  fail_calls(world, GetParam(), "segment-");
  for (const Ticket& ticket : tickets) {
    const auto answer = ticket.wait();
    ASSERT_TRUE(fails_with(answer, ErrorCode::kOutcomeUnknown));
    EXPECT_EQ(answer.error().system_error(), EIO);
  }
  world.files.set_fault_rule({});
  const auto syncs = world.files.calls(World::Kind::kDatasync);
  const auto writes = world.files.calls(World::Kind::kPwritev);
  EXPECT_TRUE(fails_with(append(store, "a", "later"), ErrorCode::kStoreFailed));
  EXPECT_TRUE(fails_with(append(store, "a", "later", Expect::any(), buffered()), ErrorCode::kStoreFailed));
  EXPECT_TRUE(fails_with(store.submit(one("a", "later")), ErrorCode::kStoreFailed));
  EXPECT_TRUE(fails_with(store.wait_durable(Position(1)), ErrorCode::kStoreFailed));
  EXPECT_TRUE(ok(store.wait_durable(Position(0))));
  EXPECT_EQ(lines(store), (Lines{"0 a@0 1"}));
  EXPECT_EQ(lines(store, Query::all(), {.visibility = Visibility::kWritten}), (Lines{"0 a@0 1"}));
  EXPECT_EQ(lines(store, Query::all(), {.at_least = Position(3)}), (Lines{"0 a@0 1"}));
  EXPECT_TRUE(fails_with(store.close(), ErrorCode::kStoreFailed));
  EXPECT_EQ(world.files.calls(World::Kind::kDatasync), syncs);  // a sync after a failed sync lies
  EXPECT_EQ(world.files.calls(World::Kind::kPwritev), writes);
}

TEST_P(FailStop, NoAnswerThatRestsOnTheFailedStateIsGiven) {
  const EventId id = EventId::from_name("x");
  must(append(store, "a", "1"));
  must(store.append("b", Expect::any(), {{.type = "T", .id = id}}, buffered()));
  Ticket appended = must(store.submit(one("a", "2")));
  Ticket conflict = must(store.submit(one("a", "3", Expect::exactly(0))));
  Batch check;
  check.check("a", Expect::exactly(1));
  Ticket checked = must(store.submit(check));
  Batch known;
  known.to("b").add({.type = "T", .id = id});
  Ticket repeated = must(store.submit(known));
  fail_calls(world, GetParam(), "segment-");
  EXPECT_TRUE(fails_with(appended.wait(), ErrorCode::kOutcomeUnknown));
  EXPECT_TRUE(fails_with(conflict.wait(), ErrorCode::kStoreFailed));
  EXPECT_TRUE(fails_with(checked.wait(), ErrorCode::kStoreFailed));
  EXPECT_TRUE(fails_with(repeated.wait(), ErrorCode::kStoreFailed));
}

TEST_P(FailStop, ABlockedConflictIsAStoreFailureToo) {
  must(append(store, "a", "1", Expect::any(), buffered()));
  must(store.submit(one("a", "2"), buffered()));
  fail_calls(world, GetParam(), "segment-");
  EXPECT_TRUE(fails_with(append(store, "a", "3", Expect::no_stream()), ErrorCode::kStoreFailed));
}

TEST_P(FailStop, OpeningAgainWorks) {
  for (const double keep : {0.0, 0.5, 1.0}) {
    World own;
    Store failing = own.open();
    must(append(failing, "a", "1"));
    fail_calls(own, GetParam(), "segment-");
    EXPECT_TRUE(fails_with(append(failing, "a", "2"), ErrorCode::kOutcomeUnknown));
    own.files.set_fault_rule({});
    own.files.power_off();
    EXPECT_TRUE(fails_with(failing.close(), ErrorCode::kStoreFailed));
    own.files.power_on(3, keep);
    Store again = own.open();
    const auto before = lines(again);
    ASSERT_GE(before.size(), 1U);
    ASSERT_LE(before.size(), 2U);
    must(append(again, "a", "3", Expect::exactly(before.size() - 1)));
    EXPECT_EQ(lines(again).size(), before.size() + 1);
  }
}

TEST_P(FailStop, OpeningAgainInTheSameProcessWorks) {
  must(append(store, "a", "1"));
  fail_calls(world, GetParam(), "segment-");
  EXPECT_TRUE(fails_with(append(store, "a", "2"), ErrorCode::kOutcomeUnknown));
  EXPECT_TRUE(fails_with(world.try_open(), ErrorCode::kLocked));  // until it is closed
  EXPECT_TRUE(fails_with(store.close(), ErrorCode::kStoreFailed));
  world.files.set_fault_rule({});
  Store again = world.open();
  must(append(again, "b", "3"));
  EXPECT_EQ(lines(again).front(), "0 a@0 1");
}

INSTANTIATE_TEST_SUITE_P(At, FailStop, testing::Values(World::Kind::kPwritev, World::Kind::kDatasync),
                         [](const auto& one) { return one.param == World::Kind::kPwritev ? "Write" : "Sync"; });

TEST(FailStopOf, AWriteThatFailsHalfwayIsCutAtTheNextOpening) {
  World world;
  Store store = world.open();
  must(append(store, "a", "1"));
  fail_calls(world, World::Kind::kPwritev, "segment-", EIO, 700);
  EXPECT_TRUE(fails_with(append(store, "a", std::string(2000, 'x')), ErrorCode::kOutcomeUnknown));
  EXPECT_TRUE(fails_with(store.close(), ErrorCode::kStoreFailed));
  world.files.set_fault_rule({});
  Store again = world.open();
  EXPECT_EQ(lines(again), (Lines{"0 a@0 1"}));
  EXPECT_EQ(again.recovery().kind, RecoveryKind::kTornTail);
  EXPECT_GT(again.recovery().bytes_cut, 0U);
}

// After a failed sync the page cache shows bytes that are on no disk, and a later sync of them succeeds and writes
// nothing. Opening rewrites them before it calls them durable.
TEST(FailStopOf, OpeningRewritesWhatAFailedSyncLeft) {
  World world;
  Store store = world.open(tiny_segments());
  must(append(store, "a", "1"));
  fail_calls(world, World::Kind::kDatasync, "segment-");
  EXPECT_TRUE(fails_with(append(store, "a", std::string(1500, '2')), ErrorCode::kOutcomeUnknown));
  EXPECT_TRUE(fails_with(store.close(), ErrorCode::kStoreFailed));
  world.files.set_fault_rule({});
  Store again = world.open(tiny_segments());
  ASSERT_EQ(read(again).size(), 2U);
  EXPECT_GT(again.recovery().bytes_in_doubt, 0U);
  world.files.power_off();
  (void)again.close();
  world.files.power_on(1, 0.0);
  EXPECT_EQ(read(world.open(tiny_segments())).size(), 2U);
}

// Two groups are under way, for the second waits for a roll: the first was being written, the second never touched a
// file.
TEST(FailStopOf, GroupsBehindTheFailedOneAreRefusedAndNotUnknown) {
  World world;
  Store store = world.open(tiny_segments());
  Ticket first = must(store.submit(one("a", std::string(2000, 'x'))));
  Ticket second = must(store.submit(one("a", std::string(2000, 'y'))));
  fail_calls(world, World::Kind::kPwritev, "segment-0000000001");
  EXPECT_TRUE(fails_with(first.wait(), ErrorCode::kOutcomeUnknown));
  EXPECT_TRUE(fails_with(second.wait(), ErrorCode::kStoreFailed));
  EXPECT_TRUE(fails_with(store.close(), ErrorCode::kStoreFailed));
  world.files.set_fault_rule({});
  EXPECT_TRUE(read(world.open(tiny_segments())).empty());
}

// A roll has four places to fail: footer, its sync, the superblock, its sync. All of them are before the group's frame.
TEST(FailStopOf, AFailedRollIsFinalToo) {
  const std::vector<std::pair<World::Kind, std::string>> places = {{World::Kind::kPwritev, "segment-0000000001"},
                                                                   {World::Kind::kDatasync, "segment-0000000001"},
                                                                   {World::Kind::kPwritev, "super-"},
                                                                   {World::Kind::kDatasync, "super-"}};
  for (const auto& [kind, part] : places) {
    World world;
    Store store = world.open(tiny_segments());
    must(append(store, "a", std::string(2000, 'x')));
    fail_calls(world, kind, part);
    EXPECT_TRUE(fails_with(append(store, "a", std::string(2000, 'y')), ErrorCode::kOutcomeUnknown)) << part;
    EXPECT_TRUE(fails_with(append(store, "a", "z"), ErrorCode::kStoreFailed));
    EXPECT_EQ(read(store).size(), 1U);
    EXPECT_TRUE(fails_with(store.close(), ErrorCode::kStoreFailed));
    world.files.set_fault_rule({});
    Store again = world.open(tiny_segments());
    EXPECT_EQ(read(again).size(), 1U);
    must(append(again, "a", std::string(2000, 'y'), Expect::exactly(0)));
    EXPECT_EQ(read(again).size(), 2U);
  }
}

TEST(FailStopOf, AcknowledgedBufferedEventsMayGoAndTheDurableStay) {
  World world;
  Store store = world.open();
  must(append(store, "a", "1"));
  must(append(store, "a", "2", Expect::any(), buffered()));
  EXPECT_EQ(read(store, Query::all(), {.visibility = Visibility::kWritten}).size(), 2U);
  fail_calls(world, World::Kind::kDatasync, "segment-");
  EXPECT_TRUE(fails_with(store.wait_durable(Position(1)), ErrorCode::kStoreFailed));
  EXPECT_EQ(lines(store, Query::all(), {.visibility = Visibility::kWritten}), (Lines{"0 a@0 1"}));
}

TEST(FailStopOf, EveryThreadThatWaitsIsToldWhenTheDiskFails) {
  World world(true);
  Gate gate;
  Store store = world.open();
  must(append(store, "a", "1"));
  world.files.set_fault_rule([&](const SeamCall& call) -> std::optional<SeamFault> {
    if (call.kind != World::Kind::kDatasync) { return std::nullopt; }
    gate.pass();
    return SeamFault{.error = EIO};
  });
  std::atomic<int> unknown = 0;
  std::atomic<int> failed = 0;
  std::atomic<int> others = 0;
  const auto count = [&](const auto& result) {
    const ErrorCode code = result ? ErrorCode::kBusy : result.error().code();
    ++(code == ErrorCode::kOutcomeUnknown ? unknown : code == ErrorCode::kStoreFailed ? failed : others);
  };
  std::vector<std::jthread> threads;
  threads.emplace_back([&] { count(append(store, "a", "leads")); });
  gate.wait_for(1);
  for (int i = 0; i < 8; ++i) {
    threads.emplace_back([&] { count(append(store, "a", "behind")); });
  }
  threads.emplace_back([&] { count(append(store, "a", "conflict", Expect::no_stream())); });
  threads.emplace_back([&] { count(store.wait_durable(Position(1000))); });
  while (store.info().sequenced < Position(10)) { std::this_thread::yield(); }
  gate.open();
  threads.clear();
  EXPECT_EQ(unknown, 1);
  EXPECT_EQ(failed, 10);
  EXPECT_EQ(others, 0);
  EXPECT_EQ(lines(store), (Lines{"0 a@0 1"}));
}

// The store's own thread syncs what was buffered beside the appenders. If that sync fails while an append is about to
// roll, a later sync of the same file proves nothing: none is made, and what is durable does not move.
TEST(FailStopOf, ASyncThatFailsBesideARollMovesNothing) {
  World world(true);
  Gate gate;
  std::atomic<int> syncs = 0;
  Store store = world.open(
      {.sync_interval = std::chrono::milliseconds(1), .segment_bytes_first = 65536, .segment_bytes_largest = 65536});
  must(append(store, "a", "durable"));
  must(append(store, "a", "buffered", Expect::any(), buffered()));
  world.files.set_fault_rule([&](const SeamCall& call) -> std::optional<SeamFault> {
    if (call.kind != World::Kind::kDatasync || !on(call, "segment-0000000001.log")) { return std::nullopt; }
    if (++syncs > 1) { return std::nullopt; }  // another sync would seem to go well
    gate.pass();
    return SeamFault{.error = EIO};
  });
  world.clock.advance(std::chrono::seconds(1));
  gate.wait_for(1);  // the store's thread syncs
  Result<Receipt> rolled = Receipt();
  std::jthread roller([&] { rolled = append(store, "a", std::string(65000, 'x'), Expect::any(), buffered()); });
  while (store.info().sequenced < Position(3)) { std::this_thread::yield(); }
  gate.open();
  roller.join();
  EXPECT_FALSE(rolled);
  EXPECT_EQ(store.info().durable, Position(1));
  EXPECT_EQ(lines(store, Query::all(), {.visibility = Visibility::kWritten}), (Lines{"0 a@0 durable"}));
  EXPECT_TRUE(fails_with(store.close(), ErrorCode::kStoreFailed));
  EXPECT_EQ(syncs, 1);
}

}  // namespace
}  // namespace tidemark
