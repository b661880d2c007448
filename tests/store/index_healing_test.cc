// SPDX-License-Identifier: Apache-2.0
// Goal: a damaged or unreadable part of an index file costs that file built again from the log, and no answer. Method:
// stores with index files of a few events, one byte of a file changed at a time, or all reading of it failing; then
// every answer is held against the events as they were appended, and the files against what they were before.
#include <gtest/gtest.h>
#include <map>
#include <thread>
#include <utility>
#include <vector>

#include "engine/format/segment.h"
#include "engine/recovery/index_check.h"
#include "engine/recovery/index_files.h"
#include "engine/recovery/index_healer.h"
#include "index/run_format.h"
#include "tests/sampled.h"
#include "tests/store/index_life.h"

namespace tidemark {
namespace {

using namespace test;
using platform::SeamCall;
using platform::SeamFault;

// A closed store with several index files that are not merged any more.
class HealedLife : public IndexedLife {
 public:
  explicit HealedLife(std::uint64_t seed, int appends = 30, bool threads = false) : IndexedLife(seed, threads) {
    world.index.merge_runs = 1000;
    open();
    for (int i = 0; i < appends; ++i) { append_some(); }
    close();
    for (const auto& path : index_files()) { whole_.emplace_back(path, world.contents(path)); }
  }

  // As they were made.
  [[nodiscard]] const auto& whole() const { return whole_; }

  void flip(std::size_t file, std::uint64_t offset) {
    auto bytes = whole_[file].second;
    bytes[offset] ^= std::byte{0x04};
    world.files.set_contents(whole_[file].first, bytes);
  }
  // Everybody gets every answer, and a writer leaves the files as they were.
  void expect_healed() {
    {
      const Store beside = world.open({.read_only = true});
      ASSERT_EQ(beside.info().events, facts.size());
      expect_right(beside, facts.size());
    }
    open();
    EXPECT_EQ(store->recovery().kind, RecoveryKind::kClosedCleanly);
    expect_right();
    close();
    for (const auto& [path, bytes] : whole_) { ASSERT_EQ(world.contents(path), bytes) << path; }
  }

