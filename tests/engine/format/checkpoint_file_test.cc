// SPDX-License-Identifier: Apache-2.0
// Goal: a slot of a stored checkpoint comes back as it was written, its bytes are those of the specification, and any
// other bytes are none. Method: golden bytes, round trips, every bit flipped.
#include "engine/format/checkpoint_file.h"

#include <gtest/gtest.h>
#include <string>

#include "engine/format/segment.h"
#include "tests/engine/format/hex.h"

namespace tidemark::engine {
namespace {

StoredCheckpoint sample() {
  StoredCheckpoint stored;
  stored.name = "outcomes";
  stored.generation = 7;
  stored.checkpoint.emplace();
  for (std::size_t i = 0; i < stored.checkpoint->log_id.size(); ++i) {
    stored.checkpoint->log_id[i] = static_cast<std::byte>(0x10 + i);
  }
  stored.checkpoint->position = Position(4711);
  stored.checkpoint->epoch = 3;
  stored.checkpoint->check = 0x0123456789abcdef;
  return stored;
}

TEST(CheckpointSlot, IsGolden) {
  const auto image = encode_checkpoint_slot(sample());
  EXPECT_EQ(test::hex_of(std::span(image).first(72)),
            "544d53434b5054001d15206201000000101112131415161718191a1b1c1d1e1f"
            "07000000000000006712000000000000efcdab8967452301"
            "03000000010008006f7574636f6d6573");
  EXPECT_TRUE(all_zero(std::span(image).subspan(72)));
}

TEST(CheckpointSlot, IsGoldenWithTheBatchItIsNewerThan) {
  StoredCheckpoint stored = sample();
  stored.behind = {
      .log_id = stored.checkpoint->log_id, .position = Position(815), .epoch = 2, .check = 0x1122334455667788};
  const auto image = encode_checkpoint_slot(stored);
  EXPECT_EQ(test::hex_of(std::span(image).subspan(320, 24)),
            "2f030000000000008877665544332211"
            "0200000001000000");
  EXPECT_TRUE(all_zero(std::span(image).subspan(344)));
  stored.checkpoint.reset();
  const auto forgotten = encode_checkpoint_slot(stored);
  EXPECT_EQ(test::hex_of(std::span(forgotten).subspan(340, 4)), "01000100");
}

TEST(CheckpointSlot, ComesBack) {
  for (const bool has_position : {true, false}) {
    for (const std::size_t length : {std::size_t{1}, std::size_t{8}, std::size_t{255}}) {
      StoredCheckpoint written = sample();
      written.name = std::string(length, 'n');
      if (!has_position) { written.checkpoint->position.reset(); }
      for (const bool has_behind : {true, false}) {
        if (has_behind) {
          written.behind = {
              .log_id = written.checkpoint->log_id, .position = Position(815), .epoch = 2, .check = 0xfedcba9876543210};
        } else {
          written.behind.reset();
        }
        StoredCheckpoint read;
        ASSERT_EQ(decode_checkpoint_slot(encode_checkpoint_slot(written), read), BlockState::kGood);
        EXPECT_EQ(read, written);
        StoredCheckpoint forgotten = written;
        forgotten.checkpoint.reset();
        if (!has_behind) { continue; }  // then there is nothing to forget
        ASSERT_EQ(decode_checkpoint_slot(encode_checkpoint_slot(forgotten), read), BlockState::kGood);
        EXPECT_EQ(read, forgotten);
      }
    }
  }
}

TEST(CheckpointSlot, EveryFlippedBitIsNoticed) {
  const auto image = encode_checkpoint_slot(sample());
  for (std::size_t bit = 0; bit < image.size() * 8; ++bit) {
    auto damaged = image;
    damaged[bit / 8] ^= std::byte{1} << (bit % 8);
    StoredCheckpoint read;
    EXPECT_NE(decode_checkpoint_slot(damaged, read), BlockState::kGood) << bit;
  }
  StoredCheckpoint read;
  EXPECT_EQ(decode_checkpoint_slot(CheckpointSlotImage{}, read), BlockState::kEmpty);
  EXPECT_EQ(decode_checkpoint_slot(std::span(image).first(100), read), BlockState::kBad);
}

TEST(CheckpointSlot, FilesAreKnownByTheirNames) {
  const std::string file = checkpoint_file_name("outcomes");
  EXPECT_NE(file, checkpoint_file_name("outcome"));
  EXPECT_TRUE(is_checkpoint_file_name(file));
  EXPECT_TRUE(is_checkpoint_file_name(checkpoint_lock_name("outcomes")));
  EXPECT_TRUE(is_store_file_name(file));
  for (const char* other :
       {"checkpoint-", "checkpoint-12", "checkpoint-zz000000000000000000000000000000", "outcomes"}) {
    EXPECT_FALSE(is_checkpoint_file_name(other)) << other;
  }
}

}  // namespace
}  // namespace tidemark::engine
