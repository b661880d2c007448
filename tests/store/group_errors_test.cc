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

}  // namespace
}  // namespace tidemark