 private:
  std::vector<std::pair<std::filesystem::path, std::vector<std::byte>>> whole_;
};

TEST(IndexHealing, AChangedByteCostsNoAnswer) {
  for (std::uint64_t seed = 1; seed <= 6; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    HealedLife life(seed);
    ASSERT_GT(life.whole().size(), 2U);
    for (std::size_t file = 0; file < life.whole().size(); ++file) {
      const std::uint64_t size = life.whole()[file].second.size();
      // Behind the header and before the checksums of the windows, of which there is one.
      for (std::uint64_t at = index::kRunHeaderBytes; at + sizeof(std::uint64_t) < size;
           at += kSampleStep * (1 + life.pick(200))) {
        SCOPED_TRACE("file " + std::to_string(file) + " byte " + std::to_string(at));
        life.flip(file, at);
        life.expect_healed();
        if (testing::Test::HasFatalFailure()) { return; }
      }
    }
  }
}

// In a file of many windows those that are asked first may be whole and later ones not.
TEST(IndexHealing, OneWindowOfMany) {
  World world;
  world.index = {.files = true, .table_events = 4000, .merge_runs = 1000, .close_events = 1};
  {
    Store store = world.open();
    for (int batch_number = 0; batch_number < 40; ++batch_number) {
      Batch batch;
      for (int i = 0; i < 100; ++i) {
        batch.to("stream-" + std::to_string(batch_number * 100 + i)).add({.type = "made", .data = as_bytes("x")});
      }
      must(store.append(batch));
    }
    must(store.close());
  }
  std::filesystem::path path;
  for (const auto& one : world.files.files()) {
    if (one.extension() == ".run") { path = one; }
  }
  const auto whole = world.contents(path);
  ASSERT_GT(whole.size(), 3 * index::kWindowBytes);
  for (std::uint64_t at = index::kRunHeaderBytes; at < whole.size() - index::kWindowBytes;
       at += kSampleStep * index::kWindowBytes / 2) {
    SCOPED_TRACE(at);
    auto bytes = whole;
    bytes[at] ^= std::byte{0x80};
    world.files.set_contents(path, bytes);
    Store store = world.open();
    std::map<std::string, Position> last;
    for (const StreamInfo& info : must(store.streams({.limit = 10000}))) { last[info.name] = info.last_position; }
    ASSERT_EQ(last.size(), 4000U);
    for (std::uint64_t i = 0; i < 4000; i += 7) {
      const std::string name = "stream-" + std::to_string(i);
      ASSERT_EQ(last.at(name).value(), i);
      const auto events = read(store, Query::stream(name));
      ASSERT_EQ(events.size(), 1U);
      ASSERT_EQ(events[0].position.value(), i);
      ASSERT_EQ(must(store.event_by_id(events[0].id))->position.value(), i);
    }
    must(store.close());
    ASSERT_EQ(world.contents(path), whole);
  }
}

TEST(IndexHealing, AMediumThatDoesNotGiveAFileBack) {
  for (std::uint64_t seed = 1; seed <= 10; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    HealedLife life(seed);
    for (const bool read_only : {true, false}) {
      Store store = read_only ? life.world.open({.read_only = true}) : life.world.open(life.options());
      const auto bad = life.whole()[life.pick(life.whole().size())].first;
      life.world.files.set_fault_rule([&](const SeamCall& call) -> std::optional<SeamFault> {
        const bool hit = call.kind == SeamCall::Kind::kPopulate && call.path == bad.native();
        return hit ? std::optional(SeamFault{.error = EIO}) : std::nullopt;
      });
      life.expect_right(store, life.facts.size());
      life.world.files.set_fault_rule({});
      if (testing::Test::HasFatalFailure()) { return; }
      must(store.close());
    }
  }
}

// What cannot be built again because the log is damaged there is told as the log's damage.
TEST(IndexHealing, DamageOfTheLogIsToldAsThat) {
  HealedLife life(3);
  const std::filesystem::path segment = life.world.folder / engine::segment_file_name(SegmentNumber(1));
  auto bytes = life.world.contents(segment);
  bytes[engine::kSegmentHeaderBytes + 200] ^= std::byte{1};
  life.world.files.set_contents(segment, bytes);
  life.flip(0, index::kRunHeaderBytes + 8);
  const Store store = life.world.open(life.options());
  const auto info = store.stream(life.facts[0].stream);
  ASSERT_TRUE(fails_with(info, ErrorCode::kDamaged));
  EXPECT_EQ(info.error().path(), segment);
  EXPECT_EQ(info.error().segment(), SegmentNumber(1));
}

TEST(IndexHealing, MergingGoesOnWithWhatWasBuiltAgain) {
  for (std::uint64_t seed = 1; seed <= 10; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    HealedLife life(seed);
    const std::size_t files = life.whole().size();
    for (std::size_t i = 0; i < files; i += 2) { life.flip(i, index::kRunHeaderBytes + 16); }
    life.world.index.merge_runs = 2;
    life.open();
    for (int i = 0; i < 20; ++i) { life.append_some(); }
    life.close();
    EXPECT_LT(life.index_files().size(), files);
    life.open();
    EXPECT_EQ(life.store->info().events, life.facts.size());
    life.expect_right();
    if (testing::Test::HasFatalFailure()) { return; }
  }
}

TEST(IndexHealing, ManyWhoAskAtOnce) {
  HealedLife life(5, 60, true);
  for (std::size_t i = 0; i < life.whole().size(); ++i) { life.flip(i, index::kRunHeaderBytes + 16); }
  life.open();
  {
    std::vector<std::jthread> readers;
    for (int n = 0; n < 4; ++n) {
      readers.emplace_back([&] {
        std::uint64_t next = 0;
        for (const OwnedEvent& event : read(*life.store)) { ASSERT_EQ(event.position.value(), next++); }
        for (const auto& stream : must(life.store->streams())) {
          ASSERT_GE(read(*life.store, Query::stream(stream.name)).size(), stream.last_version.value() + 1);
        }
      });
    }
    for (int i = 0; i < 50; ++i) { life.append_some(); }
  }
  life.expect_right();
  life.close();
  life.open();
  life.expect_right();
}

TEST(IndexCheck, NamesTheFilesThatDoNotHoldWhatTheLogSays) {
  HealedLife life(2);
  const auto check = [&] { return must(engine::check_index_files(life.world.folder, life.world.environment(), {})); };
  const IndexReport whole = check();
  EXPECT_TRUE(whole.whole());
  ASSERT_EQ(whole.files.size(), life.whole().size());
  EXPECT_EQ(whole.files.front().first, Position(0));
  EXPECT_EQ(whole.files.back().end, whole.indexed);
  for (std::size_t n = 0; n < life.whole().size(); ++n) {
    EXPECT_EQ(whole.files[n].path, life.whole()[n].first);
    EXPECT_EQ(whole.files[n].bytes, life.whole()[n].second.size());
    life.flip(n, index::kRunHeaderBytes + life.pick(life.whole()[n].second.size() - index::kRunHeaderBytes - 8));
    const auto before = life.world.snapshot();
    const IndexReport report = check();
    EXPECT_EQ(life.world.snapshot(), before);
    ASSERT_EQ(report.files.size(), life.whole().size());
    for (std::size_t i = 0; i < report.files.size(); ++i) { EXPECT_EQ(report.files[i].problem.empty(), i != n) << i; }
    life.world.files.set_contents(life.whole()[n].first, life.whole()[n].second);
  }
  // One whose header is damaged is of no use, and neither are those behind it.
  life.flip(1, 20);
  const IndexReport report = check();
  EXPECT_FALSE(report.whole());
  EXPECT_EQ(report.indexed, whole.files[0].end);
  EXPECT_TRUE(report.files[0].problem.empty());
  EXPECT_EQ(report.files.size(), life.whole().size());
  EXPECT_TRUE(
      fails_with(engine::check_index_files("/sim/elsewhere", life.world.environment(), {}), ErrorCode::kNotFound));
}

TEST(IndexCheck, HoldsFilesAgainstTheLog) {
  HealedLife life(7);
  const IndexReport before = must(engine::check_index_files(life.world.folder, life.world.environment(), {}));
  EXPECT_TRUE(before.whole());
  life.world.files.remove(life.world.folder / engine::segment_file_name(SegmentNumber(1)));
  const IndexReport report = must(engine::check_index_files(life.world.folder, life.world.environment(), {}));
  EXPECT_FALSE(report.whole());
}

// Not even to merge them with what it has read anew.
TEST(IndexHealing, WhoOnlyReadsLeavesTheFilesAlone) {
  for (std::uint64_t seed = 1; seed <= 6; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    HealedLife life(seed);
    ASSERT_GE(life.whole().size(), 3U);
    life.flip(life.whole().size() / 2, 40);  // its end: nobody takes it, or what comes after it
    life.world.index.merge_runs = 2;
    const auto before = life.world.snapshot();
    {
      const Store reader = life.world.open({.read_only = true});
      life.expect_right(reader, life.facts.size());
    }
    EXPECT_EQ(life.world.snapshot(), before);
    if (testing::Test::HasFatalFailure()) { return; }
  }
}

TEST(IndexRebuild, MakesAllFilesAnew) {
  for (std::uint64_t seed = 1; seed <= 5; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    HealedLife life(seed);
    for (std::size_t n = 0; n < life.whole().size(); ++n) { life.flip(n, life.pick(life.whole()[n].second.size())); }
    const IndexReport report =
        must(engine::rebuild_index_files(life.world.folder, life.options(), life.world.environment()));
    EXPECT_TRUE(report.whole());
    EXPECT_EQ(report.files.size(), life.index_files().size());
    EXPECT_GT(report.indexed, Position(0));
    EXPECT_TRUE(must(engine::check_index_files(life.world.folder, life.world.environment(), {})).whole());
    life.open();
    life.expect_right();
    EXPECT_TRUE(fails_with(engine::rebuild_index_files(life.world.folder, life.options(), life.world.environment()),
                           ErrorCode::kLocked));
    if (testing::Test::HasFatalFailure()) { return; }
  }
}

// The scan that opens a store by its index does not see what is damaged before: the one that rebuilds the index does,
// and then nothing is changed.
TEST(IndexRebuild, OfADamagedLogIsRefusedAndChangesNothing) {
  HealedLife life(4);
  const std::filesystem::path segment = life.world.folder / engine::segment_file_name(SegmentNumber(2));
  auto bytes = life.world.contents(segment);
  bytes[engine::kSegmentHeaderBytes + 300] ^= std::byte{1};
  life.world.files.set_contents(segment, bytes);
  const auto before = life.world.snapshot();
  EXPECT_TRUE(fails_with(engine::rebuild_index_files(life.world.folder, life.options(), life.world.environment()),
                         ErrorCode::kDamaged));
  EXPECT_EQ(life.world.snapshot(), before);
}

// An opening looks more than once, each time with the runs that it found.
TEST(IndexHealing, ARunThatComesBackIsReplacedAgain) {
  HealedLife life(2);
  life.flip(0, index::kRunHeaderBytes + 16);
  platform::Uuid log_id{};
  {
    const Store store = life.world.open({.read_only = true});
    log_id = store.info().log_id;
  }
  const auto found = must(engine::find_index(life.world.files, life.world.folder, log_id));
  engine::Catalog catalog(found.runs);
  int told = 0;
  engine::IndexHealer healer(life.world.files, life.world.folder, log_id, catalog, [&] { ++told; });
  catalog.heal_with(&healer);
  for (int round = 1; round <= 3; ++round) {
    const auto healed = must(healer.heal(found.runs[0]));
    EXPECT_EQ(told, round);
    EXPECT_EQ(catalog.view()->runs()[0], healed);
    catalog.start_with(found.runs);
  }
}

// What the index files alone tell, that the log went further, is asked before they are thrown away.
TEST(IndexRebuild, DoesNotForgetThatTheLogWentFurther) {
  IndexedLife life(3);
  life.open();
  for (int i = 0; i < 10; ++i) { life.append_some(); }
  life.close();
  const auto before = life.world.snapshot();
  life.open();
  for (int i = 0; i < 30; ++i) { life.append_some(); }
  life.close();
  life.set_log_back(before);
  const auto files = life.index_files();
  EXPECT_TRUE(fails_with(engine::rebuild_index_files(life.world.folder, life.options(), life.world.environment()),
                         ErrorCode::kDamaged));
  EXPECT_EQ(life.index_files(), files);
}

}  // namespace
}  // namespace tidemark
