// SPDX-License-Identifier: Apache-2.0
#include "index/memory_run_source.h"

#include <algorithm>

#include "index/bits.h"
#include "index/guarded.h"
#include "index/name_order.h"
#include "platform/sort.h"

namespace tidemark::index {

namespace {

static_assert(MemoryRunSource::kEventsMax == std::uint64_t{1} << kPackedPositionBits);

constexpr std::size_t kAhead = 8;  // keys

}  // namespace

Status MemoryRunSource::add(std::span<const Key> keys, std::optional<EventId> id, const Place& place) {
  return guarded([&]() -> Status {
    if (places_.size() == kEventsMax) {
      return std::unexpected(Error(ErrorCode::kLimitExceeded, "an index run is built of at most 268,435,456 events"));
    }
    const auto position = static_cast<std::uint32_t>(places_.size());
    for (const Key& key : keys) {
      const std::uint32_t number = entry_of(key);
      Entry& entry = entries_[number];
      if (entry.count > 0 && entry.last == position) { continue; }
      uses_.push_back({.key = number, .position = position});
      ++entry.count;
      entry.last = position;
    }
    if (id) { ids_.push_back(packed_id(id_table_hash(id_hasher_(*id)), position)); }
    places_.push_back(place);
    return {};
  });
}

std::uint32_t MemoryRunSource::entry_of(const Key& key) {
  if (entries_.size() * 2 >= slots_.size()) { grow(); }
  const std::size_t mask = slots_.size() - 1;
  for (std::size_t slot = key.hash.high & mask;; slot = (slot + 1) & mask) {
    if (slots_[slot] == 0) {
      entries_.push_back({.hash_low = key.hash.low,
                          .hash_high = key.hash.high,
                          .name_at = names_.size(),
                          .name_size = static_cast<std::uint32_t>(key.name.size()),
                          .count = 0,
                          .last = 0,
                          .kind = key.kind});
      names_ += key.name;
      slots_[slot] = static_cast<std::uint32_t>(entries_.size());
      return slots_[slot] - 1;
    }
    const std::uint32_t number = slots_[slot] - 1;
    const Entry& entry = entries_[number];
    if (entry.hash_low == key.hash.low && entry.hash_high == key.hash.high && entry.kind == key.kind &&
        name_of(entry) == key.name) {
      return number;
    }
  }
}

void MemoryRunSource::grow() {
  std::vector<std::uint32_t> slots(std::max<std::size_t>(slots_.size() * 2, 64));
  const std::size_t mask = slots.size() - 1;
  for (std::size_t i = 0; i < entries_.size(); ++i) {
    std::size_t slot = entries_[i].hash_high & mask;
    while (slots[slot] != 0) { slot = (slot + 1) & mask; }
    slots[slot] = static_cast<std::uint32_t>(i + 1);
  }
  slots_ = std::move(slots);
}

Status MemoryRunSource::start() {
  return guarded([&]() -> Status {
    sort_keys();
    sort_positions();
    platform::sort_numbers(ids_);
    next_id_ = 0;
    next_place_ = 0;
    return rewind_keys();
  });
}

void MemoryRunSource::sort_keys() {
  std::vector<platform::Keyed> sorted;
  order_.clear();
  order_.reserve(entries_.size());
  for (const KeyKind kind : kKeyKinds) {
    sorted.clear();
    for (std::uint32_t i = 0; i < entries_.size(); ++i) {
      if (entries_[i].kind == kind) { sorted.push_back({.key = 0, .value = i}); }
    }
    sort_by_name(sorted, [this](std::uint32_t number) { return name_of(entries_[number]); });
    for (const platform::Keyed& one : sorted) { order_.push_back(one.value); }
  }
}

void MemoryRunSource::sort_positions() {
  std::vector<std::uint64_t> next(entries_.size());
  std::uint64_t begin = 0;
  for (const std::uint32_t number : order_) {
    next[number] = begin;
    begin += entries_[number].count;
  }
  positions_.resize(uses_.size());
  for (const Use& use : uses_) { positions_[next[use.key]++] = use.position; }
}

Status MemoryRunSource::rewind_keys() {
  next_key_ = 0;
  next_position_ = 0;
  positions_end_ = 0;
  return {};
}

Result<bool> MemoryRunSource::next_key(KeyHead& into) {
  if (next_key_ == order_.size()) { return false; }
  // In the order of their names, entries lie anywhere.
  if (next_key_ + 2 * kAhead < order_.size()) {
    __builtin_prefetch(&entries_[order_[next_key_ + 2 * kAhead]]);
    __builtin_prefetch(names_.data() + entries_[order_[next_key_ + kAhead]].name_at);
  }
  const Entry& entry = entries_[order_[next_key_++]];
  const std::string_view name = name_of(entry);
  const Key key{.kind = entry.kind, .name = name, .hash = {.low = entry.hash_low, .high = entry.hash_high}};
  auto base = base_of_(key);
  if (!base) { return std::unexpected(std::move(base.error())); }
  into = {.kind = entry.kind, .name = name, .base = *base, .count = entry.count};
  next_position_ = positions_end_;
  positions_end_ += entry.count;
  return true;
}

Status MemoryRunSource::next_positions(std::span<std::uint32_t> into) {
  std::copy_n(positions_.begin() + static_cast<std::ptrdiff_t>(next_position_), into.size(), into.begin());
  next_position_ += into.size();
  return {};
}

Status MemoryRunSource::next_ids(std::span<HashedValue> into) {
  for (HashedValue& entry : into) { entry = unpacked_id(ids_[next_id_++]); }
  return {};
}

Status MemoryRunSource::next_places(std::span<Place> into) {
  std::copy_n(places_.begin() + static_cast<std::ptrdiff_t>(next_place_), into.size(), into.begin());
  next_place_ += into.size();
  return {};
}

}  // namespace tidemark::index
