// SPDX-License-Identifier: Apache-2.0
// Goal: where no frame was ever written nothing is read, and nothing else is missed by that. Method: logs that were
// closed, killed and damaged in every frame are scanned with the limit of their writer and without one; what stands
// behind the limit counts only where the log itself shows that the limit is not its own.
#include <cstring>
#include <gtest/gtest.h>
#include <optional>
#include <string>

#include "tests/engine/recovery/resume_support.h"

namespace tidemark::engine {
namespace {

using namespace test;

class ScanLimit : public testing::Test {
 protected:
  void put_back() {
    for (const auto& [path, content] : files_) { store_.files.set_contents(path, content); }
  }
  [[nodiscard]] ScanFacts scanned(std::optional<Offset> limit, const Superblock& superblock) {
    const auto visit = [](const ScannedFrame&) { return true; };
    return must(scan_log(store_.files, store_.folder, superblock, visit, {.write_limit = limit}));
  }
  [[nodiscard]] ScanFacts scanned(std::optional<Offset> limit) { return scanned(limit, superblock_of(store_)); }
  [[nodiscard]] std::filesystem::path last_path() const { return store_.segment(store_.segments); }

  // So far past the limit an older one shows.
  static constexpr std::uint64_t kLookedAtPast = std::uint64_t{64} << 10U;

