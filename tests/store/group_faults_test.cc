// SPDX-License-Identifier: Apache-2.0
// Goal: whatever happens to the files of a consumer group, no event is lost, and what cannot be known is told. Method:
// files damaged at every byte and cut; calls that fail, kill the process, cut the power or find the disk full at every
// place of a script of all kinds of changes.
#include <algorithm>
#include <cerrno>
#include <gtest/gtest.h>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "engine/format/group_file.h"
#include "tests/sampled.h"
#include "tests/store/group_support.h"

namespace tidemark {
namespace {

using namespace test;
using namespace std::chrono_literals;

using GroupFaultsTest = GroupFixture;

// What is parked is on the disk at once, what is acknowledged a second later at most.
TEST_F(GroupFaultsTest, ManyParkedEventsBehindAnOldStateAreNoTrouble) {
  constexpr std::uint64_t kEvents = 2400;
  for (std::uint64_t n = 0; n < kEvents; ++n) {
    must(append(store, "a-" + std::to_string(n % 5), "x", Expect::any(), {.durability = Durability::kBuffered}));
  }
  must(store.wait_durable(Position(kEvents - 1)));
  {
    const Group group = must(store.group("work", Query::all(), {.partitions = 1}));
    Member member = must(group.join({.sync_interval = std::chrono::hours(1)}));
    while (auto given = must(member.next_for(0s))) {
      const Position position = given->event.position;
      must(position.value() % 2 == 0 ? member.nack(position, "bad", Nack::kPark) : member.ack(position));
    }
    world.files.power_off();
  }
  world.files.power_on(1, 0.0);
  store = world.open(tiny_segments());
  const Group group = must(store.group("work"));
  Member member = must(group.join());
  EXPECT_EQ(work_off(member).size(), kEvents / 2) << "the parked ones are parked";
  must(member.flush());
  EXPECT_EQ(must(group.info()).next, Position(kEvents));
  EXPECT_EQ(must(group.info()).parked, kEvents / 2);
}

TEST_F(GroupFaultsTest, AStateThatWasCutIsToldOf) {
  append_some(3);
  const Group group = must(store.group("work", Query::all()));
  const Group other = must(store.group("other", Query::all()));
  world.files.set_contents(folder / engine::kGroupStateName, {});
  EXPECT_TRUE(fails_with(group.join(), ErrorCode::kDamaged));
  EXPECT_TRUE(fails_with(group.info(), ErrorCode::kDamaged));
  ASSERT_EQ(must(store.groups()).size(), 1u) << "the others are there";
  EXPECT_EQ(must(store.groups())[0].name, "other");
}

TEST_F(GroupFaultsTest, ASyncThatFailsWhileAPartitionIsTakenIsNotForgotten) {
  append_some(20, 10);
  const Group group = must(store.group("work", Query::all(), {.partitions = 2}));
  std::optional<Member> one = must(group.join());
  Member two = must(group.join());
  (void)work_off(two);
  let_them_look();
  (void)work_off(two);
  (void)work_off(*one);
  (void)work_off(two);
  one.reset();  // its partition is free
  append_some(20, 10);
  const auto acked = work_off(two);  // and not synced
  ASSERT_FALSE(acked.empty());
  let_them_look();
  world.files.set_fault_rule([&](const platform::SeamCall& call) -> std::optional<platform::SeamFault> {
    const bool hit = call.kind == World::Kind::kDatasync && call.path.ends_with(engine::kGroupStateName);
    return hit ? std::optional(platform::SeamFault{.error = EIO}) : std::nullopt;
  });
  EXPECT_TRUE(fails_with(two.next_for(0s), ErrorCode::kIo));
  world.files.set_fault_rule({});
  must(two.flush());
  world.files.power_off();
  world.files.power_on(1, 0.0);
  store = world.open(tiny_segments());
  Member next = must(must(store.group("work")).join());
  const auto again = work_off(next);
  for (const auto position : acked) {
    EXPECT_EQ(std::ranges::find(again, position), again.end()) << position << " was flushed, and came again";
  }
}

TEST_F(GroupFaultsTest, OneDamagedSlotCostsNothingAndThreeAreToldOf) {
  append_some(30, 10);
  const Group group = must(store.group("work", Query::all(), {.partitions = 2}));
  {
    Member member = must(group.join());
    (void)work_off(member);
  }
  const auto state = folder / engine::kGroupStateName;
  const auto whole = world.contents(state);
  std::size_t again = 0;
  for (unsigned slot = 0; slot < 3; ++slot) {
    world.files.set_contents(state, whole);
    world.flip(state, engine::partition_slot_offset(0, slot) + 20);
    Member member = must(group.join());
    again += work_off(member).size();
    EXPECT_TRUE(ok(group.info()));
  }
  EXPECT_LE(again, 1u) << "at most what was said last, if it was the newest";
  world.files.set_contents(state, whole);
  for (unsigned slot = 0; slot < 3; ++slot) { world.flip(state, engine::partition_slot_offset(0, slot) + 20); }
  EXPECT_TRUE(fails_with(group.info(), ErrorCode::kDamaged));
  Member member = must(group.join());
  EXPECT_TRUE(fails_with(member.next_for(0s), ErrorCode::kDamaged));
  EXPECT_TRUE(ok(member.next_for(0s))) << "the other partition goes on";
  EXPECT_EQ(member.partitions(), (std::vector<std::uint32_t>{1}));
}

TEST_F(GroupFaultsTest, EveryByteOfItsFilesMayBeDamaged) {
  append_some(6, 2);
  const Group group = must(store.group("work", Query::category("a").tags({"none"}), {.partitions = 1}));
  const Group parking = must(store.group("parking", Query::all(), {.partitions = 1}));
  {
    Member member = must(parking.join());
    (void)take_all(member);
    must(member.nack(Position(0), "bad", Nack::kPark));
    must(parking.replay_parked());
  }
  const auto parked = world.folder / engine::group_folder_name("parking") / "parked-0";
  const auto replay = world.folder / engine::group_folder_name("parking") / "replay";
  for (const auto& path : {folder / "group", parked}) {
    const auto whole = world.contents(path);
    for (std::size_t at = 0; at < whole.size(); ++at) {
      world.flip(path, at);
      const Status found = path == parked ? status_of(parking.parked()) : status_of(store.group("work"));
      EXPECT_FALSE(found) << at;
      if (!found) {
        EXPECT_TRUE(found.error().code() == ErrorCode::kDamaged ||
                    found.error().code() == ErrorCode::kUnsupportedFormat)
            << at << to_string(found.error());
      }
      world.files.set_contents(path, whole);
    }
    for (std::size_t size = 0; size < whole.size(); size += 7) {
      world.files.set_contents(path, std::span(whole).first(size));
      EXPECT_FALSE(path == parked ? parking.parked().has_value() : store.group("work").has_value()) << size;
    }
    world.files.set_contents(path, whole);
  }
  const auto whole = world.contents(replay);
  for (std::size_t at = 0; at < whole.size(); ++at) {
    world.flip(replay, at);
    Member member = must(parking.join());
    const auto told = member.next_for(0s);
    EXPECT_FALSE(told) << "a wish that is lost";
    if (!told) {
      EXPECT_TRUE(told.error().code() == ErrorCode::kDamaged || told.error().code() == ErrorCode::kUnsupportedFormat)
          << to_string(told.error());
    }
    world.clock.advance(300ms);
    if (told.error().code() == ErrorCode::kDamaged) { EXPECT_TRUE(ok(member.next_for(0s))) << "told once"; }
    world.files.set_contents(replay, whole);
  }
  // A group that cannot be read can be removed.
  world.flip(folder / "group", 520);
  EXPECT_TRUE(fails_with(store.group("work"), ErrorCode::kDamaged));
  EXPECT_TRUE(must(store.remove_group("work")));
  EXPECT_TRUE(ok(store.group("work", Query::all())));
}

// What is done to the group between two looks: all kinds of changes, in few calls.
struct Script {
  std::vector<std::uint64_t> acked;
  std::vector<std::uint64_t> parked;
  std::optional<std::uint64_t> unsure;  // that an error was given for

