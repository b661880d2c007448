// SPDX-License-Identifier: Apache-2.0
// Goal: moving tables into files and merging them changes no answer. Method: a log that is only told of, held against a
// model; readers beside a thread. What fails: index_keeper_faults_test.cc.
#include <algorithm>
#include <atomic>
#include <gtest/gtest.h>
#include <thread>

#include "tests/engine/log/index_keeper_life.h"

namespace tidemark::engine {
namespace {

using namespace test;
using platform::SeamCall;
using platform::SeamFault;

TEST(IndexKeeperTest, TablesBecomeFilesAndFewerFiles) {
  Folder folder(27 * 8);
  Life life(folder);
  for (int table = 1; table <= 26; ++table) {
    life.add_table();
    life.keeper.work();
    life.expect_right();
  }
  EXPECT_EQ(life.run_sizes(), (std::vector<std::uint64_t>{72, 72, 24, 24, 8, 8}));
  EXPECT_EQ(folder.files.files().size(), 6U);
  life.add_table();
  life.keeper.work();
  EXPECT_EQ(life.run_sizes(), std::vector<std::uint64_t>{27 * 8});
  EXPECT_EQ(folder.files.files().size(), 1U);
  EXPECT_EQ(folder.expect_right(), 27 * 8U);
  const auto counters = life.keeper.counters();
  EXPECT_EQ(counters.tables_written, 27U);
  EXPECT_EQ(counters.merges, 9U + 3U + 1U);
  EXPECT_EQ(counters.failures, 0U);
  EXPECT_GT(counters.bytes_written, 27U * 600U);
  EXPECT_TRUE(ok(life.keeper.last_error()));
  life.expect_right();
}

// On the operating system's files: a view from before goes on with maps of files that are long removed.
TEST(IndexKeeperTest, OnRealFiles) {
  const TempFolder folder;
  platform::SimClock clock;
  platform::SimMachine machine{7};
  platform::FileSystem& files = platform::real_file_system();
  const SampleLog log(9 * 8);
  Catalog catalog;
  IndexKeeper keeper({files, clock, machine, false, kSmall}, folder.path(), some_log_id(), catalog, {});
  std::vector<std::pair<std::shared_ptr<const index::Tiers>, std::uint64_t>> views;
  for (std::uint64_t end = 8; end <= log.size(); end += 8) {
    for (int i = 0; i < 8; ++i) { log.add_to(catalog); }
    views.emplace_back(catalog.view(), end);
    ASSERT_TRUE(keeper.close_table(log.edge(end)));
    keeper.durable(log.edge(end).point.offset);
    keeper.work();
  }
  EXPECT_TRUE(ok(keeper.last_error()));
  EXPECT_EQ(must(files.list(folder.path())).size(), 1U);
  const auto found = must(find_index(files, folder.path(), some_log_id()));
  ASSERT_EQ(found.runs.size(), 1U);
  EXPECT_EQ(found.end, log.edge(log.size()));
  views.emplace_back(catalog.view(), log.size());
  views.emplace_back(Catalog(found.runs).view(), log.size());
  for (const auto& [view, end] : views) { expect_right_answers(*view, log, end); }
}

// Tables of any sizes, small ones that were closed early, a large batch: no run keeps its neighbours apart for ever.
TEST(IndexKeeperTest, TablesOfAnySizeAreMerged) {
  Folder folder(20'000);
  Life life(folder);
  std::mt19937_64 random(3);
  while (life.catalog.end().value() < 19'000) {
    life.add_table(1 + random() % (random() % 10 == 0 ? 200 : 12));
    life.keeper.work();
    ASSERT_LE(life.run_sizes().size(), 2U * 8U);
  }
  life.expect_right();
  EXPECT_EQ(folder.expect_right(), life.catalog.end().value());
}

TEST(IndexKeeperTest, NothingIsWrittenBeforeItIsDurable) {
  Folder folder(100);
  Life life(folder);
  const auto calls = folder.files.calls(SeamCall::Kind::kOpen);
  life.add(8);
  life.close();
  life.add(8);
  life.close();
  life.keeper.work();
  life.keeper.durable(Offset(folder.log.edge(8).point.offset.value() - 1));
  life.keeper.work();
  EXPECT_EQ(folder.files.calls(SeamCall::Kind::kOpen), calls);
  life.keeper.durable(folder.log.edge(8).point.offset);
  life.keeper.durable(Offset(1));  // never goes back
  life.keeper.work();
  EXPECT_EQ(folder.expect_right(), 8U);
  life.keeper.durable(Offset(folder.log.edge(16).point.offset.value() - 1));
  life.keeper.finish(true);
  EXPECT_EQ(folder.expect_right(), 8U);
  EXPECT_EQ(life.keeper.counters().failures, 0U);
  life.expect_right();
}

TEST(IndexKeeperTest, FinishWritesWhatIsLeft) {
  for (const bool clean : {false, true}) {
    Folder folder(100);
    {
      Life life(folder);
      life.add_table();
      life.add_table(3);
      life.add(5);
      life.sync();
      life.keeper.finish(clean);
    }
    EXPECT_EQ(folder.expect_right(), clean ? 11U : 0U);
    Life next(folder);
    EXPECT_EQ(next.catalog.end().value(), clean ? 11U : 0U);
  }
}

// Lives that end soon leave small runs: a close merges them.
TEST(IndexKeeperTest, SmallRunsAreMergedAtTheEnd) {
  for (const bool clean : {false, true}) {
    Folder folder(100);
    std::vector<std::vector<std::uint64_t>> sizes;
    for (int i = 0; i < 7; ++i) {
      Life life(folder);
      life.add_table(5);
      life.keeper.finish(clean);
      sizes.push_back(life.run_sizes());
    }
    if (clean) {
      EXPECT_EQ(sizes,
                (std::vector<std::vector<std::uint64_t>>{{5}, {5, 5}, {15}, {15, 5}, {25}, {25, 5}, {25, 5, 5}}));
      EXPECT_EQ(folder.files.files().size(), 3U);
    } else {
      EXPECT_TRUE(sizes.back().empty());
    }
    EXPECT_EQ(folder.expect_right(), clean ? 35U : 0U);
  }
}

// Many are waiting: a close does not do it all.
TEST(IndexKeeperTest, AtACloseNoMoreIsMergedThanItMay) {
  const auto after_close = [](const std::vector<std::uint64_t>& sizes) {
    Folder folder(100);
    folder.index.merge_runs = 1000;
    {
      Life life(folder);
      for (const std::uint64_t events : sizes) { life.add_table(events); }
      life.keeper.finish(true);
      EXPECT_EQ(life.run_sizes(), sizes);
    }
    folder.index.merge_runs = 3;
    Life life(folder);
    life.keeper.finish(true);
    (void)folder.expect_right();
    return life.run_sizes();
  };
  EXPECT_EQ(after_close({5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5}), (std::vector<std::uint64_t>{5, 5, 5, 5, 40}));
  EXPECT_EQ(after_close({12, 12, 12, 23}), (std::vector<std::uint64_t>{36, 23}));  // not those with the large one
  EXPECT_EQ(after_close({20, 20, 20}), (std::vector<std::uint64_t>{20, 20, 20}));
}

TEST(IndexKeeperTest, WhoMakesNoFilesLeavesThoseThatThereAre) {
  Folder folder(200);
  folder.index.merge_runs = 1000;
  {
    Life life(folder);
    for (int i = 0; i < 3; ++i) { life.add_table(); }
    life.keeper.finish(true);
  }
  folder.index.merge_runs = 3;
  const auto files = folder.snapshot();
  Life reader(folder, false);
  for (int i = 0; i < 4; ++i) { reader.add_table(); }
  reader.keeper.work();
  EXPECT_EQ(reader.run_sizes(), (std::vector<std::uint64_t>{8, 8, 8, 32}));
  reader.expect_right();
  reader.keeper.finish(true);
  EXPECT_EQ(folder.snapshot(), files);
}

// At most 64 at once.
TEST(IndexKeeperTest, ManyRunsAreMergedInParts) {
  Folder folder(300);
  folder.index.merge_runs = 1000;
  {
    Life life(folder);
    for (int i = 0; i < 100; ++i) { life.add_table(2); }
    life.keeper.finish(true);
  }
  folder.index.merge_runs = 3;
  Life life(folder);
  life.keeper.work();
  EXPECT_EQ(life.run_sizes(), (std::vector<std::uint64_t>{72, 128}));
  EXPECT_EQ(folder.expect_right(), 200U);
  life.expect_right();
}

// A merge that was dropped leaves its runs, and others come behind them.
TEST(IndexKeeperTest, NeighboursAreMergedWhereverTheyLie) {
  Folder folder(200);
  folder.index.merge_runs = 1000;
  {
    Life life(folder);
    for (const std::uint64_t events : {24U, 30U, 3U, 24U, 8U, 8U}) { life.add_table(events); }
    life.keeper.finish(true);
    ASSERT_EQ(life.run_sizes(), (std::vector<std::uint64_t>{24, 30, 3, 24, 8, 8}));
  }
  folder.index.merge_runs = 3;
  Life life(folder);
  life.keeper.work();
  EXPECT_EQ(life.run_sizes(), (std::vector<std::uint64_t>{81, 8, 8}));  // the two wait for a third
  EXPECT_EQ(life.keeper.counters().merges, 1U);
  EXPECT_EQ(folder.expect_right(), 97U);
  life.expect_right();
}

// Large runs are merged once there is time.
TEST(IndexKeeperTest, TheThreadMergesWhatItFinds) {
  Folder folder(100, kSmall, true);
  for (int i = 0; i < 3; ++i) {
    Life life(folder);
    life.add_table(15);
    life.keeper.finish(true);
    EXPECT_EQ(life.run_sizes().size(), static_cast<std::size_t>(i + 1));
  }
  Life life(folder);
  life.keeper.start();
  while (life.keeper.counters().merges == 0) { std::this_thread::yield(); }
  life.keeper.finish(true);
  EXPECT_EQ(life.run_sizes(), std::vector<std::uint64_t>{45});
  EXPECT_EQ(folder.expect_right(), 45U);
}

TEST(IndexKeeperTest, AMergeIsDroppedWhenTheStoreCloses) {
  Folder folder(100);
  {
    Life life(folder);
    for (int i = 0; i < 3; ++i) { life.add_table(15); }
    life.keeper.finish(true);
  }
  Life life(folder);
  folder.files.set_fault_rule([&](const SeamCall& call) -> std::optional<SeamFault> {
    if (call.kind == SeamCall::Kind::kOpen) { life.keeper.finish(false); }
    return std::nullopt;
  });
  life.keeper.work();
  folder.files.set_fault_rule({});
  EXPECT_EQ(life.keeper.counters().merges, 0U);
  EXPECT_EQ(life.keeper.counters().failures, 0U);
  EXPECT_EQ(life.run_sizes(), (std::vector<std::uint64_t>{15, 15, 15}));
  EXPECT_EQ(folder.files.files().size(), 3U);
  EXPECT_EQ(folder.expect_right(), 45U);
  life.expect_right();
}

// A merge can take long: tables that are closed meanwhile do not wait for its end.
TEST(IndexKeeperTest, TablesAreWrittenInTheMiddleOfAMerge) {
  Folder folder(200);
  {
    Life life(folder);
    for (int i = 0; i < 3; ++i) { life.add_table(15); }
    life.keeper.finish(true);
  }
  Life life(folder);
  std::vector<std::string> named;
  folder.files.set_fault_rule([&](const SeamCall& call) -> std::optional<SeamFault> {
    if (call.kind == SeamCall::Kind::kRename) { named.emplace_back(call.path.substr(call.path.rfind('/') + 1)); }
    if (call.kind == SeamCall::Kind::kOpen && named.empty() && life.catalog.end() == Position(45)) {
      life.add_table();
      life.add_table();
    }
    return std::nullopt;
  });
  life.keeper.work();
  folder.files.set_fault_rule({});
  const auto name = [](std::uint64_t first, std::uint64_t end) {
    return index_file_name({Position(first), Position(end)}) + std::string(kTemporarySuffix);
  };
  EXPECT_EQ(named, (std::vector{name(45, 53), name(53, 61), name(0, 45)}));
  EXPECT_EQ(life.run_sizes(), (std::vector<std::uint64_t>{45, 8, 8}));
  EXPECT_EQ(folder.expect_right(), 61U);
  life.expect_right();
}

// Readers with views beside the keeper's thread, whatever fails meanwhile.
TEST(IndexKeeperTest, ReadersBesideIt) {
  constexpr std::uint64_t kEvents = 2000;
  for (const bool faults : {false, true}) {
    Folder folder(kEvents, kSmall, true);
    const auto streams = folder.log.model().positions(0, kEvents);
    Life life(folder);
    std::atomic<std::uint64_t> published = 0;
    std::atomic<std::uint64_t> counter = 0;
    if (faults) {
      folder.files.set_fault_rule([&](const SeamCall& call) -> std::optional<SeamFault> {
        const bool writes = call.kind == SeamCall::Kind::kPwritev || call.kind == SeamCall::Kind::kRename ||
                            call.kind == SeamCall::Kind::kDatasync || call.kind == SeamCall::Kind::kUnlink;
        return writes && counter.fetch_add(1) % 7 == 0 ? std::optional(SeamFault{.error = ENOSPC}) : std::nullopt;
      });
    }
    life.keeper.start();
    std::vector<std::jthread> readers;
    for (std::uint64_t reader = 0; reader < 2; ++reader) {
      readers.emplace_back([&, reader] {
        std::mt19937_64 random(reader);
        for (std::uint64_t end = 0; end < kEvents;) {
          end = published.load(std::memory_order_acquire);
          const auto view = life.catalog.view();
          auto one = streams.begin();
          std::advance(one, random() % streams.size());
          const auto& [name, positions] = *one;
          const auto wanted = static_cast<std::uint64_t>(std::ranges::lower_bound(positions, end) - positions.begin());
          const auto postings = must(view->postings(index::make_key(name.first, name.second), Position(end)));
          ASSERT_EQ(postings.count(), wanted);
          std::vector<Position> got(std::min<std::uint64_t>(wanted, 100));
          ASSERT_EQ(must(postings.positions(wanted - got.size(), got)), got.size());
          for (std::size_t i = 0; i < got.size(); ++i) {
            ASSERT_EQ(got[i].value(), positions[wanted - got.size() + i]);
          }
        }
      });
    }
    std::mt19937_64 random(9);
    std::uint64_t next_close = 5;
    while (life.catalog.end().value() < kEvents) {
      life.add(1);
      published.store(life.catalog.end().value(), std::memory_order_release);
      if (life.catalog.newest_events() >= next_close) {
        life.close();
        next_close = 1 + random() % 16;
        std::this_thread::yield();
      }
      if (random() % 10 == 0) { life.sync(); }
    }
    readers.clear();
    if (HasFatalFailure()) { return; }
    life.close();
    life.sync();
    folder.files.set_fault_rule({});
    life.keeper.finish(true);
    EXPECT_EQ(folder.expect_right(), kEvents);
    expect_right_answers(*life.catalog.view(), folder.log, kEvents);
    EXPECT_EQ(life.keeper.counters().failures > 0, faults);
  }
}

}  // namespace
}  // namespace tidemark::engine
