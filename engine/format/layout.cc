// SPDX-License-Identifier: Apache-2.0
#include "engine/format/layout.h"

#include <algorithm>

#include "platform/checksum.h"

namespace tidemark::engine {

namespace {

constexpr std::size_t kBlockBytesMax = 4096;

std::uint32_t block_checksum(std::span<const std::byte> block) {
  std::array<std::byte, kBlockBytesMax> copy;
  std::ranges::copy(block, copy.begin());
  store_as<std::uint32_t>(copy.data() + offsetof(BlockStart, checksum), 0);
  return platform::crc32c(std::span(copy).first(block.size()));
}

}  // namespace

bool all_zero(std::span<const std::byte> bytes) {
  // Compares the block with itself, one byte on: memcmp goes as fast as memory does.
  return bytes.empty() ||
         (bytes[0] == std::byte{0} && std::memcmp(bytes.data(), bytes.data() + 1, bytes.size() - 1) == 0);
}

std::size_t length_without_zeros(std::span<const std::byte> bytes) {
  std::size_t length = bytes.size();
  while (length > 0 && bytes[length - 1] == std::byte{0}) { --length; }
  return length;
}

BlockState check_block(std::span<const std::byte> block, std::uint64_t magic, std::uint16_t known_major) {
  if (block.size() < sizeof(BlockStart) || block.size() > kBlockBytesMax) { return BlockState::kBad; }
  if (all_zero(block)) { return BlockState::kEmpty; }
  const auto start = load_as<BlockStart>(block.data());
  if (start.magic != magic || start.checksum != block_checksum(block)) { return BlockState::kBad; }
  return start.format_major > known_major ? BlockState::kNewerFormat : BlockState::kGood;
}

void seal_block(std::span<std::byte> block, std::uint64_t magic, std::uint16_t format_major) {
  store_as(block.data(), BlockStart{magic, 0, format_major, kFormatMinor});
  store_as(block.data() + offsetof(BlockStart, checksum), block_checksum(block));
}

}  // namespace tidemark::engine
