// SPDX-License-Identifier: Apache-2.0
// Goal: a frame follows another only if position, trailer, epoch and time go on from it. Method: one field changed at a
// time, in the chain by itself and in a store whose checksums are made to fit.
#include <gtest/gtest.h>

#include "engine/recovery/segment_bytes.h"
#include "platform/checksum.h"
#include "tests/engine/recovery/sample_store.h"

namespace tidemark::engine {
namespace {

using namespace test;

TEST(FrameChain, EachLinkIsLookedAt) {
  FrameHeader first{};
  first.first_position = 0;
  first.event_count = 3;
  first.epoch = 4;
  first.recorded_ns = 1000;
  FrameChain chain;
  ASSERT_EQ(chain.objection(first), nullptr);
  chain.follow(first, 0x1111222233334444);
  FrameHeader good{};
  good.first_position = 3;
  good.event_count = 1;
  good.previous = 0x33334444;
  good.epoch = 4;
  good.recorded_ns = 1001;
  EXPECT_EQ(chain.objection(good), nullptr);
  for (const std::uint64_t position : {0U, 2U, 4U}) {
    FrameHeader bad = good;
    bad.first_position = position;
    EXPECT_NE(chain.objection(bad), nullptr);
  }
  FrameHeader bad = good;
  bad.previous = 0x33334445;
  EXPECT_NE(chain.objection(bad), nullptr);
  bad = good;
  bad.epoch = 3;
  EXPECT_NE(chain.objection(bad), nullptr);
  bad.epoch = 5;
  EXPECT_EQ(chain.objection(bad), nullptr);
  bad = good;
  bad.recorded_ns = 1000;
  EXPECT_NE(chain.objection(bad), nullptr);
}

}  // namespace
}  // namespace tidemark::engine