  // Ends at the first error.
  Status run(Store& store) {
    auto group = store.group("work", Query::all(), {.partitions = 2});
    if (!group) { return std::unexpected(group.error()); }
    auto member = group->join({.sync_interval = 0ms});
    if (!member) { return std::unexpected(member.error()); }
    for (;;) {
      auto given = member->next_for(0s);
      if (!given) { return std::unexpected(given.error()); }
      if (!*given) { break; }
      const Position position = (*given)->event.position;
      const bool parks = position.value() % 5 == 3;
      auto done = parks ? member->nack(position, "bad", Nack::kPark) : member->ack(position);
      if (!done) {
        unsure = position.value();
        return done;
      }
      (parks ? parked : acked).push_back(position.value());
    }
    return member->leave();
  }
};

void expect_nothing_lost(World& world, Store& store, const Script& script, bool survives, const std::string& where) {
  SCOPED_TRACE(where);
  const Group group = must(store.group("work", Query::all(), {.partitions = 2}));
  Member member = must(group.join());
  std::set<std::uint64_t> now;
  for (const auto position : work_off(member)) { EXPECT_TRUE(now.insert(position).second); }
  world.clock.advance(std::chrono::minutes(1));  // what was in hand before waits
  for (const auto position : work_off(member)) { EXPECT_TRUE(now.insert(position).second); }
  std::set<std::uint64_t> parked;
  for (const auto& event : must(group.parked())) { parked.insert(event.position.value()); }
  for (const auto position : script.parked) {
    EXPECT_TRUE(parked.contains(position)) << position << " was parked, and is not to be found";
    EXPECT_FALSE(now.contains(position)) << position;
  }
  for (const auto position : script.acked) {
    EXPECT_FALSE(parked.contains(position)) << position;
    if (survives) { EXPECT_FALSE(now.contains(position)) << position << " was acknowledged, and came again"; }
  }
  for (std::uint64_t position = 0; position < 12; ++position) {
    const bool was_acked = std::ranges::find(script.acked, position) != script.acked.end();
    EXPECT_TRUE(script.unsure == position || was_acked || now.contains(position) || parked.contains(position))
        << position << " is lost";
  }
}

TEST(GroupFaults, ACrashOrAnErrorAtEveryCallLosesNothing) {
  enum class Fault { kKill, kPower, kError, kNoSpace };
  for (const Fault fault : {Fault::kKill, Fault::kPower, Fault::kError, Fault::kNoSpace}) {
    for (std::uint64_t at = 1;; at += kSampleStep) {
      World world;
      Store store = world.open();
      for (int i = 0; i < 12; ++i) { must(append(store, "a-" + std::to_string(i % 4), "x")); }
      std::uint64_t calls = 0;
      world.files.set_fault_rule([&](const platform::SeamCall& call) -> std::optional<platform::SeamFault> {
        if (call.path.find("group-") == std::string_view::npos) { return std::nullopt; }
        if (++calls != at) { return std::nullopt; }
        if (fault == Fault::kError) { return platform::SeamFault{.error = EIO}; }
        if (fault == Fault::kNoSpace) { return platform::SeamFault{.error = ENOSPC}; }
        world.files.power_off();
        return std::nullopt;
      });
      Script script;
      const auto done = script.run(store);
      world.files.set_fault_rule({});
      const std::string where = "fault " + std::to_string(static_cast<int>(fault)) + " at call " + std::to_string(at);
      if (fault == Fault::kKill || fault == Fault::kPower) {
        if (fault == Fault::kPower) { world.files.power_on(at, 0.5, at % 2 == 0); }
        if (fault == Fault::kKill) { world.files.power_on(at, 1.0); }
        store = world.open();
      }
      expect_nothing_lost(world, store, script, fault != Fault::kPower, where);
      if (calls < at) {
        EXPECT_TRUE(ok(done));
        EXPECT_GT(at, 60u);
        break;
      }
    }
  }
}

// What a killed process leaves shows, and may be on no disk. Who goes on from it, and is told that it outlives a loss
// of power, must be right.
TEST(GroupFaultsOfTwo, AKillAndThenAPowerLossLoseNothingThatWasFlushed) {
  for (std::uint64_t killed_at = 1;; killed_at += kSampleStep) {
    World world;
    std::optional<Store> store = world.open(tiny_segments());
    for (int i = 0; i < 6; ++i) { must(append(*store, "a-" + std::to_string(i), "x")); }
    must(store->close());
    store = world.open({.read_only = true});
    std::uint64_t calls = 0;
    world.files.set_fault_rule([&](const platform::SeamCall&) -> std::optional<platform::SeamFault> {
      if (++calls == killed_at) { world.files.kill_process(); }
      return std::nullopt;
    });
    // It makes the group, parks an event, acknowledges another one.
    if (auto group = store->group("work", Query::all(), {.partitions = 2})) {
      if (auto member = group->join()) {
        const auto first = member->next_for(0s);
        if (first && *first) { (void)member->nack((*first)->event.position, "too hard", Nack::kPark); }
        const auto second = member->next_for(0s);
        if (second && *second) { (void)member->ack((*second)->event.position); }
      }
    }
    const bool is_through = calls < killed_at;
    world.files.set_fault_rule({});
    world.files.kill_process();
    store.reset();

    store = world.open({.read_only = true});
    std::set<std::uint64_t> parked;
    {
      Group group = must(store->group("work", Query::all(), {.partitions = 2}));
      Member member = must(group.join());
      (void)work_off(member);
      must(member.flush());
      for (const ParkedEvent& event : must(group.parked())) { parked.insert(event.position.value()); }
      world.files.power_off();
    }
    store.reset();
    world.files.power_on(killed_at, 0.0);
    world.machine.reboot();

    store = world.open({.read_only = true});
    Group group = must(store->group("work"));
    EXPECT_EQ(must(group.parked()).size(), parked.size()) << "killed at call " << killed_at;
    Member member = must(group.join());
    EXPECT_TRUE(work_off(member).empty()) << "killed at call " << killed_at;
    if (is_through || testing::Test::HasFailure()) {
      EXPECT_GT(killed_at, 20u);
      return;
    }
  }
}

}  // namespace
}  // namespace tidemark
