// SPDX-License-Identifier: Apache-2.0
#include "engine/format/checkpoint_file.h"

#include <algorithm>

#include "engine/format/hashed_name.h"

namespace tidemark::engine {

namespace {

constexpr std::string_view kPrefix = "checkpoint-";
constexpr std::string_view kLockSuffix = ".lock";

}  // namespace

CheckpointSlotImage encode_checkpoint_slot(const StoredCheckpoint& stored) {
  CheckpointSlot slot{};
  const Checkpoint checkpoint = stored.checkpoint.value_or(Checkpoint());
  slot.log_id = stored.checkpoint || !stored.behind ? checkpoint.log_id : stored.behind->log_id;
  slot.generation = stored.generation;
  slot.position = checkpoint.position.value_or(Position()).value();
  slot.check = checkpoint.check;
  slot.epoch = checkpoint.epoch;
  slot.has_position = checkpoint.position ? 1 : 0;
  slot.is_forgotten = stored.checkpoint ? 0 : 1;
  if (stored.behind) {
    slot.behind_position = stored.behind->position.value_or(Position()).value();
    slot.behind_check = stored.behind->check;
    slot.behind_epoch = stored.behind->epoch;
    slot.has_behind = 1;
  }
  slot.name_bytes = static_cast<std::uint16_t>(std::min<std::size_t>(stored.name.size(), kCheckpointNameBytesMax));
  std::copy_n(stored.name.begin(), slot.name_bytes, slot.name);
  CheckpointSlotImage image{};
  store_as(image.data(), slot);
  seal_block(image, kCheckpointMagic);
  return image;
}

BlockState decode_checkpoint_slot(std::span<const std::byte> sector, StoredCheckpoint& into) {
  if (sector.size() != kSectorBytes) { return BlockState::kBad; }
  const BlockState state = check_block(sector, kCheckpointMagic);
  if (state != BlockState::kGood) { return state; }
  const auto slot = load_as<CheckpointSlot>(sector.data());
  if (slot.name_bytes > kCheckpointNameBytesMax || slot.has_position > 1 || slot.has_behind > 1 ||
      slot.is_forgotten > 1) {
    return BlockState::kBad;
  }
  into.name.assign(slot.name, slot.name_bytes);
  into.generation = slot.generation;
  into.checkpoint.reset();
  if (slot.is_forgotten == 0) {
    into.checkpoint = {.log_id = slot.log_id,
                       .position = slot.has_position == 1 ? std::optional(Position(slot.position)) : std::nullopt,
                       .epoch = slot.epoch,
                       .check = slot.check};
  }
  into.behind.reset();
  if (slot.has_behind == 1) {
    into.behind = {.log_id = slot.log_id,
                   .position = Position(slot.behind_position),
                   .epoch = slot.behind_epoch,
                   .check = slot.behind_check};
  }
  return BlockState::kGood;
}

std::string checkpoint_file_name(std::string_view checkpoint) { return hashed_name(kPrefix, checkpoint); }

std::string checkpoint_lock_name(std::string_view checkpoint) {
  return checkpoint_file_name(checkpoint) + std::string(kLockSuffix);
}

bool is_checkpoint_file_name(std::string_view file) {
  if (file.ends_with(kLockSuffix)) { file.remove_suffix(kLockSuffix.size()); }
  return is_hashed_name(kPrefix, file);
}

}  // namespace tidemark::engine
