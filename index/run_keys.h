// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string_view>

#include "index/bits.h"
#include "index/run_bytes.h"
#include "index/run_format.h"
#include "tidemark/error.hpp"

// Keys and their positions as they stand in a run file. Positions count from the run's first here.
namespace tidemark::index {

// What a run knows of one key, and where. Good for the run that gave it.
struct RunKey {
  std::uint64_t base = 0;   // how many positions the key has before this run
  std::uint64_t count = 0;  // how many in it, at least 1

  // For the run alone.
  std::uint64_t at = 0;     // in the file: packed positions, or a list if there are more than kPositionsPerChunk
  std::uint64_t units = 0;  // of a list: how many kListUnitBytes its chunks take
  std::uint32_t last = 0;   // of a list
  std::uint8_t width = 0;   // of packed positions: of their steps
  [[nodiscard]] bool is_list() const { return count > kPositionsPerChunk; }
};

// A list: its chunks, then for each chunk its first position and where it ends. A chunk of 128 steps of w bits takes w
// units.
inline constexpr std::uint64_t kListUnitBytes = kPositionsPerChunk / 8;
inline constexpr std::uint64_t kChunkEntryBytes = 8;
inline constexpr unsigned kStepBitsMax = 32;
[[nodiscard]] constexpr std::uint64_t chunk_count(const RunKey& list) {
  return blocks_of(list.count, kPositionsPerChunk);
}
[[nodiscard]] constexpr std::uint64_t list_bytes(const RunKey& list) {
  return list.units * kListUnitBytes + chunk_count(list) * kChunkEntryBytes;
}

// How wide a position is.
[[nodiscard]] constexpr unsigned position_bits(std::uint64_t event_count) { return bits_of(event_count - 1); }

// More than any block of keys takes.
inline constexpr std::uint64_t kKeyBlockBytesMax = std::uint64_t{32} << 10U;

// Appends an entry of a block. The name stands as what it does not share with the one before. `positions` is empty for
// a key with a list; such a one's `at` counts from the section's start here.
void encode_key(std::string_view previous, std::string_view name, const RunKey& key,
                std::span<const std::uint32_t> positions, std::uint64_t event_count, ByteBuffer& into);

// Appends the steps of the 1 to kPositionsPerChunk positions of a list's chunk; gives how many units they take.
std::uint64_t encode_chunk(std::span<const std::uint32_t> positions, ByteBuffer& into);

// Which blocks hold the keys of which kind.
class KeyBlocks {
 public:
  explicit KeyBlocks(const RunHeader& header);

  [[nodiscard]] std::uint64_t begin(KeyKind kind) const { return begins_[kind_slot(kind)]; }
  [[nodiscard]] std::uint64_t end(KeyKind kind) const { return begins_[kind_slot(kind) + 1]; }
  [[nodiscard]] std::uint64_t end() const { return begins_[kKindCount]; }
  // Of a block below end().
  [[nodiscard]] KeyKind kind_of(std::uint64_t block) const;
  [[nodiscard]] std::uint64_t keys_in(std::uint64_t block) const;

 private:
  std::array<std::uint64_t, kKindCount + 1> begins_{};
  std::array<std::uint64_t, kKindCount> counts_{};
};

// Goes through the keys of one block.
class KeyBlock {
 public:
  struct Entry {
    std::uint64_t shared = 0;  // with the name before
    std::string_view suffix;
    RunKey key;
  };

  [[nodiscard]] static Result<KeyBlock> open(const RunBytes& bytes, std::uint64_t number);

  // Asks the processor for what open() looks at first, and with that for what it and next() look at then.
  static void prefetch_offset(const RunBytes& bytes, std::uint64_t number);
  static void prefetch(const RunBytes& bytes, std::uint64_t number);

  [[nodiscard]] std::uint64_t offset() const { return offset_; }  // in the file
  [[nodiscard]] std::uint64_t end() const { return offset_ + size_; }
  // False if the bytes make no sense.
  [[nodiscard]] bool next(Entry& into);

 private:
  KeyBlock(const RunBytes& bytes, std::uint64_t offset, std::uint64_t size, const std::byte* begin, ByteCursor from);
  [[nodiscard]] bool next_list(RunKey& key);

  const RunHeader* header_;
  std::uint64_t offset_;
  std::uint64_t size_;
  const std::byte* begin_;
  ByteCursor from_;
};

}  // namespace tidemark::index
