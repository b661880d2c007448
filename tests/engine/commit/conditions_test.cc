// SPDX-License-Identifier: Apache-2.0
// Goal: an expectation is met by just the streams that it describes, and all that failed are told. Method: a table; the
// conflict of a batch with every kind.
#include "engine/commit/conditions.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/store/support.h"

namespace tidemark::engine {
namespace {

using namespace test;

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
  EXPECT_TRUE(all_met(encoded.streams(), good));
  for (std::size_t i = 1; i < good.size(); ++i) {
    auto bad = good;
    bad[i] = 7;
    if (i == 2) { bad[i] = 0; }
    EXPECT_FALSE(all_met(encoded.streams(), bad)) << i;
  }
  const std::vector<std::uint64_t> bad = {9, 3, 0, 0, 2};
  const Error error = version_conflict(encoded.streams(), bad);
  EXPECT_EQ(error.code(), ErrorCode::kVersionConflict);
  EXPECT_THAT(error.conflicts(), testing::ElementsAre(Conflict{"b", Expect::no_stream(), Version(2)},
                                                      Conflict{"c", Expect::stream_exists(), std::nullopt},
                                                      Conflict{"d", Expect::exactly(4), std::nullopt}));
  for (const char* part : {"\"b\"", "no stream", "version 2", "\"c\"", "\"d\"", "version 4", "no event"}) {
    EXPECT_NE(error.message().find(part), std::string::npos) << part << " in " << error.message();
  }
}

}  // namespace
}  // namespace tidemark::engine
