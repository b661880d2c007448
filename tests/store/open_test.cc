// SPDX-License-Identifier: Apache-2.0
// Goal: opening is refused, with an error of its own and nothing changed, wherever it must be: a second writer, a
// folder that is missing or holds other things, a newer format, a clock that is far off, options that make no sense.
// Read-only openings write nothing. Method: the file system in memory, compared byte by byte and call by call; the real
// one where locks, errors and sizes are the system's.
#include <cerrno>
#include <fstream>
#include <functional>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include "engine/format/frame.h"
#include "engine/format/segment.h"
#include "engine/format/superblock.h"
#include "engine/recovery/verify.h"
#include "platform/checksum.h"
#include "tests/sampled.h"
#include "tests/store/support.h"

namespace tidemark {
namespace {

using namespace test;
using engine::load_as;
using engine::store_as;

// A block of a file as a newer library would have written it.
void make_newer(World& world, const std::filesystem::path& path, std::size_t block_bytes) {
  auto bytes = world.contents(path);
  store_as<std::uint16_t>(bytes.data() + offsetof(engine::BlockStart, format_major), kFormatMajor + 1);
  store_as<std::uint32_t>(bytes.data() + offsetof(engine::BlockStart, checksum), 0);
  const auto checksum = platform::crc32c(std::span(bytes).first(block_bytes));
  store_as<std::uint32_t>(bytes.data() + offsetof(engine::BlockStart, checksum), checksum);
  world.files.set_contents(path, bytes);
}

TEST(Open, ASecondWriterIsRefusedUntilTheFirstCloses) {
  World world;
  Store store = world.open();
  const auto before = world.snapshot();
  EXPECT_TRUE(fails_with(world.try_open(), ErrorCode::kLocked));
  EXPECT_EQ(world.snapshot(), before);
  must(store.close());
  EXPECT_TRUE(ok(world.try_open()));
}

TEST(Open, TheLockNamesItsHolder) {
  const TempFolder folder;
  Store store = must(Store::open(folder.path()));
  const auto second = Store::open(folder.path());
  ASSERT_TRUE(fails_with(second, ErrorCode::kLocked));
  EXPECT_NE(second.error().message().find("this process"), std::string::npos) << second.error().message();
  EXPECT_FALSE(second.error().path().empty());
  EXPECT_TRUE(ok(append(store, "a", "still works")));
}

TEST(Open, ANewStoreWithOneEventIsSmall) {
  const TempFolder folder;
  {
    Store store = must(Store::open(folder.path()));
    must(append(store, "a", "x"));
  }
  std::uint64_t length = 0;
  std::uint64_t allocated = 0;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(folder.path())) {
    struct stat about{};
    ASSERT_EQ(::stat(entry.path().c_str(), &about), 0);
    length += static_cast<std::uint64_t>(about.st_size);
    allocated += static_cast<std::uint64_t>(about.st_blocks) * 512;
  }
  EXPECT_LE(length, std::uint64_t{4} << 20U);
  EXPECT_LE(allocated, std::uint64_t{4} << 20U);
}

TEST(Open, CreatesTheFoldersAboveToo) {
  const TempFolder folder;
  const auto deep = folder.path() / "a" / "b" / "store";
  EXPECT_TRUE(fails_with(Store::open(deep, {.create = false}), ErrorCode::kNotFound));
  EXPECT_FALSE(std::filesystem::exists(folder.path() / "a"));
  EXPECT_TRUE(ok(Store::open(deep)));
  EXPECT_TRUE(ok(Store::open(deep, {.create = false})));
}

class Refused : public testing::TestWithParam<bool> {
 protected:
  [[nodiscard]] OpenOptions options() const { return {.read_only = GetParam(), .create = false}; }
};

TEST_P(Refused, MissingEmptyAFileOrOtherThings) {
  const TempFolder folder;
  EXPECT_TRUE(fails_with(Store::open(folder.path() / "none", options()), ErrorCode::kNotFound));
  EXPECT_FALSE(std::filesystem::exists(folder.path() / "none"));
  EXPECT_TRUE(fails_with(Store::open(folder.path(), options()), ErrorCode::kNotFound));
  EXPECT_TRUE(std::filesystem::is_empty(folder.path()));
  const auto file = folder.path() / "file";
  std::ofstream(file) << "text";
  EXPECT_TRUE(fails_with(Store::open(file, options()), ErrorCode::kNotAStore));
  const auto refused = Store::open(folder.path(), options());
  ASSERT_TRUE(fails_with(refused, ErrorCode::kNotAStore));
  EXPECT_NE(refused.error().message().find("file"), std::string::npos);
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(folder.path()), {}), 1);
}

