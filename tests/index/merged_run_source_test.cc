// SPDX-License-Identifier: Apache-2.0
// Goal: runs that are merged are the run that would have been built at once, byte for byte. Method: random logs by
// seed, cut into runs at random.
#include "index/merged_run_source.h"

#include <gtest/gtest.h>

#include "tests/index/run_model.h"

namespace tidemark::index {
namespace {

using test::expect_equal;
using test::Model;
using test::random_model;
using test::RunPointer;

RunPointer over(std::span<const std::byte> bytes) {
  auto run = Run::over(bytes);
  EXPECT_TRUE(run.has_value()) << to_string(run.error());
  return run ? *run : nullptr;
}

TEST(MergedRunSource, GivesWhatWouldHaveBeenBuiltAtOnce) {
  for (std::uint64_t seed = 1; seed <= 40; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    std::mt19937_64 random(seed);
    const std::uint64_t events = 20 + seed * 60;
    const Model model = random_model(seed, events, 50);
    const std::uint64_t parts = 1 + seed % 8;
    std::vector<std::uint64_t> edges = {random() % 10};
    while (edges.size() < parts) { edges.push_back(edges.back() + 1 + random() % (events / 10)); }
    edges.push_back(events);
    std::vector<std::vector<std::byte>> bytes;
    std::vector<RunPointer> runs;
    for (std::uint64_t i = 0; i < parts; ++i) {
      bytes.push_back(model.bytes(edges[i], edges[i + 1]));
      runs.push_back(over(bytes.back()));
    }
    auto merged = MergedRunSource::make(runs);
    ASSERT_TRUE(merged.has_value());
    const auto whole = build_run(**merged, model.options());
    ASSERT_TRUE(whole.has_value()) << to_string(whole.error());
    ASSERT_EQ(*whole, model.bytes(edges.front(), events));
    expect_equal(model, *over(*whole), edges.front(), events);
    if (HasFailure()) { return; }
  }
}

// A stream that is long in every part, and chunks that do not begin where those of the parts do.
TEST(MergedRunSource, JoinsLongLists) {
  const Model model = random_model(77, 9000, 2);
  std::vector<std::vector<std::byte>> bytes;
  std::vector<RunPointer> runs;
  const std::vector<std::uint64_t> edges = {0, 1, 1500, 1777, 4000, 9000};
  for (std::size_t i = 0; i + 1 < edges.size(); ++i) { bytes.push_back(model.bytes(edges[i], edges[i + 1])); }
  for (const auto& one : bytes) { runs.push_back(over(one)); }
  auto merged = MergedRunSource::make(runs);
  ASSERT_TRUE(merged.has_value());
  const auto whole = build_run(**merged, model.options());
  ASSERT_TRUE(whole.has_value());
  EXPECT_TRUE(*whole == model.bytes(0, 9000));
  expect_equal(model, *over(*whole), 0, 9000);

  // In two steps, and the table of keys in parts: the same again.
  auto left = MergedRunSource::make({runs[0], runs[1], runs[2]});
  const auto left_bytes = build_run(**left, model.options());
  ASSERT_TRUE(left_bytes.has_value());
  auto both = MergedRunSource::make({over(*left_bytes), runs[3], runs[4]});
  RunOptions options = model.options();
  options.table_bytes_max = 16;
  const auto again = build_run(**both, options);
  ASSERT_TRUE(again.has_value());
  EXPECT_TRUE(*again == *whole);
}

TEST(MergedRunSource, TakesOnlyRunsThatLieSideBySide) {
  const Model model = random_model(3, 100, 10);
  Model other = model;
  other.log_id[5] = std::byte{9};
  const auto first = model.bytes(0, 40);
  const auto second = model.bytes(40, 100);
  const auto later = model.bytes(41, 100);
  const auto of_other = other.bytes(40, 100);
  const auto refused = [](const std::vector<RunPointer>& runs) {
    const auto merged = MergedRunSource::make(runs);
    return !merged && merged.error().code() == ErrorCode::kInvalidArgument;
  };
  EXPECT_TRUE(refused({}));
  EXPECT_TRUE(refused({over(second), over(first)}));
  EXPECT_TRUE(refused({over(first), over(later)}));
  EXPECT_TRUE(refused({over(first), over(first)}));
  EXPECT_TRUE(refused({over(first), over(of_other)}));
  EXPECT_FALSE(refused({over(first), over(second)}));
}

// A run that was made beside the wrong neighbour would give wrong versions.
TEST(MergedRunSource, BasesThatDoNotFollowAreDamage) {
  const Model model = random_model(3, 100, 10);
  Model other = random_model(4, 100, 10);
  const auto first = other.bytes(0, 40);
  const auto second = model.bytes(40, 100);
  auto merged = MergedRunSource::make({over(first), over(second)});
  ASSERT_TRUE(merged.has_value());
  const auto built = build_run(**merged, model.options());
  ASSERT_FALSE(built.has_value());
  EXPECT_EQ(built.error().code(), ErrorCode::kDamaged);
}

TEST(MergedRunSource, ADamagedPartIsTold) {
  const Model model = random_model(3, 3000, 1000);
  const auto first = model.bytes(0, 1000);
  const auto whole = model.bytes(1000, 3000);
  for (std::size_t at = kRunHeaderBytes; at < whole.size() - 100; at += 500) {
    auto second = whole;
    second[at] ^= std::byte{1};
    auto merged = MergedRunSource::make({over(first), over(second)});
    ASSERT_TRUE(merged.has_value());
    const auto built = build_run(**merged, model.options());
    ASSERT_FALSE(built.has_value()) << at;
    EXPECT_EQ(built.error().code(), ErrorCode::kDamaged);
  }
}

}  // namespace
}  // namespace tidemark::index
