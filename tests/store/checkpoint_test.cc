// SPDX-License-Identifier: Apache-2.0
// Goal: a consumer that goes on from a checkpoint is given every event behind it and none before it; a checkpoint of
// another log, of an older copy, past the end is refused; what commit() says is stored is stored, whatever happens
// after; one consumer has a name at a time. Method: checkpoints taken at every position; stores put back to older
// copies; a crash and an error at every call of some commits, and every byte of the file damaged.
#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <gtest/gtest.h>
#include <optional>
#include <string>
#include <vector>

#include "engine/format/checkpoint_file.h"
#include "tests/store/support.h"

namespace tidemark {
namespace {

using namespace test;
using namespace std::chrono_literals;

std::vector<std::uint64_t> catch_up(Subscription& subscription) {
  std::vector<std::uint64_t> positions;
  for (;;) {
    const tidemark::Run run = must(subscription.next_for(0s));
    for (const Event& event : run) { positions.push_back(event.position().value()); }
    if (run.empty() && run.state() == SubscriptionState::kCaughtUp) { return positions; }
  }
}

std::vector<std::uint64_t> from(std::uint64_t first, std::uint64_t end) {
  std::vector<std::uint64_t> positions;
  for (std::uint64_t n = first; n < end; ++n) { positions.push_back(n); }
  return positions;
}

// Takes so many events, and deals with them.
void take(Subscription& subscription, std::uint64_t events) {
  while (events > 0) {
    const tidemark::Run run = must(subscription.next_for(0s));
    for ([[maybe_unused]] const Event& event : run) {
      if (--events == 0) { break; }
    }
  }
}

class CheckpointTest : public testing::Test {
 protected:
  void append_some(int count) {
    for (int i = 0; i < count; ++i) { must(append(store, "a-" + std::to_string(i % 3), "x")); }
  }