TEST(Open, OtherThingsAreRefusedEvenWhereAStoreMayBeMade) {
  const TempFolder folder;
  std::ofstream(folder.path() / "thesis.tex") << "text";
  EXPECT_TRUE(fails_with(Store::open(folder.path()), ErrorCode::kNotAStore));
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(folder.path()), {}), 1);
  EXPECT_TRUE(fails_with(Store::open(folder.path() / "thesis.tex"), ErrorCode::kNotAStore));
}

TEST_P(Refused, ANewerSuperblock) {
  for (const std::size_t which : {0U, 1U}) {
    World world;
    {
      Store store = world.open();
      must(append(store, "a", "1"));
    }
    make_newer(world, world.folder / engine::kSuperblockNames[which], engine::kSuperblockBytes);
    const auto before = world.snapshot();
    EXPECT_TRUE(fails_with(world.try_open(options()), ErrorCode::kUnsupportedFormat));
    EXPECT_EQ(world.snapshot(), before);
  }
}

TEST_P(Refused, ANewerSegment) {
  World world;
  {
    Store store = world.open();
    must(append(store, "a", "1"));
  }
  make_newer(world, world.segment(1), engine::kSegmentHeaderBytes);
  const auto before = world.snapshot();
  EXPECT_TRUE(fails_with(world.try_open(options()), ErrorCode::kUnsupportedFormat));
  EXPECT_EQ(world.snapshot(), before);
}

// A frame that is whole and of a kind, or with a flag, that is not known yet.
TEST_P(Refused, ANewerFrame) {
  for (const bool flag : {false, true}) {
    World world;
    {
      Store store = world.open();
      must(append(store, "a", "1"));
    }
    auto bytes = world.contents(world.segment(1));
    const auto segment = load_as<engine::SegmentHeader>(bytes.data());
    std::byte* const at = bytes.data() + engine::kSegmentHeaderBytes;
    auto header = load_as<engine::FrameHeader>(at);
    if (flag) {
      header.flags |= engine::frame_flags::kCompressed;
    } else {
      header.kind = engine::FrameKind{2};
    }
    header.checksum = engine::frame_header_checksum(header, {segment.log_id, 1, engine::kSegmentHeaderBytes});
    store_as(at, header);
    const auto end = engine::frame_end(engine::kSegmentHeaderBytes, header.table_bytes, header.body_bytes);
    const Bytes frame = Bytes(bytes).subspan(engine::kSegmentHeaderBytes, end - engine::kSegmentHeaderBytes);
    store_as(bytes.data() + end - 8, engine::right_trailer(frame, header));
    world.files.set_contents(world.segment(1), bytes);
    const auto before = world.snapshot();
    EXPECT_TRUE(fails_with(world.try_open(options()), ErrorCode::kUnsupportedFormat));
    EXPECT_EQ(world.snapshot(), before);
  }
}

TEST_P(Refused, OptionsThatMakeNoSense) {
  const std::vector<std::function<void(OpenOptions&)>> wrong = {
      [](OpenOptions& o) { o.segment_bytes_first = 0; },
      [](OpenOptions& o) { o.segment_bytes_first = 2048; },
      [](OpenOptions& o) { o.segment_bytes_first = 5000; },
      [](OpenOptions& o) { o.segment_bytes_largest = (std::uint64_t{1} << 20U) + 1; },
      [](OpenOptions& o) { o.segment_bytes_largest = std::uint64_t{2} << 30U; },
      [](OpenOptions& o) { o.segment_bytes_first = o.segment_bytes_largest * 2; },
      [](OpenOptions& o) { o.sync_interval = std::chrono::milliseconds(0); },
      [](OpenOptions& o) { o.sync_interval = std::chrono::milliseconds(-5); },
  };
  for (const auto& change : wrong) {
    World world;
    OpenOptions all{.read_only = GetParam()};
    change(all);
    EXPECT_TRUE(fails_with(world.try_open(all), ErrorCode::kInvalidArgument));
    EXPECT_TRUE(world.files.files().empty());
  }
}

