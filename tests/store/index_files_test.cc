// SPDX-License-Identifier: Apache-2.0
// Goal: a store that keeps its index in files answers as one that builds it from the log, through closings, kills,
// power losses and whatever becomes of the index files. Method: random work by seed on the file system in memory, with
// tables of a few events, held against the events as they were appended; then index files are deleted, damaged, cut,
// exchanged or put back from an earlier time.
#include <algorithm>
#include <gtest/gtest.h>
#include <optional>
#include <thread>
#include <utility>
#include <vector>

#include "engine/format/index_file.h"
#include "tests/sampled.h"
#include "tests/store/index_life.h"

namespace tidemark {
namespace {

using namespace test;

using Life = IndexedLife;

TEST(IndexFiles, AnswerAsTheLogDoesThroughKillsAndPowerLosses) {
  std::uint64_t with_files = 0;
  for (std::uint64_t seed = 1; seed <= sampled(40); ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Life life(seed);
    life.open();
    life.append_some();
    for (int round = 0; round < 60; ++round) {
      switch (life.pick(12)) {
        case 0:
          life.close();
          life.open();
          break;
        case 1:
          life.world.files.kill_process();
          life.store.reset();
          life.open();
          life.take_what_is_there();
          break;
        case 2:
          life.world.files.power_off();
          life.store.reset();
          life.world.files.power_on(seed * 100 + static_cast<std::uint64_t>(round), 0.5);
          life.open();
          life.take_what_is_there();
          break;
        case 3: {
          Store beside = life.world.open({.read_only = true});
          life.expect_right(beside, beside.info().events);
          break;
        }
        default:
          life.append_some();
      }
      if (testing::Test::HasFatalFailure()) { return; }
      if (life.facts.empty()) { life.append_some(); }
    }
    life.expect_right();
    if (testing::Test::HasFatalFailure()) { return; }
    with_files += life.index_files().size();
    // And without the index files: the same.
    life.close();
    life.world.index.files = false;
    life.open();
    life.expect_right();
    if (testing::Test::HasFatalFailure()) { return; }
  }
  EXPECT_GT(with_files, sampled(40));
}

// Whatever becomes of the index files, the store opens and answers as before, and has files again after it.
TEST(IndexFiles, CostATimeAndNothingElseWhenTheyAreLostOrDamaged) {
  for (std::uint64_t seed = 1; seed <= sampled(60); ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Life life(seed);
    life.open();
    for (int i = 0; i < 40; ++i) { life.append_some(); }
    life.close();
    const auto files = life.index_files();
    ASSERT_FALSE(files.empty());
    std::vector<std::vector<std::byte>> contents;
    for (const auto& path : files) { contents.push_back(life.world.contents(path)); }
    for (std::size_t i = 0; i < files.size(); ++i) {
      const auto& path = files[i];
      auto bytes = contents[i];
      switch (life.pick(7)) {
        case 0:
          life.world.files.remove(path);
          break;
        case 1:  // in its header or table of checksums, which an opening looks at
          bytes[life.pick(512)] ^= std::byte{0x10};
          life.world.files.set_contents(path, bytes);
          break;
        case 2:
          bytes.resize(life.pick(bytes.size()));
          life.world.files.set_contents(path, bytes);
          break;
        case 3:
          bytes.resize(bytes.size() + 1);
          life.world.files.set_contents(path, bytes);
          break;
        case 4:  // another's content
          life.world.files.set_contents(path, contents[life.pick(files.size())]);
          break;
        default:
          break;
      }
    }
    {
      Store beside = life.world.open({.read_only = true});
      life.expect_right(beside, beside.info().events);
      ASSERT_EQ(beside.info().events, life.facts.size());
    }
    life.open();
    life.expect_right();
    for (int i = 0; i < 10; ++i) { life.append_some(); }
    life.expect_right();
    life.close();
    life.open();
    life.expect_right();
    if (testing::Test::HasFatalFailure()) { return; }
    EXPECT_FALSE(life.index_files().empty());
  }
}

// Index files tell that the log went further: a log that was put back from an earlier time is damage and not a shorter
// log.
TEST(IndexFiles, ALogThatEndsBeforeItsIndexIsDamage) {
  Life life(3);
  life.world.index.merge_runs = 1000;  // several files, whatever the compiler makes of the seed
  life.open();
  for (int i = 0; i < 10; ++i) { life.append_some(); }
  life.close();
  const auto before = life.world.snapshot();
  life.open();
  for (int i = 0; i < 30; ++i) { life.append_some(); }
  life.close();
  const auto files = life.index_files();
  life.set_log_back(before);
  EXPECT_TRUE(fails_with(life.world.try_open(life.options()), ErrorCode::kDamaged));
  EXPECT_EQ(life.index_files(), files);  // nothing was thrown away
  // Even if the one that joins what is left of the log is lost.
  ASSERT_GT(files.size(), 1U);
  life.world.files.remove(files.front());
  EXPECT_TRUE(fails_with(life.world.try_open(life.options()), ErrorCode::kDamaged));
  EXPECT_TRUE(std::ranges::includes(life.index_files(), std::vector(files.begin() + 1, files.end())));
}

// Index files of another course of the same log, such as a copy of the folder went on to have: the log decides.
TEST(IndexFiles, ThoseOfAnotherCourseOfTheLogAreNotBelieved) {
  Life life(4);
  life.open();
  for (int i = 0; i < 10; ++i) { life.append_some(); }
  life.close();
  const auto before = life.world.snapshot();
  const auto facts = life.facts;
  life.open();
  for (int i = 0; i < 20; ++i) { life.append_some(); }
  life.close();
  const auto other = life.world.snapshot();
  // Back, and on in another way, and further: without index files.
  for (const auto& [path, bytes] : other) { life.world.files.remove(path); }
  for (const auto& [path, bytes] : before) {
    if (!path.ends_with(".run")) { life.world.files.set_contents(path, bytes); }
  }
  life.facts = facts;
  life.world.index.files = false;
  life.open();
  for (int i = 0; i < 60; ++i) { life.append_some(); }
  life.close();
  for (const auto& [path, bytes] : other) {
    if (path.ends_with(".run")) { life.world.files.set_contents(path, bytes); }
  }
  life.world.index.files = true;
  {
    Store beside = life.world.open({.read_only = true});
    ASSERT_EQ(beside.info().events, life.facts.size());
    life.expect_right(beside, life.facts.size());
  }
  life.open();
  life.expect_right();
  life.append_some();
  life.close();
  life.open();
  life.expect_right();
}

// An opening reads what comes after the index files and not what is before, and of the segments before that it needs
// no more than the names.
TEST(IndexFiles, AnOpeningReadsTheEndOfTheLogAlone) {
  Life life(8);
  life.open();
  for (int i = 0; i < 200; ++i) { life.append_some(); }
  life.close();
  std::uint64_t bytes = 0;
  std::uint64_t segments_opened = 0;
  life.world.files.set_fault_rule([&](const platform::SeamCall& call) -> std::optional<platform::SeamFault> {
    if (call.kind == platform::SeamCall::Kind::kPread && call.path.find(".run") == std::string_view::npos) {
      bytes += call.length;
    }
    const bool is_segment =
        engine::parse_segment_file_name(std::filesystem::path(call.path).filename().native()).has_value();
    if (call.kind == platform::SeamCall::Kind::kOpen && is_segment) { ++segments_opened; }
    return std::nullopt;
  });
  ASSERT_GT(life.store_segments(), 10U);
  {
    const Store beside = life.world.open({.read_only = true});
    EXPECT_LE(segments_opened, 2U);  // the last one and what may come after it
  }
  bytes = segments_opened = 0;
  life.open();
  EXPECT_LE(segments_opened, 4U);
  const std::uint64_t with_files = std::exchange(bytes, 0);
  EXPECT_EQ(life.store->info().events, life.facts.size());
  life.close();
  life.world.index.files = false;
  life.open();
  EXPECT_GT(bytes, 2 * with_files);
  life.world.files.set_fault_rule({});
}

// A file in the middle that is lost, or that an opening cannot use, costs its part of the log: those behind it stay.
TEST(IndexFiles, OneInTheMiddleCostsItsPartAlone) {
  for (std::uint64_t seed = 1; seed <= sampled(8); ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Life life(seed);
    life.world.index.merge_runs = 1000;
    life.open();
    for (int i = 0; i < 60; ++i) {
      life.append_some();
      if (i % 7 == 6) {  // so that tables end anywhere
        life.close();
        life.open();
      }
    }
    life.close();
    const auto files = life.index_files();
    ASSERT_GT(files.size(), 4U);
    for (std::size_t n = 0; n + 1 < files.size(); n += 1 + files.size() / 5) {
      for (const bool is_lost : {true, false}) {
        SCOPED_TRACE(files[n]);
        const auto bytes = life.world.contents(files[n]);
        if (is_lost) {
          life.world.files.remove(files[n]);
        } else {
          life.world.files.set_contents(files[n], std::span(bytes).first(600));
        }
        // Not one of the others is removed or made again.
        life.world.files.set_fault_rule([&](const platform::SeamCall& call) -> std::optional<platform::SeamFault> {
          using Kind = platform::SeamCall::Kind;
          const bool is_other =
              std::ranges::count(files, std::filesystem::path(call.path)) > 0 && call.path != files[n];
          if (is_other) { EXPECT_NE(call.kind, Kind::kUnlink) << call.path; }
          return std::nullopt;
        });
        {
          const Store beside = life.world.open({.read_only = true});
          life.expect_right(beside, life.facts.size());
        }
        life.open();
        life.world.files.set_fault_rule({});
        for (const auto& path : files) {
          EXPECT_TRUE(path == files[n] || std::ranges::count(life.index_files(), path) == 1) << path;
        }
        life.expect_right();
        if (testing::Test::HasFatalFailure()) { return; }
        life.close();
        // Made again as it was, for it was one table.
        EXPECT_EQ(life.world.contents(files[n]), bytes);
      }
    }
  }
}

// A store that never had index files, or lost them, has them once a writer has opened it. A reader makes none.
TEST(IndexFiles, AnOpeningThatReadsTheWholeLogMakesThem) {
  for (std::uint64_t seed = 1; seed <= 10; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Life life(seed);
    life.world.index.files = false;
    life.open();
    for (int i = 0; i < 60; ++i) { life.append_some(); }
    life.close();
    life.world.index.files = true;
    const auto before = life.world.snapshot();
    {
      const Store beside = life.world.open({.read_only = true});
      life.expect_right(beside, life.facts.size());
    }
    EXPECT_EQ(life.world.snapshot(), before);
    life.open();
    const auto files = life.index_files();
    ASSERT_FALSE(files.empty());
    const auto last = engine::parse_index_file_name(files.back().filename().native());
    ASSERT_TRUE(last);
    // All but what is left over for the last table, which a frame of four events may overfill.
    EXPECT_LT(life.facts.size(), last->end.value() + life.world.index.table_events + 4);
    life.expect_right();
    if (testing::Test::HasFatalFailure()) { return; }
  }
}

TEST(IndexFiles, ThreadsAppendAndReadBesideTheKeeper) {
  Life life(5, true);
  life.open();
  std::jthread reader([&](const std::stop_token& stop) {
    while (!stop.stop_requested()) {
      std::uint64_t next = 0;
      for (const OwnedEvent& event : read(*life.store)) { ASSERT_EQ(event.position.value(), next++); }
      for (const auto& stream : must(life.store->streams())) {
        ASSERT_GE(read(*life.store, Query::stream(stream.name)).size(), stream.last_version.value() + 1);
      }
    }
  });
  for (int i = 0; i < 300; ++i) { life.append_some(); }
  reader.request_stop();
  reader.join();
  life.expect_right();
  life.close();
  EXPECT_FALSE(life.index_files().empty());
  life.open();
  life.expect_right();
}

TEST(IndexFiles, WhatIsLeftOverGoesWithTheNextWriter) {
  IndexedLife life(3);
  life.open();
  for (int i = 0; i < 20; ++i) { life.append_some(); }
  life.close();
  const auto files = life.index_files();
  const auto leftover = life.world.folder / engine::index_file_name({Position(0), Position(1)});
  const auto unfinished = life.world.folder / (engine::index_file_name({Position(1), Position(2)}) + ".tmp");
  life.world.files.set_contents(leftover, life.world.contents(files.front()));
  life.world.files.set_contents(unfinished, std::vector<std::byte>(100));
  { const Store reader = life.world.open({.read_only = true}); }
  EXPECT_TRUE(life.world.files.contents(leftover) && life.world.files.contents(unfinished));
  life.open();
  EXPECT_FALSE(life.world.files.contents(leftover) || life.world.files.contents(unfinished));
  EXPECT_EQ(life.index_files(), files);
  life.expect_right();
}

}  // namespace
}  // namespace tidemark
