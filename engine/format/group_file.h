// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "engine/format/layout.h"
#include "engine/format/superblock.h"
#include "tidemark/checkpoint.hpp"
#include "tidemark/query.hpp"
#include "tidemark/types.hpp"

// The files of a consumer group, in a folder of its own within the store's. docs/format/group.md.
namespace tidemark::engine {

inline constexpr std::uint64_t kGroupMagic = 0x0000'5052'4743'4D54;        // "TMCGRP\0\0"
inline constexpr std::uint64_t kGroupStateMagic = 0x0041'5453'4743'4D54;   // "TMCGSTA\0"
inline constexpr std::uint64_t kGroupParkedMagic = 0x004B'5250'4743'4D54;  // "TMCGPRK\0"
inline constexpr std::uint64_t kGroupReplayMagic = 0x004C'5052'4743'4D54;  // "TMCGRPL\0"
inline constexpr std::uint64_t kGroupStateSlotBytes = std::uint64_t{16} << 10U;
inline constexpr unsigned kGroupStateSlots = 3;  // a partition
inline constexpr std::size_t kGroupFileBytesMax = std::size_t{4} << 20U;

// Each of the files, and each slot, begins with this; what it says of itself stands in the body behind it.
struct GroupBlock {
  BlockStart start;
  FileId log_id;
  FileId group_id;
  std::uint64_t generation;  // of a partition, or the number of a request to replay
  std::uint64_t next;        // of a partition; of a group where it began
  std::uint64_t proof_position;
  std::uint64_t proof_check;
  std::uint32_t proof_epoch;
  std::uint32_t has_proof;  // 0 or 1
  std::uint32_t partition;  // of a group: how many there are
  std::uint32_t count;      // of entries in the body
  std::uint64_t replayed;
  std::uint64_t body_bytes;
  std::uint64_t body_check;  // XXH3
  std::uint64_t notes;       // of a partition: how many of its entries something is said of
  std::byte rest[384];
};
static_assert(sizeof(GroupBlock) == kSectorBytes && offsetof(GroupBlock, generation) == 48);
static_assert(offsetof(GroupBlock, proof_epoch) == 80 && offsetof(GroupBlock, replayed) == 96);
static_assert(offsetof(GroupBlock, body_check) == 112 && offsetof(GroupBlock, notes) == 120);

// What a group is: fixed when it is made.
struct GroupDefinition {
  FileId log_id{};
  FileId group_id{};  // tells its files from those of one that had the name before
  std::string name;
  Query query = Query::all();
  std::uint32_t partitions = 0;
  Position first;  // where it began

  friend bool operator==(const GroupDefinition&, const GroupDefinition&) = default;
};
[[nodiscard]] std::vector<std::byte> encode_group(const GroupDefinition& group);
[[nodiscard]] BlockState decode_group(std::span<const std::byte> file, GroupDefinition& into);

// How far one partition is.
struct PartitionEntry {
  std::uint64_t position = 0;
  std::uint32_t tries = 0;  // how often it was given
  std::uint32_t done = 0;   // 1: acknowledged, or parked

  friend bool operator==(const PartitionEntry&, const PartitionEntry&) = default;
};
static_assert(sizeof(PartitionEntry) == 16);
inline constexpr std::size_t kPartitionEntriesMax = (kGroupStateSlotBytes - kSectorBytes) / sizeof(PartitionEntry);
inline constexpr std::size_t kParkedEntriesMax = 4096;

// What was said of an event that is to be given again.
struct PartitionNote {
  std::uint64_t position = 0;
  RecordedTime due{};  // when; zero: it was given since
  std::string reason;  // the last one that was said to nack()

  friend bool operator==(const PartitionNote&, const PartitionNote&) = default;
};

struct PartitionProgress {
  std::uint64_t generation = 0;         // counts the writes; the highest holds
  std::uint64_t replayed = 0;           // the request to replay that was followed last
  Position next;                        // of the partition's events all before it are done
  Checkpoint proof;                     // that it belongs to the log; at most as far as next
  std::vector<PartitionEntry> entries;  // of what lies from next on: what was given, by rising positions
  std::vector<PartitionNote> notes;     // of some of these, by rising positions

  friend bool operator==(const PartitionProgress&, const PartitionProgress&) = default;
};
// Which partition of which group a slot is of.
struct PartitionName {
  FileId group_id{};
  std::uint32_t partition = 0;
};
// At most kPartitionEntriesMax entries; at most kGroupStateSlotBytes bytes. Where the notes do not fit, the first of
// them go in, and reasons are left out before notes are.
[[nodiscard]] std::vector<std::byte> encode_partition(const PartitionName& of, const PartitionProgress& progress);
// slot: as many bytes as can be had of it. kBad also for another partition's.
[[nodiscard]] BlockState decode_partition(std::span<const std::byte> slot, const PartitionName& of,
                                          PartitionProgress& into);
// Where a slot stands in the file of a group's progress.
[[nodiscard]] constexpr std::uint64_t partition_slot_offset(std::uint32_t partition, unsigned slot) {
  return (std::uint64_t{partition} * kGroupStateSlots + slot) * kGroupStateSlotBytes;
}

// What was parked of one partition, by rising positions.
struct ParkedEntry {
  Position position;
  RecordedTime parked;
  std::uint32_t tries = 0;
  bool wanted = false;  // it is to be given again
  std::string stream;
  std::string reason;

  friend bool operator==(const ParkedEntry&, const ParkedEntry&) = default;
};
inline constexpr std::size_t kParkedReasonBytesMax = 255;
[[nodiscard]] std::vector<std::byte> encode_parked(const PartitionName& of, const std::vector<ParkedEntry>& entries);
[[nodiscard]] BlockState decode_parked(std::span<const std::byte> file, const PartitionName& of,
                                       std::vector<ParkedEntry>& into);

// How often it was asked that all be replayed.
using ReplayRequestImage = std::array<std::byte, kSectorBytes>;
[[nodiscard]] ReplayRequestImage encode_replay_request(const FileId& group_id, std::uint64_t request);
[[nodiscard]] BlockState decode_replay_request(std::span<const std::byte> sector, const FileId& group_id,
                                               std::uint64_t& into);

inline constexpr std::string_view kGroupDefinitionName = "group";
inline constexpr std::string_view kGroupStateName = "state";
inline constexpr std::string_view kGroupReplayName = "replay";
inline constexpr std::string_view kGroupTemporarySuffix = ".new";
[[nodiscard]] std::string parked_file_name(std::uint32_t partition);
// Whether a file in a group's folder says what it is or how far, and not who has it open.
[[nodiscard]] bool is_group_file_name(std::string_view file);
// Whether it is one that was to take the place of such a file.
[[nodiscard]] bool is_group_temporary_name(std::string_view file);

// Names are narrowed by their hash and told apart by the bytes in the group's file.
[[nodiscard]] std::string group_folder_name(std::string_view group);
[[nodiscard]] bool is_group_folder_name(std::string_view folder);

}  // namespace tidemark::engine
