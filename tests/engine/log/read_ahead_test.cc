// SPDX-License-Identifier: Apache-2.0
// Goal: an event is taken for known only after a reader found it right and its caller agreed, and then it reads as the
// reader gives it. Method: a segment made by hand with a small and a large frame; places that lead anywhere.
#include "engine/log/read_ahead.h"

#include <algorithm>
#include <gtest/gtest.h>

#include "engine/log/frame_reader.h"
#include "tests/engine/format/sample_frame.h"

namespace tidemark::engine {
namespace {

using namespace test;

constexpr std::uint64_t kBase = 10'000;
constexpr std::uint64_t kSize = 262'144;

class ReadAheadTest : public testing::Test {
 protected:
  platform::SimFileSystem files;
  EncodedBatch small = must(EncodedBatch::encode(rich_batch(3)));
  EncodedBatch large = must(EncodedBatch::encode(many_events()));
  std::uint64_t small_at = 512;
  std::uint64_t large_at = small.end_at(small_at);
  std::shared_ptr<const SegmentList> segments = make_segments();
  FrameReader reader{Access::kMapped};
  ReadAhead ahead;

  // Of twelve types, so that not all of them are kept, and of all sizes.
  static Batch many_events() {
    Batch batch;
    const std::string data(2000, 'd');
    for (std::size_t i = 0; i < 100; ++i) {
      batch.to("large-" + std::to_string(i % 7))
          .add({.type = "T" + std::to_string(i % 12), .data = as_bytes(data).first(i * 20), .tags = {"tag"}});
    }
    return batch;
  }
  std::shared_ptr<const SegmentList> make_segments() {
    std::vector<std::byte> bytes(kSize);
    std::ranges::copy(assigned(small, place_at(small_at), 4), bytes.begin() + static_cast<std::ptrdiff_t>(small_at));
    std::ranges::copy(assigned(large, place_at(large_at), 4), bytes.begin() + static_cast<std::ptrdiff_t>(large_at));
    files.set_contents("/s", bytes);
    SegmentHeader header{};
    header.log_id = some_log_id();
    header.number = 7;
    header.base = kBase;
    header.size = kSize;
    return std::make_shared<SegmentList>(1, std::make_shared<Segment>(files, "/s", header));
  }
  [[nodiscard]] static index::Place place_of(const EncodedBatch& batch, std::uint64_t at, std::size_t event) {
    return {kBase + at, batch.events()[event].body_offset};
  }
  FrameReader::Found read(const index::Place& place) {
    const std::uint64_t at = place.frame - kBase;
    const auto bytes = must((*segments)[0]->view(at, kFrameHeaderBytes));
    return must(reader.read(segments, place, Position(load_as<FrameHeader>(bytes.data()).first_position)));
  }
  const KnownFrame* look(const index::Place& place) {
    ahead.look(*segments, {&place, 1});
    return ahead.known(0);
  }
};

TEST_F(ReadAheadTest, KnowsAnEventOnceItHasAgreed) {
  for (std::size_t n = 0; n < 100; ++n) {
    const auto place = place_of(large, large_at, n);
    EXPECT_EQ(look(place), nullptr) << n;
    const auto found = read(place);
    EXPECT_EQ(look(place), nullptr) << n;
    reader.set_agreed(place);
    const KnownFrame* frame = look(place);
    if (found.record->data.size() >= 120) { ASSERT_NE(frame, nullptr) << n; }
    if (frame == nullptr) { continue; }  // a small event has no mark of its own
    EventRecord record;
    ASSERT_TRUE(frame->body().event_at(place.offset, false, record));
    EXPECT_EQ(record.id, found.record->id);
    EXPECT_EQ(record.data.data(), found.record->data.data());
    EXPECT_EQ(record.data.size(), found.record->data.size());
    EXPECT_EQ(frame->type_name(record.type), found.body->type_name(found.record->type));
    EXPECT_EQ(frame->recorded_ns(), found.frame->recorded_ns);
    EXPECT_TRUE(frame->has(Position(found.frame->first_position)));
    EXPECT_TRUE(frame->has(Position(found.frame->first_position + 99)));
    EXPECT_FALSE(frame->has(Position(found.frame->first_position + 100)));
  }
}

TEST_F(ReadAheadTest, AMarkIsOneEventsAlone) {
  for (std::size_t n = 10; n < 100; n += 2) {
    const auto place = place_of(large, large_at, n);
    (void)read(place);
    reader.set_agreed(place);
  }
  for (std::size_t n = 11; n < 100; n += 2) { EXPECT_EQ(look(place_of(large, large_at, n)), nullptr) << n; }
}

TEST_F(ReadAheadTest, WhatIsForgottenIsNotKnown) {
  const auto place = place_of(large, large_at, 50);
  (void)read(place);
  reader.set_agreed(place);
  ASSERT_NE(look(place), nullptr);
  (void)(*segments)[0]->forget();
  EXPECT_EQ(look(place), nullptr);
  EXPECT_EQ(read(place).record->data.size(), 1000U);
}

TEST_F(ReadAheadTest, OfSmallFramesNothingIsKept) {
  const auto place = place_of(small, small_at, 1);
  (void)read(place);
  reader.set_agreed(place);
  EXPECT_EQ(look(place), nullptr);
}

TEST_F(ReadAheadTest, PlacesMayLeadAnywhere) {
  (void)read(place_of(large, large_at, 50));
  std::vector<index::Place> places = {index::Place::nowhere(), {0, 0}, {kBase, 0}, {kBase + kSize, 5}};
  for (const std::uint64_t frame : {kBase + large_at, kBase + large_at + 8, kBase + kSize - 1, kBase + small_at}) {
    for (const std::uint32_t offset : {0U, 1U, 50U, 200'000U, 300'000U, 0x7FFF'FFFFU, 0xFFFF'FFFFU}) {
      places.push_back({frame, offset});
    }
  }
  ASSERT_LE(places.size(), ReadAhead::kEventsMax);
  ahead.look(*segments, places);
  for (std::size_t n = 0; n < ReadAhead::kEventsMax; ++n) { EXPECT_EQ(ahead.known(n), nullptr) << n; }
}

TEST_F(ReadAheadTest, WhatIsKeptIsBounded) {
  const auto place = place_of(large, large_at, 50);
  (*segments)[0]->remember_within(std::make_shared<SegmentMemory>(100));
  const auto found = read(place);
  EXPECT_EQ((*segments)[0]->known_frame(large_at), nullptr);
  reader.set_agreed(place);
  EXPECT_EQ(look(place), nullptr);
  EXPECT_EQ(found.record->data.size(), 1000U);
}

}  // namespace
}  // namespace tidemark::engine
