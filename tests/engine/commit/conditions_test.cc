// SPDX-License-Identifier: Apache-2.0
// Goal: an expectation is met by just the streams that it describes, and all that failed are told. Method: a table; the
// conflict of a batch with every kind.
#include "engine/commit/conditions.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/store/support.h"
#include "tidemark/limits.hpp"

namespace tidemark::engine {
namespace {

using namespace test;

Standing standing(const EncodedBatch& batch, const std::vector<std::uint64_t>& counts,
                  const std::vector<Condition>& conditions = {},
                  const std::vector<std::optional<Position>>& matches = {}) {
  return {batch.streams(), counts, conditions, matches};
}

constexpr std::uint64_t kMost = ~std::uint64_t{0};

TEST(Conditions, Meets) {
  for (const std::uint64_t events : {std::uint64_t{0}, std::uint64_t{1}, std::uint64_t{2}, kMost}) {
    EXPECT_TRUE(meets(Expect::any(), events));
    EXPECT_EQ(meets(Expect::no_stream(), events), events == 0);
    EXPECT_EQ(meets(Expect::stream_exists(), events), events != 0);
    EXPECT_EQ(meets(Expect::exactly(0), events), events == 1);
    EXPECT_EQ(meets(Expect::exactly(1), events), events == 2);
    EXPECT_FALSE(meets(Expect::exactly(kMost), events));
    EXPECT_EQ(meets(Expect::exactly(kMost - 1), events), events == kMost);
  }
}

TEST(Conditions, AllFailuresAreTold) {
  Batch batch;
  batch.check("a", Expect::any());
  batch.check("b", Expect::no_stream());
  batch.check("c", Expect::stream_exists());
  batch.check("d", Expect::exactly(4));
  batch.check("e", Expect::exactly(1));
  const auto encoded = must(EncodedBatch::encode(batch));
  const std::vector<std::uint64_t> good = {0, 0, 1, 5, 2};
  EXPECT_TRUE(all_met(standing(encoded, good)));
  for (std::size_t i = 1; i < good.size(); ++i) {
    auto bad = good;
    bad[i] = 7;
    if (i == 2) { bad[i] = 0; }
    EXPECT_FALSE(all_met(standing(encoded, bad))) << i;
  }
  const std::vector<std::uint64_t> bad = {9, 3, 0, 0, 2};
  const Error error = conflict(standing(encoded, bad));
  EXPECT_EQ(error.code(), ErrorCode::kVersionConflict);
  EXPECT_THAT(error.conflicts(), testing::ElementsAre(Conflict{"b", Expect::no_stream(), Version(2)},
                                                      Conflict{"c", Expect::stream_exists(), std::nullopt},
                                                      Conflict{"d", Expect::exactly(4), std::nullopt}));
  for (const char* part : {"\"b\"", "no stream", "version 2", "\"c\"", "\"d\"", "version 4", "no event"}) {
    EXPECT_NE(error.message().find(part), std::string::npos) << part << " in " << error.message();
  }
}

TEST(Conditions, EachMatchIsToldBesideTheExpectations) {
  Batch batch;
  batch.check("a", Expect::no_stream());
  batch.fail_if_match(Query::type("A"));
  batch.fail_if_match(Query::category("c").tags({"t", "u"}), {.after = Position(4)});
  batch.fail_if_match(Query::stream("s"));
  const auto encoded = must(EncodedBatch::encode(batch));
  const auto conditions = must(conditions_of(batch));
  ASSERT_EQ(conditions.size(), 3U);
  EXPECT_EQ(conditions[0].from(), Position(0));
  EXPECT_EQ(conditions[1].from(), Position(5));
  const std::vector<std::uint64_t> none = {0};
  EXPECT_TRUE(all_met(standing(encoded, none, conditions, {{}, {}, {}})));
  for (std::size_t i = 0; i < 3; ++i) {
    std::vector<std::optional<Position>> matches(3);
    matches[i] = Position(9);
    EXPECT_FALSE(all_met(standing(encoded, none, conditions, matches)));
  }
  const Error error = conflict(standing(encoded, none, conditions, {{}, Position(7), Position(2)}));
  EXPECT_EQ(error.code(), ErrorCode::kMatchConflict);
  EXPECT_TRUE(error.conflicts().empty());
  EXPECT_THAT(error.match_conflicts(),
              testing::ElementsAre(MatchConflict{1, Position(7)}, MatchConflict{2, Position(2)}));
  for (const char* part : {"after position 4", "category \"c\", tag \"t\" and \"u\"", "position 7", "stream \"s\""}) {
    EXPECT_NE(error.message().find(part), std::string::npos) << part << " in " << error.message();
  }
  const std::vector<std::uint64_t> some = {1};
  const Error both = conflict(standing(encoded, some, conditions, {Position(0), {}, {}}));
  EXPECT_EQ(both.code(), ErrorCode::kVersionConflict);
  EXPECT_EQ(both.conflicts().size(), 1U);
  EXPECT_EQ(both.match_conflicts().size(), 1U);
}

TEST(Conditions, AreCheckedBeforeTheyAreAsked) {
  Batch batch;
  batch.check("a", Expect::any()).fail_if_match(Query::type(""));
  EXPECT_TRUE(fails_with(conditions_of(batch), ErrorCode::kInvalidArgument));
  EXPECT_TRUE(fails_with(batch.validate(), ErrorCode::kInvalidArgument));
  batch.clear();
  for (std::size_t i = 0; i < limits::kConditionsMax; ++i) { batch.fail_if_match(Query::type("T")); }
  EXPECT_TRUE(ok(batch.validate()));
  batch.fail_if_match(Query::type("T"));
  EXPECT_TRUE(fails_with(batch.validate(), ErrorCode::kLimitExceeded));
}

}  // namespace
}  // namespace tidemark::engine
