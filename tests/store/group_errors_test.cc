// SPDX-License-Identifier: Apache-2.0
// Goal: what fails holds up what it concerns and nothing else, is told, and is tried again after a pause and not at
// once. Method: calls that fail, in stores in memory with a clock that the test moves.
#include <algorithm>
#include <cerrno>
#include <gtest/gtest.h>
#include <optional>
#include <string>
#include <vector>

#include "engine/group/group_folder.h"
#include "tests/store/group_support.h"

namespace tidemark {
namespace {

using namespace test;
using namespace std::chrono_literals;

class GroupErrorsTest : public GroupFixture {
 protected:
  using Fault = std::optional<platform::SeamFault>;

  void break_parking() {
    world.files.set_fault_rule([](const platform::SeamCall& call) -> Fault {
      const bool hit = call.kind == World::Kind::kOpen && call.path.find("/parked-") != std::string_view::npos &&
                       call.path.ends_with(".new");
      return hit ? Fault({.error = ENOSPC}) : std::nullopt;
    });
  }
  void break_slots_of(std::uint32_t partition) {
    world.files.set_fault_rule([partition](const platform::SeamCall& call) -> Fault {
      const bool hit = call.kind == World::Kind::kPwritev && call.path.ends_with(engine::kGroupStateName) &&
                       call.offset / (3 * engine::kGroupStateSlotBytes) == partition;
      return hit ? Fault({.error = EIO}) : std::nullopt;
    });
  }
  void mend() { world.files.set_fault_rule({}); }

