// SPDX-License-Identifier: Apache-2.0
// Goal: a store is not opened where locks, syncs and maps are not what they should be, unless somebody takes the risk;
// and a lock whose file somebody removed stops the writer before it destroys what another wrote.
// Method: the twin, told to be another file system; files removed past the seam.
#include <gtest/gtest.h>

#include "engine/recovery/verify.h"
#include "tests/store/support.h"

namespace tidemark {
namespace {

using namespace test;

const platform::FileSystemTraits kNetwork{.name = "nfs", .zeros_help = true, .objection = "its locks do not hold"};

TEST(UnsafeFolderTest, IsRefusedBeforeAnythingIsMade) {
  World world;
  world.files.set_traits(kNetwork);
  for (const bool read_only : {false, true}) {
    const auto opened = world.try_open({.read_only = read_only});
    ASSERT_TRUE(fails_with(opened, ErrorCode::kUnsafeFileSystem));
    EXPECT_NE(opened.error().message().find("nfs: its locks do not hold"), std::string::npos);
    EXPECT_NE(opened.error().message().find("allow_unsafe_file_system"), std::string::npos);
  }
  EXPECT_TRUE(world.files.files().empty());
  EXPECT_EQ(world.writing_calls(), 0U);
}

TEST(UnsafeFolderTest, IsOpenedIfAllowed) {
  World world;
  world.files.set_traits(kNetwork);
  {
    Store store = world.open({.allow_unsafe_file_system = true});
    must(append(store, "a", "1"));
  }
  EXPECT_TRUE(fails_with(world.try_open(), ErrorCode::kUnsafeFileSystem));
  const Store reader = world.open({.read_only = true, .allow_unsafe_file_system = true});
  EXPECT_EQ(lines(reader), (Lines{"0 a@0 1"}));
}

TEST(UnsafeFolderTest, AnExistingStoreIsRefusedToo) {
  World world;
  must(append(*std::make_unique<Store>(world.open()), "a", "1"));
  world.files.set_traits(kNetwork);
  EXPECT_TRUE(fails_with(world.try_open(), ErrorCode::kUnsafeFileSystem));
  EXPECT_TRUE(fails_with(world.try_open({.read_only = true}), ErrorCode::kUnsafeFileSystem));
}

TEST(LostLockTest, TheWriterStopsBeforeItWritesOverAnothers) {
  World world;
  Store first = world.open();
  must(append(first, "a", "1"));
  world.files.remove(world.folder / engine::kLockName);
  Store second = world.open();
  must(append(second, "a", "2"));
  const auto answer = append(first, "a", "lost");
  ASSERT_TRUE(fails_with(answer, ErrorCode::kOutcomeUnknown));
  EXPECT_NE(answer.error().message().find("lock"), std::string::npos) << answer.error().message();
  EXPECT_TRUE(fails_with(append(first, "a", "lost"), ErrorCode::kStoreFailed));
  EXPECT_FALSE(first.close());
  must(append(second, "a", "3"));
  must(second.close());
  const Store again = world.open();
  EXPECT_EQ(lines(again), (Lines{"0 a@0 1", "1 a@1 2", "2 a@2 3"}));
}

TEST(LostLockTest, ClosingDoesNotTouchTheOthersSuperblocks) {
  World world;
  Store first = world.open();
  must(append(first, "a", "1"));
  world.files.remove(world.folder / engine::kLockName);
  Store second = world.open();
  must(append(second, "a", "2"));
  const auto before = world.snapshot();
  const auto closed = first.close();
  EXPECT_TRUE(fails_with(closed, ErrorCode::kLocked));
  EXPECT_EQ(world.snapshot(), before);
}

// A roll and the making of a segment write too: over the other's footer, in place of the other's file.
TEST(LostLockTest, NeitherARollNorANewSegmentTouchesTheOthersFiles) {
  World world;
  Store first = world.open(tiny_segments());
  must(append(first, "a", std::string(1500, 'x')));
  world.files.remove(world.folder / engine::kLockName);
  Store second = world.open(tiny_segments());
  for (int i = 0; i < 6; ++i) { must(append(second, "a", std::string(1500, 'y'))); }
  const auto before = world.snapshot();
  for (int i = 0; i < 6; ++i) {
    EXPECT_FALSE(append(first, "a", std::string(1500, 'z'), Expect::any(), {.durability = Durability::kBuffered}) &&
                 first.info().durable > Position(1));
  }
  EXPECT_FALSE(first.close());
  EXPECT_EQ(world.snapshot().size(), before.size());
  must(append(second, "a", "last"));
  must(second.close());
  EXPECT_TRUE(must(engine::verify_store(world.folder, world.environment(), {})).whole());
}

}  // namespace
}  // namespace tidemark
