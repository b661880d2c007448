// SPDX-License-Identifier: Apache-2.0
#include "index/memory_id_index.h"

#include <algorithm>
#include <mutex>
#include <utility>

namespace tidemark::index {

namespace {

constexpr std::size_t kEntriesFirst = 64;

}  // namespace

template <class Entries>
auto& MemoryIdIndex::entry_of(Entries& entries, const EventId& id) {
  const std::size_t mask = entries.size() - 1;
  std::size_t at = EventIdHash()(id) & mask;
  while (entries[at].position != kNone && entries[at].id != id) { at = (at + 1) & mask; }
  return entries[at];
}

void MemoryIdIndex::grow(Shard& shard) {
  std::vector<Entry> larger(std::max(2 * shard.entries.size(), kEntriesFirst));
  for (const Entry& entry : shard.entries) {
    if (entry.position != kNone) { entry_of(larger, entry.id) = entry; }
  }
  shard.entries = std::move(larger);
}

void MemoryIdIndex::add(const EventId& id, Position position) {
  Shard& home = shards_[shard_of(id)];
  const std::unique_lock lock(home.mutex);
  if (3 * (home.count + 1) > 2 * home.entries.size()) { grow(home); }
  Entry& entry = entry_of(home.entries, id);
  if (entry.position != kNone) { return; }  // the first holds: a store never gives one id to two events
  entry = {id, position};
  ++home.count;
}

std::optional<Position> MemoryIdIndex::find(const EventId& id, Position end) const {
  const Shard& home = shards_[shard_of(id)];
  const std::shared_lock lock(home.mutex);
  if (home.entries.empty()) { return std::nullopt; }
  const Entry& found = entry_of(home.entries, id);
  if (found.position == kNone || found.position >= end) { return std::nullopt; }
  return found.position;
}

std::uint64_t MemoryIdIndex::size() const {
  std::uint64_t n = 0;
  for (const Shard& one : shards_) {
    const std::shared_lock lock(one.mutex);
    n += one.count;
  }
  return n;
}

void MemoryIdIndex::for_each_whole(const std::function<void(const EventId&, Position)>& visit) const {
  for (const Shard& one : shards_) {
    const std::shared_lock lock(one.mutex);
    for (const Entry& entry : one.entries) {
      if (entry.position != kNone) { visit(entry.id, entry.position); }
    }
  }
}

}  // namespace tidemark::index
