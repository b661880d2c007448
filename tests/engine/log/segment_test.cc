// SPDX-License-Identifier: Apache-2.0
// Goal: views of a segment lie within it, were brought into memory before they are given out, and show what is written
// later; a file that is missing, short or on a failing medium is an error. Method: the file system in memory, its calls
// counted and failed.
#include "engine/log/segment.h"

#include <algorithm>
#include <cerrno>
#include <gtest/gtest.h>

#include "platform/io.h"
#include "tests/engine/format/sample_frame.h"

namespace tidemark::engine {
namespace {

using namespace test;
using Kind = platform::SeamCall::Kind;

constexpr std::uint64_t kSize = 300'000;

class SegmentTest : public testing::Test {
 protected:
  platform::SimFileSystem files;
  std::vector<std::byte> bytes = std::vector<std::byte>(kSize);
  SegmentHeader header{};

  SegmentTest() {
    header.log_id = some_log_id();
    header.number = 2;
    header.base = 1000;
    header.size = kSize;
    for (std::size_t i = 0; i < bytes.size(); ++i) { bytes[i] = static_cast<std::byte>(i * 31 >> 3U); }
    files.set_contents("/s", bytes);
  }
};

TEST_F(SegmentTest, ViewsAreTheBytes) {
  const Segment segment(files, "/s", header);
  EXPECT_EQ(files.calls(), 0U);  // opened at the first use
  for (const std::uint64_t offset : {0ULL, 1ULL, 65535ULL, 65536ULL, 131000ULL, 299999ULL, 300000ULL}) {
    for (const std::uint64_t length : {0ULL, 1ULL, 70000ULL, 300000ULL}) {
      const auto view = segment.view(offset, length);
      if (offset + length > kSize) {
        ASSERT_TRUE(fails_with(view, ErrorCode::kDamaged));
        EXPECT_EQ(view.error().segment(), SegmentNumber(2));
      } else {
        ASSERT_TRUE(ok(view));
        EXPECT_TRUE(std::ranges::equal(*view, std::span(bytes).subspan(offset, length)));
      }
    }
  }
  EXPECT_TRUE(fails_with(segment.view(~0ULL, 1), ErrorCode::kDamaged));
  EXPECT_TRUE(fails_with(segment.view(1, ~0ULL), ErrorCode::kDamaged));
  EXPECT_EQ(files.calls(Kind::kOpen), 1U);
  EXPECT_EQ(files.calls(Kind::kMap), 1U);
}

TEST_F(SegmentTest, EachWindowIsPopulatedOnceBeforeItIsGivenOut) {
  const Segment segment(files, "/s", header);
  (void)must(segment.view(10, 10));
  EXPECT_EQ(files.calls(Kind::kPopulate), 1U);
  (void)must(segment.view(60'000, 100));
  EXPECT_EQ(files.calls(Kind::kPopulate), 1U);
  (void)must(segment.view(65'500, 100));  // over the edge of two
  EXPECT_EQ(files.calls(Kind::kPopulate), 2U);
  (void)must(segment.view(0, kSize));
  EXPECT_EQ(files.calls(Kind::kPopulate), 5U);
  (void)must(segment.view(0, kSize));
  EXPECT_EQ(files.calls(Kind::kPopulate), 5U);
}

TEST_F(SegmentTest, AFailedWindowIsAnErrorAndTriedAgain) {
  const Segment segment(files, "/s", header);
  files.set_fault_rule([](const platform::SeamCall& call) -> std::optional<platform::SeamFault> {
    if (call.kind == Kind::kPopulate) { return platform::SeamFault{.error = EIO}; }
    return std::nullopt;
  });
  const auto failed = segment.view(10, 10);
  ASSERT_TRUE(fails_with(failed, ErrorCode::kIo));
  EXPECT_EQ(failed.error().segment(), SegmentNumber(2));
  EXPECT_EQ(failed.error().offset(), Offset(10));
  files.set_fault_rule({});
  EXPECT_TRUE(ok(segment.view(10, 10)));
}

TEST_F(SegmentTest, WhatIsWrittenLaterShows) {
  const Segment segment(files, "/s", header);
  const auto view = must(segment.view(500, 4));
  const auto file = must(files.open("/s", platform::OpenMode::kReadWrite));
  must(platform::write_all(*file, as_bytes("text"), 500));
  EXPECT_EQ(as_text(view), "text");
}

TEST_F(SegmentTest, AMissingOrAShortFileIsAnError) {
  const Segment missing(files, "/none", header);
  EXPECT_TRUE(fails_with(missing.view(0, 1), ErrorCode::kDamaged));
  files.set_contents("/s", std::span(bytes).first(1000));
  const Segment segment(files, "/s", header);
  const auto cut = segment.view(0, 10);
  ASSERT_TRUE(fails_with(cut, ErrorCode::kDamaged));
  EXPECT_EQ(cut.error().offset(), Offset(1000));
}

TEST_F(SegmentTest, RemembersWhichFramesWereVerified) {
  const Segment segment(files, "/s", header);
  EXPECT_FALSE(segment.is_verified(512));
  (void)must(segment.view(0, 1));
  for (std::uint64_t at = 512; at < kSize; at += 64) { ASSERT_FALSE(segment.is_verified(at)); }
  segment.set_verified(640);
  for (std::uint64_t at = 512; at < kSize; at += 64) { ASSERT_EQ(segment.is_verified(at), at == 640); }
}

// However much of a log is read, what is remembered of it stays small: who began first forgets.
TEST_F(SegmentTest, WhatIsRememberedIsBounded) {
  constexpr std::uint64_t kPageBytes = platform::ForgettableBits::kPageBytes;
  constexpr std::uint64_t kLogBytesPerPage = 64 * platform::ForgettableBits::kBitsPerPage;
  header.size = 3 * kLogBytesPerPage;
  files.set_contents("/s", std::vector<std::byte>(header.size));
  SegmentList list;
  for (int i = 0; i < 3; ++i) {
    list.push_back(std::make_shared<Segment>(files, "/s", header));
    ASSERT_TRUE(ok(list.back()->view(0, 1)));
  }
  Segments segments(4 * kPageBytes);
  segments.start_with(list);
  for (std::uint64_t at = 0; at < header.size; at += kLogBytesPerPage) { list[0]->set_verified(at); }
  list[1]->set_verified(0);
  list[1]->set_verified(64);  // of the same page
  EXPECT_TRUE(list[0]->is_verified(0) && list[0]->is_verified(2 * kLogBytesPerPage) && list[1]->is_verified(64));
  list[2]->set_verified(0);
  for (std::uint64_t at = 0; at < header.size; at += kLogBytesPerPage) { EXPECT_FALSE(list[0]->is_verified(at)); }
  EXPECT_TRUE(list[1]->is_verified(0) && list[1]->is_verified(64) && list[2]->is_verified(0));
  // It begins again behind the others.
  list[0]->set_verified(kLogBytesPerPage);
  EXPECT_TRUE(list[0]->is_verified(kLogBytesPerPage) && list[1]->is_verified(0));
  list[0]->set_verified(0);
  list[0]->set_verified(2 * kLogBytesPerPage);
  EXPECT_FALSE(list[1]->is_verified(0));
  EXPECT_TRUE(list[0]->is_verified(0) && list[2]->is_verified(0));
  // One that has more than the bound by itself keeps it.
  Segments small(kPageBytes);
  const auto alone = std::make_shared<Segment>(files, "/s", header);
  ASSERT_TRUE(ok(alone->view(0, 1)));
  small.start_with({alone});
  for (std::uint64_t at = 0; at < header.size; at += kLogBytesPerPage) { alone->set_verified(at); }
  EXPECT_TRUE(alone->is_verified(0));
}

TEST(SegmentList, TheSegmentOfAnOffset) {
  platform::SimFileSystem files;
  SegmentList list;
  EXPECT_EQ(find_segment(list, Offset(0)), nullptr);
  for (std::uint64_t n = 1; n <= 3; ++n) {
    SegmentHeader header{};
    header.number = n;
    header.base = 1000 * n;
    header.size = n == 2 ? 500 : 1000;  // a hole after the second
    list.push_back(std::make_shared<Segment>(files, "/s" + std::to_string(n), header));
  }
  const auto number_at = [&](std::uint64_t offset) {
    const Segment* segment = find_segment(list, Offset(offset));
    return segment == nullptr ? 0 : segment->number().value();
  };
  EXPECT_EQ(number_at(999), 0U);
  EXPECT_EQ(number_at(1000), 1U);
  EXPECT_EQ(number_at(1999), 1U);
  EXPECT_EQ(number_at(2000), 2U);
  EXPECT_EQ(number_at(2499), 2U);
  EXPECT_EQ(number_at(2500), 0U);
  EXPECT_EQ(number_at(3999), 3U);
  EXPECT_EQ(number_at(4000), 0U);
}

TEST(SegmentList, ASnapshotDoesNotChange) {
  platform::SimFileSystem files;
  Segments segments;
  const auto before = segments.snapshot();
  segments.add(std::make_shared<Segment>(files, "/s", SegmentHeader{}));
  EXPECT_TRUE(before->empty());
  EXPECT_EQ(segments.snapshot()->size(), 1U);
}

}  // namespace
}  // namespace tidemark::engine
