// SPDX-License-Identifier: Apache-2.0
// Goal: superblocks, segment headers and footers come back as they were written; a single changed bit is refused; an
// empty block, a newer one and a broken one are told apart. Method: every bit of every block in turn; golden bytes, so
// that a format that changes unasked is noticed.
#include <algorithm>
#include <functional>
#include <gtest/gtest.h>
#include <span>
#include <string>
#include <vector>

#include "engine/format/lineage.h"
#include "engine/format/segment.h"
#include "engine/format/superblock.h"
#include "platform/checksum.h"
#include "tests/engine/format/hex.h"

namespace tidemark::engine {
namespace {

using test::hex_of;

FileId id(int first) {
  FileId bytes{};
  for (std::size_t i = 0; i < bytes.size(); ++i) { bytes[i] = static_cast<std::byte>(first + static_cast<int>(i)); }
  return bytes;
}

Superblock sample_superblock() {
  Superblock block{};
  block.store_id = id(0x10);
  block.log_id = id(0x20);
  block.parent_log_id = id(0x30);
  block.parent_end = 0x0102030405060708;
  block.generation = 9;
  block.epoch = 3;
  block.state = StoreState::kClosed;
  block.boot_id = id(0x40);
  block.durable_end = 0x1112131415161718;
  block.highest_segment = 5;
  block.recovery = {.kind = 4,
                    .epoch = 3,
                    .frames_kept = 11,
                    .events_kept = 12,
                    .frames_in_doubt = 13,
                    .bytes_in_doubt = 14,
                    .bytes_cut = 15,
                    .at_ns = 16,
                    .took_ns = 17,
                    .superblock_lost = 1,
                    .reserved = 0};
  block.cut_end = 0x2122232425262728;
  block.write_limit = 0x3132333435363738;
  block.older[0] = {id(0x50), 0x4142434445464748};
  block.older[11] = {id(0x60), 0x5152535455565758};
  return block;
}

SegmentHeader sample_header() {
  SegmentHeader header{};
  header.log_id = id(0x20);
  header.number = 7;
  header.base = 0x300000;
  header.size = 0x100000;
  return header;
}

SegmentFooter sample_footer() {
  SegmentFooter footer{};
  footer.log_id = id(0x20);
  footer.number = 7;
  footer.end = 0xF0000;
  footer.frame_count = 21;
  footer.event_count = 22;
  footer.first_position = 23;
  footer.next_position = 45;
  footer.first_recorded_ns = 1'700'000'000'000'000'001;
  footer.last_recorded_ns = 1'700'000'000'000'000'002;
  footer.digest = 0x3132333435363738;
  footer.previous_digest = 0x4142434445464748;
  footer.durable = 0x3F0000;
  footer.epoch = 3;
  footer.last_trailer = 0x51525354;
  return footer;
}

// One kind of block: how it is made and read, in bytes.
struct Block {
  std::string name;
  std::vector<std::byte> bytes;
  std::function<BlockState(std::span<const std::byte>)> decode;
};

template <class Image>
std::vector<std::byte> bytes_of(const Image& image) {
  return {image.begin(), image.end()};
}

std::vector<Block> blocks() {
  return {{"superblock", bytes_of(encode_superblock(sample_superblock())),
           [](auto bytes) {
             Superblock into{};
             return decode_superblock(bytes, into);
           }},
          {"header", bytes_of(encode_segment_header(sample_header())),
           [](auto bytes) {
             SegmentHeader into{};
             return decode_segment_header(bytes, into);
           }},
          {"footer", bytes_of(encode_segment_footer(sample_footer())), [](auto bytes) {
             SegmentFooter into{};
             return decode_segment_footer(bytes, into);
           }}};
}

// Puts the right checksum on a block that was changed.
void reseal(std::vector<std::byte>& bytes) {
  store_as<std::uint32_t>(bytes.data() + offsetof(BlockStart, checksum), 0);
  store_as(bytes.data() + offsetof(BlockStart, checksum), platform::crc32c(bytes));
}

TEST(Blocks, ASuperblockComesBack) {
  Superblock into{};
  ASSERT_EQ(decode_superblock(encode_superblock(sample_superblock()), into), BlockState::kGood);
  EXPECT_EQ(into.start.format_major, kForkFormatMajor) << "the sample is that of a fork";
  EXPECT_EQ(into.start.format_minor, kFormatMinor);
  const Superblock sample = sample_superblock();
  into.start = sample.start;
  EXPECT_EQ(std::memcmp(&into, &sample, sizeof into), 0);
}

TEST(Blocks, ASegmentHeaderAndAFooterComeBack) {
  SegmentHeader header{};
  ASSERT_EQ(decode_segment_header(encode_segment_header(sample_header()), header), BlockState::kGood);
  const SegmentHeader sample = sample_header();
  header.start = sample.start;
  EXPECT_EQ(std::memcmp(&header, &sample, sizeof header), 0);
  SegmentFooter footer{};
  ASSERT_EQ(decode_segment_footer(encode_segment_footer(sample_footer()), footer), BlockState::kGood);
  const SegmentFooter other = sample_footer();
  footer.start = other.start;
  EXPECT_EQ(std::memcmp(&footer, &other, sizeof footer), 0);
}

TEST(Blocks, EverySingleBitCounts) {
  for (const Block& block : blocks()) {
    EXPECT_EQ(block.decode(block.bytes), BlockState::kGood);
    auto bytes = block.bytes;
    for (std::size_t bit = 0; bit < 8 * bytes.size(); ++bit) {
      bytes[bit / 8] ^= static_cast<std::byte>(1U << (bit % 8));
      ASSERT_EQ(block.decode(bytes), BlockState::kBad) << block.name << " bit " << bit;
      bytes[bit / 8] ^= static_cast<std::byte>(1U << (bit % 8));
    }
  }
}

TEST(Blocks, EmptyNewerAndWrongSizes) {
  for (const Block& block : blocks()) {
    EXPECT_EQ(block.decode(std::vector<std::byte>(block.bytes.size())), BlockState::kEmpty) << block.name;
    auto newer = block.bytes;
    store_as<std::uint16_t>(newer.data() + offsetof(BlockStart, format_major),
                            (block.name == std::string("superblock") ? kForkFormatMajor : kFormatMajor) + 1);
    EXPECT_EQ(block.decode(newer), BlockState::kBad);  // not even whole
    reseal(newer);
    EXPECT_EQ(block.decode(newer), BlockState::kNewerFormat);
    auto minor = block.bytes;
    store_as<std::uint16_t>(minor.data() + offsetof(BlockStart, format_minor), kFormatMinor + 1);
    reseal(minor);
    EXPECT_EQ(block.decode(minor), BlockState::kGood);  // what is new in it can be ignored
    for (const std::size_t size : {std::size_t{0}, std::size_t{15}, std::size_t{16}, block.bytes.size() - 1}) {
      EXPECT_EQ(block.decode(std::span(block.bytes).first(size)), BlockState::kBad) << size;
    }
  }
}

// A library that knows no forks would find the shared segments to be of another log.
TEST(Blocks, OlderCodeRefusesAFork) {
  Superblock block = sample_superblock();
  EXPECT_EQ(check_block(encode_superblock(block), kSuperblockMagic, kFormatMajor), BlockState::kNewerFormat);
  block.parent_log_id = {};
  EXPECT_EQ(check_block(encode_superblock(block), kSuperblockMagic, kFormatMajor), BlockState::kGood)
      << "every other store stays as it was";
  auto unknown = encode_superblock(block);
  store_as<std::uint16_t>(unknown.data() + offsetof(BlockStart, format_major), kForkFormatMajor);
  store_as<std::uint32_t>(unknown.data() + offsetof(BlockStart, checksum), 0);
  store_as(unknown.data() + offsetof(BlockStart, checksum), platform::crc32c(unknown));
  EXPECT_EQ(decode_superblock(unknown, block), BlockState::kNewerFormat) << "format 2, and no fork: not one of ours";
}

TEST(Blocks, OneIsNotTakenForAnother) {
  const auto all = blocks();
  EXPECT_EQ(all[1].decode(all[2].bytes), BlockState::kBad);
  EXPECT_EQ(all[2].decode(all[1].bytes), BlockState::kBad);
}

TEST(Blocks, AStateThatIsNotKnownIsRefused) {
  for (const std::uint32_t state : {0U, 3U, 0xFFFFFFFFU}) {
    auto bytes = blocks()[0].bytes;
    store_as(bytes.data() + offsetof(Superblock, state), state);
    reseal(bytes);
    EXPECT_EQ(blocks()[0].decode(bytes), BlockState::kBad);
  }
}

// The bytes of format 1. If one of these changes, old stores cannot be read any more: that needs a new version of the
// format, not a new constant here.
TEST(Blocks, GoldenBytes) {
  const auto all = blocks();
  Superblock no_fork = sample_superblock();
  Lineage(no_fork.log_id).put_into(no_fork);
  const auto plain = encode_superblock(no_fork);
  EXPECT_EQ(hex_of(std::span(plain).first(208)),
            "544d535553424c4bdcde6e7501000000101112131415161718191a1b1c1d1e1f202122232425262728292a2b2c2d2e2f"
            "000000000000000000000000000000000000000000000000090000000000000003000000020000004041424344454647"
            "48494a4b4c4d4e4f1817161514131211050000000000000004000000030000000b000000000000000c00000000000000"
            "0d000000000000000e000000000000000f00000000000000100000000000000011000000000000000100000000000000"
            "28272625242322213837363534333231");
  EXPECT_TRUE(all_zero(std::span(plain).subspan(208)));
  EXPECT_EQ(hex_of(std::span(all[1].bytes).first(64)),
            "544d4553534547001e3b686a01000000202122232425262728292a2b2c2d2e2f07000000000000000000300000000000"
            "00001000000000000000000000000000");
  EXPECT_TRUE(all_zero(std::span(all[1].bytes).subspan(64)));
  EXPECT_EQ(hex_of(std::span(all[2].bytes).first(128)),
            "544d4553464f5400c571572501000000202122232425262728292a2b2c2d2e2f070000000000000000000f0000000000"
            "1500000000000000160000000000000017000000000000002d0000000000000001002a36fe9c971702002a36fe9c9717"
            "3837363534333231484746454443424100003f00000000000300000054535251");
  EXPECT_TRUE(all_zero(std::span(all[2].bytes).subspan(128)));
}

// Those of format 2, which only the superblocks of forks have.
TEST(Blocks, GoldenBytesOfAFork) {
  const auto image = encode_superblock(sample_superblock());
  EXPECT_EQ(hex_of(std::span(image).first(232)),
            "544d535553424c4bd0095dd702000000101112131415161718191a1b1c1d1e1f202122232425262728292a2b2c2d2e2f"
            "303132333435363738393a3b3c3d3e3f0807060504030201090000000000000003000000020000004041424344454647"
            "48494a4b4c4d4e4f1817161514131211050000000000000004000000030000000b000000000000000c00000000000000"
            "0d000000000000000e000000000000000f00000000000000100000000000000011000000000000000100000000000000"
            "28272625242322213837363534333231505152535455565758595a5b5c5d5e5f4847464544434241");
  EXPECT_TRUE(all_zero(std::span(image).subspan(232, 472 - 232)));
  EXPECT_EQ(hex_of(std::span(image).subspan(472, 24)), "606162636465666768696a6b6c6d6e6f5857565554535251");
  EXPECT_TRUE(all_zero(std::span(image).subspan(496)));
}

TEST(Names, SegmentFiles) {
  EXPECT_EQ(segment_file_name(SegmentNumber(1)), "segment-0000000001.log");
  EXPECT_EQ(segment_file_name(SegmentNumber(9'999'999'999)), "segment-9999999999.log");
  EXPECT_EQ(segment_file_name(SegmentNumber(10'000'000'000)), "segment-10000000000.log");
  for (const std::uint64_t n : {1ULL, 42ULL, 9'999'999'999ULL, 10'000'000'000ULL, ~0ULL}) {
    EXPECT_EQ(parse_segment_file_name(segment_file_name(SegmentNumber(n))), SegmentNumber(n));
  }
  for (const std::string_view bad :
       {"", "segment-", "segment-.log", "segment-1.log", "segment-0000000000.log", "segment-00000000001.log",
        "segment-0000000001", "segment-0000000001.log.tmp", "xsegment-0000000001.log", "segment-00000x0001.log",
        "segment-99999999999999999999.log", "segment--000000001.log", "segment- 000000001.log", "segment.log"}) {
    EXPECT_FALSE(parse_segment_file_name(bad)) << bad;
  }
}

TEST(Layout, AllZeroFindsAnyByte) {
  std::vector<std::byte> bytes(300);
  EXPECT_TRUE(all_zero({}));
  EXPECT_TRUE(all_zero(bytes));
  for (std::byte& byte : bytes) {
    byte = std::byte{1};
    ASSERT_FALSE(all_zero(bytes));
    byte = std::byte{0};
  }
}

}  // namespace
}  // namespace tidemark::engine
