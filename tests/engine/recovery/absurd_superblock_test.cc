// SPDX-License-Identifier: Apache-2.0
// Goal: a superblock whose checksum is right and whose numbers are absurd is refused or reported, in bounded time.
// Method: a small store whose superblocks are written again with one number at its end of the scale.
#include <cstdint>
#include <functional>
#include <gtest/gtest.h>
#include <limits>

#include "engine/format/segment.h"
#include "engine/format/superblock.h"
#include "engine/recovery/verify.h"
#include "tests/engine/recovery/sample_store.h"

namespace tidemark::engine {
namespace {

using namespace test;

constexpr std::uint64_t kMost = std::numeric_limits<std::uint64_t>::max();

void change_superblocks(SampleStore& store, const std::function<void(Superblock&)>& change) {
  for (const auto name : kSuperblockNames) {
    const auto path = store.folder / name;
    const auto image = store.files.contents(path);
    ASSERT_TRUE(image);
    Superblock superblock{};
    ASSERT_EQ(decode_superblock(*image, superblock), BlockState::kGood);
    change(superblock);
    store.files.set_contents(path, encode_superblock(superblock));
  }
}

TEST(AbsurdSuperblock, AHighestSegmentThatIsNotThere) {
  SampleStore store;
  change_superblocks(store, [](Superblock& superblock) { superblock.highest_segment = kMost; });
  const auto report = store.verify();
  EXPECT_EQ(report.damages.size(), 1U);
  EXPECT_EQ(report.events, SampleStore::kEvents);
  EXPECT_TRUE(fails_with(store.try_open(tiny_segments()), ErrorCode::kDamaged));
}

TEST(AbsurdSuperblock, ADurableEndPastEverything) {
  SampleStore store;
  change_superblocks(store, [](Superblock& superblock) { superblock.durable_end = kMost; });
  EXPECT_FALSE(store.verify().whole());
  EXPECT_TRUE(fails_with(store.try_open(tiny_segments()), ErrorCode::kDamaged));
}

TEST(AbsurdSuperblock, AnEpochThatCannotBeRaised) {
  SampleStore store;
  change_superblocks(store,
                     [](Superblock& superblock) { superblock.epoch = std::numeric_limits<std::uint32_t>::max(); });
  EXPECT_TRUE(fails_with(store.try_open(tiny_segments()), ErrorCode::kDamaged));
}

// The next opening would have been the last; and refused is refused, before anything is made again.
TEST(AbsurdSuperblock, AnEpochThatCanBeRaisedOnce) {
  SampleStore store;
  change_superblocks(store,
                     [](Superblock& superblock) { superblock.epoch = std::numeric_limits<std::uint32_t>::max() - 1; });
  store.files.remove(store.folder / kSuperblockNames[0]);
  const auto before = store.snapshot();
  EXPECT_TRUE(fails_with(store.try_open(tiny_segments()), ErrorCode::kDamaged));
  EXPECT_EQ(store.snapshot(), before);
}

TEST(AbsurdSuperblock, AGenerationThatCannotBeFollowed) {
  for (const std::uint64_t generation : {kMost, kMost - 1, kMost - 3}) {
    SampleStore store;
    change_superblocks(store, [&](Superblock& superblock) { superblock.generation = generation; });
    EXPECT_TRUE(fails_with(store.try_open(tiny_segments()), ErrorCode::kDamaged));
  }
}

TEST(AbsurdSuperblock, ACutEndPastTheSegment) {
  SampleStore store;
  change_superblocks(store, [](Superblock& superblock) { superblock.cut_end = kMost; });
  EXPECT_TRUE(store.verify().whole());
  EXPECT_TRUE(ok(store.try_open(tiny_segments())));
}

}  // namespace
}  // namespace tidemark::engine
