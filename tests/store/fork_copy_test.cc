// SPDX-License-Identifier: Apache-2.0
// Goal: a fork has the events of its store up to a position, as they are, and from there on a log of its own; neither
// is ever taken for a part of the other, whatever is forked from what.
// Method: random lives forked at their edges, and forks forked again, compared event by event; files of one put into
// the other; every call of a fork failed and crashed.
#include <algorithm>
#include <cerrno>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <optional>
#include <string>
#include <vector>

#include "engine/format/lineage.h"
#include "engine/log/superblock_store.h"
#include "engine/recovery/index_check.h"
#include "engine/recovery/verify.h"
#include "engine/store/copies.h"
#include "engine/store/salvager.h"
#include "tests/sampled.h"
#include "tests/store/index_life.h"
#include "tests/store/support.h"

namespace tidemark::test {
namespace {

using testing::HasSubstr;

const std::filesystem::path kFork = "/sim/fork";

Result<ForkReport> fork_at(World& world, std::uint64_t position, const std::filesystem::path& into = kFork,
                           const std::filesystem::path& from = "/sim/store", const ForkOptions& options = {}) {
  ForkOptions how = options;
  how.at = Position(position);
  return engine::fork_store(from, into, how, world.environment(), {});
}
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
void expect_whole(World& world, const std::filesystem::path& folder) {
  const auto report = must(engine::verify_store(folder, world.environment(), {}));
  ASSERT_TRUE(report.whole()) << report.damages.front().what << " " << report.damages.front().file;
}
void append_many(Store& store, std::uint64_t events, const std::string& tag = "") {
  for (std::uint64_t i = 0; i < events; ++i) {
    must(append(store, "stream-" + std::to_string(i % 5), tag + std::to_string(i) + std::string(300 + i % 90, 'x')));
  }
}
Lines first_of(const Lines& all, std::size_t count) {
  return {all.begin(), all.begin() + static_cast<std::ptrdiff_t>(count)};
}

struct Fixed : World {
  explicit Fixed(std::uint64_t events = 40) {
    index = {.files = true, .table_events = 8, .merge_runs = 3, .close_events = 5};
    Store store = open(tiny_segments());
    append_many(store, events);
    all = lines(store);
    must(store.close());
  }
  Lines all;
};

TEST(ForkTest, HasWhatCameBeforeAndGoesItsOwnWay) {
  for (const SealedSegments sealed : {SealedSegments::kLinked, SealedSegments::kCopied}) {
    Fixed world;
    const auto before = world.snapshot();
    const auto report = must(fork_at(world, 27, kFork, world.folder, {.sealed = sealed}));
    EXPECT_EQ(report.events, 28u);
    EXPECT_EQ(report.segments_linked > 0, sealed == SealedSegments::kLinked);
    EXPECT_EQ(lines_at(world, kFork), first_of(world.all, 28));
    expect_whole(world, kFork);
    {
      Store fork = open_at(world, kFork, tiny_segments());
      EXPECT_EQ(fork.recovery().kind, RecoveryKind::kClosedCleanly);
      EXPECT_EQ(fork.info().log_id, report.log_id);
      EXPECT_EQ(fork.info().format_major, engine::kForkFormatMajor);
      EXPECT_EQ(lines(fork), first_of(world.all, 28));
      append_many(fork, 40, "own ");
      EXPECT_EQ(lines(fork).size(), 68u);
      must(fork.close());
    }
    for (const auto& [path, bytes] : before) { EXPECT_EQ(world.contents(path), bytes) << path; }
    {
      Store store = world.open(tiny_segments());
      EXPECT_NE(store.info().log_id, report.log_id);
      EXPECT_EQ(store.info().log_id, report.parent_log_id);
      append_many(store, 20, "theirs ");
    }
    expect_whole(world, world.folder);
    expect_whole(world, kFork);
    EXPECT_EQ(first_of(lines_at(world, kFork), 28), first_of(world.all, 28));
    for (const auto& path : world.files.files()) {
      if (path.parent_path() == world.folder) { world.files.remove(path); }
    }
    EXPECT_EQ(lines_at(world, kFork).size(), 68u) << "it needs nothing of the store that it was forked from";
  }
}

TEST(ForkTest, AtEveryPosition) {
  Fixed world;
  for (std::uint64_t at = 0; at < world.all.size(); ++at) {
    const auto into = kFork / std::to_string(at);
    must(fork_at(world, at, into));
    ASSERT_EQ(lines_at(world, into), first_of(world.all, at + 1));
    Store fork = open_at(world, into, tiny_segments());
    append_many(fork, 5);
    must(fork.close());
    expect_whole(world, into);
    if (HasFatalFailure()) { return; }
  }
  expect_whole(world, world.folder);
}

// The last event of each batch.
std::vector<std::uint64_t> edges_of(const Store& store) {
  std::vector<std::uint64_t> edges;
  std::optional<RecordedTime> recorded;
  for (const OwnedEvent& e : read(store)) {
    if (recorded == e.recorded) { edges.pop_back(); }
    edges.push_back(e.position.value());
    recorded = e.recorded;
  }
  return edges;
}

TEST(ForkTest, AnyLifeAndForksOfForks) {
  std::uint64_t index_files = 0;
  for (std::uint64_t seed = 0; seed < sampled(40); ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    IndexedLife life(seed);
    life.open();
    for (int n = 0; n < 60; ++n) { life.append_some(); }
    must(life.store->wait_durable(Position(life.facts.size() - 1)));
    std::filesystem::path from = life.world.folder;
    std::vector<Fact> facts = life.facts;
    for (int generation = 0; generation < 5; ++generation) {
      const auto into = kFork / (std::to_string(seed) + "-" + std::to_string(generation));
      std::uint64_t at = 0;
      {
        const Store source = open_at(life.world, from, {.read_only = true});
        const auto edges = edges_of(source);
        at = edges[life.pick(2) == 0 ? edges.size() - 1 - life.pick(edges.size() / 4 + 1) : life.pick(edges.size())];
      }
      must(fork_at(life.world, at, into, from,
                   {.sealed = life.pick(2) == 0 ? SealedSegments::kLinked : SealedSegments::kCopied}));
      facts.resize(at + 1);
      life.facts = facts;
      for (const auto& path : life.world.files.files()) {
        if (path.parent_path() == into && path.extension() == ".run") { ++index_files; }
      }
      life.expect_right(open_at(life.world, into, {.read_only = true}), at + 1);
      if (HasFatalFailure()) { return; }
      Store fork = open_at(life.world, into, life.options());
      life.expect_right(fork, at + 1);
      if (HasFatalFailure()) { return; }
      for (std::uint64_t n = life.pick(40); n > 0; --n) {
        const std::string name = std::to_string(seed) + "/" + std::to_string(facts.size());
        const auto id = EventId::from_name(name + into.string());
        Fact fact{
            .stream = "own-" + std::to_string(n % 3), .version = 0, .type = "T", .tags = {}, .id = id, .data = name};
        for (const Fact& other : facts) { fact.version += other.stream == fact.stream ? 1 : 0; }
        must(fork.append(fact.stream, Expect::any(), {{.type = fact.type, .data = as_bytes(fact.data), .id = id}}));
        facts.push_back(fact);
      }
      life.facts = facts;
      life.expect_right(fork, facts.size());
      must(fork.close());
      expect_whole(life.world, into);
      if (HasFatalFailure()) { return; }
      for (const auto& file : must(engine::check_index_files(into, life.world.environment(), {})).files) {
        ASSERT_EQ(file.problem, "") << file.path;
      }
      from = into;
    }
  }
  EXPECT_GT(index_files, sampled(40)) << "index files of what is shared come along";
}

TEST(ForkTest, OnlyAtTheEdgeOfABatch) {
  World world;
  EXPECT_TRUE(fails_with(fork_at(world, 0), ErrorCode::kNotFound));
  {
    Store store = world.open(tiny_segments());
    EXPECT_TRUE(fails_with(fork_at(world, 0), ErrorCode::kInvalidArgument)) << "an empty store";
    must(append(store, "s", "0"));
    must(store.append("s", Expect::any(), {event("T", "1"), event("T", "2"), event("T", "3")}));
    must(append(store, "s", "4"));
  }
  for (const std::uint64_t within : {1u, 2u}) {
    const auto refused = fork_at(world, within);
    ASSERT_TRUE(fails_with(refused, ErrorCode::kInvalidArgument));
    EXPECT_THAT(refused.error().message(), HasSubstr("positions 1 to 3"));
    EXPECT_THAT(refused.error().message(), HasSubstr("name 0 or 3"));
  }
  for (const std::uint64_t past : {std::uint64_t{5}, UINT64_MAX}) {
    EXPECT_TRUE(fails_with(fork_at(world, past), ErrorCode::kInvalidArgument));
  }
  EXPECT_TRUE(fails_with(fork_at(world, 3, world.folder), ErrorCode::kInvalidArgument));
  EXPECT_TRUE(fails_with(fork_at(world, 3, world.folder / "inner"), ErrorCode::kInvalidArgument));
  world.files.set_contents("/sim/other/file", as_bytes("text"));
  EXPECT_TRUE(fails_with(fork_at(world, 3, "/sim/other"), ErrorCode::kInvalidArgument));
  EXPECT_TRUE(fails_with(fork_at(world, 3, "/sim/other/file"), ErrorCode::kInvalidArgument));
  must(fork_at(world, 3));
  EXPECT_TRUE(fails_with(fork_at(world, 3), ErrorCode::kInvalidArgument)) << "it is there";
  EXPECT_EQ(lines_at(world, kFork).size(), 4u);
}

TEST(ForkTest, OfAllThatIsThere) {
  Fixed world;
  must(engine::fork_store(world.folder, kFork, {}, world.environment(), {}));
  EXPECT_EQ(lines_at(world, kFork), world.all);
  World empty;
  must(empty.open().close());
  must(engine::fork_store(empty.folder, kFork, {}, empty.environment(), {}));
  Store fork = open_at(empty, kFork, tiny_segments());
  append_many(fork, 20);
  must(fork.close());
  expect_whole(empty, kFork);
}

TEST(ForkTest, BesideAWriter) {
  World world;
  Store store = world.open(tiny_segments());
  append_many(store, 40);
  must(fork_at(world, 20));
  append_many(store, 40);
  EXPECT_EQ(lines_at(world, kFork), first_of(lines(store), 21));
}

// Were the log ids the same, a segment of the other branch would fit: it has the same place, epoch and positions.
TEST(ForkTest, TheOtherBranchsFilesAreStrangers) {
  Fixed world;
  must(fork_at(world, 20));
  {
    Store fork = open_at(world, kFork, tiny_segments());
    append_many(fork, 20);
    must(fork.close());
  }
  const engine::Lineage lineage(must(engine::load_superblocks(world.files, kFork))->newest);
  ASSERT_EQ(lineage.ancestors().size(), 1u);
  std::uint64_t strangers = 0;
  for (std::uint64_t number = 1; world.files.contents(kFork / engine::segment_file_name(SegmentNumber(number)));
       ++number) {
    const auto path = kFork / engine::segment_file_name(SegmentNumber(number));
    const bool is_shared = number * 4096 <= lineage.ancestors()[0].end;
    const auto own = world.contents(path);
    const auto theirs = world.files.contents(world.segment(number));
    if (!theirs) { break; }
    if (is_shared) {
      EXPECT_EQ(*theirs, own);
      continue;
    }
    world.files.set_contents(path, *theirs);
    EXPECT_FALSE(must(engine::verify_store(kFork, world.environment(), {})).whole()) << number;
    world.files.set_contents(path, own);
    ++strangers;
  }
  EXPECT_GT(strangers, 1u);
  expect_whole(world, kFork);
}

TEST(ForkTest, ThirteenGenerationsAndNoMore) {
  World world;
  {
    Store store = world.open(tiny_segments());
    append_many(store, 20);
  }
  std::filesystem::path from = world.folder;
  for (int generation = 1;; ++generation) {
    const auto into = kFork / std::to_string(generation);
    const std::uint64_t last = lines_at(world, from).size() - 1;
    const auto report = fork_at(world, last, into, from);
    if (generation == 14) {
      EXPECT_TRUE(fails_with(report, ErrorCode::kLimitExceeded));
      break;
    }
    ASSERT_TRUE(ok(report)) << generation;
    {
      Store fork = open_at(world, into, tiny_segments());
      append_many(fork, 20, std::to_string(generation));
      must(fork.close());
    }
    expect_whole(world, into);
    if (HasFatalFailure()) { return; }
    from = into;
  }
  // Of those that share nothing any more none is counted.
  for (int generation = 1; generation < 30; ++generation) {
    const auto into = kFork / ("again-" + std::to_string(generation));
    ASSERT_TRUE(ok(fork_at(world, 30, into, from)));
    expect_whole(world, into);
    if (HasFatalFailure()) { return; }
    from = into;
  }
}

TEST(ForkTest, IsKnownWithoutSuperblocks) {
  Fixed world;
  must(fork_at(world, 25));
  must(fork_at(world, 20, "/sim/again", kFork));
  for (const std::filesystem::path& folder : {kFork, std::filesystem::path("/sim/again")}) {
    const auto shown = lines_at(world, folder);
    for (const auto name : engine::kSuperblockNames) { world.files.remove(folder / name); }
    const auto report = must(engine::verify_store(folder, world.environment(), {}));
    EXPECT_EQ(report.damages.size(), 1u) << "the superblocks themselves";
    EXPECT_EQ(report.events, shown.size());
    const auto salvage = must(engine::open_salvage(folder, world.environment()));
    EXPECT_EQ(salvage.events_lost, 0u);
    EXPECT_EQ(lines(salvage.store), shown);
  }
}

TEST(ForkTest, WhatIsDamagedIsNotForked) {
  Fixed world;
  world.flip(world.segment(2), 700);
  const auto failed = fork_at(world, 30);
  ASSERT_TRUE(fails_with(failed, ErrorCode::kDamaged));
  EXPECT_EQ(failed.error().segment(), SegmentNumber(2));
  EXPECT_TRUE(fails_with(try_open_at(world, kFork, {.read_only = true}), ErrorCode::kNotFound));
  must(fork_at(world, 3));
  EXPECT_EQ(lines_at(world, kFork), first_of(world.all, 4)) << "what stands before the damage can be had";
}

TEST(ForkTest, BackedUpExtractedAndRepairedLikeAnyStore) {
  Fixed world;
  must(fork_at(world, 27));
  Store fork = open_at(world, kFork, tiny_segments());
  append_many(fork, 20, "own");
  must(fork.backup("/sim/backup"));
  append_many(fork, 20, "more");
  must(fork.backup("/sim/backup", {.incremental = true, .sealed = SealedSegments::kLinked}));
  EXPECT_EQ(lines_at(world, "/sim/backup"), lines(fork));
  must(fork.close());
  const auto repaired = must(engine::repair_store(kFork, "/sim/repaired", {}, world.environment(), {}));
  EXPECT_TRUE(repaired.lost_nothing());
  EXPECT_EQ(lines_at(world, "/sim/repaired"), lines_at(world, kFork));
}

TEST(ForkTest, CutShortOrFailedAnywhere) {
  const std::vector<int> faults{0, EIO, ENOSPC, ENOMEM};
  for (const SealedSegments sealed : {SealedSegments::kLinked, SealedSegments::kCopied}) {
    for (const int fault : faults) {
      std::uint64_t points = 0;
      for (bool reached = true; reached; points += kSampleStep) {
        SCOPED_TRACE("call " + std::to_string(points) + " fault " + std::to_string(fault));
        Fixed world;
        const std::uint64_t first = world.files.calls();
        reached = false;
        world.files.set_fault_rule([&](const platform::SeamCall& call) -> std::optional<platform::SeamFault> {
          if (call.number != first + 1 + points) { return std::nullopt; }
          reached = true;
          if (fault == 0) { world.files.power_off(); }
          return platform::SeamFault{.error = fault};
        });
        const auto report = fork_at(world, 27, kFork, world.folder, {.sealed = sealed, .verify = fault == 0});
        world.files.set_fault_rule({});
        if (fault == 0) { world.files.power_on(points, points % 3 == 0 ? 0.0 : 0.6); }
        if (!reached) { ASSERT_TRUE(ok(report)); }
        const auto there = try_open_at(world, kFork, {.read_only = true});
        if (report) { ASSERT_TRUE(ok(there)); }
        if (there) {
          ASSERT_EQ(lines(*there), first_of(world.all, 28));
        } else {
          ASSERT_TRUE(ok(fork_at(world, 27)));
          ASSERT_EQ(lines_at(world, kFork), first_of(world.all, 28));
        }
        ASSERT_EQ(lines_at(world, world.folder), world.all);
        expect_whole(world, world.folder);
        expect_whole(world, kFork);
        if (HasFatalFailure()) { return; }
      }
      EXPECT_GT(points, 40u);
    }
  }
}

}  // namespace
}  // namespace tidemark::test
