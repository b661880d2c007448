// SPDX-License-Identifier: Apache-2.0
// Goal: the log rolls through segments of any size without anybody noticing, a batch larger than a segment gets one of
// its own, and a full disk is an error that leaves a store which can be read and goes on once there is room. Method:
// segments of 4 KiB, with and without the store's own threads; a capacity for the file system in memory.
#include <atomic>
#include <cerrno>
#include <gtest/gtest.h>
#include <thread>

#include "engine/recovery/verify.h"
#include "tests/store/support.h"

namespace tidemark {
namespace {

using namespace test;

class Rolling : public testing::TestWithParam<bool> {
 protected:
  World world{GetParam()};
};

std::uint64_t size_of(const World& world, std::uint64_t number) { return world.contents(world.segment(number)).size(); }

TEST_P(Rolling, ThroughSeveralSegmentsAndBackIn) {
  const std::size_t n = 200;
  Lines expected;
  {
    Store store = world.open(tiny_segments());
    for (std::size_t i = 0; i < n; ++i) {
      const std::string data = std::to_string(i) + std::string(i * 37 % 900, '.');
      const std::string stream = "s" + std::to_string(i % 7);
      const auto receipt = must(append(store, stream, data));
      EXPECT_EQ(receipt.first, Position(i));
      expected.push_back(std::to_string(i) + " " + stream + "@" + std::to_string(i / 7) + " " + data);
    }
    EXPECT_EQ(lines(store), expected);
    EXPECT_GE(store.info().segments, 10U);
    EXPECT_TRUE(ok(store.close()));
  }
  Store again = world.open(tiny_segments());
  EXPECT_EQ(lines(again), expected);
  EXPECT_EQ(lines(again, Query::all(), {.access = Access::kCopied}), expected);
  EXPECT_EQ(again.recovery().kind, RecoveryKind::kClosedCleanly);
  EXPECT_EQ(again.recovery().frames_kept, n);
  EXPECT_EQ(must(append(again, "s0", "more")).first, Position(n));
  EXPECT_TRUE(must(engine::verify_store(world.folder, world.environment(), {})).whole());
}

TEST_P(Rolling, SegmentsDoubleUpToTheLargest) {
  Store store = world.open({.segment_bytes_first = 4096, .segment_bytes_largest = 16384});
  for (int i = 0; i < 60; ++i) { must(append(store, "a", std::string(1000, 'x'))); }
  EXPECT_EQ(size_of(world, 1), 4096U);
  EXPECT_EQ(size_of(world, 2), 8192U);
  EXPECT_EQ(size_of(world, 3), 16384U);
  EXPECT_EQ(size_of(world, 4), 16384U);
}

TEST_P(Rolling, ABatchLargerThanASegmentGetsItsOwn) {
  Store store = world.open(tiny_segments());
  must(append(store, "a", "small"));
  const std::string large(100'000, 'L');
  EXPECT_EQ(must(append(store, "a", large)).first, Position(1));
  must(append(store, "a", "small again"));
  for (int i = 0; i < 10; ++i) { must(append(store, "a", std::string(1000, 'x'))); }
  EXPECT_GE(size_of(world, 2), 100'000U);
  EXPECT_LT(size_of(world, 2), 110'000U);
  must(store.close());
  Store again = world.open(tiny_segments());
  const auto events = read(again);
  ASSERT_EQ(events.size(), 13U);
  EXPECT_EQ(as_text(events[1].data), large);
}

TEST_P(Rolling, AFirstBatchLargerThanTheFirstSegment) {
  Store store = world.open(tiny_segments());
  must(append(store, "a", std::string(50'000, 'L')));
  EXPECT_EQ(read(store).size(), 1U);
  world.files.power_off();
  (void)store.close();
  world.files.power_on(1, 0.0);
  EXPECT_EQ(read(world.open(tiny_segments())).size(), 1U);
}

TEST_P(Rolling, ManyInFlightAcrossSegments) {
  Store store = world.open(tiny_segments());
  std::vector<Ticket> tickets;
  for (int i = 0; i < 100; ++i) {
    Batch batch;
    batch.to("a").add(event("T", std::string(700, 'x')));
    tickets.push_back(must(store.submit(batch)));
  }
  for (std::uint64_t i = 0; i < 100; ++i) { EXPECT_EQ(must(tickets[i].wait()).first, Position(i)); }
  EXPECT_EQ(read(store).size(), 100U);
}

TEST_P(Rolling, AFullDiskIsNoSpaceAndGoesOnOnceThereIsRoom) {
  Store store = world.open(tiny_segments());
  must(append(store, "a", "first"));
  std::uint64_t used = 0;
  for (const auto& [path, bytes] : world.snapshot()) { used += bytes.size(); }
  world.files.set_capacity(used + 9000);
  std::uint64_t count = 1;
  Result<Receipt> full = std::unexpected(Error(ErrorCode::kBusy, ""));
  for (; count < 100; ++count) {
    full = append(store, "a", std::string(1000, 'x'), Expect::exactly(count - 1));
    if (!full) { break; }
  }
  ASSERT_TRUE(fails_with(full, ErrorCode::kNoSpace));
  EXPECT_EQ(full.error().system_error(), ENOSPC);
  // Nothing else changed: all is read, what still fits goes in, a conflict is a conflict.
  EXPECT_EQ(read(store).size(), count);
  EXPECT_EQ(store.info().durable, Position(count));
  EXPECT_TRUE(fails_with(append(store, "a", "x", Expect::no_stream()), ErrorCode::kVersionConflict));
  EXPECT_TRUE(fails_with(append(store, "a", std::string(1000, 'x')), ErrorCode::kNoSpace));
  for (const auto& path : world.files.files()) { EXPECT_NE(path.extension(), ".tmp") << path; }
  // It opens on the full disk.
  must(store.close());
  store = world.open(tiny_segments());
  EXPECT_EQ(read(store).size(), count);
  EXPECT_TRUE(fails_with(append(store, "a", std::string(3000, 'x')), ErrorCode::kNoSpace));
  world.files.set_capacity(std::numeric_limits<std::uint64_t>::max());
  must(append(store, "a", std::string(3000, 'x'), Expect::exactly(count - 1)));
  EXPECT_EQ(read(store).size(), count + 1);
}

TEST_P(Rolling, ASmallAppendStillFitsWhenALargeOneDoesNot) {
  Store store = world.open({.segment_bytes_first = 65536, .segment_bytes_largest = 65536});
  must(append(store, "a", "first"));
  std::uint64_t used = 0;
  for (const auto& [path, bytes] : world.snapshot()) { used += bytes.size(); }
  world.files.set_capacity(used + 100);
  EXPECT_TRUE(fails_with(append(store, "a", std::string(100'000, 'x')), ErrorCode::kNoSpace));
  must(append(store, "a", "second"));
  EXPECT_EQ(lines(store), (Lines{"0 a@0 first", "1 a@1 second"}));
}

INSTANTIATE_TEST_SUITE_P(Threads, Rolling, testing::Bool(),
                         [](const auto& one) { return one.param ? "WithThreads" : "WithoutThreads"; });

// The first segment is full enough for the thread to make the second.
void append_until_a_spare_is_there(World& world, Store& store) {
  must(append(store, "a", std::string(1500, 'x')));
  while (!world.files.contents(world.segment(2))) { std::this_thread::yield(); }
}

// The helper tried to make the next segment while the disk was full. Now there is room: the append that needs the
// segment is not refused for what was.
TEST(Segments, AnOldFailureToPrepareIsNotHeldAgainstAnAppend) {
  World world(true);
  std::atomic<int> refused = 0;
  Store store = world.open(tiny_segments());
  world.files.set_fault_rule([&](const platform::SeamCall& call) -> std::optional<platform::SeamFault> {
    if (call.kind != World::Kind::kAllocate) { return std::nullopt; }
    ++refused;
    return platform::SeamFault{.error = ENOSPC};
  });
  must(append(store, "a", std::string(1500, 'x')));  // a quarter is full: the helper begins
  while (refused == 0) { std::this_thread::yield(); }
  while (world.files.files().size() > 5) { std::this_thread::yield(); }  // its temporary file is gone
  world.files.set_fault_rule({});
  EXPECT_TRUE(ok(append(store, "a", std::string(2500, 'x'))));
}

// A batch too large for the disk takes the place of the segment made ahead; once refused, the small ones still find
// room.
TEST(Segments, ASpareIsNotLostToABatchThatFindsNoRoom) {
  World world(true);
  Store store = world.open(tiny_segments());
  append_until_a_spare_is_there(world, store);
  std::uint64_t used = 0;
  for (const auto& [path, bytes] : world.snapshot()) { used += bytes.size(); }
  world.files.set_capacity(used + 100);
  EXPECT_TRUE(fails_with(append(store, "a", std::string(100'000, 'x')), ErrorCode::kNoSpace));
  EXPECT_TRUE(ok(append(store, "a", std::string(2500, 'x'))));
}

// Nor is one that was found by an opening.
TEST(Segments, AFoundSpareIsNotLostToABatchThatFindsNoRoom) {
  World world(true);
  {
    Store store = world.open(tiny_segments());
    append_until_a_spare_is_there(world, store);
    must(store.close());
  }
  Store store = world.open(tiny_segments());
  std::uint64_t used = 0;
  for (const auto& [path, bytes] : world.snapshot()) { used += bytes.size(); }
  world.files.set_capacity(used + 100);
  EXPECT_TRUE(fails_with(append(store, "a", std::string(100'000, 'x')), ErrorCode::kNoSpace));
  EXPECT_TRUE(ok(append(store, "a", std::string(2500, 'x'))));
  EXPECT_EQ(read(store).size(), 2U);
}

TEST(Segments, TheNextSegmentIsMadeAheadAndUsedAfterReopening) {
  World world(true);
  {
    Store store = world.open(tiny_segments());
    append_until_a_spare_is_there(world, store);
    must(store.close());
  }
  const auto made = world.files.calls(World::Kind::kAllocate);
  World::Kind allocate = World::Kind::kAllocate;
  std::atomic<std::uint64_t> second = 0;
  world.files.set_fault_rule([&](const platform::SeamCall& call) -> std::optional<platform::SeamFault> {
    if (call.kind == allocate && call.path.find("0000000002") != std::string_view::npos) { ++second; }
    return std::nullopt;
  });
  Store store = world.open(tiny_segments());
  EXPECT_EQ(world.files.calls(World::Kind::kAllocate), made);
  must(append(store, "a", std::string(2500, 'x')));
  EXPECT_EQ(second, 0U);
  EXPECT_EQ(read(store).size(), 2U);
  must(store.close());
}

TEST(Segments, PreallocationIsAsAsked) {
  for (const auto how : {Preallocation::kAuto, Preallocation::kZeroed, Preallocation::kUnwritten}) {
    World world;
    OpenOptions options = tiny_segments();
    options.preallocation = how;
    Store store = world.open(options);
    EXPECT_EQ(world.files.calls(World::Kind::kWriteZeros), how == Preallocation::kUnwritten ? 0U : 1U);
    for (int i = 0; i < 20; ++i) { must(append(store, "a", std::string(500, 'x'))); }
    EXPECT_EQ(read(store).size(), 20U);
  }
}

}  // namespace
}  // namespace tidemark
