// SPDX-License-Identifier: Apache-2.0
// Goal: when memory runs out, at whatever allocation, closing a table changes all or nothing, the keeper of the index
// lets no exception out, the answers stay right, and with memory back every table gets its file. Method: a small life
// with allocation 1, 2, 3, … failing, alone or with all later ones, until it runs through.
#include <gtest/gtest.h>
#include <new>

#include "engine/log/index_keeper.h"
#include "tests/damage/failing_new.h"
#include "tests/damage/sheltered_files.h"
#include "tests/engine/log/sample_log.h"

namespace tidemark::damage {
namespace {

using namespace engine;
using namespace test;

constexpr IndexPolicy kSmall{.files = true, .table_events = 4, .merge_runs = 2, .close_events = 1};

struct Trial : World {
  Trial() {
    must(files.make_folder(folder));
    sheltered = make_sheltered(files);
  }

  void add() {
    const Sheltered here;
    for (int i = 0; i < 4; ++i) { log.add_to(catalog); }
  }
  void close() {
    const bool is_closed = keeper().close_table(log.edge(catalog.end().value()));
    EXPECT_EQ(catalog.newest_events() == 0, is_closed);
    keeper().durable(log.edge(catalog.end().value()).point.offset);
  }
  IndexKeeper& keeper() {
    if (!kept) {
      kept.emplace(Environment{*sheltered, clock, machine, false, kSmall}, folder, some_log_id(), catalog,
                   IndexKeeper::Options{});
    }
    return *kept;
  }

  SampleLog log{24};
  std::unique_ptr<platform::FileSystem> sheltered;
  Catalog catalog;
  std::optional<IndexKeeper> kept;
};

class IndexMemory : public testing::TestWithParam<Failing> {};

TEST_P(IndexMemory, TheKeeperGoesOn) {
  std::uint64_t n = 1;
  for (;; ++n) {
    SCOPED_TRACE("allocation " + std::to_string(n));
    Trial trial;
    (void)trial.keeper();
    arm_memory(n, GetParam());
    for (int table = 0; table < 5; ++table) {
      trial.add();
      trial.close();
      trial.keeper().work();
    }
    const std::uint64_t failed = disarm_memory();
    expect_right_answers(*trial.catalog.view(), trial.log, trial.catalog.end().value());
    trial.add();
    trial.close();
    trial.keeper().work();
    trial.keeper().finish(true);
    ASSERT_EQ(expect_right_index(trial.files, trial.folder, trial.log), trial.catalog.end().value());
    expect_right_answers(*trial.catalog.view(), trial.log, trial.catalog.end().value());
    if (HasFailure() || failed == 0) { break; }
  }
  EXPECT_GT(n, 100U);
}

TEST_P(IndexMemory, WhatIsFoundIsRight) {
  Trial trial;
  for (int table = 0; table < 3; ++table) {
    trial.add();
    trial.close();
    trial.keeper().work();
  }
  ASSERT_EQ(trial.files.files().size(), 2U);
  for (std::uint64_t n = 1;; ++n) {
    SCOPED_TRACE("allocation " + std::to_string(n));
    arm_memory(n, GetParam());
    const auto found = find_index(*trial.sheltered, trial.folder, some_log_id());
    const std::uint64_t failed = disarm_memory();
    if (found) {
      EXPECT_TRUE(found->leftovers.empty());
      const std::uint64_t end = found->runs.empty() ? 0 : found->runs.back()->end().value();
      expect_right_answers(*Catalog(found->runs).view(), trial.log, end);
    } else {
      EXPECT_EQ(found.error().code(), ErrorCode::kOutOfMemory);
    }
    if (HasFailure() || failed == 0) { break; }
  }
}

INSTANTIATE_TEST_SUITE_P(Memory, IndexMemory, testing::Values(Failing::kOnce, Failing::kFromThen));

}  // namespace
}  // namespace tidemark::damage
