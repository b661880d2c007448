// SPDX-License-Identifier: Apache-2.0
#include "engine/format/superblock.h"

namespace tidemark::engine {

SuperblockImage encode_superblock(const Superblock& superblock) {
  SuperblockImage image{};
  store_as(image.data(), superblock);
  const bool is_fork = superblock.parent_log_id != FileId{};
  seal_block(image, kSuperblockMagic, is_fork ? kForkFormatMajor : kFormatMajor);
  return image;
}

BlockState decode_superblock(std::span<const std::byte> image, Superblock& into) {
  if (image.size() != kSuperblockBytes) { return BlockState::kBad; }
  const BlockState state = check_block(image, kSuperblockMagic, kForkFormatMajor);
  if (state != BlockState::kGood) { return state; }
  into = load_as<Superblock>(image.data());
  const bool is_fork = into.parent_log_id != FileId{};
  if (!is_fork && into.start.format_major > kFormatMajor) { return BlockState::kNewerFormat; }
  const bool known_state = into.state == StoreState::kRunning || into.state == StoreState::kClosed;
  return known_state ? BlockState::kGood : BlockState::kBad;
}

}  // namespace tidemark::engine
