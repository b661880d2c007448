// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>

// What every file of a store has in common. The specification is docs/format/.
namespace tidemark::engine {

static_assert(std::endian::native == std::endian::little, "the format is little-endian and read in place");
static_assert(sizeof(std::size_t) == 8, "offsets and lengths need 64 bits");

using FileId = std::array<std::byte, 16>;  // a UUID

inline constexpr std::uint16_t kFormatMajor = 1;
inline constexpr std::uint16_t kFormatMinor = 0;

// What a disk writes as a whole. Nothing that must be read as a whole crosses a multiple of it.
inline constexpr std::uint64_t kSectorBytes = 512;

// The first 16 bytes of superblocks, segment headers and footers: in every version of the format at the same place.
struct BlockStart {
  std::uint64_t magic;
  std::uint32_t checksum;  // CRC-32C of the whole block with this field zero
  std::uint16_t format_major;
  std::uint16_t format_minor;
};
static_assert(sizeof(BlockStart) == 16);

enum class BlockState : std::uint8_t { kGood, kEmpty, kBad, kNewerFormat };

// Judges a block by its start: its magic, its checksum, its version.
[[nodiscard]] BlockState check_block(std::span<const std::byte> block, std::uint64_t magic,
                                     std::uint16_t known_major = kFormatMajor);
// Writes the start of a block whose other bytes are in place.
void seal_block(std::span<std::byte> block, std::uint64_t magic, std::uint16_t format_major = kFormatMajor);

[[nodiscard]] bool all_zero(std::span<const std::byte> bytes);
// How many bytes stand before the zeros at the end.
[[nodiscard]] std::size_t length_without_zeros(std::span<const std::byte> bytes);

template <class T>
[[nodiscard]] T load_as(const std::byte* from) {
  T value;
  std::memcpy(&value, from, sizeof value);
  return value;
}
template <class T>
void store_as(std::byte* to, const T& value) {
  std::memcpy(to, &value, sizeof value);
}

[[nodiscard]] constexpr std::uint64_t round_up(std::uint64_t n, std::uint64_t multiple) {
  return (n + multiple - 1) / multiple * multiple;
}

}  // namespace tidemark::engine
