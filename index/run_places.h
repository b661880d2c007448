// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <limits>
#include <span>

#include "index/bits.h"
#include "index/run_format.h"

namespace tidemark::index {

// Where an event stands.
struct Place {
  std::uint64_t frame = 0;   // log offset of its frame
  std::uint32_t offset = 0;  // of the event in the frame's body

  // Of an event that was lost.
  static constexpr Place nowhere() { return {.frame = std::numeric_limits<std::uint64_t>::max(), .offset = 0}; }
  [[nodiscard]] constexpr bool is_nowhere() const { return frame == nowhere().frame; }
  friend bool operator==(const Place&, const Place&) = default;
};

// More than any block of places takes.
inline constexpr std::uint64_t kPlaceBlockBytesMax = 512;

// As much as most take.
inline constexpr std::uint64_t kPlaceBlockBytesUsual = 96;

// Appends a block of 1 to kPlacesPerBlock places.
void encode_place_block(std::span<const Place> places, ByteBuffer& into);

// The index-th place of a block of so many bytes that holds `count`; false if the block makes no sense. 8 bytes past
// the block must be readable.
[[nodiscard]] bool decode_place(const std::byte* block, std::uint64_t size, std::uint64_t count, std::uint64_t index,
                                Place& into);
// The first places, as many as `into` has room for,, likewise.
[[nodiscard]] bool decode_place_block(const std::byte* block, std::uint64_t size, std::uint64_t count,
                                      std::span<Place> into);

}  // namespace tidemark::index
