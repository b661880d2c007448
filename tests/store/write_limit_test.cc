// SPDX-License-Identifier: Apache-2.0
// Goal: whatever becomes of a store, no frame stands past the limit that its superblocks on the disk know, so that
// opening it reads little behind the log's end, however large the segments are, and misses nothing; and a segment that
// was prepared is looked through before it is used. Method: stores in memory are cut off at every write, with all that
// was written surviving but for superblocks that were not synced; reads are counted; spares are spoiled.
#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <gtest/gtest.h>
#include <string>
#include <thread>
#include <vector>

#include "engine/log/segment_maker.h"
#include "engine/recovery/verify.h"
#include "tests/store/support.h"

namespace tidemark {
namespace {

using namespace test;
using platform::SeamCall;
using platform::SeamFault;

constexpr std::uint64_t kMiB = std::uint64_t{1} << 20U;

bool is_superblock(const std::filesystem::path& path) { return path.filename().string().starts_with("super-"); }

Offset write_limit_of(World& world) {
  const auto loaded = must(engine::load_superblocks(world.files, world.folder));
  EXPECT_TRUE(loaded && !loaded->lost);
  return Offset(loaded ? loaded->newest.write_limit : 0);
}

// Where what was written ends, footers apart.
Offset written_end_of(const World& world) {
  Offset end(engine::kSegmentHeaderBytes);
  for (std::uint64_t number = 1; world.files.contents(world.segment(number)); ++number) {
    const auto bytes = world.contents(world.segment(number));
    engine::SegmentHeader header{};
    EXPECT_EQ(engine::decode_segment_header(std::span(bytes).first(engine::kSegmentHeaderBytes), header),
              engine::BlockState::kGood);
    const std::size_t used =
        engine::length_without_zeros(std::span(bytes).first(bytes.size() - engine::kSegmentFooterBytes));
    if (used > sizeof(engine::SegmentHeader)) { end = Offset(header.base + used); }
  }
  return end;
}

// One life after the other, with batches of all sizes: some are larger than a segment is.
void live(World& world) {
  const OpenOptions options{.segment_bytes_first = 16384, .segment_bytes_largest = 16384};
  std::uint64_t n = 0;
  for (int life = 0; life < 2; ++life) {
    auto store = world.try_open(options);
    if (!store) { return; }
    for (int i = 0; i < 14; ++i, ++n) {
      const std::string data(n * n * 977 % 6000 + (n % 11 == 10 ? 30'000 : 1), 'x');
      const Durability durability = n % 3 == 0 ? Durability::kDurable : Durability::kBuffered;
      if (!append(*store, "a", data, Expect::any(), {.durability = durability})) { return; }
    }
    if (life == 0 && !store->close()) { return; }
  }
}

TEST(WriteLimit, NoFrameStandsPastIt) {
  for (const std::uint64_t ahead : {std::uint64_t{0}, std::uint64_t{700}, std::uint64_t{9000}, std::uint64_t{50'000}}) {
    std::uint64_t limits = 0;  // that leave room
    std::uint64_t writes_seen = 0;
    for (std::uint64_t at = 1;; ++at) {
      SCOPED_TRACE(std::to_string(ahead) + " ahead, write " + std::to_string(at));
      World world;
      world.write_ahead = ahead;
      std::uint64_t writes = 0;
      world.files.set_fault_rule([&](const SeamCall& call) -> std::optional<SeamFault> {
        if (writes == at) { world.files.power_off(); }
        // A segment that is new is known by the temporary name that it was opened with.
        const bool is_in_segment = call.path.find("segment-") != std::string_view::npos && call.offset > 0;
        if (call.kind == SeamCall::Kind::kPwritev && is_in_segment) { ++writes; }
        return std::nullopt;
      });
      live(world);
      world.files.set_fault_rule({});
      writes_seen = writes;
      if (!world.files.is_off()) { break; }
      world.files.power_on({.bytes = [](const std::filesystem::path& file, std::uint64_t) {
        return is_superblock(file) ? 0 : engine::kSectorBytes;
      }});
      const Offset limit = write_limit_of(world);
      ASSERT_LE(written_end_of(world), limit);
      if (limit > written_end_of(world)) { ++limits; }
      Store store = world.open();
      EXPECT_EQ(store.recovery().bytes_cut, 0U);  // every frame arrived
      EXPECT_GE(store.info().durable_offset, written_end_of(world));
    }
    EXPECT_TRUE(limits > 0 || ahead == 0);
    EXPECT_GT(writes_seen, 28U);
  }
}

thread_local bool is_appender = false;

// Appends one at a time, and waits after each until the limit is well ahead again.
void append_slowly(World& world, Store& store, int count) {
  for (int i = 0; i < count; ++i) {
    must(append(store, "a", std::string(5000, 'x'), Expect::any(), {.durability = Durability::kBuffered}));
    const Offset end = written_end_of(world);
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20);
    while (write_limit_of(world).value() < end.value() + world.write_ahead / 2) {
      if (std::chrono::steady_clock::now() > deadline) { FAIL() << "nobody raises the limit"; }
      std::this_thread::yield();
    }
  }
}

TEST(WriteLimit, IsRaisedAheadByTheStoresOwnThread) {
  World world(true);
  world.write_ahead = 100'000;
  Store store = world.open({.segment_bytes_first = kMiB, .segment_bytes_largest = kMiB});
  is_appender = true;
  std::atomic<int> by_appender = 0;
  std::atomic<int> by_others = 0;
  world.files.set_fault_rule([&](const SeamCall& call) -> std::optional<SeamFault> {
    if (call.kind == SeamCall::Kind::kPwritev && is_superblock(call.path)) {
      ++(is_appender ? by_appender : by_others);
    }
    return std::nullopt;
  });
  append_slowly(world, store, 60);
  is_appender = false;
  EXPECT_EQ(by_appender, 0);
  EXPECT_GT(by_others, 3);
  must(store.close());
  world.files.set_fault_rule({});
}

// Appends end in an error then, and reads go on.
TEST(WriteLimit, OneThatCannotBeRaisedStopsTheStore) {
  World world(true);
  world.write_ahead = 100'000;
  Store store = world.open({.segment_bytes_first = kMiB, .segment_bytes_largest = kMiB});
  append_slowly(world, store, 5);
  world.files.set_fault_rule([&](const SeamCall& call) -> std::optional<SeamFault> {
    if (call.kind == SeamCall::Kind::kPwritev && is_superblock(call.path)) { return SeamFault{.error = EIO}; }
    return std::nullopt;
  });
  std::uint64_t appended = 5;
  Result<Receipt> receipt = Receipt{};
  for (; receipt; ++appended) { receipt = append(store, "a", std::string(5000, 'x')); }
  EXPECT_TRUE(fails_with(receipt, ErrorCode::kStoreFailed) || fails_with(receipt, ErrorCode::kOutcomeUnknown));
  EXPECT_LT(appended, 40U);
  EXPECT_GE(read(store).size(), 5U);
  world.files.set_fault_rule({});
  EXPECT_FALSE(store.close());
  EXPECT_GE(read(world.open()).size(), appended - 1);
}

TEST(WriteLimit, NorWithManyAppendersAndAKilledProcess) {
  for (std::uint64_t seed = 1; seed <= 12; ++seed) {
    World world(true);
    world.write_ahead = seed * 1500;
    const OpenOptions options{.segment_bytes_first = 32768, .segment_bytes_largest = 32768};
    Store store = world.open(options);
    std::atomic<std::uint64_t> calls = 0;
    std::atomic<bool> dead = false;
    world.files.set_fault_rule([&](const SeamCall&) -> std::optional<SeamFault> {
      if (++calls >= seed * 40) { dead = true; }
      return dead ? std::optional(SeamFault{.error = EIO}) : std::nullopt;
    });
    {
      std::vector<std::jthread> appenders;
      for (std::uint64_t a = 0; a < 4; ++a) {
        appenders.emplace_back([&, a] {
          for (std::uint64_t i = 0; !dead; ++i) {
            const Durability durability = (a + i) % 2 == 0 ? Durability::kDurable : Durability::kBuffered;
            const std::string data((a * 31 + i * 17) % 40 * 100, 'x');
            (void)append(store, "s" + std::to_string(a), data, Expect::any(), {.durability = durability});
          }
        });
      }
    }
    world.files.kill_process();
    (void)store.close();
    world.files.set_fault_rule({});
    EXPECT_LE(written_end_of(world), write_limit_of(world)) << seed;
    EXPECT_TRUE(ok(world.try_open(options)));
  }
}

// A superblock that does not take the new limit ends the store before the frames that need it are written.
TEST(WriteLimit, AFailureToRaiseItIsFinal) {
  for (const auto kind : {SeamCall::Kind::kPwritev, SeamCall::Kind::kDatasync}) {
    World world;
    world.write_ahead = 2000;
    Store store = world.open();
    must(append(store, "a", "1"));
    const Offset written = written_end_of(world);
    world.files.set_fault_rule([&](const SeamCall& call) -> std::optional<SeamFault> {
      return call.kind == kind && is_superblock(call.path) ? std::optional(SeamFault{.error = EIO}) : std::nullopt;
    });
    EXPECT_TRUE(fails_with(append(store, "a", std::string(3000, 'x')), ErrorCode::kOutcomeUnknown));
    EXPECT_TRUE(fails_with(append(store, "a", "2"), ErrorCode::kStoreFailed));
    world.files.set_fault_rule({});
    EXPECT_EQ(written_end_of(world), written);
    EXPECT_EQ(lines(store), Lines{"0 a@0 1"});
    (void)store.close();
    EXPECT_EQ(lines(world.open()), Lines{"0 a@0 1"});
  }
}

// Between two raises commits cost what they cost without.
TEST(WriteLimit, IsRaisedOnceInAWhile) {
  World world;
  world.write_ahead = 100'000;
  Store store = world.open();
  std::uint64_t superblocks = 0;
  world.files.set_fault_rule([&](const SeamCall& call) -> std::optional<SeamFault> {
    if (call.kind == SeamCall::Kind::kDatasync && is_superblock(call.path)) { ++superblocks; }
    return std::nullopt;
  });
  for (int i = 0; i < 500; ++i) { must(append(store, "a", std::string(1000, 'x'))); }
  world.files.set_fault_rule({});
  EXPECT_GE(superblocks, 4U);
  EXPECT_LE(superblocks, 6U);
}

class LargeSegments : public testing::Test {
 protected:
  static constexpr std::uint64_t kSegmentBytes = 32 * kMiB;
  static constexpr OpenOptions kOptions{.segment_bytes_first = kSegmentBytes, .segment_bytes_largest = kSegmentBytes};

  LargeSegments() { world_.write_ahead = kMiB; }

  // As the thread of a store makes one ahead.
  void make_spare(const Store& store) {
    const engine::SegmentMaker maker(world_.environment(), world_.folder, store.info().log_id, true);
    (void)must(maker.make({SegmentNumber(2), Offset(kSegmentBytes), kSegmentBytes}));
  }
  std::uint64_t bytes_read_by(bool read_only) {
    std::uint64_t bytes = 0;
    world_.files.set_fault_rule([&](const SeamCall& call) -> std::optional<SeamFault> {
      if (call.kind == SeamCall::Kind::kPread) { bytes += call.length; }
      return std::nullopt;
    });
    OpenOptions options = kOptions;
    options.read_only = read_only;
    const auto store = world_.try_open(options);
    world_.files.set_fault_rule({});
    EXPECT_TRUE(ok(store));
    if (!read_only) { world_.files.kill_process(); }
    return bytes;
  }

  World world_;
};

TEST_F(LargeSegments, AfterAKillLittleOfThemIsRead) {
  {
    Store store = world_.open(kOptions);
    make_spare(store);
    for (int i = 0; i < 40; ++i) { must(append(store, "a", std::string(60'000, 'x'))); }
    world_.files.kill_process();
  }
  const std::uint64_t log = 40 * 60'000;
  EXPECT_LT(bytes_read_by(true), log + 5 * kMiB);
  EXPECT_LT(bytes_read_by(false), log + 5 * kMiB);
  EXPECT_LT(bytes_read_by(false), log + 5 * kMiB);  // killed once more, with nothing appended
  // Of two superblocks the one that is lost may have had a higher limit.
  world_.files.remove(world_.folder / engine::kSuperblockNames[0]);
  EXPECT_GE(bytes_read_by(true), kSegmentBytes);
}

// Whatever stands in a segment that was prepared: no frame joins it.
TEST_F(LargeSegments, ASpoiledSpareIsNeverUsed) {
  for (const bool threads : {false, true}) {
    for (const std::uint64_t garbage : {std::uint64_t{4096}, std::uint64_t{100'000}, kMiB - 1}) {
      SCOPED_TRACE(garbage);
      World world(threads);
      const OpenOptions options{.segment_bytes_first = kMiB, .segment_bytes_largest = kMiB};
      {
        Store store = world.open(options);
        must(append(store, "a", "x"));
        must(store.close());
        const engine::SegmentMaker maker(world.environment(), world.folder, store.info().log_id, true);
        (void)must(maker.make({SegmentNumber(2), Offset(kMiB), kMiB}));
      }
      world.flip(world.segment(2), garbage);
      {
        Store store = world.open(options);
        for (int i = 0; i < 20; ++i) { must(append(store, "a", std::string(60'000, 'x'))); }
        EXPECT_EQ(read(store).size(), 21U);
        if (garbage % 2 == 0) {
          must(store.close());
        } else {
          world.files.kill_process();
        }
      }
      const VerifyReport report = must(engine::verify_store(world.folder, world.environment(), {}));
      EXPECT_TRUE(report.whole());
      EXPECT_EQ(report.bytes_pending, 0U);
      EXPECT_EQ(report.events, 21U);
    }
  }
}

// One that is as it should be is used, and not made again.
TEST_F(LargeSegments, ASpareThatIsBlankIsUsed) {
  {
    Store store = world_.open(kOptions);
    make_spare(store);
    must(store.close());
  }
  Store store = world_.open(kOptions);
  const std::uint64_t made = world_.files.calls(SeamCall::Kind::kAllocate);
  for (int i = 0; i < 3; ++i) { must(append(store, "a", std::string(12 * kMiB, 'x'))); }
  EXPECT_EQ(store.info().segments, 2U);
  EXPECT_EQ(world_.files.calls(SeamCall::Kind::kAllocate), made);
}

}  // namespace
}  // namespace tidemark
