// SPDX-License-Identifier: Apache-2.0
// Goal: a lineage says which log's id belongs where, for forks of forks too and whatever a superblock holds; the bytes
// of a fork's superblock and of the file of original positions are those of the specification. Method: chains of forks,
// against the plain rule that the oldest log that reaches a place is right; bytes written out.
#include "engine/format/lineage.h"

#include <gtest/gtest.h>
#include <random>
#include <vector>

#include "engine/format/origin.h"

namespace tidemark::engine {
namespace {

FileId id(unsigned n) {
  FileId made{};
  made.fill(static_cast<std::byte>(n));
  return made;
}

TEST(LineageTest, OfALogOfItsOwn) {
  Superblock superblock{};
  superblock.log_id = id(1);
  const Lineage lineage(superblock);
  EXPECT_TRUE(lineage.ancestors().empty());
  EXPECT_EQ(lineage.log_id_at(Offset(0)), id(1));
  EXPECT_TRUE(lineage.shares(id(1), Offset(UINT64_MAX)));
  EXPECT_FALSE(lineage.shares(id(2), Offset(0)));
  EXPECT_FALSE(lineage.shares(FileId{}, Offset(0)));
}

TEST(LineageTest, OfForksOfForks) {
  std::mt19937_64 random(1);
  for (int round = 0; round < 300; ++round) {
    // Whose each stretch of ten bytes is, told by hand.
    std::vector<FileId> owners(20, id(1));
    Lineage lineage(id(1));
    for (unsigned fork = 2; fork < 14; ++fork) {
      const std::uint64_t at = random() % 20;
      auto forked = lineage.fork_at(Offset(at * 10), id(fork));
      ASSERT_TRUE(forked);
      for (std::size_t i = at; i < owners.size(); ++i) { owners[i] = id(fork); }
      EXPECT_EQ(forked->ancestors().front().log_id, lineage.own()) << "the parent is remembered";
      Superblock superblock{};
      forked->put_into(superblock);
      lineage = Lineage(superblock);
      EXPECT_EQ(lineage.ancestors(), forked->ancestors());
      EXPECT_EQ(lineage.own(), id(fork));
      for (std::size_t i = 0; i < owners.size(); ++i) { ASSERT_EQ(lineage.log_id_at(Offset(i * 10)), owners[i]); }
      for (std::size_t i = 0; i < at; ++i) { EXPECT_TRUE(lineage.shares(owners[i], Offset((i + 1) * 10))); }
      EXPECT_FALSE(lineage.shares(forked->ancestors().front().log_id, Offset(at * 10 + 1)));
    }
  }
}

TEST(LineageTest, HasRoomForThirteen) {
  Lineage lineage(id(1));
  for (unsigned fork = 1; fork <= 13; ++fork) {
    auto forked = lineage.fork_at(Offset(fork * 10), id(fork + 1));
    ASSERT_TRUE(forked) << fork;
    lineage = *forked;
  }
  EXPECT_FALSE(lineage.fork_at(Offset(140), id(15)));
  EXPECT_TRUE(lineage.fork_at(Offset(60), id(15))) << "of those past the cut nothing is left";
}

TEST(LineageTest, AnyBytesWillDo) {
  std::mt19937_64 random(2);
  for (int round = 0; round < 1000; ++round) {
    Superblock superblock{};
    superblock.log_id = id(1);
    superblock.parent_log_id = id(static_cast<unsigned>(random() % 3));
    superblock.parent_end = random();
    for (Ancestor& older : superblock.older) { older = {id(static_cast<unsigned>(random() % 4)), random()}; }
    const Lineage lineage(superblock);
    (void)lineage.log_id_at(Offset(random()));
    (void)lineage.shares(id(2), Offset(random()));
    (void)lineage.fork_at(Offset(random()), id(9));
  }
}

TEST(LineageTest, TheBytesOfAFork) {
  Superblock superblock{};
  superblock.state = StoreState::kClosed;
  Lineage(id(0x11), {{id(0x22), 0x4000}, {id(0x33), 0x2000}}).put_into(superblock);
  const SuperblockImage image = encode_superblock(superblock);
  const auto at = [&](std::size_t offset) { return std::to_integer<unsigned>(image[offset]); };
  EXPECT_EQ(at(12), 2u);  // format_major
  EXPECT_EQ(at(13), 0u);
  EXPECT_EQ(at(32), 0x11u);
  EXPECT_EQ(at(48), 0x22u);
  EXPECT_EQ(at(65), 0x40u);
  EXPECT_EQ(at(208), 0x33u);
  EXPECT_EQ(at(223), 0x33u);
  EXPECT_EQ(at(225), 0x20u);
  EXPECT_EQ(at(232), 0u);
}

TEST(OriginTest, TheBytesOfTheFile) {
  OriginHeader header{};
  header.log_id = id(0x44);
  header.count = 0x0203;
  const OriginHeaderImage image = encode_origin_header(header);
  EXPECT_EQ(as_text(std::span(image).first(7)), "TORIGIN");
  EXPECT_EQ(std::to_integer<unsigned>(image[12]), 1u);
  EXPECT_EQ(std::to_integer<unsigned>(image[16]), 0x44u);
  EXPECT_EQ(std::to_integer<unsigned>(image[32]), 3u);
  EXPECT_EQ(std::to_integer<unsigned>(image[33]), 2u);
  EXPECT_TRUE(all_zero(std::span(image).subspan(40)));
  OriginHeader into{};
  EXPECT_EQ(decode_origin_header(image, into), BlockState::kGood);
  EXPECT_EQ(into.count, header.count);
  EXPECT_EQ(decode_origin_header(std::span(image).first(4095), into), BlockState::kBad);
  EXPECT_EQ(origin_block_of(0), 1u);
  EXPECT_EQ(origin_block_of(510), 1u);
  EXPECT_EQ(origin_block_of(511), 2u);
  OriginBlock block{};
  seal_origin_block(block, 1);
  EXPECT_TRUE(origin_block_is_right(block, 1));
  EXPECT_FALSE(origin_block_is_right(block, 2)) << "it stands elsewhere";
  block[17] ^= 1;
  EXPECT_FALSE(origin_block_is_right(block, 1));
}

}  // namespace
}  // namespace tidemark::engine
