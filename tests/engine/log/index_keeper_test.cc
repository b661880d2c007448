// SPDX-License-Identifier: Apache-2.0
// Goal: moving tables into files and merging them changes no answer; whatever fails, the answers stay right and the
// files come later; whatever a crash leaves, what is found in the folder says what the log says. Method: a log that is
// only told of, held against a model; faults and power losses at every call on the seam; readers beside a thread.
#include "engine/log/index_keeper.h"

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <functional>
#include <gtest/gtest.h>
#include <random>
#include <thread>

#include "tests/engine/log/sample_log.h"

namespace tidemark::engine {
namespace {

using namespace test;
using platform::SeamCall;
using platform::SeamFault;

constexpr IndexPolicy kSmall{.files = true, .table_events = 8, .merge_runs = 3, .close_events = 1};

// A folder with its index files, one writer's life after the other.
struct Folder : World {
  explicit Folder(std::uint64_t events, IndexPolicy policy = kSmall, bool with_threads = false)
      : World(with_threads), log(events), index(policy) {
    must(files.make_folder(folder));
    must(files.sync_folder("/"));
    must(files.sync_folder(folder.parent_path()));
  }
  [[nodiscard]] Environment with_index() {
    Environment all = environment();
    all.index = index;
    return all;
  }
  [[nodiscard]] std::uint64_t expect_right() { return expect_right_index(files, folder, log); }

  SampleLog log;
  IndexPolicy index;
};

// A writer's life: what it found, and what it adds.
class Life {
 public:
  explicit Life(Folder& folder)
      : folder_(folder),
        found_(must(find_index(folder.files, folder.folder, some_log_id()))),
        catalog(found_.runs),
        keeper(folder.with_index(), folder.folder, some_log_id(), catalog),
        first_(catalog.end().value()) {
    for (const auto& leftover : found_.leftovers) { must(folder.files.unlink(leftover)); }
  }

  void add(std::uint64_t events) {
    for (std::uint64_t i = 0; i < events; ++i) { folder_.log.add_to(catalog); }
  }
  void close() {
    keeper.reserve();
    auto table = catalog.close_table();
    const std::uint64_t end = catalog.end().value();
    keeper.add_closed(std::move(table), folder_.log.edge(end), folder_.log.trailer_before(first_));
    first_ = end;
  }
  // Makes all durable that was added.
  void sync() { keeper.durable(folder_.log.edge(catalog.end().value()).point.offset); }
  void add_table(std::uint64_t events = 8) {
    add(events);
    close();
    sync();
  }
  void expect_right() { expect_right_answers(*catalog.view(), folder_.log, catalog.end().value()); }
  // In tables' sizes, where the runs end.
  [[nodiscard]] std::vector<std::uint64_t> run_sizes() const {
    std::vector<std::uint64_t> sizes;
    for (const auto& run : catalog.view()->runs()) { sizes.push_back(run->end() - run->first()); }
    return sizes;
  }

 private:
  Folder& folder_;
  FoundIndex found_;

 public:
  Catalog catalog;
  IndexKeeper keeper;

 private:
  std::uint64_t first_;  // of the table that grows
};

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
  IndexKeeper keeper({files, clock, machine, false, kSmall}, folder.path(), some_log_id(), catalog);
  std::vector<std::pair<std::shared_ptr<const index::Tiers>, std::uint64_t>> views;
  for (std::uint64_t end = 8; end <= log.size(); end += 8) {
    for (int i = 0; i < 8; ++i) { log.add_to(catalog); }
    views.emplace_back(catalog.view(), end);
    keeper.add_closed(catalog.close_table(), log.edge(end), log.trailer_before(end - 8));
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

// What a life does, in the same order each time; every call of the keeper is told of first.
void live(Life& life, std::uint64_t seed, const std::function<void()>& before, const std::function<void()>& after) {
  std::mt19937_64 random(seed);
  for (int table = 0; table < 10; ++table) {
    life.add(1 + random() % 12);
    life.close();
    if (random() % 3 != 0) { life.sync(); }
    if (random() % 4 == 0) { continue; }
    before();
    life.keeper.work();
    after();
  }
  life.sync();
  before();
  life.keeper.work();
  after();
}

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
      for (std::uint64_t at = 1;; ++at) {
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
        EXPECT_GT(failures, 100U);
        EXPECT_GT(in_memory, 50U);
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
    life.add_table();
    life.add_table();
    life.keeper.work();
    life.add_table();
    life.keeper.finish(true);  // does not merge
  }
  const auto damaged = folder.folder / index_file_name({Position(8), Position(16)});
  folder.flip(damaged, 600);
  Life life(folder);
  ASSERT_EQ(life.catalog.end(), Position(24));
  life.keeper.work();
  ASSERT_TRUE(fails_with(life.keeper.last_error(), ErrorCode::kDamaged));
  EXPECT_EQ(life.keeper.last_error().error().path(), damaged);
  EXPECT_EQ(life.run_sizes(), (std::vector<std::uint64_t>{8, 8, 8}));
  EXPECT_EQ(folder.files.files().size(), 3U);
  const auto failures = life.keeper.counters().failures;
  const auto calls = folder.files.calls();
  life.keeper.work();
  EXPECT_EQ(life.keeper.counters().failures, failures);
  EXPECT_EQ(folder.files.calls(), calls);
}

// Short lives leave small runs: those are merged once there is time.
TEST(IndexKeeperTest, TheThreadMergesWhatItFinds) {
  Folder folder(100, kSmall, true);
  for (int i = 0; i < 3; ++i) {
    Life life(folder);
    life.add_table(5);
    life.keeper.finish(true);
    EXPECT_EQ(life.run_sizes().size(), static_cast<std::size_t>(i + 1));
  }
  Life life(folder);
  life.keeper.start();
  while (life.keeper.counters().merges == 0) { std::this_thread::yield(); }
  life.keeper.finish(true);
  EXPECT_EQ(life.run_sizes(), std::vector<std::uint64_t>{15});
  EXPECT_EQ(folder.expect_right(), 15U);
}

TEST(IndexKeeperTest, AMergeIsDroppedWhenTheStoreCloses) {
  Folder folder(100);
  {
    Life life(folder);
    for (int i = 0; i < 3; ++i) { life.add_table(); }
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
  EXPECT_EQ(life.run_sizes(), (std::vector<std::uint64_t>{8, 8, 8}));
  EXPECT_EQ(folder.files.files().size(), 3U);
  EXPECT_EQ(folder.expect_right(), 24U);
  life.expect_right();
}

// A merge can take long: tables that are closed meanwhile do not wait for its end.
TEST(IndexKeeperTest, TablesAreWrittenInTheMiddleOfAMerge) {
  Folder folder(200);
  {
    Life life(folder);
    for (int i = 0; i < 3; ++i) { life.add_table(); }
    life.keeper.finish(true);
  }
  Life life(folder);
  std::vector<std::string> named;
  folder.files.set_fault_rule([&](const SeamCall& call) -> std::optional<SeamFault> {
    if (call.kind == SeamCall::Kind::kRename) { named.emplace_back(call.path.substr(call.path.rfind('/') + 1)); }
    if (call.kind == SeamCall::Kind::kOpen && named.empty() && life.catalog.end() == Position(24)) {
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
  EXPECT_EQ(named, (std::vector{name(24, 32), name(32, 40), name(0, 24)}));
  EXPECT_EQ(life.run_sizes(), (std::vector<std::uint64_t>{24, 8, 8}));
  EXPECT_EQ(folder.expect_right(), 40U);
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
