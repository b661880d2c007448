// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace tidemark::platform {

// CRC-32C (Castagnoli; check value of "123456789" is 0xE3069283). For superblocks, segment headers and footers.
[[nodiscard]] std::uint32_t crc32c(std::span<const std::byte> bytes);

// XXH3, 64 bits. For frames.
[[nodiscard]] std::uint64_t xxh3_64(std::span<const std::byte> bytes, std::uint64_t seed = 0);

struct Hash128 {
  std::uint64_t low = 0;
  std::uint64_t high = 0;
  friend bool operator==(const Hash128&, const Hash128&) = default;
};
// XXH3, 128 bits. For the keys of indexes.
[[nodiscard]] Hash128 xxh3_128(std::span<const std::byte> bytes, std::uint64_t seed = 0);

}  // namespace tidemark::platform
