// SPDX-License-Identifier: Apache-2.0
// Goal: closing tables and putting runs in their place changes no answer, and views taken before go on. Method: events
// added, alone or by frames, tables closed and replaced at random, held against a count of one's own.
#include "engine/log/catalog.h"

#include <algorithm>
#include <gtest/gtest.h>
#include <map>
#include <random>
#include <string>
#include <vector>

#include "engine/commit/encoded_batch.h"
#include "index/merged_run_source.h"
#include "index/run_writer.h"
#include "index/table_source.h"

namespace tidemark::engine {
namespace {

using index::KeyKind;
using index::make_key;

class CatalogTest : public testing::Test {
 protected:
  std::mt19937_64 random{5};
  Catalog catalog;
  std::vector<std::string> streams = {"a-1", "a-2", "b", "-none"};
  std::map<std::string, std::vector<std::uint64_t>> positions;
  std::vector<std::unique_ptr<std::vector<std::byte>>> bytes;
  std::vector<std::shared_ptr<const index::MemoryTable>> closed;

  void add() {
    const std::string& stream = streams[random() % streams.size()];
    const std::uint64_t position = catalog.end().value();
    const BodyKeys keys(stream, "T");
    Catalog::Frame(catalog, keys).add({}, EventId::from_name(std::to_string(position)), {position * 8, 3});
    positions[stream].push_back(position);
  }

  std::shared_ptr<const index::Run> run_of(index::RunSource& source) {
    auto content = index::build_run(source, {});
    EXPECT_TRUE(content) << to_string(content.error());
    bytes.push_back(std::make_unique<std::vector<std::byte>>(std::move(*content)));
    return index::Run::over(*bytes.back()).value();
  }

  void replace_table() {
    const auto view = catalog.view();
    index::TableSource source(closed.front(),
                              [&](auto keys, auto into) { return view->counts(keys, closed.front()->first, into); });
    catalog.replace_oldest_table(run_of(source));
    closed.erase(closed.begin());
  }

  void merge() {
    const auto view = catalog.view();
    const std::size_t n = random() % (view->runs().size() - 1);
    const std::size_t count = 2 + random() % (view->runs().size() - n - 1);
    const auto first = view->runs().begin() + static_cast<std::ptrdiff_t>(n);
    auto merged = index::MergedRunSource::make({first, first + static_cast<std::ptrdiff_t>(count)});
    catalog.replace_runs(n, count, run_of(**merged));
  }

  void expect_right(const index::Tiers& view, std::uint64_t end) {
    for (const auto& stream : streams) {
      const auto& all = positions[stream];
      const auto below = static_cast<std::uint64_t>(std::ranges::lower_bound(all, end) - all.begin());
      const auto postings = view.postings(make_key(KeyKind::kStream, stream), Position(end)).value();
      ASSERT_EQ(postings.count(), below);
      std::vector<Position> got(below);
      ASSERT_EQ(postings.positions(0, got).value(), below);
      for (std::size_t i = 0; i < below; ++i) { ASSERT_EQ(got[i].value(), all[i]); }
    }
    const auto in_a = view.count(make_key(KeyKind::kCategory, "a"), Position(end)).value();
    ASSERT_EQ(in_a, view.count(make_key(KeyKind::kStream, "a-1"), Position(end)).value() +
                        view.count(make_key(KeyKind::kStream, "a-2"), Position(end)).value());
    ASSERT_EQ(view.count(make_key(KeyKind::kType, "T"), Position(end)).value(), end);
    ASSERT_EQ(view.count(make_key(KeyKind::kCategory, ""), Position(end)).value(), 0U);
    for (std::uint64_t i = 0; i < end; ++i) { ASSERT_EQ(view.place(Position(i)).value().frame, i * 8); }
  }
};

TEST_F(CatalogTest, WhatIsReplacedAnswersAsBefore) {
  std::vector<std::pair<std::shared_ptr<const index::Tiers>, std::uint64_t>> views;
  std::size_t merges = 0;
  for (int round = 0; round < 1500; ++round) {
    add();
    if (random() % 10 == 0) { closed.push_back(catalog.close_table()); }
    if (!closed.empty() && random() % 10 == 0) { replace_table(); }
    if (catalog.view()->runs().size() > 6) {
      merge();
      ++merges;
    }
    if (random() % 50 == 0) { views.emplace_back(catalog.view(), catalog.end().value()); }
    if (random() % 50 == 0) { expect_right(*catalog.view(), catalog.end().value()); }
    if (HasFatalFailure()) { return; }
  }
  EXPECT_GT(merges, 5U);
  EXPECT_GT(views.size(), 10U);
  for (const auto& [view, end] : views) { expect_right(*view, end); }
}

TEST_F(CatalogTest, BeginsAfterItsRuns) {
  for (int i = 0; i < 20; ++i) { add(); }
  closed.push_back(catalog.close_table());
  replace_table();
  Catalog next(catalog.view()->runs());
  EXPECT_EQ(next.end(), Position(20));
  EXPECT_EQ(next.newest_events(), 0U);
  const BodyKeys keys("b", "T");
  Catalog::Frame(next, keys).add({}, EventId::from_name("x"), {160, 3});
  positions["b"].push_back(20);
  expect_right(*next.view(), 21);
}

// Names of one frame that come again, in another order, with others in between, and after its table was closed.
TEST(CatalogFrame, EveryNameHasItsEvents) {
  const std::vector<std::string> names{"a-1", "a-2", "b-1", "a-3", "-none", "-some", "a", "b-2"};
  Batch batch;
  std::map<std::pair<KeyKind, std::string>, std::vector<std::uint64_t>> expected;
  std::mt19937 random(11);
  for (std::uint64_t position = 0; position < 300; ++position) {
    const std::string& stream = names[position < names.size() ? position : random() % names.size()];
    const std::string type = "T" + std::to_string(position % 3);
    batch.to(stream).add(
        {.type = type,
         .tags = position % 2 == 0 ? std::vector<std::string_view>{"t", "u", "t"} : std::vector<std::string_view>{}});
    expected[{KeyKind::kStream, stream}].push_back(position);
    if (stream[0] != '-') { expected[{KeyKind::kCategory, stream.substr(0, 1)}].push_back(position); }
    expected[{KeyKind::kType, type}].push_back(position);
    if (position % 2 == 0) {
      expected[{KeyKind::kTag, "t"}].push_back(position);
      expected[{KeyKind::kTag, "u"}].push_back(position);
    }
  }
  const auto encoded = EncodedBatch::encode(batch);
  ASSERT_TRUE(encoded);
  Catalog catalog;
  Catalog::Frame frame(catalog, encoded->keys());
  for (const EventUse& event : encoded->events()) {
    if (catalog.end() == Position(100)) { (void)catalog.close_table(); }
    frame.add(encoded->names_of(event), event.id, {64, event.body_offset});
  }
  const auto view = catalog.view();
  for (const auto& [key, positions] : expected) {
    const auto postings = view->postings(make_key(key.first, key.second), Position(300)).value();
    ASSERT_EQ(postings.count(), positions.size()) << key.second;
    std::vector<Position> got(positions.size());
    ASSERT_EQ(postings.positions(0, got).value(), positions.size());
    for (std::size_t i = 0; i < got.size(); ++i) { EXPECT_EQ(got[i].value(), positions[i]) << key.second; }
  }
  EXPECT_EQ(view->key_count(KeyKind::kCategory, Position(300)).value(), 2U);
}

}  // namespace
}  // namespace tidemark::engine
