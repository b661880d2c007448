// SPDX-License-Identifier: Apache-2.0
// Goal: a note comes back as it was; its bytes are pinned; what is no note, or says what cannot be, is refused. Method:
// one note against its bytes in hex; each field bent in turn; random bytes.
#include "engine/log/index_note.h"

#include <functional>
#include <gtest/gtest.h>
#include <random>
#include <vector>

#include "tests/engine/format/hex.h"

namespace tidemark::engine {
namespace {

IndexNote some_note() {
  return {.at_end = {.point = {Offset(0x51000), Position(0x1122334455)},
                     .segment = SegmentNumber(3),
                     .totals = {.end = 0x11000,
                                .frames = 0x21,
                                .events = 0x55,
                                .digest = 0x0102030405060708,
                                .previous_digest = 0x1112131415161718,
                                .first_position = Position(0x1122334400),
                                .next_position = Position(0x1122334455),
                                .first_recorded_ns = 0x2122232425262700,
                                .last_recorded_ns = 0x2122232425262728,
                                .last_trailer = 0xA1A2A3A4},
                     .recorded_ns = 0x2122232425262728,
                     .epoch = 9},
          .trailer_before = 0xB1B2B3B4};
}

TEST(IndexNoteTest, TheBytesArePinned) {
  const auto bytes = encode_index_note(some_note());
  EXPECT_EQ(test::hex_of(bytes),
            "544d45534e4f5400"
            "01000000"
            "b4b3b2b1"
            "0010050000000000"
            "5544332211000000"
            "0300000000000000"
            "2827262524232221"
            "09000000"
            "a4a3a2a1"
            "0010010000000000"
            "2100000000000000"
            "5500000000000000"
            "0807060504030201"
            "1817161514131211"
            "0044332211000000"
            "5544332211000000"
            "0027262524232221"
            "2827262524232221");
  EXPECT_EQ(decode_index_note(bytes), some_note());
}

TEST(IndexNoteTest, WhatCannotBeIsRefused) {
  const std::vector<std::function<void(IndexNote&)>> bends = {
      [](IndexNote& n) { n.at_end.segment = SegmentNumber(0); },
      [](IndexNote& n) { n.at_end.epoch = 0; },
      [](IndexNote& n) { n.at_end.totals.frames = 0; },
      [](IndexNote& n) { n.at_end.totals.end = 512; },
      [](IndexNote& n) { n.at_end.totals.end = n.at_end.point.offset.value() + 1; },
      [](IndexNote& n) { n.at_end.totals.events += 1; },
      [](IndexNote& n) { n.at_end.totals.first_position = n.at_end.point.position.next(); },
      [](IndexNote& n) { n.at_end.totals.next_position = n.at_end.point.position.next(); },
      [](IndexNote& n) { n.at_end.point.position = n.at_end.point.position.next(); },
      [](IndexNote& n) { n.at_end.totals.last_recorded_ns -= 1; },
      [](IndexNote& n) { n.at_end.totals.first_recorded_ns = n.at_end.recorded_ns + 1; },
      [](IndexNote& n) { n.at_end.recorded_ns += 1; },
  };
  for (std::size_t i = 0; i < bends.size(); ++i) {
    IndexNote note = some_note();
    bends[i](note);
    EXPECT_FALSE(decode_index_note(encode_index_note(note))) << i;
  }
}

TEST(IndexNoteTest, AnotherSizeMagicOrVersionIsRefused) {
  const auto bytes = encode_index_note(some_note());
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    EXPECT_FALSE(decode_index_note(std::span(bytes).first(size)));
  }
  std::vector<std::byte> longer(bytes.begin(), bytes.end());
  longer.push_back(std::byte{0});
  EXPECT_FALSE(decode_index_note(longer));
  for (std::size_t i = 0; i < 12; ++i) {
    auto other = bytes;
    other[i] ^= std::byte{1};
    EXPECT_FALSE(decode_index_note(other)) << i;
  }
}

// What is taken at all comes back as the same bytes.
TEST(IndexNoteTest, AnyBytes) {
  std::mt19937_64 random(11);
  std::uint64_t taken = 0;
  for (int round = 0; round < 20'000; ++round) {
    auto bytes = encode_index_note(some_note());
    for (std::uint64_t n = 1 + random() % 3; n > 0; --n) {
      bytes[random() % bytes.size()] = static_cast<std::byte>(random());
    }
    const auto note = decode_index_note(bytes);
    if (!note) { continue; }
    ++taken;
    EXPECT_EQ(encode_index_note(*note), bytes);
  }
  EXPECT_GT(taken, 100U);
}

}  // namespace
}  // namespace tidemark::engine