INSTANTIATE_TEST_SUITE_P(As, Refused, testing::Bool(), [](const auto& one) { return one.param ? "Reader" : "Writer"; });

TEST(Open, AnUnfinishedCreationCountsAsEmpty) {
  World world;
  { Store store = world.open(); }
  const auto segment = world.contents(world.segment(1));
  World other;
  other.files.set_contents(other.folder / "lock", {});
  other.files.set_contents(other.folder / "segment-0000000001.log.tmp", as_bytes("half"));
  other.files.set_contents(other.segment(1), segment);
  other.files.set_contents(other.folder / "super-a.tmp", as_bytes("half"));
  EXPECT_TRUE(fails_with(other.try_open({.read_only = true}), ErrorCode::kNotFound));
  EXPECT_TRUE(fails_with(other.try_open({.create = false}), ErrorCode::kNotFound));
  Store store = other.open();
  EXPECT_EQ(store.recovery().kind, RecoveryKind::kCreated);
  must(append(store, "a", "1"));
  for (const auto& path : other.files.files()) { EXPECT_NE(path.extension(), ".tmp"); }
}

// A crash at any call of the first opening leaves a folder in which the next opening makes a store, or finds one.
TEST(Open, CreationMayCrashAnywhere) {
  for (const double keep : {0.0, 0.5, 1.0}) {
    for (std::uint64_t at = 1;; ++at) {
      World world;
      world.files.set_fault_rule([&](const platform::SeamCall& call) -> std::optional<platform::SeamFault> {
        if (call.number == at) { world.files.power_off(); }
        return std::nullopt;
      });
      auto first = world.try_open(tiny_segments());
      world.files.set_fault_rule({});
      const bool done = first.has_value();
      if (!done) { world.files.power_on(at, keep); }
      if (!done) {
        auto second = world.try_open(tiny_segments());
        ASSERT_TRUE(ok(second)) << "crash at call " << at << " keep " << keep;
        must(append(*second, "a", "1"));
      }
      if (done) { break; }
    }
  }
}

TEST(OpenReadOnly, WorksBesideAWriterAndNeverWrites) {
  World world;
  Store writer = world.open(tiny_segments());
  for (int i = 0; i < 20; ++i) { must(append(writer, "a", std::string(500, 'x'))); }
  must(append(writer, "a", "buffered", Expect::any(), {.durability = Durability::kBuffered}));
  const auto before = world.snapshot();
  const auto calls = world.writing_calls();
  {
    Store reader = world.open({.read_only = true});
    EXPECT_TRUE(reader.info().read_only);
    // Durable as the log itself tells: the watermark in the last frame lies before the last durable one.
    EXPECT_LE(read(reader).size(), 20U);
    EXPECT_GE(read(reader).size(), 19U);
    EXPECT_TRUE(fails_with(append(reader, "a", "1"), ErrorCode::kReadOnly));
    EXPECT_TRUE(fails_with(reader.submit(Batch()), ErrorCode::kReadOnly));
    EXPECT_TRUE(fails_with(reader.try_submit(Batch()), ErrorCode::kReadOnly));
    EXPECT_TRUE(ok(reader.wait_durable(Position(0))));
    std::stop_source stop;
    stop.request_stop();
    EXPECT_TRUE(fails_with(reader.wait_durable(Position(1000), stop.get_token()), ErrorCode::kStopped));
    EXPECT_TRUE(must(reader.stream("a")));
    EXPECT_EQ(must(reader.streams()).size(), 1U);
    must(append(writer, "a", "later"));
    EXPECT_EQ(lines(reader), lines(writer));  // it follows
    must(reader.close());
  }
  EXPECT_EQ(world.writing_calls(), calls + 3);  // of the append beside it
  must(writer.close());
  const auto closed = world.snapshot();
  const auto closed_calls = world.writing_calls();
  {
    Store reader = world.open({.read_only = true});
    EXPECT_EQ(read(reader).size(), 22U);
    EXPECT_EQ(reader.recovery().kind, RecoveryKind::kClosedCleanly);
  }
  EXPECT_EQ(world.snapshot(), closed);
  EXPECT_EQ(world.writing_calls(), closed_calls);
}

