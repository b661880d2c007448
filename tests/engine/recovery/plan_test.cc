// SPDX-License-Identifier: Apache-2.0
// Goal: the verdict on a log's end is that of the table, for every combination of facts. Method: all 32, against the
// table's rows written out here once more, each row by itself: exactly one row must apply.
#include "engine/recovery/plan.h"

#include <gtest/gtest.h>
#include <vector>

namespace tidemark::engine {
namespace {

// The letters of the rows that apply to a combination.
std::vector<char> rows_of(const TailFacts& facts) {
  const bool acknowledged_hit = facts.below_watermark;  // B < W
  const bool torn = facts.header_zero || facts.parts_missing || facts.zero_to_end;
  std::vector<char> rows;
  if (acknowledged_hit) { rows.push_back('A'); }
  if (!acknowledged_hit && facts.only_zeros) { rows.push_back('B'); }
  if (!acknowledged_hit && !facts.only_zeros && torn) { rows.push_back('C'); }
  if (!acknowledged_hit && !facts.only_zeros && !torn) { rows.push_back('D'); }
  return rows;
}

char letter_of(Verdict verdict) {
  switch (verdict) {
    case Verdict::kDamaged:
      return 'A';
    case Verdict::kCleanEnd:
      return 'B';
    case Verdict::kTornTail:
      return 'C';
    case Verdict::kSuspect:
      return 'D';
  }
  return '?';
}

TEST(Plan, EveryCombination) {
  int seen[4] = {};
  for (unsigned bits = 0; bits < 32; ++bits) {
    const TailFacts facts{.below_watermark = (bits & 1U) != 0,
                          .only_zeros = (bits & 2U) != 0,
                          .header_zero = (bits & 4U) != 0,
                          .parts_missing = (bits & 8U) != 0,
                          .zero_to_end = (bits & 16U) != 0};
    const auto rows = rows_of(facts);
    ASSERT_EQ(rows.size(), 1U) << bits;
    EXPECT_EQ(letter_of(judge(facts)), rows[0]) << bits;
    ++seen[rows[0] - 'A'];
  }
  EXPECT_EQ(seen[0], 16);
  EXPECT_EQ(seen[1], 8);
  EXPECT_EQ(seen[2], 7);
  EXPECT_EQ(seen[3], 1);
}

}  // namespace
}  // namespace tidemark::engine
