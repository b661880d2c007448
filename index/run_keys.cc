// SPDX-License-Identifier: Apache-2.0
#include "index/run_keys.h"

#include <algorithm>

namespace tidemark::index {

namespace {

// As much as most blocks take.
constexpr std::uint64_t kKeyBlockBytesUsual = 256;

// Lengths below this stand in half a byte.
constexpr std::uint64_t kLongLength = 15;

void put_rest(ByteBuffer& into, std::uint64_t length) {
  if (length >= kLongLength) { put_varint(into, length - kLongLength); }
}

void put_name(std::string_view previous, std::string_view name, ByteBuffer& into) {
  const auto differ = std::ranges::mismatch(previous, name);
  const auto shared = static_cast<std::uint64_t>(differ.in2 - name.begin());
  const std::string_view suffix = name.substr(shared);
  const std::uint64_t lengths =
      std::min(shared, kLongLength) << 4U | std::min<std::uint64_t>(suffix.size(), kLongLength);
  into.push_back(static_cast<std::byte>(lengths));
  put_rest(into, shared);
  put_rest(into, suffix.size());
  const auto* bytes = reinterpret_cast<const std::byte*>(suffix.data());
  into.insert(into.end(), bytes, bytes + suffix.size());
}

unsigned width_of_steps(std::span<const std::uint32_t> positions) {
  std::uint32_t widest = 0;
  for (std::size_t i = 1; i < positions.size(); ++i) { widest = std::max(widest, positions[i] - positions[i - 1] - 1); }
  return bits_of(widest);
}

void put_steps(BitWriter& bits, std::span<const std::uint32_t> positions, unsigned width) {
  for (std::size_t i = 1; i < positions.size(); ++i) { bits.add(positions[i] - positions[i - 1] - 1, width); }
}

std::uint64_t take_length(ByteCursor& from, std::uint64_t in_token) {
  return in_token < kLongLength ? in_token : kLongLength + std::min(from.varint(), kKeyNameBytesMax);
}

}  // namespace

void encode_key(std::string_view previous, std::string_view name, const RunKey& key,
                std::span<const std::uint32_t> positions, std::uint64_t event_count, ByteBuffer& into) {
  put_name(previous, name, into);
  put_varint(into, key.count << 1U | (key.base > 0 ? 1U : 0U));
  if (key.base > 0) { put_varint(into, key.base); }
  if (key.is_list()) {
    put_varint(into, key.at);
    put_varint(into, key.units);
    put_varint(into, key.last);
    return;
  }
  const unsigned width = width_of_steps(positions);
  if (key.count > 1) { into.push_back(static_cast<std::byte>(width)); }
  BitWriter bits(into);
  bits.add(positions[0], position_bits(event_count));
  put_steps(bits, positions, width);
  bits.flush();
}

std::uint64_t encode_chunk(std::span<const std::uint32_t> positions, ByteBuffer& into) {
  const unsigned width = width_of_steps(positions);
  const std::size_t end = into.size() + width * kListUnitBytes;
  BitWriter bits(into);
  bits.add(0, width);  // the first stands in the directory
  put_steps(bits, positions, width);
  bits.flush();
  into.resize(end);
  return width;
}

KeyBlocks::KeyBlocks(const RunHeader& header) {
  for (std::size_t slot = 0; slot < kKindCount; ++slot) {
    counts_[slot] = header.of_kind(slot).keys;
    begins_[slot + 1] = begins_[slot] + blocks_of(counts_[slot], kKeysPerBlock);
  }
}

KeyKind KeyBlocks::kind_of(std::uint64_t block) const {
  std::size_t slot = 0;
  while (block >= begins_[slot + 1]) { ++slot; }
  return static_cast<KeyKind>(slot + 1);
}

std::uint64_t KeyBlocks::keys_in(std::uint64_t block) const {
  const std::size_t slot = kind_slot(kind_of(block));
  return std::min(kKeysPerBlock, counts_[slot] - (block - begins_[slot]) * kKeysPerBlock);
}

KeyBlock::KeyBlock(const RunBytes& bytes, std::uint64_t offset, std::uint64_t size, const std::byte* begin,
                   ByteCursor from)
    : header_(&bytes.header()), offset_(offset), size_(size), begin_(begin), from_(from) {}

Result<KeyBlock> KeyBlock::open(const RunBytes& bytes, std::uint64_t number) {
  const RunHeader& header = bytes.header();
  const RunSection& keys = header.section(SectionName::kKeys);
  const std::uint64_t entry = header.section(SectionName::kKeyBlocks).offset + number * kOffset40Bytes;
  auto where = bytes.view(entry, kOffset40Bytes);
  if (!where) { return std::unexpected(std::move(where.error())); }
  const std::uint64_t in_section = load_offset40(*where);
  if (in_section >= keys.size) {
    return std::unexpected(bytes.damaged(entry, "a block of keys lies outside of its section"));
  }
  const std::uint64_t offset = keys.offset + in_section;
  const std::uint64_t room = keys.size - in_section;
  auto start = bytes.view(offset, std::min(room, kVarintBytesMax));
  if (!start) { return std::unexpected(std::move(start.error())); }
  ByteCursor length_from(*start, std::min(room, kVarintBytesMax));
  const std::uint64_t length = length_from.varint();
  const auto length_bytes = static_cast<std::uint64_t>(length_from.here() - *start);
  if (!length_from.is_good() || length > kKeyBlockBytesMax || length > room - length_bytes) {
    return std::unexpected(bytes.damaged(offset, "a block of keys has an impossible length"));
  }
  auto all = bytes.view(offset, length_bytes + length);
  if (!all) { return std::unexpected(std::move(all.error())); }
  return KeyBlock(bytes, offset, length_bytes + length, *all, ByteCursor(*all + length_bytes, length));
}

void KeyBlock::prefetch_offset(const RunBytes& bytes, std::uint64_t number) {
  bytes.prefetch(bytes.header().section(SectionName::kKeyBlocks).offset + number * kOffset40Bytes, kOffset40Bytes);
}

void KeyBlock::prefetch(const RunBytes& bytes, std::uint64_t number) {
  const RunHeader& header = bytes.header();
  const std::byte* const where =
      bytes.checked_view(header.section(SectionName::kKeyBlocks).offset + number * kOffset40Bytes, kOffset40Bytes);
  if (where == nullptr) { return; }
  bytes.prefetch(header.section(SectionName::kKeys).offset + load_offset40(where), kKeyBlockBytesUsual);
}

bool KeyBlock::next(Entry& into) {
  const std::uint64_t lengths = from_.byte();
  into.shared = take_length(from_, lengths >> 4U);
  const std::uint64_t suffix = take_length(from_, lengths & 0xFU);
  if (into.shared + suffix > kKeyNameBytesMax) { return false; }
  into.suffix = {reinterpret_cast<const char*>(from_.skip(suffix)), suffix};
  RunKey& key = into.key;
  const std::uint64_t count = from_.varint();
  key.count = count >> 1U;
  key.base = (count & 1U) != 0 ? from_.varint() : 0;
  if (!from_.is_good() || key.count == 0 || key.count > header_->event_count() || key.base >> 62U != 0) {
    return false;
  }
  if (key.is_list()) { return next_list(key); }
  key.width = key.count > 1 ? from_.byte() : std::uint8_t{0};
  if (key.width > kStepBitsMax) { return false; }
  key.at = offset_ + static_cast<std::uint64_t>(from_.here() - begin_);
  from_.skip(bytes_of_bits(position_bits(header_->event_count()) + (key.count - 1) * key.width));
  return from_.is_good();
}

bool KeyBlock::next_list(RunKey& key) {
  const RunSection& keys = header_->section(SectionName::kKeys);
  const std::uint64_t at = from_.varint();
  key.units = from_.varint();
  const std::uint64_t last = from_.varint();
  if (!from_.is_good() || at > keys.size || key.units > keys.size / kListUnitBytes || last >= header_->event_count()) {
    return false;
  }
  key.at = keys.offset + at;
  key.last = static_cast<std::uint32_t>(last);
  return list_bytes(key) <= keys.size - at;
}

}  // namespace tidemark::index
