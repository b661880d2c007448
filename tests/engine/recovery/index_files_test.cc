// SPDX-License-Identifier: Apache-2.0
// Goal: of the index files in a folder the chain is taken that leads furthest and says what the log says, and behind a
// gap the next one, as an island; whatever else stands there is told. Method: right files of a log that is only told
// of, and beside or instead of them every kind of wrong one.
#include "engine/recovery/index_files.h"

#include <algorithm>
#include <cerrno>
#include <gtest/gtest.h>

#include "tests/engine/log/sample_log.h"

namespace tidemark::engine {
namespace {

using namespace test;
using platform::SeamCall;
using platform::SeamFault;

class IndexFilesTest : public testing::Test {
 protected:
  SampleLog log{64};
  platform::SimFileSystem files;
  const std::filesystem::path folder = "/f";

  IndexFilesTest() { must(files.make_folder(folder)); }

  [[nodiscard]] std::filesystem::path path(std::uint64_t first, std::uint64_t end) const {
    return folder / index_file_name({Position(first), Position(end)});
  }
  void put(std::uint64_t first, std::uint64_t end) { files.set_contents(path(first, end), log.file(first, end)); }
  void put_with(std::uint64_t first, std::uint64_t end, const IndexNote& note) {
    files.set_contents(path(first, end), log.file_with(first, end, note));
  }
  [[nodiscard]] FoundIndex find() { return must(find_index(files, folder, some_log_id())); }
  using Ends = std::vector<std::uint64_t>;
  // Where the runs end that are taken; the rest must be told as left over.
  [[nodiscard]] Ends ends() {
    (void)expect_right_index(files, folder, log);
    Ends ends;
    for (const auto& run : find().runs) { ends.push_back(run->end().value()); }
    return ends;
  }
};

TEST_F(IndexFilesTest, Nothing) {
  const auto found = find();
  EXPECT_TRUE(found.runs.empty());
  EXPECT_FALSE(found.end);
  EXPECT_TRUE(found.leftovers.empty());
  EXPECT_TRUE(fails_with(find_index(files, "/none", some_log_id()), ErrorCode::kNotFound));
}

TEST_F(IndexFilesTest, AChainIsTakenUpToItsGap) {
  put(0, 8);
  put(8, 20);
  put(20, 21);
  put(30, 40);
  EXPECT_EQ(ends(), (Ends{8, 20, 21}));
  const auto found = find();
  EXPECT_EQ(found.end, log.edge(21));
  EXPECT_TRUE(found.leftovers.empty());
  ASSERT_EQ(found.islands.size(), 1U);
  EXPECT_EQ(found.islands[0].runs.size(), 1U);
  EXPECT_EQ(found.islands[0].end, log.edge(40));
  EXPECT_EQ(found.islands[0].trailer_before, log.trailer_before(30));
  expect_right_answers(*Catalog(found.runs).view(), log, 21);
}

TEST_F(IndexFilesTest, ItChangesNothing) {
  put(0, 8);
  put(9, 20);
  files.set_contents(path(0, 8).string() + ".tmp", as_bytes("x"));
  files.set_contents(path(9, 12), as_bytes(""));
  const auto before = files.files();
  const auto opens = files.calls(SeamCall::Kind::kOpen);
  files.set_fault_rule([](const SeamCall& call) -> std::optional<SeamFault> {
    using Kind = SeamCall::Kind;
    const bool reads = call.kind == Kind::kList || call.kind == Kind::kOpen || call.kind == Kind::kMap ||
                       call.kind == Kind::kPopulate || call.kind == Kind::kSize;
    EXPECT_TRUE(reads) << to_string(call.kind);
    return std::nullopt;
  });
  (void)find();
  files.set_fault_rule({});
  EXPECT_EQ(files.calls(SeamCall::Kind::kOpen), opens + 3);
  EXPECT_EQ(files.files(), before);
}

TEST_F(IndexFilesTest, WithoutABeginningThereAreIslands) {
  put(1, 8);
  put(8, 20);
  EXPECT_EQ(ends(), Ends{});
  EXPECT_FALSE(find().end);
  ASSERT_EQ(find().islands.size(), 1U);
  EXPECT_EQ(find().islands[0].runs.size(), 2U);
  EXPECT_EQ(find().islands[0].end, log.edge(20));
}

// The one that begins first and then leads furthest; what reaches into one is none.
TEST_F(IndexFilesTest, IslandsDoNotOverlap) {
  put(0, 8);
  put(12, 16);
  put(12, 14);
  put(14, 20);
  put(18, 40);
  put(24, 30);
  put(30, 31);
  put_with(31, 40, log.note(30, 40));  // its trailer does not join
  put(50, 64);
  EXPECT_EQ(ends(), Ends{8});
  const auto found = find();
  std::vector<std::vector<std::uint64_t>> islands;
  for (const IndexIsland& island : found.islands) {
    islands.emplace_back(1, island.runs.front()->first().value());
    for (const auto& run : island.runs) { islands.back().push_back(run->end().value()); }
    EXPECT_EQ(island.end, log.edge(islands.back().back()));
    EXPECT_EQ(island.trailer_before, log.trailer_before(islands.back().front()));
  }
  EXPECT_EQ(islands, (std::vector<std::vector<std::uint64_t>>{{12, 14, 20}, {24, 30, 31}, {50, 64}}));
  EXPECT_EQ(found.leftovers, (std::vector{path(12, 16), path(18, 40), path(31, 40)}));
}

// What a merge leaves that a crash cut short, and worse.
TEST_F(IndexFilesTest, TheOneThatLeadsFurthestCounts) {
  put(0, 8);
  put(8, 16);
  put(16, 24);
  put(0, 24);
  EXPECT_EQ(ends(), Ends{24});
  EXPECT_EQ(find().leftovers, (std::vector{path(0, 8), path(8, 16), path(16, 24)}));
  put(16, 40);
  EXPECT_EQ(ends(), (Ends{8, 16, 40}));
  EXPECT_EQ(find().leftovers, (std::vector{path(0, 24), path(16, 24)}));
  put(24, 64);
  EXPECT_EQ(ends(), (Ends{24, 64}));
  put(0, 16);
  put(16, 64);
  put(40, 64);
  EXPECT_EQ(ends(), (Ends{24, 64}));  // few files rather than many
}

TEST_F(IndexFilesTest, ALongerOneThatLeadsNowhereDoesNotCount) {
  put(0, 8);
  put(0, 12);
  put(8, 16);
  put(8, 20);
  put(16, 40);
  put(16, 32);
  EXPECT_EQ(ends(), (Ends{8, 16, 40}));
  EXPECT_EQ(find().leftovers, (std::vector{path(0, 12), path(8, 20), path(16, 32)}));
}

TEST_F(IndexFilesTest, TheTrailersMustJoin) {
  put(0, 8);
  IndexNote other = log.note(8, 16);
  other.trailer_before ^= 4;
  put_with(8, 16, other);
  put(16, 24);
  EXPECT_EQ(find().runs.size(), 1U);
  EXPECT_EQ(find().leftovers, std::vector{path(8, 16)});
  // Another way to the same place that joins.
  put(8, 10);
  put(10, 16);
  EXPECT_EQ(find().runs.size(), 4U);
  EXPECT_EQ(find().leftovers, std::vector{path(8, 16)});
}

TEST_F(IndexFilesTest, NothingComesBeforeTheFirst) {
  IndexNote other = log.note(0, 8);
  other.trailer_before = 1;
  put_with(0, 8, other);
  EXPECT_TRUE(find().runs.empty());
}

TEST_F(IndexFilesTest, ANoteThatIsNoneOrOfAnotherEnd) {
  put(0, 8);
  put_with(8, 16, log.note(8, 17));
  EXPECT_EQ(find().runs.size(), 1U);
  auto note = log.note(8, 16);
  note.at_end.epoch = 0;
  put_with(8, 16, note);
  EXPECT_EQ(find().runs.size(), 1U);
  files.set_contents(path(8, 16), must(index::build_run(*log.model().source(8, 16), {.log_id = some_log_id()})));
  EXPECT_EQ(find().runs.size(), 1U);
  put(8, 16);
  EXPECT_EQ(find().runs.size(), 2U);
}

TEST_F(IndexFilesTest, AnotherNameOrLogOrAFolder) {
  put(0, 8);
  files.set_contents(path(8, 16), log.file(8, 17));
  EXPECT_EQ(find().runs.size(), 1U);
  files.set_contents(path(8, 16), log.file(0, 8));
  EXPECT_EQ(find().runs.size(), 1U);
  EXPECT_EQ(find().leftovers, std::vector{path(8, 16)});
  FileId other = some_log_id();
  other[3] ^= std::byte{1};
  EXPECT_TRUE(must(find_index(files, folder, other)).runs.empty());
  must(files.unlink(path(8, 16)));
  must(files.make_folder(path(8, 16)));
  files.set_contents(folder / "index-8-16.run", log.file(8, 16));  // not a name of ours
  const auto found = find();
  EXPECT_EQ(found.runs.size(), 1U);
  EXPECT_TRUE(found.leftovers.empty());
}

TEST_F(IndexFilesTest, TemporaryFilesAreLeftOver) {
  put(0, 8);
  const std::vector<std::filesystem::path> temporaries = {folder / "index-anything.tmp", path(8, 16).string() + ".tmp"};
  files.set_contents(temporaries[0], as_bytes("x"));
  files.set_contents(temporaries[1], log.file(8, 16));
  files.set_contents(folder / "segment-0000000001.log.tmp", as_bytes("x"));
  auto leftovers = find().leftovers;
  std::ranges::sort(leftovers);
  EXPECT_EQ(leftovers.size(), 2U);
  for (const auto& temporary : temporaries) { EXPECT_EQ(std::ranges::count(leftovers, temporary), 1) << temporary; }
}

// Each byte of the header and of the checksums, and each length: the file is left over, those before it serve.
TEST_F(IndexFilesTest, ADamagedOrCutFileCostsItself) {
  put(0, 8);
  put(16, 24);
  const auto& whole = log.file(8, 16);
  std::uint64_t taken = 0;
  for (std::size_t i = 0; i < whole.size(); ++i) {
    auto bytes = whole;
    bytes[i] ^= std::byte{0x10};
    files.set_contents(path(8, 16), bytes);
    const auto found = find();
    if (found.runs.size() == 1) {
      EXPECT_EQ(found.leftovers, std::vector{path(8, 16)});
      EXPECT_EQ(found.end, log.edge(8));
      ASSERT_EQ(found.islands.size(), 1U);
      EXPECT_EQ(found.islands[0].end, log.edge(24));
      continue;
    }
    // What is not looked at yet shows when it is asked: then it is an error, and never another answer.
    ASSERT_EQ(found.runs.size(), 3U);
    ASSERT_GE(i, 512U);
    ++taken;
    const auto view = Catalog(found.runs).view();
    bool refused = false;
    for (const auto& [name, positions] : log.model().positions(0, 24)) {
      const auto postings = view->postings(index::make_key(name.first, name.second), Position(24));
      refused = refused || !postings;
      if (postings) { EXPECT_EQ(postings->count(), positions.size()); }
    }
    EXPECT_TRUE(refused);
  }
  EXPECT_GT(taken, 0U);
  for (std::size_t size = 0; size < whole.size(); ++size) {
    files.set_contents(path(8, 16), std::span(whole).first(size));
    ASSERT_EQ(find().runs.size(), 1U) << size;
  }
  auto longer = whole;
  longer.push_back(std::byte{0});
  files.set_contents(path(8, 16), longer);
  EXPECT_EQ(find().runs.size(), 1U);
  put(8, 16);
  EXPECT_EQ(find().runs.size(), 3U);
}

// Every call but the list fails, once and from then on: never an error, and never a wrong answer.
TEST_F(IndexFilesTest, WhatCannotBeReadIsNoError) {
  put(0, 8);
  put(8, 16);
  put(16, 24);
  put(0, 16);
  for (const int error : {EIO, ENOMEM, EACCES, EMFILE, ENFILE}) {
    for (const bool from_then : {false, true}) {
      std::uint64_t shorter = 0;
      for (std::uint64_t at = 2;; ++at) {
        const std::uint64_t start = files.calls();
        files.set_fault_rule([&](const SeamCall& call) -> std::optional<SeamFault> {
          const bool fails = call.number == start + at || (from_then && call.number > start + at);
          return fails ? std::optional(SeamFault{.error = error}) : std::nullopt;
        });
        const auto found = find_index(files, folder, some_log_id());
        files.set_fault_rule({});
        ASSERT_TRUE(ok(found));
        const bool all = !found->runs.empty() && found->runs.back()->end() == Position(24);
        shorter += all ? 0U : 1U;
        std::uint64_t unknown = 4 - found->runs.size() - found->leftovers.size();
        for (const IndexIsland& island : found->islands) { unknown -= island.runs.size(); }
        // For want of memory, descriptors or rights nothing is called useless.
        EXPECT_EQ(unknown > 0, error != EIO && at <= files.calls() - start) << at;
        if (files.calls() - start < at) { break; }
      }
      EXPECT_GT(shorter, 0U);
    }
  }
  files.set_fault_rule([](const SeamCall&) { return std::optional(SeamFault{.error = EIO}); });
  EXPECT_TRUE(fails_with(find_index(files, folder, some_log_id()), ErrorCode::kIo));
}

// A living writer merges while somebody looks.
TEST_F(IndexFilesTest, AFileThatGoesAwayIsLookedForAgain) {
  put(0, 8);
  put(8, 16);
  bool merged = false;
  files.set_fault_rule([&](const SeamCall& call) -> std::optional<SeamFault> {
    if (call.kind == SeamCall::Kind::kOpen && !merged) {
      merged = true;
      files.set_contents(path(0, 16), log.file(0, 16));
      files.remove(path(0, 8));
      files.remove(path(8, 16));
    }
    return std::nullopt;
  });
  const auto found = find();
  ASSERT_EQ(found.runs.size(), 1U);
  EXPECT_EQ(found.runs.front()->end(), Position(16));
  EXPECT_TRUE(found.leftovers.empty());
}

}  // namespace
}  // namespace tidemark::engine