  // A stream of this partition of two.
  static std::string stream_of(std::uint32_t partition, int n) {
    for (int i = 0;; ++i) {
      std::string name = "a-" + std::to_string(i);
      if (engine::partition_of(name, 2) == partition && n-- == 0) { return name; }
    }
  }
};

TEST_F(GroupErrorsTest, WhatCannotBeParkedStopsItsStreamAlone) {
  for (int n = 0; n < 4; ++n) {
    for (int i = 0; i < 3; ++i) { must(append(store, stream_of(0, i), "x")); }
  }
  const Group group = must(store.group("work", Query::all(), {.partitions = 2}));
  Member member = must(group.join({.max_tries = 1, .sync_interval = 1h}));
  ASSERT_EQ(must(member.next_for(0s))->event.position, Position(0));
  break_parking();
  EXPECT_TRUE(fails_with(member.nack(Position(0), "bad"), ErrorCode::kNoSpace));
  // The acknowledgements of the others are stored, though they are in the same partition.
  EXPECT_EQ(work_off(member), (std::vector<std::uint64_t>{1, 2, 4, 5, 7, 8, 10, 11}));
  EXPECT_EQ(member.unacked(), 0u);
  // Tried again after a while, told once each time.
  for (int n = 0; n < 3; ++n) {
    world.clock.advance(99ms);
    EXPECT_TRUE(take_all(member).empty());
    world.clock.advance(1s);
    EXPECT_TRUE(fails_with(member.next_for(0s), ErrorCode::kNoSpace));
    EXPECT_TRUE(take_all(member).empty());
  }
  EXPECT_TRUE(must(group.parked()).empty());
  mend();
  world.clock.advance(10s);
  EXPECT_EQ(work_off(member), (std::vector<std::uint64_t>{3, 6, 9}));
  ASSERT_EQ(must(group.parked()).size(), 1u);
  EXPECT_EQ(must(group.parked())[0].position, Position(0));
  EXPECT_EQ(must(group.parked())[0].reason, "bad") << "as it was said";
}

TEST_F(GroupErrorsTest, APartitionThatCannotBeWrittenStopsNoOther) {
  for (int n = 0; n < 3; ++n) {
    must(append(store, stream_of(0, 0), "x"));  // 0, 3, 6
    must(append(store, stream_of(0, 1), "x"));
    must(append(store, stream_of(1, 0), "x"));
  }
  const Group group = must(store.group("work", Query::all(), {.partitions = 2}));
  Member member = must(group.join({.sync_interval = 1h}));
  ASSERT_EQ(must(member.next_for(0s))->event.position, Position(0));
  break_slots_of(0);
  std::vector<std::uint64_t> given;
  int errors = 0;
  for (int n = 0; n < 20; ++n) {
    auto next = member.next_for(0s);
    if (!next) {
      ++errors;
      EXPECT_TRUE(fails_with(next, ErrorCode::kIo));
      continue;
    }
    if (!*next) { continue; }
    given.push_back((*next)->event.position.value());
    EXPECT_TRUE(ok(member.ack((*next)->event.position))) << "of the partition that can be written";
  }
  EXPECT_EQ(given, (std::vector<std::uint64_t>{2, 5, 8}));
  EXPECT_EQ(errors, 1) << "one attempt in this moment";
  EXPECT_TRUE(fails_with(member.ack(Position(0)), ErrorCode::kIo));
  mend();
  world.clock.advance(1s);
  auto rest = work_off(member);
  std::ranges::sort(rest);
  EXPECT_EQ(rest, (std::vector<std::uint64_t>{1, 3, 4, 6, 7}));
  must(member.flush());
  EXPECT_EQ(must(group.info()).next, Position(9)) << "what was acknowledged in vain counts";
}

TEST_F(GroupErrorsTest, AnErrorThatStandsIsNotToldInACircle) {
  must(append(store, "a-0", "before"));
  must(append(store, "a-1", "a needle in it"));
  must(append(store, "a-2", "after"));
  Member member = must(must(store.group("work", Query::all())).join({.max_unacked = 10}));
  const auto segment = world.segment(1);
  const auto whole = world.contents(segment);
  const std::string text(as_text(whole));
  world.flip(segment, text.find("needle"));
  ASSERT_EQ(must(member.next_for(0s))->event.position, Position(0));
  for (int n = 0; n < 3; ++n) {
    EXPECT_TRUE(fails_with(member.next_for(0s), ErrorCode::kDamaged)) << n;
    for (int i = 0; i < 10; ++i) { EXPECT_TRUE(ok(member.next_for(0s))) << "told a moment ago"; }
    world.clock.advance(10s);
  }
  // Who waits is told no more often.
  EXPECT_TRUE(fails_with(member.next_for(0s), ErrorCode::kDamaged));
  const auto before = std::chrono::steady_clock::now();
  EXPECT_TRUE(ok(member.next_for(20ms)));
  EXPECT_GE(std::chrono::steady_clock::now() - before, 20ms);
  std::stop_source stop;
  stop.request_stop();
  EXPECT_TRUE(fails_with(member.next_for(1h, stop.get_token()), ErrorCode::kStopped));
  // What is in hand can be dealt with, and all goes on once the reason is gone.
  must(member.ack(Position(0)));
  world.files.set_contents(segment, whole);
  world.clock.advance(30s);
  EXPECT_EQ(work_off(member), (std::vector<std::uint64_t>{1, 2}));
}

TEST_F(GroupErrorsTest, AStateThatSomebodyRemovedOrReplacedIsNoticed) {
  append_some(6, 6);
  const Group group = must(store.group("work", Query::all()));
  Member member = must(group.join());
  const auto given = take_all(member);
  ASSERT_EQ(given.size(), 6u);
  must(member.ack(Position(0)));
  const auto state = folder / engine::kGroupStateName;
  const auto whole = world.contents(state);
  world.files.remove(state);
  EXPECT_TRUE(fails_with(member.ack(Position(1)), ErrorCode::kLocked));
  EXPECT_TRUE(fails_with(member.flush(), ErrorCode::kLocked));
  let_them_look();
  EXPECT_TRUE(fails_with(member.next_for(0s), ErrorCode::kLocked));
  EXPECT_TRUE(fails_with(group.info(), ErrorCode::kDamaged)) << "and not: not found";
  EXPECT_TRUE(fails_with(group.join(), ErrorCode::kDamaged));
  world.files.set_contents(state, whole);  // another file of that name
  EXPECT_TRUE(fails_with(member.ack(Position(2)), ErrorCode::kLocked));
  EXPECT_TRUE(fails_with(member.flush(), ErrorCode::kLocked));
}

TEST_F(GroupErrorsTest, WhatCannotBeReadOfAGroupSaysWhereAndHowFarTheRestIs) {
  for (int n = 0; n < 4; ++n) {
    for (const std::uint32_t partition : {0U, 1U}) { must(append(store, stream_of(partition, 0), "x")); }
  }
  const Group group = must(store.group("work", Query::all(), {.partitions = 2}));
  {
    Member member = must(group.join());
    EXPECT_EQ(work_off(member).size(), 8u);
  }
  const auto state = folder / engine::kGroupStateName;
  for (unsigned slot = 0; slot < 3; ++slot) { world.flip(state, engine::partition_slot_offset(0, slot) + 20); }
  const auto info = group.info();
  ASSERT_TRUE(fails_with(info, ErrorCode::kDamaged));
  EXPECT_EQ(info.error().path(), state);
  EXPECT_NE(info.error().message().find("partition 0"), std::string::npos) << info.error().message();
  EXPECT_NE(info.error().message().find("before position 8"), std::string::npos) << info.error().message();
}

TEST_F(GroupErrorsTest, AGroupWhoseFilesAreSomethingElseHidesNoOther) {
  (void)must(store.group("other", Query::all()));
  (void)must(store.group("work", Query::all()));
  world.files.set_fault_rule([&](const platform::SeamCall& call) -> Fault {
    const bool hit = call.kind == World::Kind::kOpen && call.path == (folder / engine::kGroupStateName).string();
    return hit ? Fault({.error = ENXIO}) : std::nullopt;  // as of a pipe that nobody writes to
  });
  ASSERT_EQ(must(store.groups()).size(), 1u);
  EXPECT_EQ(must(store.groups())[0].name, "other");
  world.files.set_fault_rule([](const platform::SeamCall& call) -> Fault {
    const bool hit = call.kind == World::Kind::kOpen && call.path.ends_with(engine::kGroupStateName);
    return hit ? Fault({.error = EMFILE}) : std::nullopt;
  });
  EXPECT_TRUE(fails_with(store.groups(), ErrorCode::kIo)) << "that is no matter of one group";
}

TEST_F(GroupErrorsTest, DescriptorsThatRanOutAreToldOfWithWhatTheyAreFor) {
  append_some(3);
  Member member = must(must(store.group("work", Query::all())).join());
  world.files.set_fault_rule([](const platform::SeamCall& call) -> Fault {
    const bool hit = call.kind == World::Kind::kLock && call.path.find("/partition-") != std::string_view::npos;
    return hit ? Fault({.error = EMFILE}) : std::nullopt;
  });
  const auto given = member.next_for(0s);
  ASSERT_TRUE(fails_with(given, ErrorCode::kIo));
  EXPECT_EQ(given.error().system_error(), EMFILE);
  EXPECT_NE(given.error().message().find("16"), std::string::npos) << given.error().message();
}

TEST_F(GroupErrorsTest, AHandleOfAGroupThatWasMadeAnewSaysSo) {
  const Group old = must(store.group("work", Query::all()));
  EXPECT_TRUE(must(store.remove_group("work")));
  EXPECT_NE(old.join().error().message().find("there is no"), std::string::npos);
  (void)must(store.group("work", Query::all()));
  for (const Status& said : {status_of(old.join()), status_of(old.info()), old.replay_parked()}) {
    ASSERT_TRUE(fails_with(said, ErrorCode::kGroupUnknown));
    EXPECT_NE(said.error().message().find("made anew"), std::string::npos) << said.error().message();
  }
}

TEST_F(GroupErrorsTest, WhoKeepsAGroupFromBeingRemovedIsNamed) {
  const Group group = must(store.group("work", Query::all()));
  const Member one = must(group.join());
  const auto kept = store.remove_group("work");
  ASSERT_TRUE(fails_with(kept, ErrorCode::kLocked));
  EXPECT_NE(kept.error().message().find("has a member: end it"), std::string::npos) << kept.error().message();
  EXPECT_NE(kept.error().message().find("held by this process"), std::string::npos) << kept.error().message();
  const Member two = must(group.join());
  const auto still = store.remove_group("work");
  ASSERT_TRUE(fails_with(still, ErrorCode::kLocked));
  EXPECT_NE(still.error().message().find("has 2 members: end them"), std::string::npos) << still.error().message();
}

TEST_F(GroupErrorsTest, AWishToReplayThatCannotBeReadDoesNotUseUpTheNext) {
  append_some(1);
  const Group group = must(store.group("work", Query::all(), {.partitions = 1}));
  Member member = must(group.join());
  (void)take_all(member);
  must(member.nack(Position(0), "bad", Nack::kPark));
  const auto park_again = [&] {
    let_them_look();
    ASSERT_EQ(positions_of(take_all(member)), (std::vector<std::uint64_t>{0}));
    must(member.nack(Position(0), "bad", Nack::kPark));
  };
  must(group.replay_parked());
  park_again();
  world.flip(folder / "replay", 50);
  must(group.replay_parked());
  park_again();
}

TEST_F(GroupErrorsTest, AReasonIsCutBetweenCharacters) {
  append_some(1);
  const Group group = must(store.group("work", Query::all()));
  Member member = must(group.join());
  (void)take_all(member);
  EXPECT_TRUE(fails_with(member.nack(Position(0), "no", static_cast<Nack>(7)), ErrorCode::kInvalidArgument));
  EXPECT_EQ(member.unacked(), 1u);
  must(member.nack(Position(0), std::string(254, 'x') + "\xC3\xA4 more", Nack::kPark));
  EXPECT_EQ(must(group.parked())[0].reason, std::string(254, 'x'));
}

// The time that a refused event waits does not end with its member.
TEST_F(GroupErrorsTest, ARefusedEventWaitsThoughItsMemberIsGone) {
  append_some(1);
  const MemberOptions options = {.max_tries = 3, .retry_first = 10s};
  {
    const Group group = must(store.group("work", Query::all()));
    Member member = must(group.join(options));
    ASSERT_EQ(take_all(member).size(), 1u);
    must(member.nack(Position(0), "the printer is out of paper"));
    world.clock.advance(4s);
    must(member.leave());
    Member next = must(group.join(options));
    EXPECT_TRUE(take_all(next).empty());
    world.clock.advance(5900ms);
    EXPECT_TRUE(take_all(next).empty());
    world.clock.advance(100ms);
    auto given = take_all(next);
    ASSERT_EQ(given.size(), 1u);
    EXPECT_EQ(given[0].tries, 2u);
    // What was taken back has waited already.
    must(next.leave());
    Member third = must(group.join(options));
    ASSERT_EQ(take_all(third).size(), 1u);
    must(third.nack(Position(0), "the printer is gone"));
    world.clock.advance(20s);
    ASSERT_EQ(take_all(third).size(), 1u) << "the third time";
    world.files.kill_process();
  }
  store = world.open();
  const Group group = must(store.group("work"));
  Member member = must(group.join(options));
  EXPECT_TRUE(take_all(member).empty());
  world.clock.jump(-1h);  // a clock that is set back keeps nothing waiting for longer
  world.clock.advance(40s);
  EXPECT_TRUE(take_all(member).empty());
  const auto parked = must(group.parked());
  ASSERT_EQ(parked.size(), 1u);
  EXPECT_NE(parked[0].reason.find("given 3 times"), std::string::npos) << parked[0].reason;
  EXPECT_NE(parked[0].reason.find("the printer is gone"), std::string::npos) << parked[0].reason;
}

// However many wait, and whatever was said of them: the slot holds it, or leaves reasons out.
TEST_F(GroupErrorsTest, ManyRefusedEventsFitIntoTheSlot) {
  append_some(600, 600);
  const Group group = must(store.group("work", Query::all(), {.partitions = 1}));
  Member member = must(group.join({.max_tries = 100, .retry_first = 10s, .max_unacked = 1000}));
  const auto given = take_all(member);
  ASSERT_EQ(given.size(), 600u);
  for (const auto& one : given) { must(member.nack(one.event.position, std::string(255, 'r'))); }
  must(member.leave());
  Member next = must(group.join({.max_tries = 100, .retry_first = 10s, .max_unacked = 1000}));
  EXPECT_TRUE(take_all(next).empty());
  world.clock.advance(10s);
  const auto again = take_all(next);
  ASSERT_EQ(again.size(), 600u);
  EXPECT_EQ(again[599].tries, 2u);
}

// Each looks at each: of many, each looks less often.
TEST_F(GroupErrorsTest, ManyMembersThatDoNothingLookSeldom) {
  const Group group = must(store.group("work", Query::all(), {.partitions = 1}));
  std::vector<Member> members;
  for (int n = 0; n < 128; ++n) { members.push_back(must(group.join())); }
  const auto all_look = [&] {
    for (Member& member : members) { EXPECT_FALSE(must(member.next_for(0s))); }
  };
  all_look();
  world.clock.advance(2s);
  all_look();
  world.clock.advance(2s);
  const auto before = world.files.calls(World::Kind::kIsLocked);
  for (int n = 0; n < 8; ++n) {
    all_look();
    world.clock.advance(250ms);
  }
  EXPECT_LE(world.files.calls(World::Kind::kIsLocked) - before, 3u * 128 * 128) << "and not eight times";
  // Who is gone is missed within two seconds.
  append_some(1);
  ASSERT_EQ(members[0].partitions().size(), 1u);
  members.erase(members.begin());
  world.clock.advance(2s);
  std::size_t given = 0;
  for (Member& member : members) { given += take_all(member).size(); }
  EXPECT_EQ(given, 1u);
}

}  // namespace
}  // namespace tidemark
