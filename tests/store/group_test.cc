// SPDX-License-Identifier: Apache-2.0
// Goal: the members of a group are given every event of its query, of each stream in order and one at a time; what is
// acknowledged never comes again, what is refused comes again later and is parked in the end; members come, go and die
// without loss; bad input is refused with the right error. Method: members in stores in memory, with a clock that the
// test moves.
#include <algorithm>
#include <gtest/gtest.h>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "engine/format/group_file.h"
#include "engine/group/group_folder.h"
#include "tests/store/group_support.h"

namespace tidemark {
namespace {

using namespace test;
using namespace std::chrono_literals;

using GroupTest = GroupFixture;

TEST_F(GroupTest, GivesEveryEventOnceAndWhatComesLater) {
  append_some(30);
  Member member = must(must(store.group("work", Query::all())).join());
  EXPECT_EQ(work_off(member), up_to(30));
  append_some(5);
  EXPECT_EQ(work_off(member).size(), 5u);
  EXPECT_EQ(member.partitions().size(), 16u);
  EXPECT_EQ(member.unacked(), 0u);
}

TEST_F(GroupTest, GivesOneEventOfAStreamAtATime) {
  append_some(9);
  Member member = must(must(store.group("work", Query::all())).join());
  EXPECT_EQ(positions_of(take_all(member)), (std::vector<std::uint64_t>{0, 1, 2}));
  EXPECT_EQ(member.unacked(), 3u);
  must(member.ack(Position(1)));
  EXPECT_EQ(positions_of(take_all(member)), (std::vector<std::uint64_t>{4}));
  must(member.ack(std::vector{Position(4), Position(0), Position(2)}));
  EXPECT_EQ(positions_of(take_all(member)), (std::vector<std::uint64_t>{3, 5, 7}));
}

TEST_F(GroupTest, WhatWasAcknowledgedDoesNotComeAgain) {
  append_some(12);
  {
    Member member = must(must(store.group("work", Query::all())).join());
    (void)take_all(member);
    must(member.ack(Position(1)));
    (void)take_all(member);
    must(member.ack(Position(4)));
    // 0 and 2 were given, and nothing said of them.
  }
  Member next = must(must(store.group("work")).join());
  EXPECT_EQ(positions_of(take_all(next)), (std::vector<std::uint64_t>{0, 2, 7}));
}

TEST_F(GroupTest, RefusedEventsComeLaterAndLaterAndAreParkedInTheEnd) {
  append_some(4, 2);
  const Group group = must(store.group("work", Query::all()));
  Member member = must(group.join({.max_tries = 3, .retry_first = 100ms, .retry_longest = 150ms}));
  EXPECT_EQ(positions_of(take_all(member)), (std::vector<std::uint64_t>{0, 1}));
  must(member.ack(Position(1)));
  must(member.nack(Position(0), "not now"));
  EXPECT_EQ(positions_of(take_all(member)), (std::vector<std::uint64_t>{3})) << "2 waits behind 0";
  world.clock.advance(99ms);
  EXPECT_TRUE(take_all(member).empty());
  world.clock.advance(1ms);
  auto again = take_all(member);
  ASSERT_EQ(positions_of(again), (std::vector<std::uint64_t>{0}));
  EXPECT_EQ(again[0].tries, 2u);
  must(member.nack(Position(0), "not now"));
  world.clock.advance(149ms);
  EXPECT_TRUE(take_all(member).empty()) << "twice as long, and no longer than the longest";
  world.clock.advance(1ms);
  again = take_all(member);
  ASSERT_EQ(positions_of(again), (std::vector<std::uint64_t>{0}));
  EXPECT_EQ(again[0].tries, 3u);
  must(member.nack(Position(0), "never"));
  EXPECT_EQ(positions_of(take_all(member)), (std::vector<std::uint64_t>{2})) << "the stream goes on";

  const auto parked = must(group.parked());
  ASSERT_EQ(parked.size(), 1u);
  EXPECT_EQ(parked[0].position, Position(0));
  EXPECT_EQ(parked[0].stream, "a-0");
  EXPECT_EQ(parked[0].tries, 3u);
  EXPECT_EQ(parked[0].reason, "never");
  EXPECT_EQ(must(group.info()).parked, 1u);
}

TEST_F(GroupTest, ParkedEventsAreReplayedWhenAskedForAndForgottenWhenDone) {
  append_some(6, 1);
  const Group group = must(store.group("work", Query::all()));
  Member member = must(group.join());
  (void)take_all(member);
  must(member.nack(Position(0), "bad", Nack::kPark));
  (void)take_all(member);
  must(member.nack(Position(1), std::string(300, 'b'), Nack::kPark));
  (void)take_all(member);
  must(member.nack(Position(2), "no matter", Nack::kSkip));
  EXPECT_EQ(work_off(member), (std::vector<std::uint64_t>{3, 4, 5}));
  ASSERT_EQ(must(group.parked()).size(), 2u);
  EXPECT_EQ(must(group.parked())[1].reason, std::string(255, 'b'));

  must(group.replay_parked());
  let_them_look();
  auto given = take_all(member);
  ASSERT_EQ(positions_of(given), (std::vector<std::uint64_t>{0}));
  EXPECT_TRUE(given[0].replayed);
  EXPECT_EQ(given[0].tries, 1u);
  EXPECT_TRUE(must(group.parked())[0].is_wanted);
  must(member.ack(Position(0)));
  given = take_all(member);
  ASSERT_EQ(positions_of(given), (std::vector<std::uint64_t>{1}));
  must(member.nack(Position(1), "still bad", Nack::kPark));
  const auto parked = must(group.parked());
  ASSERT_EQ(parked.size(), 1u);
  EXPECT_EQ(parked[0].reason, "still bad");
  EXPECT_FALSE(parked[0].is_wanted);
  let_them_look();
  EXPECT_TRUE(take_all(member).empty()) << "asked once, given once";

  must(group.replay_parked());
  must(member.leave());
  Member next = must(group.join());
  EXPECT_EQ(work_off(next), (std::vector<std::uint64_t>{1}));
  EXPECT_TRUE(must(group.parked()).empty());
}

TEST_F(GroupTest, AnEventThatItsMembersDieOfIsParked) {
  append_some(4, 1);
  for (int n = 0; n < 3; ++n) {
    Member member = must(must(store.group("work", Query::all())).join({.max_tries = 3}));
    EXPECT_EQ(take_all(member).empty(), n > 0) << "that somebody died of it is no reason for haste";
    if (n == 0) {
      world.files.kill_process();
      store = world.open();
      continue;
    }
    world.clock.advance(1s);
    const auto given = take_all(member);
    ASSERT_EQ(positions_of(given), (std::vector<std::uint64_t>{0}));
    EXPECT_EQ(given[0].tries, static_cast<std::uint32_t>(n + 1));
    world.files.kill_process();
    store = world.open();
  }
  const Group group = must(store.group("work"));
  Member member = must(group.join({.max_tries = 3}));
  (void)take_all(member);
  world.clock.advance(1s);
  EXPECT_EQ(work_off(member), (std::vector<std::uint64_t>{1, 2, 3}));
  EXPECT_EQ(must(group.parked()).at(0).position, Position(0));
}

TEST_F(GroupTest, AReplayedEventThatItsMembersDieOfIsParkedAgain) {
  append_some(2, 1);
  {
    const Group group = must(store.group("work", Query::all()));
    Member member = must(group.join());
    (void)take_all(member);
    must(member.nack(Position(0), "bad", Nack::kPark));
    EXPECT_EQ(work_off(member), (std::vector<std::uint64_t>{1}));
    must(group.replay_parked());
  }
  for (int n = 0; n < 3; ++n) {
    Member member = must(must(store.group("work")).join({.max_tries = 3}));
    auto given = take_all(member);
    EXPECT_EQ(given.empty(), n > 0);
    world.clock.advance(1s);
    if (given.empty()) { given = take_all(member); }
    ASSERT_EQ(positions_of(given), (std::vector<std::uint64_t>{0}));
    EXPECT_EQ(given[0].tries, static_cast<std::uint32_t>(n + 1));
    world.files.kill_process();
    store = world.open();
  }
  const Group group = must(store.group("work"));
  Member member = must(group.join({.max_tries = 3}));
  (void)take_all(member);
  world.clock.advance(1s);
  EXPECT_TRUE(work_off(member).empty());
  EXPECT_FALSE(must(group.parked()).at(0).is_wanted);
}

TEST_F(GroupTest, LeavingIsNoTry) {
  append_some(1);
  const Group group = must(store.group("work", Query::all()));
  for (int n = 0; n < 10; ++n) {
    Member member = must(group.join({.max_tries = 2}));
    const auto given = take_all(member);
    ASSERT_EQ(given.size(), 1u);
    EXPECT_EQ(given[0].tries, 1u);
  }
}

TEST_F(GroupTest, MembersShareThePartitions) {
  append_some(200, 50);
  const Group group = must(store.group("work", Query::all()));
  Member one = must(group.join());
  EXPECT_TRUE(must(one.next_for(0s)));  // has one in hand
  Member two = must(group.join());
  Member three = must(group.join());
  std::map<std::uint64_t, int> times;
  for (int round = 0; round < 4; ++round) {
    let_them_look();
    for (Member* member : {&one, &two, &three}) {
      for (const auto position : work_off(*member)) { ++times[position]; }
    }
    if (one.unacked() > 0) {
      must(one.ack(Position(0)));
      ++times[0];
    }
  }
  EXPECT_EQ(times.size(), 200u);
  for (const auto& [position, n] : times) { EXPECT_EQ(n, 1) << position; }
  std::set<std::uint32_t> all;
  for (Member* member : {&one, &two, &three}) {
    const auto partitions = member->partitions();
    EXPECT_GE(partitions.size(), 5u);
    EXPECT_LE(partitions.size(), 6u);
    all.insert(partitions.begin(), partitions.end());
  }
  EXPECT_EQ(all.size(), 16u);
  EXPECT_EQ(must(group.info()).members, 3u);
  // The others take over what one had.
  must(two.leave());
  let_them_look();
  for (Member* member : {&one, &three, &one}) { (void)work_off(*member); }
  EXPECT_EQ(one.partitions().size(), 8u);
  EXPECT_EQ(three.partitions().size(), 8u);
  EXPECT_TRUE(fails_with(two.next_for(0s), ErrorCode::kClosed));
}

TEST_F(GroupTest, APartitionGoesOnlyOnceNothingOfItIsGiven) {
  append_some(40, 40);
  const Group group = must(store.group("work", Query::all(), {.partitions = 2}));
  Member one = must(group.join());
  const auto given = take_all(one);
  ASSERT_EQ(given.size(), 40u);
  Member two = must(group.join());
  for (int n = 0; n < 3; ++n) {
    let_them_look();
    EXPECT_TRUE(take_all(two).empty());
    EXPECT_TRUE(take_all(one).empty());
  }
  std::vector<Position> acks;
  for (const auto& one_event : given) { acks.push_back(one_event.event.position); }
  must(one.ack(acks));
  (void)take_all(one);
  let_them_look();
  EXPECT_TRUE(take_all(two).empty());
  EXPECT_EQ(one.partitions().size(), 1u);
  EXPECT_EQ(two.partitions().size(), 1u);
}

TEST_F(GroupTest, AnotherOpeningSharesToo) {
  append_some(60, 20);
  const Group group = must(store.group("work", Query::all()));
  Member one = must(group.join());
  const Store reader = world.open({.read_only = true});
  Member two = must(must(reader.group("work")).join());
  std::set<std::uint64_t> all;
  std::size_t twos = 0;
  for (int round = 0; round < 3; ++round) {
    let_them_look();
    for (const auto p : work_off(one)) { EXPECT_TRUE(all.insert(p).second); }
    for (const auto p : work_off(two)) {
      EXPECT_TRUE(all.insert(p).second);
      ++twos;
    }
  }
  EXPECT_EQ(all.size(), 60u);
  EXPECT_GT(twos, 5u);
  EXPECT_EQ(two.partitions().size(), 8u);
}

TEST_F(GroupTest, AStreamThatFailsHoldsUpNoOther) {
  const Group group = must(store.group("work", Query::all(), {.partitions = 1}));
  must(append(store, "bad", "x"));
  Member member = must(group.join({.max_tries = 1000, .retry_first = 10s}));
  ASSERT_EQ(positions_of(take_all(member)), (std::vector<std::uint64_t>{0}));
  must(member.nack(Position(0), "no"));
  // More than fits into the window: it waits then, and goes on after.
  for (int i = 0; i < 1500; ++i) {
    must(append(store, "good-" + std::to_string(i % 7), "x", Expect::any(), {.durability = Durability::kBuffered}));
  }
  must(store.wait_durable(Position(1500)));
  const auto first = work_off(member);
  EXPECT_GT(first.size(), 900u);
  EXPECT_LT(first.size(), 1500u);
  EXPECT_EQ(must(group.info()).next, Position(0)) << "the checkpoint stays before what is not done";
  world.clock.advance(10s);
  auto rest = work_off(member);
  ASSERT_FALSE(rest.empty());
  EXPECT_EQ(rest[0], 0u);
  EXPECT_EQ(first.size() + rest.size(), 1501u);
  must(member.flush());
  EXPECT_EQ(must(group.info()).next, Position(1501));
}

// However many events of it wait; and those come in order, without what the group does not ask for.
TEST_F(GroupTest, AStreamWithManyEventsHoldsUpNoOther) {
  std::vector<std::uint64_t> busy;
  std::vector<std::uint64_t> others;
  const auto fill = [&](int count, bool with_others) {
    for (int i = 0; i < count; ++i) {
      const std::string_view type = i % 5 == 4 ? "U" : "T";
      const auto buffered = AppendOptions{.durability = Durability::kBuffered};
      const Position at = must(store.append("a-busy", Expect::any(), {event(type)}, buffered)).first;
      if (type == "T") { busy.push_back(at.value()); }
      if (!with_others) { continue; }
      const std::string other = "a-" + std::to_string(i % 30);
      others.push_back(must(store.append(other, Expect::any(), {event("T")}, buffered)).first.value());
    }
    must(append(store, "b-last", "x"));
  };
  fill(400, true);
  fill(1500, false);
  fill(400, true);
  Member member = must(must(store.group("work", Query::category("a").types({"T"}), {.partitions = 1})).join());
  ASSERT_EQ(must(member.next_for(0s))->event.position, Position(busy[0]));
  EXPECT_EQ(work_off(member), others) << "all the others, while the first of the busy one is in hand";
  must(member.ack(Position(busy[0])));
  EXPECT_EQ(work_off(member), std::vector(busy.begin() + 1, busy.end()));
}

TEST_F(GroupTest, TheCheckpointGoesOnWhereNothingMatches) {
  append_some(50);
  const Group group = must(store.group("work", Query::stream("nobody")));
  Member member = must(group.join());
  EXPECT_TRUE(take_all(member).empty());
  EXPECT_EQ(must(group.info()).next, Position(0));
  world.clock.advance(1s);
  EXPECT_TRUE(take_all(member).empty());
  EXPECT_EQ(must(group.info()).next, Position(50));
}

TEST_F(GroupTest, BeginsWhereItIsTold) {
  append_some(10);
  EXPECT_EQ(must(must(store.group("a", Query::all(), {.from_position = Position(7)})).info()).first, Position(7));
  EXPECT_EQ(must(must(store.group("b", Query::all(), {.from_end = true})).info()).first, Position(10));
  const auto times = read(store);
  const Group by_time = must(store.group("c", Query::all(), {.from_recorded = times[4].recorded}));
  Member member = must(by_time.join());
  EXPECT_EQ(work_off(member).front(), 4u);
  EXPECT_TRUE(fails_with(store.group("d", Query::all(), {.from_position = Position(1), .from_end = true}),
                         ErrorCode::kInvalidArgument));
  // Where it began stays.
  EXPECT_EQ(must(must(store.group("a", Query::all(), {.from_end = true})).info()).first, Position(7));
  EXPECT_EQ(must(store.groups()).size(), 3u);
}

TEST_F(GroupTest, RefusesWhatMakesNoSense) {
  append_some(3);
  const auto invalid = ErrorCode::kInvalidArgument;
  EXPECT_TRUE(fails_with(store.group("work"), ErrorCode::kGroupUnknown));
  EXPECT_TRUE(fails_with(store.group("", Query::all()), invalid));
  EXPECT_TRUE(fails_with(store.group("a\nb", Query::all()), invalid));
  EXPECT_TRUE(fails_with(store.group(std::string(256, 'a'), Query::all()), ErrorCode::kLimitExceeded));
  EXPECT_TRUE(fails_with(store.group("work", Query::all(), {.partitions = 0}), invalid));
  EXPECT_TRUE(fails_with(store.group("work", Query::all(), {.partitions = 257}), invalid));
  EXPECT_TRUE(fails_with(store.group("work", Query::all().types({})), invalid));
  const Group group = must(store.group("work", Query::category("a").types({"T", "U"})));
  EXPECT_TRUE(ok(store.group("work", Query::category("a").types({"T", "U"}))));
  EXPECT_TRUE(fails_with(store.group("work", Query::all()), invalid));
  EXPECT_TRUE(fails_with(store.group("work", group.query(), {.partitions = 3}), invalid));
  EXPECT_TRUE(fails_with(group.join({.max_tries = 0}), invalid));
  EXPECT_TRUE(fails_with(group.join({.max_unacked = 0}), invalid));
  EXPECT_TRUE(fails_with(group.join({.retry_first = 2s, .retry_longest = 1s}), invalid));
  EXPECT_TRUE(fails_with(group.join({.sync_interval = -1ms}), invalid));

  Member member = must(group.join({.max_unacked = 2}));
  EXPECT_TRUE(fails_with(member.ack(Position(0)), invalid)) << "not given yet";
  (void)must(member.next_for(0s));
  (void)must(member.next_for(0s));
  EXPECT_TRUE(fails_with(member.next_for(0s), ErrorCode::kBusy));
  EXPECT_TRUE(fails_with(member.ack(std::vector{Position(0), Position(0)}), invalid));
  EXPECT_TRUE(fails_with(member.ack(std::vector{Position(0), Position(2)}), invalid));
  EXPECT_EQ(member.unacked(), 2u) << "none of them counted";
  must(member.ack(Position(0)));
  EXPECT_TRUE(fails_with(member.ack(Position(0)), invalid));
  EXPECT_TRUE(fails_with(member.nack(Position(0), "late"), invalid));
  EXPECT_TRUE(ok(member.next_for(0s)));

  EXPECT_TRUE(fails_with(store.remove_group("work"), ErrorCode::kLocked));
  must(member.leave());
  EXPECT_TRUE(must(store.remove_group("work")));
  EXPECT_FALSE(must(store.remove_group("work")));
  EXPECT_FALSE(must(store.remove_group("never")));
  EXPECT_TRUE(fails_with(group.join(), ErrorCode::kGroupUnknown));
  EXPECT_TRUE(fails_with(group.info(), ErrorCode::kGroupUnknown));
  EXPECT_TRUE(fails_with(group.replay_parked(), ErrorCode::kGroupUnknown));
  // One of the same name is another one, and begins anew.
  const Group anew = must(store.group("work", Query::all()));
  EXPECT_TRUE(fails_with(group.join(), ErrorCode::kGroupUnknown));
  Member other = must(anew.join());
  EXPECT_EQ(work_off(other), up_to(3));
}

TEST_F(GroupTest, EndsWithItsStore) {
  append_some(3);
  const Group group = must(store.group("work", Query::all()));
  Member member = must(group.join());
  (void)must(member.next_for(0s));
  must(store.close());
  EXPECT_TRUE(fails_with(member.next_for(0s), ErrorCode::kClosed));
  EXPECT_TRUE(fails_with(member.ack(Position(0)), ErrorCode::kClosed));
  EXPECT_TRUE(fails_with(group.join(), ErrorCode::kClosed));
  EXPECT_TRUE(ok(member.leave()));
  store = world.open();
  Member next = must(must(store.group("work")).join());
  EXPECT_EQ(work_off(next), up_to(3));
}

TEST_F(GroupTest, AStoppedWaitEnds) {
  Member member = must(must(store.group("work", Query::all())).join());
  std::stop_source stop;
  stop.request_stop();
  EXPECT_TRUE(fails_with(member.next(stop.get_token()), ErrorCode::kStopped));
  append_some(1);
  EXPECT_TRUE(ok(member.next()));
}

TEST_F(GroupTest, AGroupOfAnOlderCopyIsRefused) {
  append_some(10);
  const auto older = world.snapshot();
  append_some(10);
  {
    Member member = must(must(store.group("work", Query::all())).join());
    (void)work_off(member);
  }
  must(store.close());
  for (const auto& path : world.files.files()) {
    if (path.parent_path() == world.folder) { world.files.remove(path); }
  }
  for (const auto& [path, bytes] : older) { world.files.set_contents(path, bytes); }
  store = world.open(tiny_segments());
  Member member = must(must(store.group("work")).join());
  // A writer that is followed may be a moment ahead: that is waited for, within the time that the call has.
  EXPECT_FALSE(must(member.next_for(0s)));
  world.clock.advance(990ms);
  EXPECT_FALSE(must(member.next_for(0s)));
  world.clock.advance(10ms);
  EXPECT_TRUE(fails_with(member.next_for(0s), ErrorCode::kCheckpointUnknown));
  append_some(30);
  let_them_look();
  EXPECT_TRUE(fails_with(member.next_for(0s), ErrorCode::kCheckpointUnknown)) << "other events stand there now";
}

TEST_F(GroupTest, ABackupTakesItAlong) {
  append_some(10, 1);
  const Group group = must(store.group("work", Query::all(), {.partitions = 2}));
  Member member = must(group.join());
  const auto deal_with = [&](std::uint64_t position) {
    ASSERT_EQ(must(member.next_for(0s))->event.position, Position(position));
    must(member.ack(Position(position)));
  };
  deal_with(0);
  (void)must(member.next_for(0s));
  must(member.nack(Position(1), "bad", Nack::kPark));
  deal_with(2);
  const std::filesystem::path into = "/sim/backup";
  must(store.backup(into));
  const auto left_in_backup = [&] {
    const Store back(must(engine::open_store(into, tiny_segments(), world.environment())));
    const Group there = must(back.group("work"));
    EXPECT_EQ(must(there.parked()).at(0).position, Position(1));
    EXPECT_EQ(must(there.info()).members, 0u);
    Member other = must(there.join());
    return positions_of(take_all(other));
  };
  EXPECT_EQ(left_in_backup(), (std::vector<std::uint64_t>{3}));
  deal_with(3);
  must(store.backup(into, {.incremental = true}));
  EXPECT_EQ(left_in_backup(), (std::vector<std::uint64_t>{4}));
  // One that was removed is not in the next backup.
  must(member.leave());
  EXPECT_TRUE(must(store.remove_group("work")));
  must(store.backup(into, {.incremental = true}));
  const Store back(must(engine::open_store(into, tiny_segments(), world.environment())));
  EXPECT_TRUE(fails_with(back.group("work"), ErrorCode::kGroupUnknown));
}

TEST_F(GroupTest, TheSameQueryInOtherWordsIsTheSame) {
  must(store.group("work", Query::all().any_of({{.types = {"A", "B"}, .tags = {"x", "y"}}, {.types = {"C"}}})));
  EXPECT_TRUE(ok(store.group("work", Query::all().any_of({{.types = {"C", "C"}},
                                                          {.types = {"B", "A", "B"}, .tags = {"y", "x"}},
                                                          {.types = {"A", "B"}, .tags = {"x", "y"}}}))));
  EXPECT_TRUE(
      fails_with(store.group("work", Query::all().any_of({{.types = {"A", "B"}, .tags = {"x"}}, {.types = {"C"}}})),
                 ErrorCode::kInvalidArgument));
}

TEST_F(GroupTest, DoesNotBeginAtATimeThatLiesAhead) {
  append_some(3);
  const auto ahead = world.clock.now() + std::chrono::hours(1);
  EXPECT_TRUE(fails_with(store.group("work", Query::all(), {.from_recorded = ahead}), ErrorCode::kInvalidArgument));
  EXPECT_TRUE(ok(store.group("work", Query::all(), {.from_recorded = world.clock.now()})));
}

// Whenever it is taken, each event is parked in it, or still to be given.
TEST(GroupBackup, TakenWhileAMemberParksLosesNothing) {
  for (std::uint64_t n = 1;; ++n) {
    World world;
    const Store store = [&] {
      Store made = world.open(tiny_segments());
      for (int i = 0; i < 6; ++i) { must(append(made, "a-" + std::to_string(i), "x")); }
      return made;
    }();
    Group group = must(store.group("work", Query::all(), {.partitions = 3}));
    Member member = must(group.join());
    const auto given = must(member.next_for(0s));
    std::uint64_t calls = 0;
    bool is_parked = false;
    world.files.set_fault_rule([&](const platform::SeamCall&) -> std::optional<platform::SeamFault> {
      if (++calls == n && !is_parked) {
        is_parked = true;
        must(member.nack(given->event.position, "too hard", Nack::kPark));
      }
      return std::nullopt;
    });
    must(store.backup("/sim/backup"));
    world.files.set_fault_rule({});
    const Store back(must(engine::open_store("/sim/backup", tiny_segments(), world.environment())));
    Group copy = must(back.group("work"));
    std::set<std::uint64_t> there;
    for (const ParkedEvent& event : must(copy.parked())) { there.insert(event.position.value()); }
    Member worker = must(copy.join());
    for (int round = 0; round < 2; ++round) {
      for (const std::uint64_t position : work_off(worker)) { there.insert(position); }
      world.clock.advance(1h);  // what was given and not acknowledged waits before it comes again
    }
    EXPECT_EQ(there.size(), 6u) << "parked at call " << n;
    if (!is_parked) {
      EXPECT_GT(n, 20u);
      return;
    }
  }
}

}  // namespace
}  // namespace tidemark
