// SPDX-License-Identifier: Apache-2.0
// Goal: a backup is the store as it was durable at one moment, made beside its writer; what is cut short leaves the
// earlier backup, or a longer one of the same log, or the new one.
// Method: random lives backed up again and again, compared event by event; every call of a backup failed and crashed;
// appenders that go on meanwhile.
#include <algorithm>
#include <atomic>
#include <cerrno>
#include <gtest/gtest.h>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "engine/recovery/verify.h"
#include "tests/sampled.h"
#include "tests/store/index_life.h"
#include "tests/store/support.h"

namespace tidemark::test {
namespace {

const std::filesystem::path kBackup = "/sim/backup";

Result<Store> try_open_at(World& world, const std::filesystem::path& folder, const OpenOptions& options = {}) {
  auto core = engine::open_store(folder, options, world.environment());
  if (!core) { return std::unexpected(std::move(core.error())); }
  return Store(std::move(*core));
}
Store open_at(World& world, const std::filesystem::path& folder, const OpenOptions& options = {}) {
  return must(try_open_at(world, folder, options));
}
Lines lines_at(World& world, const std::filesystem::path& folder) {
  return lines(open_at(world, folder, {.read_only = true}));
}

// Several segments of 4 KiB, the last one in use.
void append_many(Store& store, std::uint64_t events, const std::string& tag = "") {
  for (std::uint64_t i = 0; i < events; ++i) {
    must(append(store, "stream-" + std::to_string(i % 5), tag + std::to_string(i) + std::string(300 + i % 90, 'x')));
  }
}

std::uint64_t names_of(const World& world, const std::filesystem::path& folder, std::string_view suffix) {
  return static_cast<std::uint64_t>(std::ranges::count_if(world.files.files(), [&](const auto& path) {
    return path.parent_path() == folder && path.native().ends_with(suffix);
  }));
}

bool is_prefix(const Lines& some, const Lines& of) {
  return some.size() <= of.size() && std::equal(some.begin(), some.end(), of.begin());
}

TEST(BackupTest, IsTheStoreAsItWas) {
  for (const SealedSegments sealed : {SealedSegments::kCopied, SealedSegments::kLinked}) {
    World world;
    world.index = {.files = true, .table_events = 8, .merge_runs = 3, .close_events = 5};
    Store store = world.open(tiny_segments());
    append_many(store, 40);
    const auto before = lines(store);
    std::uint64_t last_done = 0;
    std::uint64_t last_all = 0;
    const auto report = must(store.backup(kBackup, {.sealed = sealed}, [&](std::uint64_t done, std::uint64_t all) {
      EXPECT_LE(done, all);
      last_done = done;
      last_all = all;
    }));
    EXPECT_GT(last_done, 0u);
    EXPECT_GE(last_all, last_done);
    EXPECT_FALSE(report.added_to_earlier);
    EXPECT_EQ(report.events, 40u);
    const bool links = sealed == SealedSegments::kLinked;
    EXPECT_GE(report.segments_copied + report.segments_linked, 5u);
    EXPECT_EQ(links ? report.segments_copied : report.segments_linked, links ? 1u : 0u);
    EXPECT_GT(names_of(world, kBackup, ".run"), 0u) << "so that it opens fast";
    append_many(store, 20);
    must(store.close());
    for (const auto& path : world.files.files()) {
      if (path.parent_path() == world.folder) { world.files.remove(path); }
    }
    const Store shown = open_at(world, kBackup, {.read_only = true});
    EXPECT_EQ(lines(shown), before);
    EXPECT_EQ(shown.recovery().kind, RecoveryKind::kClosedCleanly);
    EXPECT_EQ(shown.info().store_id, store.info().store_id);
    EXPECT_EQ(shown.info().log_id, store.info().log_id);
    EXPECT_TRUE(must(engine::verify_store(kBackup, world.environment(), {})).whole());
    Store restored = open_at(world, kBackup, tiny_segments());
    EXPECT_EQ(restored.recovery().kind, RecoveryKind::kClosedCleanly);
    append_many(restored, 30);
    EXPECT_EQ(lines(restored).size(), 70u);
    must(restored.close());
    EXPECT_TRUE(must(engine::verify_store(kBackup, world.environment(), {})).whole());
  }
}

TEST(BackupTest, OfAnEmptyStoreAndOfAClosedOne) {
  World world;
  {
    Store store = world.open();
    EXPECT_EQ(must(store.backup(kBackup)).events, 0u);
    must(store.close());
    EXPECT_TRUE(fails_with(store.backup("/sim/closed"), ErrorCode::kClosed));
  }
  EXPECT_EQ(lines_at(world, kBackup), Lines{});
  Store backup = open_at(world, kBackup);
  must(append(backup, "s", "1"));
  must(backup.close());
  Store reader = open_at(world, kBackup, {.read_only = true});
  EXPECT_EQ(must(reader.backup("/sim/again", {.incremental = true})).events, 1u) << "a read-only opening can, too";
  EXPECT_EQ(lines_at(world, "/sim/again"), lines(reader));
}

TEST(BackupTest, OfWhatIsDurableAlone) {
  World world;
  Store store = world.open(tiny_segments());
  append_many(store, 10);
  must(append(store, "s", "buffered", Expect::any(), {.durability = Durability::kBuffered}));
  EXPECT_EQ(must(store.backup(kBackup)).events, 10u);
  EXPECT_EQ(lines_at(world, kBackup), lines(store));
}

TEST(BackupTest, AnyLifeAgainAndAgain) {
  for (std::uint64_t seed = 0; seed < sampled(60); ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    IndexedLife life(seed);
    life.open();
    const BackupOptions options{.incremental = true,
                                .sealed = seed % 2 == 0 ? SealedSegments::kCopied : SealedSegments::kLinked};
    std::uint64_t events = 0;
    for (int round = 0; round < 6; ++round) {
      for (std::uint64_t n = life.pick(40); n > 0; --n) { life.append_some(); }
      if (life.pick(4) == 0) {
        life.close();
        life.open();
      }
      if (life.pick(5) == 0) {
        // Somebody looks at the backup as a writer does, and appends nothing.
        if (names_of(life.world, kBackup, "super-a") > 0) {
          must(open_at(life.world, kBackup, life.options()).close());
        }
      }
      const auto report = must(life.store->backup(kBackup, options));
      EXPECT_EQ(report.added_to_earlier, round > 0);
      EXPECT_GE(report.events, events);
      events = report.events;
      const Store shown = open_at(life.world, kBackup, {.read_only = true});
      ASSERT_EQ(shown.info().events, events);
      EXPECT_EQ(shown.recovery().kind, RecoveryKind::kClosedCleanly);
      life.expect_right(shown, events);
      if (HasFatalFailure()) { return; }
    }
  }
}

TEST(BackupTest, AddsOnlyWhatIsNew) {
  World world;
  Store store = world.open(tiny_segments());
  append_many(store, 40);
  const auto first = must(store.backup(kBackup, {.incremental = true}));
  const auto nothing = must(store.backup(kBackup, {.incremental = true}));
  EXPECT_TRUE(nothing.added_to_earlier);
  EXPECT_EQ(nothing.segments_kept, first.segments_copied);
  EXPECT_EQ(nothing.segments_copied, 0u);
  append_many(store, 20);
  const auto more = must(store.backup(kBackup, {.incremental = true}));
  EXPECT_EQ(more.segments_kept, first.segments_copied - 1) << "all but the one that was in use";
  EXPECT_LT(more.bytes_copied, first.bytes_copied);
  EXPECT_EQ(lines_at(world, kBackup), lines(store));
}

TEST(BackupTest, IsRefusedWhereItDoesNotBelong) {
  World world;
  Store store = world.open(tiny_segments());
  append_many(store, 40);
  EXPECT_TRUE(fails_with(store.backup(world.folder), ErrorCode::kInvalidArgument));
  EXPECT_TRUE(fails_with(store.backup(world.folder, {.incremental = true}), ErrorCode::kInvalidArgument));
  EXPECT_TRUE(fails_with(store.backup(world.folder / "inner"), ErrorCode::kInvalidArgument));
  world.files.set_contents("/sim/file", as_bytes("text"));
  EXPECT_TRUE(fails_with(store.backup("/sim/file"), ErrorCode::kInvalidArgument));
  world.files.set_contents("/sim/other/file", as_bytes("text"));
  for (const bool incremental : {false, true}) {
    EXPECT_TRUE(fails_with(store.backup("/sim/other", {.incremental = incremental}), ErrorCode::kInvalidArgument));
  }
  must(store.backup(kBackup));
  EXPECT_TRUE(fails_with(store.backup(kBackup), ErrorCode::kInvalidArgument)) << "only if it is asked to go on";
  {
    Store writer = open_at(world, kBackup, tiny_segments());
    EXPECT_TRUE(fails_with(store.backup(kBackup, {.incremental = true}), ErrorCode::kLocked));
    must(append(writer, "s", "another way"));
  }
  const auto there = lines_at(world, kBackup);
  for (int round = 0; round < 2; ++round) {
    EXPECT_TRUE(fails_with(store.backup(kBackup, {.incremental = true}), ErrorCode::kInvalidArgument));
    append_many(store, 10);
  }
  EXPECT_EQ(lines_at(world, kBackup), there) << "a log of its own stays as it is";
  World other;
  open_at(world, "/sim/another");
  EXPECT_TRUE(fails_with(store.backup("/sim/another", {.incremental = true}), ErrorCode::kInvalidArgument));
}

TEST(BackupTest, WhereNoLinkCanBeHadItIsCopied) {
  for (const int number : {EXDEV, EPERM, EMLINK, EOPNOTSUPP}) {
    World world;
    Store store = world.open(tiny_segments());
    append_many(store, 40);
    world.files.set_fault_rule([number](const platform::SeamCall& call) -> std::optional<platform::SeamFault> {
      if (call.kind != World::Kind::kLink) { return std::nullopt; }
      return platform::SeamFault{.error = number};
    });
    const auto report = must(store.backup(kBackup, {.sealed = SealedSegments::kLinked}));
    EXPECT_EQ(report.segments_linked, 0u);
    EXPECT_EQ(lines_at(world, kBackup), lines(store));
  }
}

TEST(BackupTest, OfADamagedStoreThereIsNone) {
  for (const SealedSegments sealed : {SealedSegments::kCopied, SealedSegments::kLinked}) {
    // A frame of a sealed segment, one of the last, the end of a segment that was left, a header.
    const std::vector<std::pair<std::uint64_t, std::uint64_t>> places{{2, 700}, {5, 700}, {2, 4096 - 500}, {1, 20}};
    for (const auto& [segment, offset] : places) {
      World world;
      {
        Store store = world.open(tiny_segments());
        append_many(store, 40);
        ASSERT_FALSE(world.files.contents(world.segment(8)));
      }
      Store store = world.open(tiny_segments());
      world.flip(world.segment(segment), offset);
      const auto report = store.backup(kBackup, {.sealed = sealed});
      ASSERT_TRUE(fails_with(report, ErrorCode::kDamaged)) << segment << " " << offset;
      EXPECT_EQ(report.error().segment(), SegmentNumber(segment));
      EXPECT_FALSE(report.error().message().empty());
      EXPECT_EQ(names_of(world, kBackup, ""), 0u);
      EXPECT_EQ(names_of(world, "/sim/backup.unfinished", ".log"), 0u) << "the room is given back";
    }
  }
}

// It may be a store that somebody named so.
TEST(BackupTest, AFolderThatOnlyHasTheNameOfAnUnfinishedCopyStays) {
  World world;
  Store store = world.open();
  append_many(store, 3);
  must(store.backup("/sim/other.unfinished"));
  const auto before = world.snapshot();
  const auto refused = store.backup("/sim/other");
  ASSERT_TRUE(fails_with(refused, ErrorCode::kInvalidArgument));
  EXPECT_NE(refused.error().message().find("move it away"), std::string::npos);
  EXPECT_EQ(world.snapshot(), before) << "not even a lock is put there";
  // What a copy that was cut short leaves is cleared away.
  std::uint64_t calls = 0;
  world.files.set_fault_rule([&](const platform::SeamCall& call) -> std::optional<platform::SeamFault> {
    if (call.path.find("cut.unfinished") == std::string_view::npos || ++calls < 8) { return std::nullopt; }
    return platform::SeamFault{.error = EIO};
  });
  EXPECT_FALSE(store.backup("/sim/cut"));
  world.files.set_fault_rule({});
  EXPECT_TRUE(ok(store.backup("/sim/cut")));
  EXPECT_EQ(names_of(world, "/sim/cut", "unfinished"), 0u);
}

// What was damaged since does not take the place of an earlier backup that is whole.
TEST(BackupTest, OfADamagedStoreTheEarlierOneStays) {
  for (const SealedSegments sealed : {SealedSegments::kCopied, SealedSegments::kLinked}) {
    World world;
    Store store = world.open(tiny_segments());
    append_many(store, 16);
    must(store.backup(kBackup, {.sealed = sealed}));
    const Lines earlier = lines_at(world, kBackup);
    append_many(store, 24, "later");
    ASSERT_TRUE(world.files.contents(world.segment(7)));
    world.flip(world.segment(5), 900);
    EXPECT_TRUE(fails_with(store.backup(kBackup, {.incremental = true, .sealed = sealed}), ErrorCode::kDamaged));
    EXPECT_EQ(lines_at(world, kBackup), earlier);
    Store back = open_at(world, kBackup, tiny_segments());
    must(append(back, "more", "x"));
    must(store.close());
  }
}

TEST(BackupTest, ADamagedOrSuspectEndIsDecidedOnFirst) {
  World world;
  {
    Store store = world.open(tiny_segments());
    append_many(store, 40);
    must(store.close());
  }
  std::uint64_t last = 1;
  while (world.files.contents(world.segment(last + 1))) { ++last; }
  const auto bytes = world.contents(world.segment(last));
  if (engine::all_zero(std::span(bytes).subspan(512))) { --last; }
  world.flip(world.segment(last), 600);
  Store reader = world.open({.read_only = true});
  EXPECT_TRUE(fails_with(reader.backup(kBackup), ErrorCode::kDamaged));
}

// A store with an earlier backup, if wanted, and more events since.
struct Scene : World {
  explicit Scene(bool earlier) {
    index = {.files = true, .table_events = 8, .merge_runs = 3, .close_events = 5};
    store.emplace(open(tiny_segments()));
    append_many(*store, 20, "a");
    before = earlier ? lines(*store) : Lines{};
    if (earlier) { must(store->backup(kBackup)); }
    append_many(*store, 20, "b");
    after = lines(*store);
    first_call = files.calls();
  }
  std::optional<Store> store;
  Lines before;
  Lines after;
  std::uint64_t first_call = 0;
};

// What is there after a backup that ended somewhere, and that it can be completed.
void expect_survival(Scene& scene, bool earlier, std::uint64_t call) {
  SCOPED_TRACE("call " + std::to_string(call));
  const bool is_there = names_of(scene, kBackup, "super-a") + names_of(scene, kBackup, "super-b") > 0;
  if (earlier) { ASSERT_TRUE(is_there); }
  if (is_there) {
    const auto shown = lines_at(scene, kBackup);
    ASSERT_TRUE(is_prefix(scene.before, shown));
    ASSERT_TRUE(is_prefix(shown, scene.after));
    if (!earlier) { ASSERT_EQ(shown, scene.after); }
    ASSERT_TRUE(must(engine::verify_store(kBackup, scene.environment(), {})).whole());
  }
  if (call % 3 == 0 && is_there) {
    const Store opened = open_at(scene, kBackup, tiny_segments());
    ASSERT_TRUE(is_prefix(lines(opened), scene.after));
  }
  ASSERT_TRUE(must(engine::verify_store(scene.folder, scene.environment(), {})).whole()) << "whoever opened the backup";
  Store source = scene.open(tiny_segments());
  ASSERT_EQ(lines(source), scene.after) << "the source is as it was";
  auto again = source.backup(kBackup, {.incremental = true});
  ASSERT_TRUE(ok(again));
  ASSERT_EQ(lines_at(scene, kBackup), scene.after);
  ASSERT_EQ(names_of(scene, kBackup, ".tmp"), 0u);
  Store restored = open_at(scene, kBackup, tiny_segments());
  ASSERT_TRUE(ok(append(restored, "s", "on")));
}

TEST(BackupTest, CutShortAnywhere) {
  for (const bool earlier : {false, true}) {
    for (const SealedSegments sealed : {SealedSegments::kCopied, SealedSegments::kLinked}) {
      const BackupOptions options{.incremental = earlier, .sealed = sealed, .verify = false};
      std::uint64_t points = 0;
      for (bool reached = true; reached; points += kSampleStep) {
        for (const double keep : {0.0, 0.5, 1.0}) {
          Scene scene(earlier);
          scene.files.set_fault_rule([&](const platform::SeamCall& call) -> std::optional<platform::SeamFault> {
            if (call.number == scene.first_call + 1 + points) { scene.files.power_off(); }
            return std::nullopt;
          });
          (void)scene.store->backup(kBackup, options);
          reached = scene.files.is_off();
          scene.files.set_fault_rule({});
          scene.files.power_on(points, keep);
          scene.store.reset();
          expect_survival(scene, earlier, points);
          if (HasFatalFailure()) { return; }
        }
      }
      EXPECT_GT(points, 50u);
    }
  }
}

// Everything done stays, nothing goes on: SIGKILL.
TEST(BackupTest, KilledAnywhere) {
  for (const bool earlier : {false, true}) {
    for (std::uint64_t n = 1;; n += kSampleStep) {
      Scene scene(earlier);
      bool killed = false;
      scene.files.set_fault_rule([&](const platform::SeamCall& call) -> std::optional<platform::SeamFault> {
        if (call.number == scene.first_call + n) { killed = true; }
        return killed ? std::optional(platform::SeamFault{.error = EIO}) : std::nullopt;
      });
      (void)scene.store->backup(kBackup, {.incremental = earlier, .sealed = SealedSegments::kLinked});
      scene.files.set_fault_rule({});
      scene.files.kill_process();
      scene.store.reset();
      expect_survival(scene, earlier, n);
      if (HasFatalFailure()) { return; }
      if (!killed) { break; }
    }
  }
}

TEST(BackupTest, AnErrorAnywhere) {
  for (const bool earlier : {false, true}) {
    for (const int number : {EIO, ENOSPC, ENOMEM}) {
      for (std::uint64_t n = 1;; n += kSampleStep) {
        Scene scene(earlier);
        bool reached = false;
        scene.files.set_fault_rule([&](const platform::SeamCall& call) -> std::optional<platform::SeamFault> {
          if (call.number != scene.first_call + n) { return std::nullopt; }
          reached = true;
          return platform::SeamFault{.error = number};
        });
        auto report = scene.store->backup(kBackup, {.incremental = earlier});
        scene.files.set_fault_rule({});
        if (!reached) { ASSERT_TRUE(ok(report)); }
        must(append(*scene.store, "s", "the store goes on"));
        scene.after = lines(*scene.store);
        if (report) {
          // An index file could not be had, or what failed did not matter.
          ASSERT_EQ(lines_at(scene, kBackup).size() + 1, scene.after.size());
        }
        must(scene.store->close());
        scene.store.reset();
        if (names_of(scene, kBackup, "super-a") == 0 || earlier) {
          scene.before = earlier ? scene.before : Lines{};
          expect_survival(scene, earlier, n);
        }
        if (HasFatalFailure()) { return; }
        if (!reached) { break; }
      }
    }
  }
}

TEST(BackupTest, AFullDiskLeavesTheEarlierOne) {
  Scene scene(true);
  std::uint64_t used = 0;
  for (const auto& path : scene.files.files()) { used += scene.contents(path).size(); }
  for (std::uint64_t room = 0; room < 10; ++room) {
    scene.files.set_capacity(used + room * 2000);
    auto report = scene.store->backup(kBackup, {.incremental = true});
    if (report) { break; }
    ASSERT_TRUE(fails_with(report, ErrorCode::kNoSpace));
    EXPECT_EQ(lines_at(scene, kBackup), scene.before);
    EXPECT_EQ(names_of(scene, kBackup, ".tmp"), 0u);
  }
  scene.files.set_capacity(UINT64_MAX);
  must(scene.store->backup(kBackup, {.incremental = true}));
  EXPECT_EQ(lines_at(scene, kBackup), scene.after);
}

TEST(BackupTest, WhileAppendersGoOn) {
  for (const SealedSegments sealed : {SealedSegments::kCopied, SealedSegments::kLinked}) {
    TempFolder temp;
    const OpenOptions small{.segment_bytes_first = 1U << 16U, .segment_bytes_largest = 1U << 16U};
    auto store = must(Store::open(temp.path() / "store", small));
    std::atomic<bool> stop = false;
    std::vector<std::jthread> appenders;
    for (int t = 0; t < 4; ++t) {
      appenders.emplace_back([&, t] {
        for (std::uint64_t i = 0; !stop; ++i) {
          Batch batch;
          for (int n = 0; n < 3; ++n) {
            batch.to("stream-" + std::to_string(t)).add(event("T", std::to_string(i) + std::string(200, 'x')));
          }
          must(store.append(batch, {.durability = i % 2 == 0 ? Durability::kBuffered : Durability::kDurable}));
        }
      });
    }
    std::vector<std::uint64_t> events;
    for (int round = 0; round < 6; ++round) {
      std::this_thread::sleep_for(std::chrono::milliseconds(30));
      const auto report = must(store.backup(temp.path() / "backup", {.incremental = true, .sealed = sealed}));
      events.push_back(report.events);
      EXPECT_EQ(report.events % 3, 0u) << "batches are whole";
    }
    // Another process does the same through a read-only opening.
    const auto reader = must(Store::open(temp.path() / "store", {.read_only = true}));
    events.push_back(must(reader.backup(temp.path() / "backup", {.incremental = true, .sealed = sealed})).events);
    stop = true;
    appenders.clear();
    EXPECT_TRUE(std::ranges::is_sorted(events));
    const auto all = lines(store);
    const auto backup = must(Store::open(temp.path() / "backup", {.read_only = true}));
    const auto shown = lines(backup);
    EXPECT_EQ(shown.size(), events.back());
    EXPECT_TRUE(is_prefix(shown, all));
    EXPECT_TRUE(must(verify(temp.path() / "backup")).whole());
  }
}

}  // namespace
}  // namespace tidemark::test
