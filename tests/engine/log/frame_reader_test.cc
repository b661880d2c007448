// SPDX-License-Identifier: Apache-2.0
// Goal: events are given out only from frames that were checked; in a large frame the names and the event alone are.
// Method: a segment made by hand with a small and a large frame, read mapped and copied, each byte of them changed.
#include "engine/log/frame_reader.h"

#include <algorithm>
#include <cerrno>
#include <gtest/gtest.h>

#include "tests/engine/format/sample_frame.h"

namespace tidemark::engine {
namespace {

using namespace test;
using Kind = platform::SeamCall::Kind;

constexpr std::uint64_t kBase = 10'000;
constexpr std::uint64_t kSize = 262'144;

class FrameReaderTest : public testing::TestWithParam<Access> {
 protected:
  platform::SimFileSystem files;
  std::vector<std::byte> bytes = std::vector<std::byte>(kSize);
  EncodedBatch small = must(EncodedBatch::encode(rich_batch(3)));
  EncodedBatch large = must(EncodedBatch::encode(many_events()));
  std::uint64_t small_at = 512;
  std::uint64_t large_at = 0;

  FrameReaderTest() {
    large_at = small.end_at(small_at);
    put(small, small_at);
    put(large, large_at);
    store();
  }
  static Batch many_events() {
    Batch batch;
    const std::string data(1000, 'd');
    for (int i = 0; i < 100; ++i) { batch.to("large").add({.type = "T", .data = as_bytes(data)}); }
    return batch;
  }
  void put(EncodedBatch& batch, std::uint64_t at, std::uint64_t first = 1000) {
    std::ranges::copy(assigned(batch, place_at(at), 4, first), bytes.begin() + static_cast<std::ptrdiff_t>(at));
  }
  void store() { files.set_contents("/s", bytes); }
  std::shared_ptr<const SegmentList> segments() {
    SegmentHeader header{};
    header.log_id = some_log_id();
    header.number = 7;
    header.base = kBase;
    header.size = kSize;
    return std::make_shared<SegmentList>(1, std::make_shared<Segment>(files, "/s", header));
  }
  [[nodiscard]] index::Place place_of(const EncodedBatch& batch, std::uint64_t at, std::size_t event) const {
    return {kBase + at, batch.events()[event].body_offset};
  }
  // Reads one event with a fresh reader.
  Result<std::string> read_one(const index::Place& place) {
    FrameReader reader(GetParam());
    auto found = reader.read(segments(), place, Position(1001));
    if (!found) { return std::unexpected(std::move(found.error())); }
    return std::string(as_text(found->record->data));
  }
};

TEST_P(FrameReaderTest, ReadsInAnyOrder) {
  FrameReader reader(GetParam());
  const auto list = segments();
  for (const std::size_t n : {2U, 0U, 1U}) {
    const auto found = must(reader.read(list, place_of(small, small_at, n), Position(1000 + n)));
    EXPECT_EQ(found.version, Version(4));
    EXPECT_EQ(found.frame->event_count, 3U);
    EXPECT_EQ(found.body->stream_name(found.record->stream), "stream-" + std::to_string(n));
    const auto other = must(reader.read(list, place_of(large, large_at, 50 + n), Position(1001)));
    EXPECT_EQ(other.version, Version(54 + n));
    EXPECT_EQ(other.record->data.size(), 1000U);
  }
}

// A place that leads to a frame which is whole and about other positions: the index is wrong, and is not believed.
TEST_P(FrameReaderTest, AFrameOfOtherPositionsIsDamage) {
  FrameReader reader(GetParam());
  const auto list = segments();
  EXPECT_TRUE(ok(reader.read(list, place_of(small, small_at, 2), Position(1002))));
  for (const std::uint64_t position : {0U, 999U, 1003U}) {
    const auto found = reader.read(list, place_of(small, small_at, 2), Position(position));
    EXPECT_TRUE(fails_with(found, ErrorCode::kDamaged)) << position;
  }
}

TEST_P(FrameReaderTest, AChangedByteOfASmallFrameIsDamage) {
  const std::uint64_t end = small.end_at(small_at);
  for (std::uint64_t at = small_at; at < end; ++at) {
    bytes[at] ^= std::byte{1};
    store();
    const auto read = read_one(place_of(small, small_at, 1));
    ASSERT_TRUE(fails_with(read, ErrorCode::kDamaged)) << at;
    EXPECT_EQ(read.error().segment(), SegmentNumber(7));
    EXPECT_EQ(read.error().offset(), Offset(small_at));
    EXPECT_EQ(read.error().path(), "/s");
    EXPECT_NE(read.error().message().find("1001"), std::string::npos);
    bytes[at] ^= std::byte{1};
  }
  store();
  EXPECT_TRUE(ok(read_one(place_of(small, small_at, 1))));
}

TEST_P(FrameReaderTest, InALargeFrameTheEventAloneIsChecked) {
  const std::uint64_t body = large_at + kFrameHeaderBytes + kTableEntryBytes;
  const std::uint64_t tenth = body + large.events()[10].body_offset;
  bytes[tenth + 500] ^= std::byte{1};
  store();
  EXPECT_TRUE(fails_with(read_one(place_of(large, large_at, 10)), ErrorCode::kDamaged));
  EXPECT_TRUE(ok(read_one(place_of(large, large_at, 9))));
  EXPECT_TRUE(ok(read_one(place_of(large, large_at, 11))));
  // One reader after the other event.
  FrameReader reader(GetParam());
  const auto list = segments();
  EXPECT_TRUE(ok(reader.read(list, place_of(large, large_at, 9), Position(1000))));
  EXPECT_TRUE(fails_with(reader.read(list, place_of(large, large_at, 10), Position(1000)), ErrorCode::kDamaged));
  EXPECT_TRUE(ok(reader.read(list, place_of(large, large_at, 11), Position(1000))));
  // And with another frame between, so that this one is met again with its names known.
  for (const std::size_t n : {9U, 10U, 11U, 10U}) {
    EXPECT_TRUE(ok(reader.read(list, place_of(small, small_at, 1), Position(1000))));
    const auto found = reader.read(list, place_of(large, large_at, n), Position(1000));
    if (n == 10) {
      EXPECT_TRUE(fails_with(found, ErrorCode::kDamaged));
    } else {
      ASSERT_TRUE(ok(found));
      EXPECT_EQ(found->version, Version(4 + n));
      EXPECT_EQ(found->body->stream_name(found->record->stream), "large");
    }
  }
}

// The header, the table and the names belong to every event.
TEST_P(FrameReaderTest, WhatAllEventsOfALargeFrameShareIsChecked) {
  const std::uint64_t body = large_at + kFrameHeaderBytes + kTableEntryBytes;
  for (std::uint64_t at = large_at; at < body + large.events()[0].body_offset; ++at) {
    bytes[at] ^= std::byte{1};
    store();
    ASSERT_TRUE(fails_with(read_one(place_of(large, large_at, 50)), ErrorCode::kDamaged)) << at - large_at;
    bytes[at] ^= std::byte{1};
  }
}

// One event after the other needs a place for the first alone; through copies, for the first of each frame.
TEST_P(FrameReaderTest, FollowsTheLogWithoutPlaces) {
  EncodedBatch next = must(EncodedBatch::encode(rich_batch(4)));
  put(next, large_at, 1003);
  store();
  FrameReader reader(GetParam());
  const auto list = segments();
  EXPECT_EQ(reader.read_following(list, Position(1000)), nullptr) << "nothing was read";
  EXPECT_TRUE(ok(reader.read(list, place_of(small, small_at, 0), Position(1000))));
  const auto follows = [&](std::uint64_t position, std::uint64_t in_frame) {
    const auto* const found = reader.read_following(list, Position(position));
    ASSERT_NE(found, nullptr) << position;
    EXPECT_EQ(found->body->stream_name(found->record->stream), "stream-" + std::to_string(in_frame)) << position;
    EXPECT_EQ(found->record->data.size(), in_frame * 7 % 100) << position;
    EXPECT_EQ(found->version, Version(4)) << position;
  };
  follows(1001, 1);
  EXPECT_EQ(reader.read_following(list, Position(1001)), nullptr) << "it was given";
  EXPECT_EQ(reader.read_following(list, Position(1003)), nullptr) << "one lies between";
  EXPECT_EQ(reader.read_following(segments(), Position(1002)), nullptr) << "in another list of segments";
  follows(1002, 2);
  if (GetParam() == Access::kCopied) {
    EXPECT_EQ(reader.read_following(list, Position(1003)), nullptr);
    EXPECT_TRUE(ok(reader.read(list, place_of(next, large_at, 0), Position(1003))));
  } else {
    follows(1003, 0);
  }
  for (const std::uint64_t n : {1U, 2U, 3U}) { follows(1003 + n, n); }
  EXPECT_EQ(reader.read_following(list, Position(1007)), nullptr) << "the log ends there";
  // After a read that failed there is nothing to follow.
  EXPECT_TRUE(ok(reader.read(list, place_of(small, small_at, 0), Position(1000))));
  EXPECT_TRUE(fails_with(reader.read(list, place_of(next, large_at, 0), Position(999)), ErrorCode::kDamaged));
  EXPECT_EQ(reader.read_following(list, Position(1001)), nullptr);
}

TEST_P(FrameReaderTest, WhatFollowsIsCheckedAsWell) {
  put(large, large_at, 1003);
  const std::uint64_t body = large_at + kFrameHeaderBytes + kTableEntryBytes;
  // Whichever byte it is, what comes before is given, and of the event itself read() tells.
  for (const std::uint64_t at : {large_at + 3, large_at + 40, body + 2, body + large.events()[10].body_offset + 500}) {
    bytes[at] ^= std::byte{1};
    store();
    FrameReader reader(GetParam());
    const auto list = segments();
    EXPECT_TRUE(ok(reader.read(list, place_of(small, small_at, 2), Position(1002))));
    for (std::uint64_t n = 0; n < 100; ++n) {
      const Position position(1003 + n);
      const auto* const found = reader.read_following(list, position);
      const bool is_hit = at < body + large.events()[0].body_offset || n == 10;
      if (is_hit) {
        EXPECT_EQ(found, nullptr) << at << ' ' << n;
        EXPECT_TRUE(fails_with(reader.read(list, place_of(large, large_at, n), position), ErrorCode::kDamaged));
      } else if (found == nullptr) {
        EXPECT_TRUE(n == 0 || n == 11) << n << " could be followed to";
        const auto read = reader.read(list, place_of(large, large_at, n), position);
        ASSERT_TRUE(ok(read)) << n;
        EXPECT_EQ(read->version, Version(4 + n));
      } else {
        EXPECT_EQ(found->version, Version(4 + n));
      }
    }
    bytes[at] ^= std::byte{1};
  }
}

TEST_P(FrameReaderTest, PlacesThatLeadNowhere) {
  EXPECT_FALSE(read_one({0, 0}));
  EXPECT_FALSE(read_one({kBase + kSize, 0}));
  EXPECT_TRUE(fails_with(read_one({kBase + kSize - 8, 0}), ErrorCode::kDamaged));
  EXPECT_TRUE(fails_with(read_one({kBase + small_at + 8, 0}), ErrorCode::kDamaged));
  EXPECT_TRUE(fails_with(read_one({kBase + small_at, 0}), ErrorCode::kDamaged));
  EXPECT_TRUE(fails_with(read_one({kBase + small_at, 0xFFFFFFFF}), ErrorCode::kDamaged));
}

TEST_P(FrameReaderTest, AFileThatIsShort) {
  files.set_contents("/s", std::span(bytes).first(large_at + 5000));
  EXPECT_TRUE(fails_with(read_one(place_of(large, large_at, 50)), ErrorCode::kDamaged));
}

TEST_P(FrameReaderTest, AFailingMediumIsAnErrorOfItsOwn) {
  const auto kind = GetParam() == Access::kMapped ? Kind::kPopulate : Kind::kPread;
  files.set_fault_rule([&](const platform::SeamCall& call) -> std::optional<platform::SeamFault> {
    if (call.kind == kind) { return platform::SeamFault{.error = EIO}; }
    return std::nullopt;
  });
  const auto read = read_one(place_of(small, small_at, 0));
  ASSERT_TRUE(fails_with(read, ErrorCode::kIo));
  EXPECT_EQ(read.error().segment(), SegmentNumber(7));
}

// Copies are the reader's own: what becomes of the file afterwards does not show.
TEST(FrameReaderCopied, KeepsItsCopy) {
  platform::SimFileSystem files;
  auto batch = must(EncodedBatch::encode(rich_batch(1)));
  std::vector<std::byte> bytes(8192);
  std::ranges::copy(assigned(batch, place_at(512)), bytes.begin() + 512);
  files.set_contents("/s", bytes);
  SegmentHeader header{};
  header.log_id = some_log_id();
  header.number = 7;
  header.size = 8192;
  const auto list = std::make_shared<SegmentList>(1, std::make_shared<Segment>(files, "/s", header));
  FrameReader reader(Access::kCopied);
  const auto found = must(reader.read(list, {512, batch.events()[0].body_offset}, Position(1000)));
  files.set_contents("/s", std::vector<std::byte>(8192));
  EXPECT_EQ(found.body->stream_name(found.record->stream), "stream-0");
  EXPECT_EQ(as_text(found.record->metadata), "meta");
}

INSTANTIATE_TEST_SUITE_P(Access, FrameReaderTest, testing::Values(Access::kMapped, Access::kCopied),
                         [](const auto& one) { return one.param == Access::kMapped ? "Mapped" : "Copied"; });

}  // namespace
}  // namespace tidemark::engine
