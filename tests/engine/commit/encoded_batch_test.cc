// SPDX-License-Identifier: Apache-2.0
// Goal: a batch is checked against every limit before anything is done with it, and its frame says what was added,
// wherever it is put. Method: each limit at and past its edge; the same batch given several places.
#include "engine/commit/encoded_batch.h"

#include <algorithm>
#include <gtest/gtest.h>
#include <map>

#include "engine/recovery/scan.h"
#include "tests/engine/format/sample_frame.h"
#include "tidemark/limits.hpp"

namespace tidemark::engine {
namespace {

using namespace test;

Status encode(const NewEvent& event, std::string_view stream = "s") {
  Batch batch;
  batch.to(stream).add(event);
  auto encoded = EncodedBatch::encode(batch);
  if (!encoded) { return std::unexpected(encoded.error()); }
  return {};
}

TEST(EncodedBatch, LimitsOfNames) {
  EXPECT_TRUE(ok(encode({.type = "T"}, std::string(1024, 's'))));
  EXPECT_TRUE(fails_with(encode({.type = "T"}, std::string(1025, 's')), ErrorCode::kLimitExceeded));
  EXPECT_TRUE(fails_with(encode({.type = "T"}, ""), ErrorCode::kInvalidArgument));
  EXPECT_TRUE(fails_with(encode({.type = ""}), ErrorCode::kInvalidArgument));
  const std::string name(256, 'n');
  EXPECT_TRUE(fails_with(encode({.type = name}), ErrorCode::kLimitExceeded));
  EXPECT_TRUE(fails_with(encode({.type = "T", .tags = {name}}), ErrorCode::kLimitExceeded));
  EXPECT_TRUE(fails_with(encode({.type = "T", .tags = {""}}), ErrorCode::kInvalidArgument));
  EXPECT_TRUE(ok(encode({.type = "T", .tags = std::vector<std::string_view>(64, "t")})));
  EXPECT_TRUE(
      fails_with(encode({.type = "T", .tags = std::vector<std::string_view>(65, "t")}), ErrorCode::kLimitExceeded));
}

TEST(EncodedBatch, LimitsOfSizes) {
  const std::vector<std::byte> bytes(limits::kEventBytesMax + 1);
  const Bytes all(bytes);
  EXPECT_TRUE(ok(encode({.type = "T", .data = all.first(limits::kEventBytesMax)})));
  EXPECT_TRUE(fails_with(encode({.type = "T", .data = all}), ErrorCode::kLimitExceeded));
  EXPECT_TRUE(fails_with(encode({.type = "T", .metadata = all}), ErrorCode::kLimitExceeded));
  EXPECT_TRUE(fails_with(encode({.type = "T", .data = all.first(1), .metadata = all.first(limits::kEventBytesMax)}),
                         ErrorCode::kLimitExceeded));
}

// The largest batch is just at the limit, with table and body; one byte more is over it.
TEST(EncodedBatch, TheLargestBatch) {
  const std::vector<std::byte> bytes(limits::kEventBytesMax, std::byte{1});
  const auto batch_of = [&](std::size_t last) {
    Batch batch;
    auto stream = batch.to("s");
    for (int i = 0; i < 3; ++i) { stream.add({.type = "T", .data = bytes}); }
    stream.add({.type = "T", .data = Bytes(bytes).first(last)});
    return batch;
  };
  const auto size_of = [](EncodedBatch& encoded) {
    const auto header = load_as<FrameHeader>(assigned(encoded, place_at(512)).data());
    return std::size_t{header.table_bytes} + header.body_bytes;
  };
  std::size_t last = limits::kEventBytesMax - 1000;
  auto near = must(EncodedBatch::encode(batch_of(last)));
  last += limits::kBatchBytesMax - size_of(near);
  auto largest = must(EncodedBatch::encode(batch_of(last)));
  EXPECT_EQ(size_of(largest), limits::kBatchBytesMax);
  EXPECT_TRUE(fails_with(EncodedBatch::encode(batch_of(last + 1)), ErrorCode::kLimitExceeded));
}

TEST(EncodedBatch, WhatMakesNoSense) {
  EXPECT_TRUE(fails_with(EncodedBatch::encode(Batch()), ErrorCode::kInvalidArgument));
  EXPECT_TRUE(fails_with(encode({.type = "T", .id = EventId()}), ErrorCode::kInvalidArgument));
  Batch twice;
  twice.to("a").add({.type = "T", .id = EventId::from_name("x")});
  twice.to("b").add({.type = "U", .id = EventId::from_name("x")});
  const auto refused = EncodedBatch::encode(twice);
  ASSERT_TRUE(fails_with(refused, ErrorCode::kInvalidArgument));
  EXPECT_NE(refused.error().message().find(to_string(EventId::from_name("x"))), std::string::npos);
  const std::vector<Expect> kinds = {Expect::any(), Expect::no_stream(), Expect::stream_exists(), Expect::exactly(0),
                                     Expect::exactly(1)};
  for (const Expect one : kinds) {
    for (const Expect other : kinds) {
      Batch batch;
      batch.to("a", one).add({.type = "T"});
      batch.check("a", other);
      const bool fine = one == other || one == Expect::any() || other == Expect::any();
      EXPECT_EQ(EncodedBatch::encode(batch).has_value(), fine) << to_string(one) << " and " << to_string(other);
    }
  }
}

TEST(EncodedBatch, StreamsAppendedToAndOnlyChecked) {
  Batch batch;
  batch.check("checked", Expect::exactly(3));
  batch.to("b", Expect::no_stream()).add({.type = "T"});
  batch.to("named and not used");
  batch.to("a").add({.type = "T"}).add({.type = "U"});
  batch.to("b").add({.type = "T"});
  const auto encoded = must(EncodedBatch::encode(batch));
  EXPECT_EQ(encoded.event_count(), 4U);
  EXPECT_EQ(encoded.appended_streams(), 2U);
  std::map<std::string, std::pair<Expect, std::uint32_t>> uses;
  for (const StreamUse& use : encoded.streams()) { uses.emplace(use.key.name, std::pair(use.expect, use.events)); }
  EXPECT_EQ(uses.size(), 4U);
  EXPECT_EQ(uses.at("b"), std::pair(Expect::no_stream(), 2U));
  EXPECT_EQ(uses.at("a"), std::pair(Expect::any(), 2U));
  EXPECT_EQ(uses.at("checked"), std::pair(Expect::exactly(3), 0U));
  EXPECT_EQ(uses.at("named and not used").second, 0U);
}

TEST(EncodedBatch, AssignedTwiceItIsTheSameBatchElsewhere) {
  auto encoded = must(EncodedBatch::encode(rich_batch(10)));
  const Bytes first = assigned(encoded, place_at(512), 3);
  const std::vector<std::byte> kept(first.begin(), first.end());
  const Bytes moved = assigned(encoded, place_at(960), 9);
  FrameHeader header{};
  ASSERT_TRUE(read_frame_header(moved, place_at(960), 1U << 20U, header));
  EXPECT_TRUE(frame_is_whole(moved, header));
  const Bytes again = assigned(encoded, place_at(512), 3);
  EXPECT_TRUE(std::ranges::equal(again, kept));
}

TEST(EncodedBatch, SameEvent) {
  const auto frame_of = [](EncodedBatch& encoded, FrameHeader& header, BodyView& view) {
    const Bytes frame = assigned(encoded, place_at(512));
    header = load_as<FrameHeader>(frame.data());
    view = *BodyView::open(header, frame.subspan(kFrameHeaderBytes, header.table_bytes),
                           frame.subspan(kFrameHeaderBytes + header.table_bytes, header.body_bytes), true);
  };
  const NewEvent base{.type = "T",
                      .data = as_bytes("data"),
                      .metadata = as_bytes("meta"),
                      .tags = {"x", "y"},
                      .valid = ValidTime(std::chrono::microseconds(3))};
  std::vector<std::pair<std::string, NewEvent>> variants(8, {"s", base});
  variants[1].second.type = "U";
  variants[2].second.data = as_bytes("dat");
  variants[3].second.metadata = {};
  variants[4].second.tags = {"y", "x"};
  variants[5].second.valid.reset();
  variants[6].first = "t";
  variants[7].second.id = EventId::from_name("another id");  // its id left aside
  for (std::size_t i = 0; i < variants.size(); ++i) {
    Batch one;
    one.to("other").add({.type = "before"});  // so that indexes differ
    one.to("s").add(base);
    Batch two;
    two.to(variants[i].first).add(variants[i].second);
    auto mine = must(EncodedBatch::encode(one));
    auto theirs = must(EncodedBatch::encode(two));
    FrameHeader header{};
    BodyView view;
    frame_of(theirs, header, view);
    EventRecord record;
    ASSERT_TRUE(view.event_at(theirs.events()[0].body_offset, true, record));
    EXPECT_EQ(mine.same_event(1, view, record), i == 0 || i == 7) << i;
    EXPECT_FALSE(mine.same_event(0, view, record));
  }
}

}  // namespace
}  // namespace tidemark::engine
