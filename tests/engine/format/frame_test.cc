// SPDX-License-Identifier: Apache-2.0
// Goal: a frame is found whole where it was put and nowhere else; its header never crosses a sector's edge; one changed
// bit is noticed; the parts that are zero by content are counted right before the frame has its place. Method: frames
// of all sizes at all offsets, bit by bit; random bodies with runs of zeros, the seed printed; golden bytes.
#include "engine/format/frame.h"

#include <algorithm>
#include <array>
#include <gtest/gtest.h>
#include <random>

#include "engine/format/segment.h"
#include "engine/recovery/segment_bytes.h"
#include "platform/checksum.h"
#include "tests/engine/format/hex.h"
#include "tests/engine/format/sample_frame.h"

namespace tidemark::engine {
namespace {

using namespace test;

constexpr std::uint64_t kSegmentSize = std::uint64_t{1} << 20U;

// Looks for a frame in a file that holds these bytes at an offset, and zeros elsewhere.
FrameCheck look(Bytes frame, std::uint64_t at, const FramePlace& place, std::vector<std::byte>& keep) {
  platform::SimFileSystem files;
  keep.assign(kSegmentSize, std::byte{0});
  std::ranges::copy(frame, keep.begin() + static_cast<std::ptrdiff_t>(at));
  files.set_contents("/segment", keep);
  SegmentBytes bytes(must(files.open("/segment", platform::OpenMode::kRead)), kSegmentSize);
  FrameCheck check = must(look_for_frame(bytes, place, kSegmentSize));
  check.frame = {};  // it looks into bytes that end here
  return check;
}

TEST(Frame, ComesBackAtAnyOffset) {
  std::vector<std::byte> keep;
  for (const std::size_t events : {1U, 2U, 9U, 200U}) {
    auto batch = must(EncodedBatch::encode(rich_batch(events)));
    for (const std::uint64_t offset : {512ULL, 520ULL, 768ULL, 960ULL, 1024ULL, 5000ULL / 8 * 8, 100'000ULL / 8 * 8}) {
      const Bytes frame = assigned(batch, place_at(offset));
      EXPECT_EQ(frame.size(), batch.end_at(offset) - offset);
      const FrameCheck check = look(frame, offset, place_at(offset), keep);
      ASSERT_EQ(check.state, FrameCheck::State::kWhole);
      EXPECT_EQ(check.end, offset + frame.size());
      EXPECT_EQ(check.header.event_count, events);
      EXPECT_EQ(check.header.first_position, 1000U);
      EXPECT_EQ(check.header.recorded_ns, 1'700'000'000'123'456'789);
      EXPECT_EQ(check.header.durable, 0x123456U);
      EXPECT_EQ(check.header.epoch, 5U);
      EXPECT_EQ(check.header.previous, 0xCAFE1234U);
      EXPECT_EQ(check.header.kind, FrameKind::kEvents);
      const auto table = frame.subspan(kFrameHeaderBytes, check.header.table_bytes);
      EXPECT_EQ(check.header.table_check, static_cast<std::uint32_t>(platform::xxh3_64(table)));
    }
  }
}

TEST(Frame, ACopyElsewhereIsNone) {
  std::vector<std::byte> keep;
  auto batch = must(EncodedBatch::encode(rich_batch(3)));
  const FramePlace place = place_at(1024);
  const Bytes frame = assigned(batch, place);
  EXPECT_EQ(look(frame, 1024, place, keep).state, FrameCheck::State::kWhole);
  EXPECT_EQ(look(frame, 2048, place_at(2048), keep).state, FrameCheck::State::kNone);
  EXPECT_EQ(look(frame, 1032, place_at(1032), keep).state, FrameCheck::State::kNone);
  EXPECT_EQ(look(frame, 1024, place_at(1024, 8), keep).state, FrameCheck::State::kNone);
  FramePlace other = place;
  other.log_id[15] ^= std::byte{1};
  EXPECT_EQ(look(frame, 1024, other, keep).state, FrameCheck::State::kNone);
}

TEST(Frame, EverySingleBitCounts) {
  auto batch = must(EncodedBatch::encode(rich_batch(6)));
  const FramePlace place = place_at(1024);
  const Bytes made = assigned(batch, place);
  std::vector<std::byte> frame(made.begin(), made.end());
  FrameHeader header{};
  ASSERT_TRUE(read_frame_header(frame, place, kSegmentSize, header));
  ASSERT_TRUE(frame_is_whole(frame, header));
  for (std::size_t bit = 0; bit < 8 * frame.size(); ++bit) {
    frame[bit / 8] ^= static_cast<std::byte>(1U << (bit % 8));
    const bool taken = read_frame_header(frame, place, kSegmentSize, header) && frame_is_whole(frame, header);
    ASSERT_FALSE(taken) << bit;
    frame[bit / 8] ^= static_cast<std::byte>(1U << (bit % 8));
  }
}

TEST(Frame, AHeaderThatPromisesTooMuchIsNone) {
  auto batch = must(EncodedBatch::encode(rich_batch(6)));
  const std::uint64_t end = batch.end_at(512);
  const Bytes frame = assigned(batch, place_at(512));
  FrameHeader header{};
  EXPECT_TRUE(read_frame_header(frame, place_at(512), end + kSegmentFooterBytes, header));
  EXPECT_FALSE(read_frame_header(frame, place_at(512), end + kSegmentFooterBytes - 1, header));
  EXPECT_FALSE(read_frame_header(frame.first(kFrameHeaderBytes - 1), place_at(512), kSegmentSize, header));
  // Lengths at the end of what 32 bits can say do not wrap around.
  header = load_as<FrameHeader>(frame.data());
  header.body_bytes = 0xFFFFFFFF;
  header.table_bytes = 0xFFFFFFF8;
  header.checksum = frame_header_checksum(header, place_at(512));
  std::array<std::byte, kFrameHeaderBytes> bytes{};
  store_as(bytes.data(), header);
  EXPECT_FALSE(read_frame_header(bytes, place_at(512), kSegmentSize, header));
}

TEST(Frame, AKindOfZeroIsNone) {
  auto batch = must(EncodedBatch::encode(rich_batch(1)));
  const Bytes frame = assigned(batch, place_at(512));
  auto header = load_as<FrameHeader>(frame.data());
  header.kind = FrameKind{};
  header.checksum = frame_header_checksum(header, place_at(512));
  std::array<std::byte, kFrameHeaderBytes> bytes{};
  store_as(bytes.data(), header);
  EXPECT_FALSE(read_frame_header(bytes, place_at(512), kSegmentSize, header));
}

// Wherever a frame starts (where a header may stand) and however long it is, it ends where the next header may stand,
// and its trailer lies within one sector.
TEST(Frame, NoHeaderCrossesASectorsEdge) {
  for (std::uint64_t offset = 512; offset < 1536; offset += kFrameAlignment) {
    if (offset % kSectorBytes > kSectorBytes - kFrameHeaderBytes) { continue; }
    for (std::uint64_t table = 8; table <= 24; table += 8) {
      for (std::uint64_t body = 0; body < 1200; ++body) {
        const std::uint64_t end = frame_end(offset, table, body);
        const std::uint64_t content = offset + kFrameHeaderBytes + table + body;
        ASSERT_EQ(end % kFrameAlignment, 0U);
        ASSERT_LE(end % kSectorBytes, kSectorBytes - kFrameHeaderBytes);
        ASSERT_GE(end, content + kFrameTrailerBytes);
        ASSERT_LE(end - content, kFramePaddingMax);
        ASSERT_EQ((end - kFrameTrailerBytes) / kSectorBytes, (end - 1) / kSectorBytes);
      }
    }
  }
}

// Frames one after the other, as a log writes them.
TEST(Frame, AChainOfFramesKeepsTheRule) {
  const std::uint32_t seed = std::random_device()();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937 random(seed);
  std::uint64_t offset = kSegmentHeaderBytes;
  for (int i = 0; i < 100'000; ++i) {
    offset = frame_end(offset, 8 * (1 + random() % 20), random() % 3000);
    ASSERT_LE(offset % kSectorBytes, kSectorBytes - kFrameHeaderBytes);
  }
}

TEST(Frame, ATrailerIsNeverZero) {
  const std::uint32_t seed = std::random_device()();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937_64 random(seed);
  for (int i = 0; i < 100'000; ++i) {
    ASSERT_NE(frame_trailer(static_cast<std::uint32_t>(random()), random(), random()), 0U);
  }
}

// --- parts that are zero by content ---

// What the sequencer counts ahead, against the bytes of the finished frame.
void expect_same_count(EncodedBatch& batch, std::uint64_t offset, std::uint64_t version) {
  const Bytes frame = assigned(batch, place_at(offset), version);
  const auto header = load_as<FrameHeader>(frame.data());
  ASSERT_EQ(header.zero_parts, count_zero_parts(offset, frame)) << "offset " << offset;
}

std::uint64_t random_start(std::mt19937& random) {
  const std::uint64_t offset = 512 + random() % 4096 / 8 * 8;
  return offset % kSectorBytes > kSectorBytes - kFrameHeaderBytes ? round_up(offset, kSectorBytes) : offset;
}

TEST(ZeroParts, CountedAheadEqualsCountedAfterwards) {
  const std::uint32_t seed = std::random_device()();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937 random(seed);
  std::uint64_t counted = 0;
  for (int round = 0; round < 2000; ++round) {
    Batch batch;
    const std::size_t events = 1 + random() % 4;
    for (std::size_t e = 0; e < events; ++e) {
      std::string data(random() % 6000, 'x');
      for (std::size_t runs = random() % 4; runs > 0 && !data.empty(); --runs) {
        const std::size_t begin = random() % data.size();
        const std::size_t length = std::min<std::size_t>(data.size() - begin, random() % 2000);
        std::fill_n(data.begin() + static_cast<std::ptrdiff_t>(begin), length, '\0');
      }
      if (random() % 3 == 0) { data.append(random() % 1500, '\0'); }  // up to the very end
      batch.to("s" + std::to_string(e)).add({.type = "T", .data = as_bytes(data)});
    }
    auto encoded = must(EncodedBatch::encode(batch));
    for (int i = 0; i < 3; ++i) {
      const std::uint64_t offset = random_start(random);
      expect_same_count(encoded, offset, random() % 4 == 0 ? std::uint64_t{1} << (random() % 60) : 0);
      counted += load_as<FrameHeader>(encoded.frame().data()).zero_parts;
      if (HasFatalFailure()) { return; }
    }
  }
  EXPECT_GT(counted, 1000U);  // the runs were long enough to matter
}

// Runs of about the length of a sector, at each byte's shift.
TEST(ZeroParts, AtEveryShift) {
  for (const std::size_t length : {497U, 498U, 505U, 511U, 512U, 513U, 1023U, 1024U, 1030U}) {
    for (std::size_t shift = 0; shift < 520; ++shift) {
      std::string data(shift, 'x');
      data.append(length, '\0');
      if (shift % 2 == 0) { data += "tail"; }
      Batch batch;
      batch.to("s").add({.type = "T", .data = as_bytes(data)});
      auto encoded = must(EncodedBatch::encode(batch));
      expect_same_count(encoded, 512, 0);
      if (HasFatalFailure()) { return; }
    }
  }
}

// The table of many new streams is mostly zeros, yet no sector of it is.
TEST(ZeroParts, ATableOfManyNewStreams) {
  Batch batch;
  for (int i = 0; i < 2000; ++i) { batch.to("s" + std::to_string(i)).add({.type = "T"}); }
  auto encoded = must(EncodedBatch::encode(batch));
  for (const std::uint64_t offset : {512U, 520U, 960U}) {
    expect_same_count(encoded, offset, 0);
    EXPECT_EQ(load_as<FrameHeader>(encoded.frame().data()).zero_parts, 0U);
  }
}

TEST(ZeroParts, OfBytes) {
  std::vector<std::byte> bytes(2048);
  EXPECT_EQ(count_zero_parts(0, bytes), 4U);
  EXPECT_EQ(count_zero_parts(8, bytes), 5U);  // five parts, the outer two short
  bytes[1000] = std::byte{1};
  EXPECT_EQ(count_zero_parts(0, bytes), 3U);
  EXPECT_EQ(count_zero_parts(512, std::span(bytes).first(0)), 0U);
}

// --- golden ---

// The frame of format 1. If it changes, old logs cannot be read any more: that needs a new version of the format, not a
// new constant here.
TEST(Frame, GoldenBytes) {
  Batch batch;
  batch.to("loan-17")
      .add({.type = "Submitted",
            .data = as_bytes("{\"amount\":20000}"),
            .metadata = as_bytes("by: me"),
            .tags = {"customer:9", "vip"},
            .valid = ValidTime(std::chrono::microseconds(-1)),
            .id = EventId::from_name("one")})
      .add({.type = "Approved", .data = as_bytes("{}"), .id = EventId::from_name("two")});
  batch.to("ledger").add({.type = "Submitted", .tags = {"vip"}, .id = EventId::from_name("three")});
  auto encoded = must(EncodedBatch::encode(batch));
  EXPECT_EQ(hex_of(assigned(encoded, place_at(512), 41)),
            "54464d529e08ea96b0000000100000000100000003000000e80300000000000015cd853dfe9c97175634120000000000"
            "050000003412feca0000000053928c9a2a000000000000002a000000000000000200000002000000070000000d000000"
            "160000001e000000280000002b0000006c6f616e2d31376c65646765725375626d6974746564417070726f7665646375"
            "73746f6d65723a3976697007000000df7d47ff0c145bce88cf634527eff0b9ffffffffffffffff02000110067b22616d"
            "6f756e74223a32303030307d62793a206d6500000101422a073127095124a75b1f857515e46e027b7d02010000ed60be"
            "9676bd5313a351e3c3baebe7df010100b1c03bddb5955fc1");
}

// From some size on the names and each event carry a checksum of their own.
TEST(Frame, GoldenBytesOfALargeFrame) {
  Batch batch;
  const std::string data(5000, 'd');
  batch.to("s").add({.type = "T", .data = as_bytes(data), .id = EventId::from_name("one")});
  batch.to("s").add({.type = "T", .data = as_bytes(data), .id = EventId::from_name("two")});
  auto encoded = must(EncodedBatch::encode(batch));
  std::string hex = hex_of(assigned(encoded, place_at(512)));
  std::string expected_data;
  for (const char c : data) { expected_data += hex_of(as_bytes(std::string_view(&c, 1))); }
  for (std::size_t at = hex.find(expected_data); at != std::string::npos; at = hex.find(expected_data)) {
    hex.replace(at, expected_data.size(), "(data)");
  }
  EXPECT_EQ(hex,
            "54464d5210d2ce4c5a270000080000000100010002000000e80300000000000015cd853dfe9c97175634120000000000"
            "050000003412feca000000002e79db640100000000000000010000000000000001000000020000007354f50568c00000"
            "0000df7d47ff0c145bce88cf634527eff0b98827(data)a106cc4200000100422a073127095124a75b1f857515e46e88"
            "27(data)8c3d133c000000000000e347b84a834ced73");
}

}  // namespace
}  // namespace tidemark::engine
