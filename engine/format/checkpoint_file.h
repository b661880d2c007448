// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "engine/format/layout.h"
#include "tidemark/checkpoint.hpp"

// The file of a stored checkpoint: two slots, written in turn. docs/format/checkpoint.md.
namespace tidemark::engine {

inline constexpr std::uint64_t kCheckpointMagic = 0x0054'504B'4353'4D54;  // "TMSCKPT\0"
// Of the second slot in the file; the first stands at 0. No disk writes both when it writes one.
inline constexpr std::uint64_t kCheckpointSlotBytes = 4096;
inline constexpr std::uint64_t kCheckpointNameBytesMax = 255;

// All that counts stands in one sector.
struct CheckpointSlot {
  BlockStart start;
  FileId log_id;
  std::uint64_t generation;  // counts the writes; the higher of two holds
  std::uint64_t position;    // of the last event that was dealt with
  std::uint64_t check;
  std::uint32_t epoch;
  std::uint16_t has_position;  // 0 or 1
  std::uint16_t name_bytes;
  char name[256];
  std::uint64_t behind_position;  // of the batch in the log that had stored one by this name last
  std::uint64_t behind_check;
  std::uint32_t behind_epoch;
  std::uint16_t has_behind;    // 0 or 1
  std::uint16_t is_forgotten;  // 0 or 1: nothing is stored, nor does what the log holds up to there count
  std::byte rest[168];
};
static_assert(sizeof(CheckpointSlot) == kSectorBytes && offsetof(CheckpointSlot, generation) == 32);
static_assert(offsetof(CheckpointSlot, position) == 40 && offsetof(CheckpointSlot, check) == 48);
static_assert(offsetof(CheckpointSlot, epoch) == 56 && offsetof(CheckpointSlot, has_position) == 60);
static_assert(offsetof(CheckpointSlot, name_bytes) == 62 && offsetof(CheckpointSlot, name) == 64);
static_assert(offsetof(CheckpointSlot, behind_position) == 320);
static_assert(offsetof(CheckpointSlot, has_behind) == 340 && offsetof(CheckpointSlot, rest) == 344);

struct StoredCheckpoint {
  std::string name;
  std::uint64_t generation = 0;
  std::optional<Checkpoint> checkpoint = {};  // nothing: what was stored was forgotten
  // The first event of the batch in the log that had stored one by this name last. What a later batch stores is newer.
  std::optional<Checkpoint> behind = {};

  friend bool operator==(const StoredCheckpoint&, const StoredCheckpoint&) = default;
};

using CheckpointSlotImage = std::array<std::byte, kSectorBytes>;
// The name is at most kCheckpointNameBytesMax long.
[[nodiscard]] CheckpointSlotImage encode_checkpoint_slot(const StoredCheckpoint& stored);
[[nodiscard]] BlockState decode_checkpoint_slot(std::span<const std::byte> sector, StoredCheckpoint& into);

// Names are narrowed by their hash and told apart by the bytes in the slots.
[[nodiscard]] std::string checkpoint_file_name(std::string_view checkpoint);
[[nodiscard]] std::string checkpoint_lock_name(std::string_view checkpoint);
// Whether a file of this name can be one of these.
[[nodiscard]] bool is_checkpoint_file_name(std::string_view file);

}  // namespace tidemark::engine