TEST(OpenReadOnly, AfterAnotherBootShowsTheValidPrefix) {
  World world;
  Store writer = world.open();
  must(append(writer, "a", "1"));
  must(append(writer, "a", "2", Expect::any(), {.durability = Durability::kBuffered}));
  must(append(writer, "a", "3", Expect::any(), {.durability = Durability::kBuffered}));
  world.files.kill_process();
  (void)writer.close();
  EXPECT_LE(read(world.open({.read_only = true})).size(), 1U);
  world.machine.reboot();
  EXPECT_EQ(read(world.open({.read_only = true})).size(), 3U);
}

TEST(OpenReadOnly, ATornTailIsShownAsItWouldBeCut) {
  World world;
  Store writer = world.open();
  must(append(writer, "a", "1"));
  world.files.set_fault_rule([](const platform::SeamCall& call) -> std::optional<platform::SeamFault> {
    if (call.kind == World::Kind::kPwritev) { return platform::SeamFault{.error = EIO, .only = 900}; }
    return std::nullopt;
  });
  EXPECT_TRUE(fails_with(append(writer, "a", std::string(2000, 'x')), ErrorCode::kOutcomeUnknown));
  (void)writer.close();
  world.files.set_fault_rule({});
  const auto before = world.snapshot();
  const auto calls = world.writing_calls();
  world.machine.reboot();
  Store reader = world.open({.read_only = true});
  EXPECT_EQ(reader.recovery().kind, RecoveryKind::kTornTail);
  EXPECT_GT(reader.recovery().bytes_cut, 0U);
  EXPECT_EQ(lines(reader), (Lines{"0 a@0 1"}));
  EXPECT_EQ(world.snapshot(), before);
  EXPECT_EQ(world.writing_calls(), calls);
}

TEST(OpenRecovery, TheReportTellsWhatWasFound) {
  World world;
  {
    Store store = world.open();
    EXPECT_EQ(store.recovery().kind, RecoveryKind::kCreated);
    EXPECT_EQ(store.recovery().epoch, 1U);
    must(append(store, "a", "1"));
    must(append(store, "a", "2"));
  }
  Store store = world.open();
  EXPECT_EQ(store.recovery().kind, RecoveryKind::kClosedCleanly);
  EXPECT_EQ(store.recovery().epoch, 2U);
  EXPECT_EQ(store.recovery().frames_kept, 2U);
  EXPECT_EQ(store.recovery().events_kept, 2U);
  EXPECT_EQ(store.recovery().frames_in_doubt, 0U);
  EXPECT_EQ(store.recovery().bytes_cut, 0U);
  EXPECT_FALSE(store.recovery().superblock_lost);
  must(append(store, "a", "3"));
  world.files.kill_process();
  (void)store.close();
  Store third = world.open();
  EXPECT_EQ(third.recovery().kind, RecoveryKind::kCleanEnd);
  EXPECT_EQ(third.recovery().epoch, 3U);
  EXPECT_EQ(third.recovery().events_kept, 3U);
  // A reader tells of the last recovery that wrote.
  Store reader = world.open({.read_only = true});
  EXPECT_EQ(reader.info().last_recovery.kind, RecoveryKind::kCleanEnd);
  EXPECT_EQ(reader.info().last_recovery.epoch, 3U);
  EXPECT_EQ(reader.info().last_recovery.events_kept, 3U);
}

TEST(OpenClock, BehindByAMinuteIsReportedAndByADayRefused) {
  using namespace std::chrono_literals;
  const auto opened_after = [](std::chrono::nanoseconds back, const OpenOptions& options,
                               std::chrono::nanoseconds& behind) -> Status {
    World world;
    {
      Store store = world.open();
      must(append(store, "a", "1"));
    }
    world.clock.jump(-back);
    const auto before = world.snapshot();
    auto store = world.try_open(options);
    if (!store) {
      EXPECT_EQ(world.snapshot(), before);
      return std::unexpected(store.error());
    }
    behind = store->recovery().clock_behind;
    if (!options.read_only) {
      const auto old = read(*store).at(0).recorded;
      EXPECT_EQ(must(append(*store, "a", "2")).recorded, old + 1ns);
    }
    return {};
  };
  std::chrono::nanoseconds behind{};
  EXPECT_TRUE(ok(opened_after(59s, {}, behind)));
  EXPECT_EQ(behind, 0ns);
  EXPECT_TRUE(ok(opened_after(61s, {}, behind)));
  EXPECT_GE(behind, 60s);
  EXPECT_LE(behind, 62s);
  EXPECT_TRUE(ok(opened_after(23h, {}, behind)));
  EXPECT_TRUE(fails_with(opened_after(25h, {}, behind), ErrorCode::kClock));
  EXPECT_TRUE(ok(opened_after(25h, {.accept_clock = true}, behind)));
  EXPECT_GE(behind, 24h);
  EXPECT_TRUE(ok(opened_after(25h, {.read_only = true}, behind)));
}

