// SPDX-License-Identifier: Apache-2.0
#include "index/run_positions.h"

#include <algorithm>

namespace tidemark::index {

namespace {

// A first position and the steps to those after it, as packed positions and chunks of lists both have them.
struct Steps {
  const std::byte* from = nullptr;
  std::uint64_t bit = 0;  // of the first step
  unsigned width = 0;
  std::uint64_t count = 0;  // of positions
  std::uint64_t first = 0;
};

std::uint64_t step(const Steps& steps, std::uint64_t i) {
  return 1 + read_bits(steps.from, steps.bit + i * steps.width, steps.width);
}

std::uint64_t chunk_entry(const RunKey& key, std::uint64_t chunk) {
  return key.at + key.units * kListUnitBytes + chunk * kChunkEntryBytes;
}

Error in_disorder(const RunBytes& bytes, const RunKey& key) {
  return bytes.damaged(key.at, "the positions of a key in the index run are in disorder");
}

Result<Steps> open_packed(const RunBytes& bytes, const RunKey& key) {
  const unsigned first_bits = position_bits(bytes.header().event_count());
  auto from = bytes.view(key.at, bytes_of_bits(first_bits + (key.count - 1) * key.width));
  if (!from) { return std::unexpected(std::move(from.error())); }
  return Steps{.from = *from,
               .bit = first_bits,
               .width = key.width,
               .count = key.count,
               .first = read_bits(*from, 0, first_bits)};
}

Result<Steps> open_chunk(const RunBytes& bytes, const RunKey& key, std::uint64_t chunk) {
  if (!key.is_list()) { return open_packed(bytes, key); }
  auto entry = bytes.view(chunk_entry(key, chunk), kChunkEntryBytes);
  if (!entry) { return std::unexpected(std::move(entry.error())); }
  const std::uint64_t first = load_number<std::uint32_t>(*entry);
  const std::uint64_t end = load_number<std::uint32_t>(*entry + sizeof(std::uint32_t));
  std::uint64_t begin = 0;
  if (chunk > 0) {
    auto before = bytes.view(chunk_entry(key, chunk - 1), kChunkEntryBytes);
    if (!before) { return std::unexpected(std::move(before.error())); }
    begin = load_number<std::uint32_t>(*before + sizeof(std::uint32_t));
  }
  if (begin > end || end > key.units || end - begin > kStepBitsMax) { return std::unexpected(in_disorder(bytes, key)); }
  auto from = bytes.view(key.at + begin * kListUnitBytes, (end - begin) * kListUnitBytes);
  if (!from) { return std::unexpected(std::move(from.error())); }
  const auto width = static_cast<unsigned>(end - begin);
  return Steps{.from = *from,
               .bit = width,
               .width = width,
               .count = std::min(kPositionsPerChunk, key.count - chunk * kPositionsPerChunk),
               .first = first};
}

}  // namespace

Result<std::size_t> read_positions(const RunBytes& bytes, const RunKey& key, std::uint64_t nth,
                                   std::span<Position> into) {
  if (nth >= key.count || into.empty()) { return 0; }
  const auto wanted = static_cast<std::size_t>(std::min<std::uint64_t>(into.size(), key.count - nth));
  const Position first = Position(bytes.header().first);
  const std::uint64_t end = bytes.header().event_count();
  std::size_t given = 0;
  std::uint64_t lowest = 0;  // that the next chunk may begin with
  while (given < wanted) {
    const std::uint64_t here = nth + given;
    auto steps = open_chunk(bytes, key, here / kPositionsPerChunk);
    if (!steps) { return std::unexpected(std::move(steps.error())); }
    const std::uint64_t skipped = here % kPositionsPerChunk;
    std::uint64_t at = steps->first;
    if (at < lowest) { return std::unexpected(in_disorder(bytes, key)); }
    for (std::uint64_t i = 0; i < skipped; ++i) { at += step(*steps, i); }
    const std::uint64_t until = std::min(steps->count, skipped + (wanted - given));
    into[given++] = first + at;
    for (std::uint64_t i = skipped; i + 1 < until; ++i) {
      at += step(*steps, i);
      into[given++] = first + at;
    }
    if (at >= end) { return std::unexpected(in_disorder(bytes, key)); }
    lowest = at + 1;
  }
  return given;
}

Result<std::uint64_t> count_positions_below(const RunBytes& bytes, const RunKey& key, Position end) {
  const std::uint64_t first = bytes.header().first;
  if (end.value() <= first) { return 0; }
  if (end.value() >= bytes.header().end) { return key.count; }
  const std::uint64_t wanted = end.value() - first;
  std::uint64_t chunk = 0;  // the last that begins below, or the first
  if (key.is_list()) {
    if (key.last < wanted) { return key.count; }
    for (std::uint64_t n = chunk_count(key) - 1; n > 0;) {
      const std::uint64_t half = (n + 1) / 2;
      auto entry = bytes.view(chunk_entry(key, chunk + half), kChunkEntryBytes);
      if (!entry) { return std::unexpected(std::move(entry.error())); }
      const bool below = load_number<std::uint32_t>(*entry) < wanted;
      chunk += below ? half : 0;
      n = below ? n - half : half - 1;
    }
  }
  auto steps = open_chunk(bytes, key, chunk);
  if (!steps) { return std::unexpected(std::move(steps.error())); }
  std::uint64_t at = steps->first;
  std::uint64_t below = 0;
  while (at < wanted) {
    ++below;
    if (below == steps->count) { break; }
    at += step(*steps, below - 1);
  }
  return chunk * kPositionsPerChunk + below;
}

Result<Position> last_position(const RunBytes& bytes, const RunKey& key) {
  const Position first = Position(bytes.header().first);
  if (key.is_list()) { return first + key.last; }
  auto steps = open_packed(bytes, key);
  if (!steps) { return std::unexpected(std::move(steps.error())); }
  std::uint64_t at = steps->first;
  for (std::uint64_t i = 0; i + 1 < steps->count; ++i) { at += step(*steps, i); }
  if (at >= bytes.header().event_count()) { return std::unexpected(in_disorder(bytes, key)); }
  return first + at;
}

}  // namespace tidemark::index