  World world;
  Store store = world.open(tiny_segments());
  const std::filesystem::path file = world.folder / engine::checkpoint_file_name("reader");
};

TEST_F(CheckpointTest, GoesOnBehindEveryPosition) {
  append_some(40);
  for (std::uint64_t n = 0; n <= 40; ++n) {
    Subscription subscription = must(store.subscribe(Query::all()));
    take(subscription, n);
    const Checkpoint checkpoint = must(subscription.checkpoint());
    EXPECT_EQ(checkpoint.position, n == 0 ? std::nullopt : std::optional(Position(n - 1)));
    EXPECT_EQ(must(parse_checkpoint(to_string(checkpoint))), checkpoint);
    Subscription next = must(store.subscribe(Query::all(), {.after = checkpoint}));
    EXPECT_EQ(catch_up(next), from(n, 40));
  }
}

TEST_F(CheckpointTest, TextsThatAreNone) {
  append_some(3);
  Subscription subscription = must(store.subscribe(Query::all()));
  take(subscription, 2);
  const std::string text = to_string(must(subscription.checkpoint()));
  EXPECT_LE(text.size(), 96u);
  for (std::size_t length = 0; length < text.size(); ++length) {
    EXPECT_TRUE(fails_with(parse_checkpoint(text.substr(0, length)), ErrorCode::kInvalidArgument)) << length;
  }
  for (const std::string& other : {text + "0", text + ":", " " + text, std::string("tidemark-2") + text.substr(10)}) {
    EXPECT_TRUE(fails_with(parse_checkpoint(other), ErrorCode::kInvalidArgument)) << other;
  }
}

TEST_F(CheckpointTest, OfAnotherLogIsRefused) {
  append_some(5);
  World elsewhere;
  (void)platform::random_uuid(elsewhere.machine);  // so that its ids are others
  Store other = elsewhere.open(tiny_segments());
  must(append(other, "a", "x"));
  Subscription subscription = must(other.subscribe(Query::all()));
  EXPECT_TRUE(fails_with(store.subscribe(Query::all(), {.after = must(subscription.checkpoint())}),
                         ErrorCode::kCheckpointUnknown));
  take(subscription, 1);
  EXPECT_TRUE(fails_with(store.subscribe(Query::all(), {.after = must(subscription.checkpoint())}),
                         ErrorCode::kCheckpointUnknown));
}

TEST_F(CheckpointTest, OfAStoreThatWasPutBackIsRefused) {
  const TempFolder folder;
  const auto path = folder.path() / "store";
  const auto older = folder.path() / "older";
  Checkpoint checkpoint;
  {
    Store now = must(Store::open(path));
    must(append(now, "a", "kept"));
    must(now.close());
  }
  std::filesystem::copy(path, older);
  {
    Store now = must(Store::open(path));
    must(append(now, "a", "then"));
    Subscription subscription = must(now.subscribe(Query::all()));
    take(subscription, 2);
    checkpoint = must(subscription.checkpoint());
    EXPECT_TRUE(ok(now.subscribe(Query::all(), {.after = checkpoint})));
  }
  Store back = must(Store::open(older));
  EXPECT_TRUE(fails_with(back.subscribe(Query::all(), {.after = checkpoint}), ErrorCode::kCheckpointUnknown));
  must(append(back, "a", "now"));
  EXPECT_TRUE(fails_with(back.subscribe(Query::all(), {.after = checkpoint}), ErrorCode::kCheckpointUnknown));
}

TEST_F(CheckpointTest, AStoredOneIsGoneOnFrom) {
  append_some(10);
  {
    Subscription subscription = must(store.subscribe(Query::all(), {.resume = "reader"}));
    EXPECT_EQ(subscription.name(), "reader");
    take(subscription, 4);
    must(subscription.commit());
    take(subscription, 3);
  }
  store = Store(must(engine::open_store(world.folder, {.read_only = true}, world.environment())));
  {
    Subscription subscription = must(store.subscribe(Query::all(), {.from_end = true, .resume = "reader"}));
    EXPECT_EQ(catch_up(subscription), from(4, 10));
    must(subscription.commit());
  }
  const auto stored = must(store.checkpoints());
  ASSERT_EQ(stored.size(), 1u);
  EXPECT_EQ(stored[0].name, "reader");
  EXPECT_EQ(stored[0].checkpoint.position, Position(9));
  Subscription subscription = must(store.subscribe(Query::all(), {.from_end = true, .resume = "reader"}));
  EXPECT_TRUE(catch_up(subscription).empty());
  Subscription fresh = must(store.subscribe(Query::all(), {.from_position = Position(8), .resume = "new"}));
  EXPECT_EQ(catch_up(fresh), from(8, 10));
}

TEST_F(CheckpointTest, ANameIsOneConsumers) {
  append_some(2);
  {
    const Subscription first = must(store.subscribe(Query::all(), {.resume = "reader"}));
    EXPECT_TRUE(fails_with(store.subscribe(Query::all(), {.resume = "reader"}), ErrorCode::kLocked));
    EXPECT_TRUE(fails_with(store.remove_checkpoint("reader"), ErrorCode::kLocked));
    EXPECT_TRUE(ok(store.subscribe(Query::all(), {.resume = "another"})));
  }
  Subscription second = must(store.subscribe(Query::all(), {.resume = "reader"}));
  take(second, 1);
  must(second.commit());
  second = must(store.subscribe(Query::all()));
  EXPECT_TRUE(must(store.remove_checkpoint("reader")));
  EXPECT_FALSE(must(store.remove_checkpoint("reader")));
  EXPECT_TRUE(must(store.checkpoints()).empty());
}

TEST_F(CheckpointTest, WhatMakesNoSenseIsRefused) {
  append_some(2);
  Subscription nameless = must(store.subscribe(Query::all()));
  EXPECT_TRUE(fails_with(nameless.commit(), ErrorCode::kInvalidArgument));
  EXPECT_TRUE(fails_with(store.subscribe(Query::all(), {.resume = std::string(256, 'n')}), ErrorCode::kLimitExceeded));
  EXPECT_TRUE(fails_with(store.subscribe(Query::all(), {.resume = "a\nb"}), ErrorCode::kInvalidArgument));
  EXPECT_TRUE(
      fails_with(store.subscribe(Query::all(), {.resume = "reader", .when_valid = true}), ErrorCode::kInvalidArgument));
  const Subscription by_time = must(store.subscribe(Query::all(), {.when_valid = true}));
  EXPECT_TRUE(fails_with(by_time.checkpoint(), ErrorCode::kInvalidArgument));
  const Subscription ahead = must(store.subscribe(Query::all(), {.from_position = Position(9)}));
  EXPECT_TRUE(fails_with(ahead.checkpoint(), ErrorCode::kInvalidArgument));
  EXPECT_TRUE(fails_with(store.subscribe(Query::all(), {.from_end = true, .after = Checkpoint{}}),
                         ErrorCode::kInvalidArgument));
}

TEST_F(CheckpointTest, ABackupTakesThemAlong) {
  append_some(10);
  Subscription subscription = must(store.subscribe(Query::all(), {.resume = "reader"}));
  take(subscription, 4);
  must(subscription.commit());
  const std::filesystem::path into = "/sim/backup";
  must(store.backup(into));
  take(subscription, 2);
  must(subscription.commit());
  {
    const Store back(must(engine::open_store(into, tiny_segments(), world.environment())));
    Subscription again = must(back.subscribe(Query::all(), {.resume = "reader"}));
    EXPECT_EQ(catch_up(again), from(4, 10));
  }
  must(store.backup(into, {.incremental = true}));
  const Store back(must(engine::open_store(into, tiny_segments(), world.environment())));
  Subscription again = must(back.subscribe(Query::all(), {.resume = "reader"}));
  EXPECT_EQ(catch_up(again), from(6, 10));
}

// What is stored after some commits of which the last ones may not have been answered: the last that was, or a later.
void expect_stored(World& world, std::uint64_t acknowledged, std::uint64_t tried) {
  Store store = world.open(tiny_segments());
  auto subscription = store.subscribe(Query::all(), {.resume = "reader"});
  ASSERT_TRUE(ok(subscription));
  const std::uint64_t next = subscription->position() ? subscription->position()->value() + 1 : 0;
  EXPECT_GE(next, acknowledged);
  EXPECT_LE(next, tried);
  EXPECT_EQ(catch_up(*subscription), from(next, 8));
  must(subscription->commit());
  EXPECT_EQ(must(store.checkpoints()).at(0).checkpoint.position, Position(7));
}

void commit_some(Store& store, std::uint64_t& acknowledged, std::uint64_t& tried) {
  auto subscription = store.subscribe(Query::all(), {.resume = "reader"});
  for (int n = 0; n < 5 && subscription; ++n) {
    auto run = subscription->next_for(0s);
    if (!run || run->empty()) { return; }
    for ([[maybe_unused]] const Event& event : *run) { break; }
    tried = subscription->position()->value() + 1;
    if (subscription->commit()) { acknowledged = tried; }
  }
}

TEST(CheckpointFaults, ACrashAtEachCallLosesNoCommit) {
  std::uint64_t crashes = 0;
  for (std::uint64_t n = 1;; ++n) {
    for (const double keep : {0.0, 0.5, 1.0}) {
      World world;
      std::optional<Store> store = world.open(tiny_segments());
      for (int i = 0; i < 8; ++i) { must(append(*store, "a", "x")); }
      std::uint64_t acknowledged = 0;
      std::uint64_t tried = 0;
      std::uint64_t calls = 0;
      world.files.set_fault_rule([&](const platform::SeamCall&) -> std::optional<platform::SeamFault> {
        if (++calls == n) { world.files.power_off(); }
        return std::nullopt;
      });
      commit_some(*store, acknowledged, tried);
      const bool is_through = calls < n;
      world.files.set_fault_rule({});
      world.files.power_off();
      store.reset();
      world.files.power_on(n, keep, true);
      world.machine.reboot();
      expect_stored(world, acknowledged, tried);
      ++crashes;
      if (is_through && keep == 1.0) {
        EXPECT_EQ(acknowledged, 5u);
        EXPECT_GT(crashes, 30u);
        return;
      }
      if (testing::Test::HasFailure()) {
        ADD_FAILURE() << "call " << n << " keep " << keep;
        return;
      }
    }
  }
}

// A consumer that is killed leaves what it wrote, synced or not; then the power goes under the next one.
TEST(CheckpointFaults, AKillAndThenAPowerLossLoseNoCommit) {
  for (std::uint64_t killed_at = 8; killed_at < 40; ++killed_at) {
    for (std::uint64_t lost_at = 1; lost_at < 40; lost_at += 3) {
      World world;
      std::optional<Store> store = world.open(tiny_segments());
      for (int i = 0; i < 8; ++i) { must(append(*store, "a", "x")); }
      must(store->close());
      store = world.open({.read_only = true});
      std::uint64_t acknowledged = 0;
      std::uint64_t tried = 0;
      std::uint64_t calls = 0;
      world.files.set_fault_rule([&](const platform::SeamCall&) -> std::optional<platform::SeamFault> {
        if (++calls == killed_at) { world.files.kill_process(); }
        return std::nullopt;
      });
      commit_some(*store, acknowledged, tried);
      world.files.set_fault_rule({});
      world.files.kill_process();
      store.reset();
      store = world.open({.read_only = true});
      calls = 0;
      world.files.set_fault_rule([&](const platform::SeamCall&) -> std::optional<platform::SeamFault> {
        if (++calls == lost_at) { world.files.power_off(); }
        return std::nullopt;
      });
      std::uint64_t later = acknowledged;
      std::uint64_t later_tried = tried;
      commit_some(*store, later, later_tried);
      world.files.set_fault_rule({});
      world.files.power_off();
      store.reset();
      world.files.power_on(killed_at * 100 + lost_at, 0.5);
      world.machine.reboot();
      expect_stored(world, std::max(acknowledged, later), std::max(tried, later_tried));
      if (testing::Test::HasFailure()) {
        ADD_FAILURE() << "killed at call " << killed_at << ", power lost at call " << lost_at;
        return;
      }
    }
  }
}

TEST(CheckpointFaults, AnErrorAtOneCallIsToldAndPasses) {
  for (std::uint64_t n = 1;; ++n) {
    for (const int error : {EIO, ENOSPC}) {
      World world;
      Store store = world.open(tiny_segments());
      for (int i = 0; i < 8; ++i) { must(append(store, "a", "x")); }
      std::uint64_t acknowledged = 0;
      std::uint64_t tried = 0;
      std::uint64_t calls = 0;
      world.files.set_fault_rule([&](const platform::SeamCall&) -> std::optional<platform::SeamFault> {
        if (++calls != n) { return std::nullopt; }
        return platform::SeamFault{.error = error};
      });
      commit_some(store, acknowledged, tried);
      const bool is_through = calls < n;
      world.files.set_fault_rule({});
      must(store.close());
      expect_stored(world, acknowledged, tried);
      if (is_through) { return; }
    }
  }
}

// Of the first commit's zeros the disk, or a power loss, may take a part.
TEST_F(CheckpointTest, AFileThatNeverCameToBeWholeIsNoDamage) {
  append_some(3);
  for (const std::size_t bytes : {1u, 100u, 512u, 4096u, 4607u, 8191u}) {
    world.files.set_contents(file, std::vector<std::byte>(bytes));
    EXPECT_EQ(must(store.checkpoint("reader")), std::nullopt) << bytes;
    Subscription subscription = must(store.subscribe(Query::all(), {.resume = "reader"}));
    take(subscription, 2);
    must(subscription.commit());
    EXPECT_EQ(must(store.checkpoint("reader"))->position, Position(1)) << bytes;
  }
  // As it happens: one more page fits on the disk.
  world.files.remove(file);
  Subscription subscription = must(store.subscribe(Query::all(), {.resume = "reader"}));
  take(subscription, 2);
  world.files.set_fault_rule([](const platform::SeamCall& call) -> std::optional<platform::SeamFault> {
    const bool is_of_zeros = call.kind == World::Kind::kPwritev && call.length > 4096;
    return is_of_zeros ? std::optional(platform::SeamFault{.error = ENOSPC, .only = 4096}) : std::nullopt;
  });
  EXPECT_TRUE(fails_with(subscription.commit(), ErrorCode::kNoSpace));
  world.files.set_fault_rule({});
  const Store again(must(engine::open_store(world.folder, {.read_only = true}, world.environment())));
  EXPECT_EQ(must(again.checkpoint("reader")), std::nullopt);
}

// A damage to one slot costs at most the last commit; to both it is told.
TEST_F(CheckpointTest, DamageCostsRedeliveryOrIsTold) {
  append_some(8);
  {
    Subscription subscription = must(store.subscribe(Query::all(), {.resume = "reader"}));
    for (int n = 0; n < 3; ++n) {
      take(subscription, 1);
      must(subscription.commit());
    }
  }
  const std::vector<std::byte> whole = world.contents(file);
  ASSERT_EQ(whole.size(), 2 * engine::kCheckpointSlotBytes);
  const auto begins_at = [&]() -> Result<std::uint64_t> {
    auto subscription = store.subscribe(Query::all(), {.resume = "reader"});
    if (!subscription) { return std::unexpected(subscription.error()); }
    return subscription->position() ? subscription->position()->value() + 1 : 0;
  };
  for (std::size_t at = 0; at < whole.size(); at += at % 4096 < 512 ? 1 : 512) {
    std::vector<std::byte> damaged = whole;
    damaged[at] ^= std::byte{0x21};
    world.files.set_contents(file, damaged);
    const std::uint64_t next = must(begins_at());
    EXPECT_TRUE(next == 3 || next == 2) << at;
  }
  std::vector<std::byte> both = whole;
  both[40] ^= std::byte{1};
  both[4096 + 40] ^= std::byte{1};
  world.files.set_contents(file, both);
  EXPECT_TRUE(fails_with(begins_at(), ErrorCode::kDamaged));
  for (std::size_t size = 0; size < whole.size(); size += size < 70 ? 1 : 128) {
    world.files.set_contents(file, std::span(whole).first(size));
    const auto next = begins_at();
    if (size > 0 && size < 70) {  // behind its name a slot is zeros, and so is what is missing
      EXPECT_TRUE(fails_with(next, ErrorCode::kDamaged)) << "no crash leaves that";
    } else {
      EXPECT_LE(must(next), 3u) << size;
    }
  }
  EXPECT_TRUE(must(store.remove_checkpoint("reader")));
  EXPECT_EQ(must(begins_at()), 0u);
}

}  // namespace
}  // namespace tidemark