TEST(OpenClock, RecordedTimeRisesStrictlyWhateverTheClockDoes) {
  World world;
  Store store = world.open();
  std::vector<RecordedTime> times;
  for (int i = 0; i < 10; ++i) {
    times.push_back(must(append(store, "a", "x")).recorded);
    world.clock.jump(i == 6 ? std::chrono::hours(1) : std::chrono::nanoseconds(-1000));  // stands still, then leaps
  }
  world.clock.jump(-std::chrono::hours(2));
  times.push_back(must(append(store, "a", "x")).recorded);
  for (std::size_t i = 1; i < times.size(); ++i) { EXPECT_GT(times[i], times[i - 1]) << i; }
  EXPECT_EQ(times[10], times[9] + std::chrono::nanoseconds(1));
  const auto events = read(store);
  for (std::size_t i = 0; i < times.size(); ++i) { EXPECT_EQ(events[i].recorded, times[i]); }
}

// The host's current folder is its own: a store that was opened by a relative name stays where it is.
TEST(FolderTest, TheHostMayChangeItsCurrentFolder) {
  const TempFolder temp;
  const auto before = std::filesystem::current_path();
  std::filesystem::current_path(temp.path());
  OpenOptions options = tiny_segments();
  options.allow_unsafe_file_system = true;
  {
    Store store = must(Store::open("store", options));
    std::filesystem::current_path(before);
    for (int i = 0; i < 20; ++i) { must(append(store, "a", std::string(1000, 'x'))); }
    EXPECT_EQ(read(store).size(), 20U);
    must(store.close());
  }
  EXPECT_EQ(read(must(Store::open(temp.path() / "store", options))).size(), 20U);
}

TEST(FolderTest, NeedsAName) { EXPECT_TRUE(fails_with(Store::open(""), ErrorCode::kInvalidArgument)); }

// Somebody makes the store and appends to it while we look at what a cut-short making had left: what we see is no store
// yet, or the store, and never damage. Method: a making that fails from its n-th call on; then an opening, at whose
// k-th call another one comes in between; for all n and k.
TEST(OpenRace, AStoreMadeMeanwhileIsNotTakenForDamage) {
  std::uint64_t seen_as_store = 0;
  for (const bool read_only : {true, false}) {
    bool whole = false;
    for (std::uint64_t n = 1; !whole; n += kSampleStep) {
      bool came_between = true;
      for (std::uint64_t k = 1; came_between; ++k) {
        World world;
        world.files.set_fault_rule([n](const platform::SeamCall& call) {
          return call.number >= n ? std::optional(platform::SeamFault{EIO}) : std::nullopt;
        });
        whole = world.try_open().has_value();
        if (whole) { break; }
        world.files.set_fault_rule({});
        world.files.kill_process();
        std::optional<Store> other;
        const std::uint64_t at = world.files.calls() + k;
        world.files.set_fault_rule([&](const platform::SeamCall& call) -> std::optional<platform::SeamFault> {
          if (call.number != at) { return std::nullopt; }
          if (auto opened = world.try_open()) {
            other.emplace(std::move(*opened));
            must(append(*other, "a", "x"));
          }
          return std::nullopt;
        });
        const auto opened = world.try_open({.read_only = read_only});
        came_between = world.files.calls() > at;
        SCOPED_TRACE("read only " + std::to_string(read_only) + ", n " + std::to_string(n) + ", k " +
                     std::to_string(k));
        if (opened) {
          ++seen_as_store;
        } else if (read_only) {
          EXPECT_TRUE(fails_with(opened, ErrorCode::kNotFound));
        } else {
          EXPECT_TRUE(fails_with(opened, ErrorCode::kLocked));
        }
        world.files.set_fault_rule({});
      }
    }
  }
  EXPECT_GT(seen_as_store, 0U);
}

