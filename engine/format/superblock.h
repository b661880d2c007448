// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "engine/format/layout.h"

// The superblock: what a store is, and how much of its log is known durable. docs/format/superblock.md.
namespace tidemark::engine {

inline constexpr std::uint64_t kSuperblockMagic = 0x4B4C42'5355'534D54;  // "TMSUSBLK"
inline constexpr std::uint64_t kSuperblockBytes = 4096;                  // the file; what counts stands in one sector

enum class StoreState : std::uint32_t { kRunning = 1, kClosed = 2 };

struct RecoveryRecord {
  std::uint32_t kind;  // RecoveryKind; 0: none
  std::uint32_t epoch;
  std::uint64_t frames_kept;
  std::uint64_t events_kept;
  std::uint64_t frames_in_doubt;
  std::uint64_t bytes_in_doubt;
  std::uint64_t bytes_cut;
  std::int64_t at_ns;
  std::int64_t took_ns;
  std::uint32_t superblock_lost;
  std::uint32_t reserved;
};
static_assert(sizeof(RecoveryRecord) == 72);

// A log that another one was forked from: both are the same up to end, a log offset at which a segment begins.
struct Ancestor {
  FileId log_id;
  std::uint64_t end;

  friend bool operator==(const Ancestor&, const Ancestor&) = default;
};
static_assert(sizeof(Ancestor) == 24);

struct Superblock {
  BlockStart start;
  FileId store_id;
  FileId log_id;
  FileId parent_log_id;      // of the log that this one was forked from; zero if none
  std::uint64_t parent_end;  // the log offset up to which both logs are the same; see Ancestor
  std::uint64_t generation;  // counts the writes of superblocks; the higher of two holds
  std::uint32_t epoch;       // counts the openings for writing
  StoreState state;
  FileId boot_id;                 // of the machine's run in which it was written
  std::uint64_t durable_end;      // log offset: everything below is durable
  std::uint64_t highest_segment;  // no later segment holds anything acknowledged
  RecoveryRecord recovery;
  std::uint64_t cut_end;      // log offset: a recovery is cutting the log's end and zeroes up to here; 0 if none is
  std::uint64_t write_limit;  // log offset: no frame was written that goes past this; 0 if that is not known
  std::array<Ancestor, 12> older;  // that the parent was forked from in its turn, the youngest first; zero if none
};
static_assert(sizeof(Superblock) == 496 && sizeof(Superblock) <= kSectorBytes);
static_assert(offsetof(Superblock, store_id) == 16 && offsetof(Superblock, log_id) == 32);
static_assert(offsetof(Superblock, parent_log_id) == 48 && offsetof(Superblock, parent_end) == 64);
static_assert(offsetof(Superblock, generation) == 72 && offsetof(Superblock, epoch) == 80);
static_assert(offsetof(Superblock, state) == 84 && offsetof(Superblock, boot_id) == 88);
static_assert(offsetof(Superblock, durable_end) == 104 && offsetof(Superblock, highest_segment) == 112);
static_assert(offsetof(Superblock, recovery) == 120 && offsetof(Superblock, cut_end) == 192);
static_assert(offsetof(Superblock, write_limit) == 200 && offsetof(Superblock, older) == 208);

// That of a fork: who does not know of forks would take the segments that it shares for damaged ones.
inline constexpr std::uint16_t kForkFormatMajor = 2;

using SuperblockImage = std::array<std::byte, kSuperblockBytes>;

[[nodiscard]] SuperblockImage encode_superblock(const Superblock& superblock);
// The state of an image; into is filled in if it is kGood.
[[nodiscard]] BlockState decode_superblock(std::span<const std::byte> image, Superblock& into);

}  // namespace tidemark::engine
