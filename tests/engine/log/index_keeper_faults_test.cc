// SPDX-License-Identifier: Apache-2.0
// Goal: whatever fails while index files are written and merged, the answers stay right and the files come later;
// whatever a crash leaves, what is found in the folder says what the log says. Method: faults, power losses and a lost
// lock at every call on the seam; what is left held against a model.
#include <cerrno>
#include <gtest/gtest.h>

#include "tests/engine/log/index_keeper_life.h"
#include "tests/sampled.h"

namespace tidemark::engine {
namespace {

using namespace test;
using platform::SeamCall;
using platform::SeamFault;

enum class Fault : std::uint8_t { kEio, kEnospc, kEnomem, kShort, kShortThenEnospc };

SeamFault fault_of(Fault fault) {
  switch (fault) {
    case Fault::kEio:
      return {.error = EIO};
    case Fault::kEnospc:
      return {.error = ENOSPC};
    case Fault::kEnomem:
      return {.error = ENOMEM};
    case Fault::kShort:
      return {.only = 5};
    case Fault::kShortThenEnospc:
      return {.error = ENOSPC, .only = 5};
  }
  return {};
}

// Every call fails, once and from then on: the answers stay right, and with the disk back all of it gets its files.
TEST(IndexKeeperTest, AnyCallMayFail) {
  for (const Fault fault : {Fault::kEio, Fault::kEnospc, Fault::kEnomem, Fault::kShort, Fault::kShortThenEnospc}) {
    for (const bool from_then : {false, true}) {
      std::uint64_t failures = 0;
      std::uint64_t in_memory = 0;
      std::uint64_t saved_later = 0;
      for (std::uint64_t at = 1;; at += test::kSampleStep) {
        SCOPED_TRACE("fault " + std::to_string(static_cast<int>(fault)) + " at call " + std::to_string(at));
        Folder folder(200);
        Life life(folder);
        bool armed = false;
        std::uint64_t calls = 0;
        std::uint64_t hits = 0;
        folder.files.set_fault_rule([&](const SeamCall& call) -> std::optional<SeamFault> {
          if (!armed) { return std::nullopt; }
          ++calls;
          if (calls < at || (calls > at && !from_then)) { return std::nullopt; }
          const bool cuts = call.kind == SeamCall::Kind::kPwritev || call.kind == SeamCall::Kind::kPread;
          const SeamFault what = fault_of(fault);
          if (!cuts && what.error == 0) { return std::nullopt; }
          ++hits;
          return what;
        });
        live(
            life, 5, [&] { armed = true; },
            [&] {
              armed = false;
              life.expect_right();
            });
        if (HasFatalFailure()) { return; }
        EXPECT_EQ(life.keeper.last_error().has_value(), life.keeper.counters().failures == 0);
        (void)folder.expect_right();
        life.add_table();
        life.keeper.work();
        life.keeper.finish(true);
        EXPECT_EQ(folder.expect_right(), life.catalog.end().value());
        life.expect_right();
        if (HasFailure()) { return; }
        // A temporary file stays only if removing it failed, too.
        for (const auto& path : folder.files.files()) {
          EXPECT_TRUE(from_then || path.extension() != kTemporarySuffix) << path;
        }
        failures += life.keeper.counters().failures;
        in_memory += life.keeper.counters().tables_kept_in_memory;
        saved_later += life.keeper.counters().saved_later;
        if (calls < at) { break; }
      }
      if (fault == Fault::kShort && !from_then) {
        EXPECT_EQ(failures, 0U);
      } else if (fault != Fault::kShort) {
        EXPECT_GT(failures * test::kSampleStep, 100U);
        EXPECT_GT(in_memory * test::kSampleStep, 50U);
        // The others were merged before.
        EXPECT_GT(saved_later, in_memory / 2);
        EXPECT_LE(saved_later, in_memory);
      }
    }
  }
}

// Whatever a power loss leaves is right, and the next life goes on with it.
TEST(IndexKeeperTest, ThePowerMayGoAtAnyCall) {
  std::uint64_t cut_short = 0;
  std::uint64_t with_leftovers = 0;
  for (const double keep : {0.0, 0.5, 1.0}) {
    for (std::uint64_t at = 1;; ++at) {
      SCOPED_TRACE("keep " + std::to_string(keep) + ", off at call " + std::to_string(at));
      Folder folder(200);
      std::uint64_t calls = 0;
      std::uint64_t end = 0;
      {
        Life life(folder);
        const std::uint64_t start = folder.files.calls();
        folder.files.set_fault_rule([&](const SeamCall& call) -> std::optional<SeamFault> {
          if (call.number == start + at) { folder.files.power_off(); }
          return std::nullopt;
        });
        live(life, 5, [] {}, [] {});
        life.keeper.finish(true);
        calls = folder.files.calls() - start;
        end = life.catalog.end().value();
      }
      folder.files.set_fault_rule({});
      folder.files.power_off();
      folder.files.power_on(at * 13, keep);
      const std::uint64_t found = folder.expect_right();
      ASSERT_LE(found, end);
      cut_short += found < end ? 1U : 0U;
      const auto leftovers = [&] { return must(find_index(folder.files, folder.folder, some_log_id())).leftovers; };
      with_leftovers += leftovers().empty() ? 0U : 1U;
      Life next(folder);
      EXPECT_TRUE(leftovers().empty());
      ASSERT_EQ(next.catalog.end().value(), found);
      next.expect_right();
      live(next, at, [] {}, [] {});
      next.keeper.finish(true);
      next.expect_right();
      ASSERT_EQ(folder.expect_right(), next.catalog.end().value());
      ASSERT_EQ(next.keeper.counters().failures, 0U);
      if (HasFailure()) { return; }
      if (calls < at) { break; }
    }
  }
  EXPECT_GT(cut_short, 100U);
  EXPECT_GT(with_leftovers, 100U);
}

// A name that reaches the disk has its bytes there already.
TEST(IndexKeeperTest, AFileIsDurableBeforeItHasItsName) {
  for (std::uint64_t at = 1;; ++at) {
    Folder folder(200);
    std::uint64_t calls = 0;
    {
      Life life(folder);
      const std::uint64_t start = folder.files.calls();
      folder.files.set_fault_rule([&](const SeamCall& call) -> std::optional<SeamFault> {
        if (call.number == start + at) { folder.files.power_off(); }
        return std::nullopt;
      });
      live(life, 5, [] {}, [] {});
      calls = folder.files.calls() - start;
    }
    folder.files.set_fault_rule({});
    folder.files.power_off();
    folder.files.power_on({.bytes = [](const std::filesystem::path&, std::uint64_t) { return 0; }});
    for (const auto& path : folder.files.files()) {
      const auto range = parse_index_file_name(path.filename().string());
      if (!range) { continue; }
      ASSERT_EQ(folder.contents(path), folder.log.file(range->first.value(), range->end.value())) << path;
    }
    if (calls < at) { break; }
  }
}

// The inputs of a merge are removed only once the name of what they became is durable.
TEST(IndexKeeperTest, AMergeNeverLeavesNeither) {
  for (std::uint64_t at = 1;; ++at) {
    Folder folder(100);
    std::uint64_t calls = 0;
    {
      Life life(folder);
      life.add_table();
      life.add_table();
      life.keeper.work();
      must(folder.files.sync_folder(folder.folder));
      life.add_table();
      const std::uint64_t start = folder.files.calls();
      folder.files.set_fault_rule([&](const SeamCall& call) -> std::optional<SeamFault> {
        if (call.number == start + at) { folder.files.power_off(); }
        return std::nullopt;
      });
      life.keeper.work();
      calls = folder.files.calls() - start;
    }
    folder.files.set_fault_rule({});
    folder.files.power_off();
    // Removals reach the disk, new names do not unless they were synced.
    folder.files.power_on(
        {.bytes = [](const std::filesystem::path&, std::uint64_t) { return kSectorBytes; },
         .name = [](const std::string& name) { return name.find("-00000000000000000024.") == std::string::npos; }});
    ASSERT_GE(folder.expect_right(), 16U) << at;
    if (calls < at) { break; }
  }
}

TEST(IndexKeeperTest, AFullDiskCostsNoAnswerAndTheFilesComeLater) {
  Folder folder(400);
  Life life(folder);
  life.add_table();
  life.keeper.work();
  folder.files.set_capacity(2'000);
  for (int i = 0; i < 10; ++i) {
    life.add_table();
    life.keeper.work();
    life.expect_right();
  }
  EXPECT_TRUE(fails_with(life.keeper.last_error(), ErrorCode::kNoSpace));
  EXPECT_EQ(life.catalog.view()->tables().size(), 1U);  // none is kept as it was
  const auto full = life.keeper.counters();
  EXPECT_GE(full.tables_kept_in_memory, 9U);
  EXPECT_EQ(full.saved_later, 0U);
  EXPECT_LE(folder.expect_right(), 16U);
  folder.files.set_capacity(1'000'000);
  life.add_table();
  life.keeper.work();
  life.expect_right();
  EXPECT_EQ(folder.expect_right(), 12 * 8U);
  EXPECT_EQ(life.keeper.counters().saved_later, full.tables_kept_in_memory);
}

TEST(IndexKeeperTest, WithoutItsLockItNamesAndRemovesNothing) {
  Folder folder(100);
  const auto lock = must(folder.files.lock(folder.folder / kLockName));
  Life life(folder);
  life.keeper.guard_with(*lock);
  life.add_table();
  life.add_table();
  life.keeper.work();
  EXPECT_EQ(folder.expect_right(), 16U);
  folder.files.remove(folder.folder / kLockName);
  const auto names = folder.files.files();
  life.add_table();
  life.keeper.work();
  life.keeper.finish(true);
  EXPECT_EQ(folder.files.files(), names);
  EXPECT_TRUE(fails_with(life.keeper.last_error(), ErrorCode::kLocked));
  life.expect_right();
}

// The lock is lost in the middle: it is looked at right before a file gets its name, and before any is removed.
TEST(IndexKeeperTest, TheLockMayBeLostAtAnyCall) {
  for (std::uint64_t at = 1;; ++at) {
    SCOPED_TRACE("lost at call " + std::to_string(at));
    Folder folder(100);
    const auto lock = must(folder.files.lock(folder.folder / kLockName));
    Life life(folder);
    life.keeper.guard_with(*lock);
    life.add_table();
    life.add_table();
    life.keeper.work();
    life.add_table();
    const std::uint64_t start = folder.files.calls();
    bool allowed = false;  // the last call, but for removals, was a look at the lock that found it
    std::uint64_t changes = 0;
    folder.files.set_fault_rule([&](const SeamCall& call) -> std::optional<SeamFault> {
      if (call.number == start + at) { folder.files.remove(folder.folder / kLockName); }
      const bool removes = call.kind == SeamCall::Kind::kUnlink;
      const bool is_temporary = call.path.ends_with(kTemporarySuffix);
      if (call.kind == SeamCall::Kind::kRename || (removes && !is_temporary)) {
        EXPECT_TRUE(allowed) << to_string(call.kind) << " " << call.path;
        ++changes;
      }
      if (!removes) { allowed = call.kind == SeamCall::Kind::kCheckLock && call.number < start + at; }
      return std::nullopt;
    });
    life.keeper.work();
    folder.files.set_fault_rule({});
    life.expect_right();
    ASSERT_GE(folder.expect_right(), 16U);
    if (folder.files.calls() - start < at) {
      EXPECT_EQ(changes, 5U);
      break;
    }
  }
}

TEST(IndexKeeperTest, ADamagedRunIsLeftAloneWithItsGroup) {
  Folder folder(200);
  {
    Life life(folder);
    life.add_table(15);
    life.add_table(15);
    life.keeper.work();
    life.add_table(15);
    life.keeper.finish(true);  // does not merge so much
  }
  const auto damaged = folder.folder / index_file_name({Position(15), Position(30)});
  folder.flip(damaged, 600);
  Life life(folder);
  ASSERT_EQ(life.catalog.end(), Position(45));
  life.keeper.work();
  ASSERT_TRUE(fails_with(life.keeper.last_error(), ErrorCode::kDamaged));
  EXPECT_EQ(life.keeper.last_error().error().path(), damaged);
  EXPECT_EQ(life.run_sizes(), (std::vector<std::uint64_t>{15, 15, 15}));
  EXPECT_EQ(folder.files.files().size(), 3U);
  const auto failures = life.keeper.counters().failures;
  const auto calls = folder.files.calls();
  life.keeper.work();
  EXPECT_EQ(life.keeper.counters().failures, failures);
  EXPECT_EQ(folder.files.calls(), calls);
}

}  // namespace
}  // namespace tidemark::engine
