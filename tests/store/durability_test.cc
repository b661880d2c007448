// SPDX-License-Identifier: Apache-2.0
// Goal: what is acknowledged when, and what a reader sees when. Method: on the file system in memory without threads,
// so that nothing is synced unless somebody waits for it; with threads where the store itself has to act.
#include <atomic>
#include <fcntl.h>
#include <filesystem>
#include <gtest/gtest.h>
#include <latch>
#include <stop_token>
#include <thread>

#include "tests/store/support.h"

namespace tidemark {
namespace {

using namespace test;

const AppendOptions kBuffered{.durability = Durability::kBuffered};
const ReadOptions kWritten{.visibility = Visibility::kWritten};
const ReadOptions kDurable{.visibility = Visibility::kDurable};

TEST(Durability, BufferedIsWrittenAndNotSynced) {
  World world;
  Store store = world.open();
  const auto writes = world.files.calls(World::Kind::kPwritev);
  const auto syncs = world.files.calls(World::Kind::kDatasync);
  must(append(store, "a", "1", Expect::any(), kBuffered));
  EXPECT_EQ(world.files.calls(World::Kind::kPwritev), writes + 1);
  EXPECT_EQ(world.files.calls(World::Kind::kDatasync), syncs);
  const StoreInfo info = store.info();
  EXPECT_EQ(info.durable, Position(0));
  EXPECT_EQ(info.written, Position(1));
  EXPECT_EQ(info.sequenced, Position(1));
  EXPECT_EQ(info.events, 0U);
}

TEST(Durability, ADefaultReadShowsWhatNoCrashCanTakeAway) {
  World world;
  Store store = world.open();
  must(append(store, "a", "1"));
  const EventId id = EventId::from_name("2");
  must(store.append("b", Expect::any(), {{.type = "T", .data = as_bytes("2"), .id = id}}, kBuffered));
  EXPECT_EQ(lines(store), (Lines{"0 a@0 1"}));
  EXPECT_EQ(lines(store, Query::stream("b")), Lines{});
  EXPECT_FALSE(must(store.event_by_id(id)));
  EXPECT_FALSE(must(store.stream("b")));
  EXPECT_EQ(must(store.streams()).size(), 1U);
  EXPECT_EQ(lines(store, Query::all(), kWritten), (Lines{"0 a@0 1", "1 b@0 2"}));
  EXPECT_EQ(lines(store, Query::stream("b"), kWritten), (Lines{"1 b@0 2"}));
  must(store.wait_durable(Position(1)));
  EXPECT_EQ(lines(store), (Lines{"0 a@0 1", "1 b@0 2"}));
  EXPECT_TRUE(must(store.event_by_id(id)));
}

TEST(Durability, AStoreOpenedBufferedReadsWhatIsWritten) {
  World world;
  Store store = world.open({.durability = Durability::kBuffered});
  must(append(store, "a", "1"));
  EXPECT_EQ(store.info().durable, Position(0));
  EXPECT_EQ(lines(store), (Lines{"0 a@0 1"}));
  EXPECT_EQ(store.info().events, 1U);
  EXPECT_EQ(lines(store, Query::all(), kDurable), Lines{});
  must(append(store, "a", "2", Expect::any(), {.durability = Durability::kDurable}));
  EXPECT_EQ(lines(store, Query::all(), kDurable), (Lines{"0 a@0 1", "1 a@1 2"}));
}

TEST(Durability, AtLeastShowsOnesOwnWrites) {
  World world;
  Store store = world.open();
  must(append(store, "a", "1"));
  const auto receipt = must(append(store, "a", "2", Expect::any(), kBuffered));
  EXPECT_EQ(lines(store, Query::all(), {.at_least = Position(0)}), (Lines{"0 a@0 1"}));
  EXPECT_EQ(lines(store, Query::all(), {.at_least = receipt.last()}), (Lines{"0 a@0 1", "1 a@1 2"}));
  EXPECT_EQ(
      lines(store, Query::stream("a"), {.direction = Direction::kBackward, .limit = 1, .at_least = receipt.last()}),
      (Lines{"1 a@1 2"}));
}

TEST(Durability, ADurableAppendSyncsWhatWasBufferedBefore) {
  World world;
  Store store = world.open();
  must(append(store, "a", "1", Expect::any(), kBuffered));
  must(append(store, "a", "2", Expect::any(), kBuffered));
  must(append(store, "a", "3"));
  EXPECT_EQ(store.info().durable, Position(3));
}

TEST(Durability, AcknowledgedSurvivesADiskThatDropsEverythingElse) {
  World world;
  Store store = world.open();
  must(append(store, "a", "durable"));
  must(append(store, "a", "buffered", Expect::any(), kBuffered));
  world.files.power_off();
  (void)store.close();
  world.files.power_on(1, 0.0);
  EXPECT_EQ(lines(world.open()), (Lines{"0 a@0 durable"}));
}

TEST(Durability, BufferedSurvivesAKilledProcess) {
  World world;
  Store store = world.open();
  must(append(store, "a", "buffered", Expect::any(), kBuffered));
  world.files.kill_process();
  (void)store.close();
  Store again = world.open();
  EXPECT_EQ(lines(again), (Lines{"0 a@0 buffered"}));
  EXPECT_EQ(again.recovery().frames_in_doubt, 1U);
  EXPECT_GT(again.recovery().bytes_in_doubt, 0U);
  // What was in doubt was rewritten and synced.
  world.files.power_off();
  (void)again.close();
  world.files.power_on(1, 0.0);
  EXPECT_EQ(lines(world.open()), (Lines{"0 a@0 buffered"}));
}

TEST(Durability, ClosingMakesEverythingDurable) {
  World world;
  {
    Store store = world.open();
    must(append(store, "a", "buffered", Expect::any(), kBuffered));
    Batch batch;
    batch.to("a").add(event("T", "submitted"));
    (void)must(store.submit(batch));
    must(store.close());
  }
  world.files.power_off();
  world.files.power_on(1, 0.0);
  Store again = world.open();
  EXPECT_EQ(lines(again), (Lines{"0 a@0 buffered", "1 a@1 submitted"}));
  EXPECT_EQ(again.recovery().kind, RecoveryKind::kClosedCleanly);
}

TEST(Durability, WaitDurableSyncsOnlyWhatIsNeeded) {
  World world;
  Store store = world.open();
  must(append(store, "a", "1"));
  const auto syncs = world.files.calls(World::Kind::kDatasync);
  must(store.wait_durable(Position(0)));
  EXPECT_EQ(world.files.calls(World::Kind::kDatasync), syncs);
  must(append(store, "a", "2", Expect::any(), kBuffered));
  must(store.wait_durable(Position(1)));
  EXPECT_EQ(world.files.calls(World::Kind::kDatasync), syncs + 1);
}

TEST(Durability, WaitDurableOfAFuturePositionWaitsForIt) {
  World world(true);
  Store store = world.open();
  std::latch started(1);
  Status waited;
  std::jthread waiter([&] {
    started.count_down();
    waited = store.wait_durable(Position(2));
  });
  started.wait();
  for (int i = 0; i < 3; ++i) { must(append(store, "a", "")); }
  waiter.join();
  EXPECT_TRUE(ok(waited));
  EXPECT_GE(store.info().durable, Position(3));
}

TEST(Durability, WaitDurableEndsAtAStop) {
  World world(true);
  Store store = world.open();
  std::stop_source stop;
  std::latch started(1);
  Status waited;
  std::jthread waiter([&] {
    started.count_down();
    waited = store.wait_durable(Position(0), stop.get_token());
  });
  started.wait();
  stop.request_stop();
  waiter.join();
  EXPECT_TRUE(fails_with(waited, ErrorCode::kStopped));
  must(append(store, "a", ""));
  // What is durable already is told whatever the token says.
  EXPECT_TRUE(ok(store.wait_durable(Position(0), stop.get_token())));
}

TEST(Durability, WaitDurableEndsWhenTheStoreCloses) {
  World world(true);
  Store store = world.open();
  std::latch started(1);
  Status waited;
  std::jthread waiter([&] {
    started.count_down();
    waited = store.wait_durable(Position(100));
  });
  started.wait();
  must(store.close());
  waiter.join();
  EXPECT_TRUE(fails_with(waited, ErrorCode::kClosed));
}

// The store's own thread syncs what is only buffered once the interval is over.
TEST(Durability, TheIntervalSyncsWhatWasBuffered) {
  World world(true);
  Store store = world.open({.sync_interval = std::chrono::milliseconds(1)});
  must(append(store, "a", "1", Expect::any(), kBuffered));
  std::latch synced(1);
  std::jthread observer([&] {
    // Nobody syncs by waiting here: the position lies past what is sequenced until the next append.
    (void)store.wait_durable(Position(1));
    synced.count_down();
  });
  world.clock.advance(std::chrono::seconds(1));
  while (store.info().durable < Position(1)) { std::this_thread::yield(); }
  must(append(store, "a", "2", Expect::any(), kBuffered));
  world.clock.advance(std::chrono::seconds(1));
  synced.wait();
  EXPECT_EQ(lines(store), (Lines{"0 a@0 1", "1 a@1 2"}));
}

// Once the log is idle, the superblock learns how far it is durable, so that recovery need not doubt the last commits.
TEST(Durability, AnIdleStoreTellsTheSuperblock) {
  World world(true);
  Gate written;
  Store store = world.open();
  must(append(store, "a", "1"));
  written.open();
  world.files.set_fault_rule([&](const platform::SeamCall& call) -> std::optional<platform::SeamFault> {
    if (call.kind == World::Kind::kDatasync && call.path.find("super-") != std::string_view::npos) { written.pass(); }
    return std::nullopt;
  });
  // The store sees the time when it looks; it looks at times of its own.
  std::jthread clock([&](const std::stop_token& stop) {
    while (!stop.stop_requested()) {
      world.clock.advance(std::chrono::milliseconds(100));
      std::this_thread::yield();
    }
  });
  written.wait_for(1);
  clock.request_stop();
  clock.join();
  world.files.set_fault_rule({});
}

// However long a sync takes, and whatever the caller's patience: no answer is given that the disk has not given.
TEST(Durability, NoPatienceTurnsASlowSyncIntoAnAcknowledgement) {
  World world(true);
  Store store = world.open();
  Gate disk;
  world.files.set_fault_rule([&](const platform::SeamCall& call) -> std::optional<platform::SeamFault> {
    if (call.kind == World::Kind::kDatasync && call.path.find("segment-") != std::string_view::npos) { disk.pass(); }
    return std::nullopt;
  });
  std::atomic<bool> answered = false;
  std::jthread appender([&] {
    must(append(store, "a", "1"));
    answered = true;
  });
  disk.wait_for(1);
  std::stop_source patience;
  Batch batch;
  batch.to("a").add(event("T", "2"));
  const Ticket ticket = must(store.submit(batch));
  world.clock.advance(std::chrono::hours(24));
  patience.request_stop();
  EXPECT_TRUE(fails_with(ticket.wait(patience.get_token()), ErrorCode::kStopped));
  EXPECT_FALSE(ticket.poll());
  EXPECT_FALSE(answered);
  EXPECT_EQ(store.info().durable, Position(0));
  EXPECT_EQ(lines(store), Lines{});
  disk.open();
  EXPECT_TRUE(ok(ticket.wait()));
  appender.join();
  EXPECT_TRUE(answered);
  EXPECT_EQ(lines(store), (Lines{"0 a@0 1", "1 a@1 2"}));
}

// Whether this process has a file open for writing.
bool holds_open_for_writing(const std::filesystem::path& file) {
  for (const auto& entry : std::filesystem::directory_iterator("/proc/self/fd")) {
    std::error_code ignored;
    if (std::filesystem::read_symlink(entry.path(), ignored) != file) { continue; }
    const int flags = ::fcntl(std::stoi(entry.path().filename().string()), F_GETFL);
    if (flags >= 0 && (flags & O_ACCMODE) == O_RDWR) { return true; }
  }
  return false;
}

// Linux tells an error of writing back to those who have the file open when it happens; with nobody there it can be
// forgotten with the inode.
TEST(Durability, AFileThatIsNotSyncedStaysOpen) {
  const TempFolder temp;
  const auto folder = std::filesystem::canonical(temp.path()) / "store";
  Store store = must(Store::open(folder, {.sync_interval = std::chrono::hours(1), .allow_unsafe_file_system = true}));
  const auto segment = folder / engine::segment_file_name(SegmentNumber(1));
  EXPECT_TRUE(holds_open_for_writing(segment));
  must(append(store, "a", "1", Expect::any(), kBuffered));
  EXPECT_EQ(lines(store, Query::all(), {.visibility = Visibility::kWritten}).size(), 1U);
  EXPECT_TRUE(holds_open_for_writing(segment));
  EXPECT_TRUE(holds_open_for_writing(folder / engine::kSuperblockNames[0]));
  EXPECT_TRUE(holds_open_for_writing(folder / engine::kSuperblockNames[1]));
  must(store.close());
}

TEST(Durability, AStopBeforeItsPlaceAppendsNothing) {
  World world;
  Store store = world.open();
  must(append(store, "a", "1"));
  std::stop_source stop;
  stop.request_stop();
  EXPECT_TRUE(fails_with(append(store, "a", "2", Expect::any(), {.stop = stop.get_token()}), ErrorCode::kStopped));
  Batch check;
  check.fail_if_match(Query::type("T"));
  EXPECT_TRUE(fails_with(store.append(check, {.stop = stop.get_token()}), ErrorCode::kStopped));
  EXPECT_EQ(lines(store), Lines{"0 a@0 1"});
}

}  // namespace
}  // namespace tidemark
