// SPDX-License-Identifier: Apache-2.0
// Goal: a log whose checksums are right and whose content is absurd is gone through in bounded time, and scan, opening
// and verification agree on it. Method: small stores, changed and sealed again; what the fuzzer found first.
#include <algorithm>
#include <gtest/gtest.h>

#include "engine/recovery/scan.h"
#include "platform/checksum.h"
#include "tests/engine/recovery/sample_store.h"

namespace tidemark::engine {
namespace {

using namespace test;

// Gives a changed frame the checksums that fit.
void seal_frame(std::vector<std::byte>& segment, const FrameAt& frame) {
  const auto bytes = std::span(segment).subspan(frame.begin, frame.end - frame.begin);
  auto header = load_as<FrameHeader>(bytes.data());
  header.table_check =
      static_cast<std::uint32_t>(platform::xxh3_64(bytes.subspan(kFrameHeaderBytes, header.table_bytes)));
  const auto log_id = load_as<SegmentHeader>(segment.data()).log_id;
  header.checksum = frame_header_checksum(header, {log_id, frame.segment, frame.begin});
  store_as(bytes.data(), header);
  store_as(bytes.data() + bytes.size() - kFrameTrailerBytes, right_trailer(bytes, header));
}

std::uint64_t bytes_read_by(World& world, const std::function<void()>& work) {
  std::uint64_t bytes = 0;
  world.files.set_fault_rule([&](const platform::SeamCall& call) -> std::optional<platform::SeamFault> {
    if (call.kind == World::Kind::kPread) { bytes += call.length; }
    return std::nullopt;
  });
  work();
  world.files.set_fault_rule({});
  return bytes;
}

TEST(HostileLog, TheLastSegmentIsMissingAndASpareIsThere) {
  SampleStore store;
  store.files.set_contents(store.segment(store.segments + 1), store.contents(store.segment(store.segments)));
  store.files.remove(store.segment(store.segments));
  const auto report = store.verify();  // it went round in circles
  ASSERT_FALSE(report.whole());
  EXPECT_EQ(report.damages[0].segment, SegmentNumber(store.segments));
}

// A segment that the log has not come near yet, made by a newer library.
TEST(HostileLog, ALaterSegmentInANewerFormat) {
  SampleStore store;
  std::vector<std::byte> bytes(4096);
  store_as(bytes.data(), BlockStart{kSegmentMagic, 0, kFormatMajor + 1, 0});
  store_as(bytes.data() + offsetof(BlockStart, checksum),
           platform::crc32c(std::span(bytes).first(kSegmentHeaderBytes)));
  store.files.set_contents(store.segment(store.segments + 3), bytes);
  // Now, and not once the log has come that far and something was acknowledged.
  EXPECT_TRUE(fails_with(store.try_open(tiny_segments()), ErrorCode::kUnsupportedFormat));
  EXPECT_TRUE(fails_with(store.try_open({.read_only = true}), ErrorCode::kUnsupportedFormat));
}

// Versions that jump are damage of their own, also where another damage was found before: here a lost superblock.
TEST(HostileLog, VersionsThatJumpBesideALostSuperblock) {
  SampleStore store;
  const FrameAt& frame = store.frames.back();
  auto segment = store.contents(store.segment(frame.segment));
  const std::size_t entry = frame.begin + kFrameHeaderBytes;
  store_as(segment.data() + entry, load_as<std::uint64_t>(segment.data() + entry) + 5);
  seal_frame(segment, frame);
  store.files.set_contents(store.segment(frame.segment), segment);
  store.files.remove(store.folder / kSuperblockNames[0]);
  const auto report = store.verify();
  ASSERT_EQ(report.damages.size(), 2U);
  EXPECT_EQ(report.damages[1].segment, SegmentNumber(frame.segment));
  EXPECT_TRUE(fails_with(store.try_open(tiny_segments()), ErrorCode::kDamaged));
}

// The durable end lies past all that is there, though no later segment was ever named: whole frames alone do not make
// the store whole.
TEST(HostileLog, ADurableEndInNoSegment) {
  World world;
  Store store = world.open(tiny_segments());
  must(append(store, "a", "1"));
  must(store.close());
  const auto frame = frames_of(world).back();
  for (const auto name : kSuperblockNames) {
    Superblock superblock{};
    ASSERT_EQ(decode_superblock(world.contents(world.folder / name), superblock), BlockState::kGood);
    superblock.durable_end = frame.end + 8;
    world.files.set_contents(world.folder / name, encode_superblock(superblock));
  }
  EXPECT_TRUE(fails_with(world.try_open(tiny_segments()), ErrorCode::kDamaged));
  EXPECT_FALSE(must(verify_store(world.folder, world.environment(), {})).whole());
}

// Header after header, each with a right checksum, each claiming all that follows: reading through each claim would
// take days for a segment of this size.
TEST(HostileLog, ManyHeadersClaimTheSameBytes) {
  // Read through for every claim this would be 128 GiB and more (2 GiB under a sanitizer, whose bytes take longer):
  // ctest's time limit ends it.
#ifdef TIDEMARK_SANITIZED
  constexpr std::uint64_t kSize = std::uint64_t{512} << 10U;
#else
  constexpr std::uint64_t kSize = std::uint64_t{4} << 20U;
#endif
  World world;
  OpenOptions options;
  options.segment_bytes_first = options.segment_bytes_largest = kSize;
  Store store = world.open(options);
  must(append(store, "a", "1"));
  must(append(store, "a", "2"));
  must(store.close());
  const FrameAt frame = frames_of(world).back();
  auto segment = world.contents(world.segment(1));
  const auto log_id = load_as<SegmentHeader>(segment.data()).log_id;
  auto claim = frame.header;
  claim.table_bytes = 0;
  for (std::uint64_t at = frame.begin; at + 1024 < kSize; at += kFrameHeaderBytes) {
    claim.body_bytes = static_cast<std::uint32_t>(kSize - at - 1024);
    claim.checksum = frame_header_checksum(claim, {log_id, 1, at});
    store_as(segment.data() + at, claim);
  }
  world.files.set_contents(world.segment(1), segment);
  EXPECT_TRUE(fails_with(world.try_open(options), ErrorCode::kDamaged));
  EXPECT_FALSE(must(verify_store(world.folder, world.environment(), {})).whole());
}

// A large frame that did not arrive whole is looked through in steps of eight bytes; its bytes are read a few times and
// not once for every step.
TEST(HostileLog, ATornLargeFrameIsNotReadAgainAndAgain) {
  constexpr std::uint64_t kSize = std::uint64_t{16} << 20U;
  World world;
  OpenOptions options;
  options.segment_bytes_first = options.segment_bytes_largest = kSize;
  Store store = world.open(options);
  must(append(store, "a", "1"));
  must(append(store, "a", std::string(std::size_t{6} << 20U, 'x')));
  world.files.kill_process();
  (void)store.close();
  const FrameAt frame = frames_of(world).back();
  auto segment = world.contents(world.segment(1));
  std::ranges::fill(std::span(segment).subspan(frame.begin, kFrameHeaderBytes), std::byte{0});
  world.files.set_contents(world.segment(1), segment);
  const auto loaded = must(load_superblocks(world.files, world.folder));
  const std::uint64_t read = bytes_read_by(world, [&] {
    const auto facts = scan_log(world.files, world.folder, loaded->newest, [](const ScannedFrame&) { return true; });
    EXPECT_EQ(must(facts).frames, 1U);
  });
  EXPECT_LT(read, 12 * kSize);
}

// A frame whose trailer is right and whose checksum of the versions is not: readers of large frames compare the latter,
// so nobody may call such a store whole.
TEST(HostileLog, AWrongChecksumOfTheVersionsUnderARightTrailer) {
  SampleStore store;
  const FrameAt frame = store.in_segment(2)[1];
  auto segment = store.contents(store.segment(2));
  const auto bytes = std::span(segment).subspan(frame.begin, frame.end - frame.begin);
  auto header = load_as<FrameHeader>(bytes.data());
  header.table_check ^= 1;
  header.checksum = frame_header_checksum(header, {load_as<SegmentHeader>(segment.data()).log_id, 2, frame.begin});
  store_as(bytes.data(), header);
  store_as(bytes.data() + bytes.size() - kFrameTrailerBytes, right_trailer(bytes, header));
  store.files.set_contents(store.segment(2), segment);
  EXPECT_FALSE(store.verify().whole());
  EXPECT_TRUE(fails_with(store.try_open(tiny_segments()), ErrorCode::kDamaged));
}

}  // namespace
}  // namespace tidemark::engine
