// SPDX-License-Identifier: Apache-2.0
#include "platform/sim/sim_file_data.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <new>

namespace tidemark::platform {

namespace {

// Far beyond any test, and still an amount that every allocator refuses politely.
constexpr std::uint64_t kCapacityMax = std::uint64_t{1} << 36;

}  // namespace

std::size_t SimFileData::read(std::span<std::byte> into, std::uint64_t offset) const {
  if (offset >= size_ || into.empty()) return 0;
  const auto n = static_cast<std::size_t>(std::min<std::uint64_t>(into.size(), size_ - offset));
  std::memcpy(into.data(), memory_.get() + offset, n);
  return n;
}

void SimFileData::write(std::span<const std::byte> bytes, std::uint64_t offset) {
  if (bytes.empty()) return;
  const std::uint64_t end = offset + bytes.size();
  if (end > capacity_) reserve(std::max(end, 2 * capacity_));
  remember(offset, end);
  std::memcpy(memory_.get() + offset, bytes.data(), bytes.size());
  touched_ = std::max(touched_, end);
  size_ = std::max(size_, end);
}

void SimFileData::grow(std::uint64_t size) {
  reserve(size);
  size_ = std::max(size_, size);
}

void SimFileData::write_zeros(std::uint64_t size) {
  grow(size);
  const std::uint64_t end = std::min(size, touched_);
  if (end == 0) return;
  remember(0, end);
  std::memset(memory_.get(), 0, end);
}

void SimFileData::sync() {
  unsynced_.clear();
  synced_size_ = size_;
}

void SimFileData::fail_sync() {
  lost_.merge(unsynced_);
  unsynced_.clear();
}

void SimFileData::replace(std::span<const std::byte> bytes) {
  reserve(bytes.size());
  if (touched_ > 0) std::memset(memory_.get(), 0, touched_);
  if (!bytes.empty()) std::memcpy(memory_.get(), bytes.data(), bytes.size());
  touched_ = std::max<std::uint64_t>(touched_, bytes.size());
  size_ = bytes.size();
  lost_.clear();
  sync();
}

void SimFileData::crash(SimDice& dice, double keep, bool tear) {
  const bool keep_size = size_ == synced_size_ || dice.happens(keep);
  crash(keep_size, [&](std::uint64_t) -> std::uint64_t {
    if (!dice.happens(keep)) return 0;
    return tear && dice.happens(0.5) ? dice.below(kBlockSize) : kBlockSize;
  });
}

void SimFileData::crash(bool keep_size, const std::function<std::uint64_t(std::uint64_t)>& kept) {
  const bool cut = size_ != synced_size_ && !keep_size;
  // Who has a mapping from before the crash goes on seeing what was there: nothing writes under its feet.
  if ((cut || !unsynced_.empty() || !lost_.empty()) && memory_.use_count() > 1) move_to(capacity_);
  for (const auto& [block, synced] : unsynced_) {
    if (const std::uint64_t bytes = kept(block); bytes < kBlockSize) restore(block, synced.get(), bytes);
  }
  for (const auto& [block, synced] : lost_) { restore(block, synced.get(), 0); }
  lost_.clear();
  if (cut) {
    if (touched_ > synced_size_) std::memset(memory_.get() + synced_size_, 0, touched_ - synced_size_);
    size_ = synced_size_;
  }
  sync();
}

void SimFileData::reserve(std::uint64_t capacity) {
  if (capacity > capacity_) move_to(capacity);
}

// The new memory comes from calloc: big pieces cost nothing until they are written to.
void SimFileData::move_to(std::uint64_t capacity) {
  if (capacity > kCapacityMax) throw std::bad_alloc();
  const std::uint64_t whole = (capacity + kBlockSize - 1) / kBlockSize * kBlockSize;
  auto* const fresh = static_cast<std::byte*>(std::calloc(whole, 1));
  if (fresh == nullptr) throw std::bad_alloc();
  std::shared_ptr<std::byte[]> owned(fresh, [](std::byte* memory) { std::free(memory); });
  if (touched_ > 0) std::memcpy(fresh, memory_.get(), touched_);
  memory_ = std::move(owned);
  capacity_ = whole;
}

// Keeps the synced bytes of the blocks in [begin, end), which are about to change for the first time since the sync.
void SimFileData::remember(std::uint64_t begin, std::uint64_t end) {
  for (std::uint64_t block = begin / kBlockSize; block * kBlockSize < end; ++block) {
    if (auto lost = lost_.extract(block)) {
      unsynced_.insert(std::move(lost));
      continue;
    }
    const auto [entry, is_new] = unsynced_.try_emplace(block);
    if (!is_new || block * kBlockSize >= touched_) continue;
    const std::span now(memory_.get() + block * kBlockSize, kBlockSize);
    if (std::ranges::all_of(now, [](std::byte byte) { return byte == std::byte{0}; })) continue;
    entry->second = std::make_unique<Block>();
    std::ranges::copy(now, entry->second->begin());
  }
}

// Puts the synced bytes of a block back, from its byte `from` on.
void SimFileData::restore(std::uint64_t block, const Block* synced, std::uint64_t from) {
  std::byte* const at = memory_.get() + block * kBlockSize + from;
  if (synced != nullptr) {
    std::memcpy(at, synced->data() + from, kBlockSize - from);
  } else {
    std::memset(at, 0, kBlockSize - from);
  }
}

}  // namespace tidemark::platform