  // Killed: frames alone tell what is durable.
  SampleStore store_{false, {.segment_bytes_first = 4 * kLookedAtPast, .segment_bytes_largest = 4 * kLookedAtPast}};
  const std::vector<std::pair<std::string, std::vector<std::byte>>> files_ = store_.snapshot();
  const ScanFacts whole_ = scanned(std::nullopt);
  const Segment& last_ = *whole_.segments.back();
  const Offset end_ = whole_.end.offset;
  const std::uint64_t at_ = end_ - last_.base();
};

TEST_F(ScanLimit, TheWriterLeavesOneThatItsLogKeeps) {
  const Superblock superblock = superblock_of(store_);
  EXPECT_GE(Offset(superblock.write_limit), end_);
  EXPECT_EQ(superblock.highest_segment, store_.segments);
  EXPECT_TRUE(whole_.tail.only_zeros);
}

TEST_F(ScanLimit, WhatStandsBehindItIsNotRead) {
  const std::uint64_t garbage = last_.size() - kSegmentFooterBytes - 1;
  ASSERT_GT(garbage, at_ + 64);
  store_.flip(last_path(), garbage);
  const Offset place = last_.base() + garbage;
  EXPECT_EQ(scanned(std::nullopt).bad_bytes, garbage + 1 - at_);
  for (const Offset limit : {end_, end_ + 8, Offset(place.value() - kLookedAtPast)}) {
    const ScanFacts facts = scanned(limit);
    EXPECT_TRUE(facts.tail.only_zeros) << limit.value();
    EXPECT_EQ(facts.bad_bytes, 0U);
    EXPECT_EQ(facts.nonzero_bytes, 0U);
    EXPECT_EQ(facts.what, "");
  }
  for (const Offset limit : {Offset(place.value() - kLookedAtPast + 1), place + 1, place + 100'000}) {
    expect_same_log(scanned(limit), scanned(std::nullopt));
    EXPECT_EQ(judge(scanned(limit).tail), Verdict::kTornTail);
  }
}

// That the log ends at the limit spares what lies between the end and the footer, and nothing else: what stands at the
// end or in the footer counts as it does in any other log.
TEST_F(ScanLimit, BelievesZerosAtTheEndAndInTheFooterAlone) {
  for (const std::uint64_t changed : {at_, at_ + kFrameHeaderBytes - 1, at_ + kLookedAtPast - 1,
                                      last_.size() - kSegmentFooterBytes, last_.size() - 1}) {
    SCOPED_TRACE(changed);
    put_back();
    store_.flip(last_path(), changed);
    const ScanFacts plain = scanned(std::nullopt);
    EXPECT_FALSE(plain.tail.only_zeros);
    expect_same_log(scanned(end_), plain);
  }
  put_back();
  store_.flip(last_path(), at_ + kLookedAtPast);
  EXPECT_FALSE(scanned(std::nullopt).tail.only_zeros);
  EXPECT_TRUE(scanned(end_).tail.only_zeros);
  // A limit that the log goes past is not its writer's.
  EXPECT_FALSE(scanned(Offset(end_.value() - 8)).tail.only_zeros);
}

// Wherever in the last segment a frame is lost: those behind it, and what they prove, are found as without a limit.
TEST_F(ScanLimit, FramesBehindAHoleAreFound) {
  std::size_t damaged = 0;
  for (const bool all : {false, true}) {
    for (const FrameAt& frame : store_.in_segment(store_.segments)) {
      SCOPED_TRACE(frame.begin);
      put_back();
      if (all) {
        store_.zero(last_path(), frame.begin, frame.end);
      } else {
        store_.flip(last_path(), frame.end - 1);
      }
      const ScanFacts plain = scanned(std::nullopt);
      expect_same_log(scanned(end_), plain);
      expect_same_log(scanned(Offset(superblock_of(store_).write_limit)), plain);
      if (judge(plain.tail) == Verdict::kDamaged) { ++damaged; }
    }
  }
  EXPECT_GT(damaged, 0U);
}

// A frame in the last segment that says of itself, or of the log, what the superblock with the limit cannot know.
TEST_F(ScanLimit, OneOfAnEarlierTimeIsNotBelieved) {
  const std::uint64_t garbage = last_.size() - kSegmentFooterBytes - 1;
  const Offset limit = end_ + 8;
  const Superblock newest = superblock_of(store_);
  store_.flip(last_path(), garbage);
  ASSERT_EQ(scanned(limit).bad_bytes, 0U);
  EXPECT_GT(scanned(Offset(end_.value() - 1)).bad_bytes, 0U);  // a frame goes past it
  {
    SCOPED_TRACE("more is durable");
    Superblock other = newest;
    other.durable_end = limit.value() + 8;
    EXPECT_GT(scanned(limit, other).bad_bytes, 0U);
  }
  {
    SCOPED_TRACE("a later epoch");
    Superblock other = newest;
    other.epoch = 0;
    EXPECT_GT(scanned(limit, other).bad_bytes, 0U);
  }
  {
    SCOPED_TRACE("a later segment");
    Superblock other = newest;
    other.highest_segment = store_.segments - 1;
    EXPECT_GT(scanned(limit, other).bad_bytes, 0U);
  }
  // The last frame is hurt, and its header tells that it went past the limit.
  put_back();
  store_.flip(last_path(), garbage);
  store_.flip(last_path(), store_.frames.back().end - 1);
  const Offset begin = last_.base() + store_.frames.back().begin;
  EXPECT_EQ(scanned(end_).bad_bytes, store_.frames.back().end - store_.frames.back().begin);
  for (const Offset short_limit : {begin, begin + 8, begin + kFrameHeaderBytes, Offset(end_.value() - 1)}) {
    EXPECT_EQ(scanned(short_limit).bad_bytes, garbage + 1 - store_.frames.back().begin) << short_limit.value();
  }
}

// Superblocks of an earlier time were put in the place of the last ones, and the first frame after that time is lost:
// nothing else in the log speaks against them.
TEST_F(ScanLimit, OneOfAnEarlierTimeShowsByWhatFollowsAHole) {
  const std::vector<FrameAt> frames = store_.in_segment(store_.segments);
  for (const FrameAt& lost : frames) {
    if (lost.end == frames.back().end) { break; }
    SCOPED_TRACE(lost.begin);
    put_back();
    store_.zero(last_path(), lost.begin, lost.end);
    Superblock earlier = superblock_of(store_);
    const Offset limit = last_.base() + lost.begin;
    earlier.durable_end = limit.value();
    const ScanFacts facts = scanned(limit, earlier);
    expect_same_log(facts, scanned(std::nullopt, earlier));
    EXPECT_GT(facts.nonzero_bytes, 0U);
    EXPECT_NE(judge(facts.tail), Verdict::kCleanEnd);
  }
}

// A segment prepared after the last one is looked at only where it begins.
TEST_F(ScanLimit, OfASpareTheBeginningIsRead) {
  constexpr std::uint64_t kLookedAt = std::uint64_t{64} << 10U;
  for (const std::uint64_t garbage : {std::uint64_t{0}, kSegmentHeaderBytes, kLookedAt - 1, kLookedAt}) {
    SCOPED_TRACE(garbage);
    SegmentHeader header{};
    header.log_id = last_.log_id();
    header.number = last_.number().next().value();
    header.base = last_.end().value();
    header.size = 4 * kLookedAt;
    std::vector<std::byte> bytes(header.size);
    const SectorImage sector = encode_segment_header(header);
    std::ranges::copy(sector, bytes.begin());
    if (garbage > 0) { bytes[garbage] = std::byte{1}; }
    const auto path = store_.segment(header.number);
    store_.files.set_contents(path, bytes);
    const ScanFacts facts = scanned(std::nullopt);
    const bool is_taken = garbage == 0 || garbage == kLookedAt;
    EXPECT_EQ(facts.spare != nullptr, is_taken);
    EXPECT_EQ(facts.leftovers.size(), is_taken ? 0U : 1U);
    EXPECT_TRUE(facts.tail.only_zeros);
  }
}

}  // namespace
}  // namespace tidemark::engine