// What follows the end of a log that was closed in good order is not read: opening takes no longer for a large segment.
TEST(Closed, TheSpaceBehindTheEndIsNotRead) {
  constexpr std::uint64_t kSegmentBytes = std::uint64_t{16} << 20U;
  World world;
  world.write_ahead = kSegmentBytes / 2;
  const OpenOptions options{.segment_bytes_first = kSegmentBytes, .segment_bytes_largest = kSegmentBytes};
  std::uint64_t bytes = 0;
  const auto bytes_read_by = [&](OpenOptions how) {
    bytes = 0;
    world.files.set_fault_rule([&](const platform::SeamCall& call) -> std::optional<platform::SeamFault> {
      if (call.kind == platform::SeamCall::Kind::kPread) { bytes += call.length; }
      return std::nullopt;
    });
    Store store = world.open(how);
    world.files.set_fault_rule({});
    EXPECT_EQ(store.info().events, 1U);
    return bytes;
  };
  {
    Store store = world.open(options);
    must(append(store, "a", "x"));
    must(store.close());
  }
  const auto closed = world.snapshot();
  OpenOptions read_only = options;
  read_only.read_only = true;
  EXPECT_LT(bytes_read_by(read_only), kSegmentBytes / 4);
  EXPECT_LT(bytes_read_by(options), kSegmentBytes / 4);
  // Without one of the superblocks nobody knows whether it was the last to be closed.
  for (const auto& [path, content] : closed) { world.files.set_contents(path, content); }
  world.files.remove(world.folder / engine::kSuperblockNames[0]);
  EXPECT_GE(bytes_read_by(read_only), kSegmentBytes);
  // One that was not closed might have written so far ahead.
  for (const auto& [path, content] : closed) { world.files.set_contents(path, content); }
  {
    const Store store = world.open(options);
    world.files.kill_process();
  }
  EXPECT_GE(bytes_read_by(read_only), kSegmentBytes / 2);
}

// A close is told of only if it was the last thing that happened to the log.
TEST(Closed, OneOfAnEarlierTimeIsNotToldOf) {
  World world;
  {
    Store store = world.open();
    must(append(store, "a", "x"));
    must(store.close());
  }
  const auto closed = world.snapshot();
  {
    Store store = world.open();
    EXPECT_EQ(store.recovery().kind, RecoveryKind::kClosedCleanly);
    must(append(store, "a", "y"));
    world.files.kill_process();
  }
  for (const auto& [path, bytes] : closed) {
    if (path.find("super") != std::string::npos) { world.files.set_contents(path, bytes); }
  }
  EXPECT_EQ(world.open({.read_only = true}).recovery().kind, RecoveryKind::kCleanEnd);
  Store store = world.open();
  EXPECT_EQ(store.recovery().kind, RecoveryKind::kCleanEnd);
  EXPECT_EQ(read(store).size(), 2U);
}

// What stands there all the same is told by verify, and harms nobody: a recovery after it cuts it off.
TEST(Closed, WhatStandsBehindTheEndHarmsNobody) {
  World world;
  {
    Store store = world.open();
    must(append(store, "a", "x"));
    must(store.close());
  }
  const auto path = world.folder / engine::segment_file_name(SegmentNumber(1));
  auto bytes = world.contents(path);
  bytes[bytes.size() / 2] ^= std::byte{1};
  world.files.set_contents(path, bytes);
  EXPECT_GT(must(engine::verify_store(world.folder, world.environment(), {})).bytes_pending, 0U);
  for (std::size_t round = 0; round < 4; ++round) {
    Store store = world.open();
    EXPECT_EQ(read(store).size(), 1U + round);
    must(append(store, "a", "y"));
    if (round == 1) {
      world.files.kill_process();
    } else {
      must(store.close());
    }
  }
  EXPECT_EQ(must(engine::verify_store(world.folder, world.environment(), {})).bytes_pending, 0U);
}

}  // namespace
}  // namespace tidemark
