// SPDX-License-Identifier: Apache-2.0
#include "engine/format/origin.h"

#include "platform/checksum.h"

namespace tidemark::engine {

namespace {

std::uint64_t checksum_of(const OriginBlock& block, std::uint64_t number) {
  return platform::xxh3_64(std::as_bytes(std::span(block).first(kOriginsPerBlock)), number);
}

}  // namespace

OriginHeaderImage encode_origin_header(const OriginHeader& header) {
  OriginHeaderImage image{};
  store_as(image.data(), header);
  seal_block(image, kOriginMagic);
  return image;
}

BlockState decode_origin_header(std::span<const std::byte> image, OriginHeader& into) {
  if (image.size() != kOriginBlockBytes) { return BlockState::kBad; }
  const BlockState state = check_block(image, kOriginMagic);
  if (state == BlockState::kGood) { into = load_as<OriginHeader>(image.data()); }
  return state;
}

void seal_origin_block(OriginBlock& block, std::uint64_t number) {
  block[kOriginsPerBlock] = checksum_of(block, number);
}

bool origin_block_is_right(const OriginBlock& block, std::uint64_t number) {
  return block[kOriginsPerBlock] == checksum_of(block, number);
}

}  // namespace tidemark::engine
