// SPDX-License-Identifier: Apache-2.0
#include "index/memory_id_index.h"

namespace tidemark::index {

namespace {

std::uint32_t slot_hash(const EventId& id) { return static_cast<std::uint32_t>(EventIdHash()(id)); }

}  // namespace

void MemoryIdIndex::add(const EventId& id, Position position) {
  const std::uint32_t hash = slot_hash(id);
  if (slots_.find(hash, [&](std::uint32_t n) { return entries_[n].id == id; })) { return; }
  slots_.make_room();
  const auto number = static_cast<std::uint32_t>(entries_.size());
  entries_.add({id, position});
  slots_.add(hash, number);
}

void MemoryIdIndex::prefetch(const EventId& id) const { slots_.prefetch(slot_hash(id)); }

std::optional<Position> MemoryIdIndex::find(const EventId& id, Position end) const {
  const auto number = slots_.find(slot_hash(id), [&](std::uint32_t n) { return entries_[n].id == id; });
  if (!number || entries_[*number].position >= end) { return std::nullopt; }
  return entries_[*number].position;
}

}  // namespace tidemark::index
