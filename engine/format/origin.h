// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "engine/format/layout.h"

// The file of original positions of a store that was extracted from another one. docs/format/origin.md.
namespace tidemark::engine {

inline constexpr std::string_view kOriginName = "origin";
inline constexpr std::uint64_t kOriginMagic = 0x004E494749524F54;  // "TORIGIN\0"
inline constexpr std::uint64_t kOriginBlockBytes = 4096;

// The first block; the rest of it is zeros.
struct OriginHeader {
  BlockStart start;
  FileId log_id;        // of the log that the events come from
  std::uint64_t count;  // of positions: those of the events from position 0 on
};
static_assert(sizeof(OriginHeader) == 40 && offsetof(OriginHeader, count) == 32);

// Each further block: positions in the other log, then the checksum of these 4,088 bytes, XXH3 with the block's number
// in the file as seed.
inline constexpr std::uint64_t kOriginsPerBlock = kOriginBlockBytes / sizeof(std::uint64_t) - 1;
using OriginBlock = std::array<std::uint64_t, kOriginsPerBlock + 1>;
static_assert(sizeof(OriginBlock) == kOriginBlockBytes);

using OriginHeaderImage = std::array<std::byte, kOriginBlockBytes>;
[[nodiscard]] OriginHeaderImage encode_origin_header(const OriginHeader& header);
[[nodiscard]] BlockState decode_origin_header(std::span<const std::byte> image, OriginHeader& into);

// The block that an event's position stands in, from 1 on.
[[nodiscard]] constexpr std::uint64_t origin_block_of(std::uint64_t position) {
  return 1 + position / kOriginsPerBlock;
}
void seal_origin_block(OriginBlock& block, std::uint64_t number);
[[nodiscard]] bool origin_block_is_right(const OriginBlock& block, std::uint64_t number);

}  // namespace tidemark::engine
