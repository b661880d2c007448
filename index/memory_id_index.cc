// SPDX-License-Identifier: Apache-2.0
#include "index/memory_id_index.h"

#include <mutex>

namespace tidemark::index {

void MemoryIdIndex::add(const EventId& id, Position position) {
  Shard& home = shards_[shard_of(id)];
  const std::unique_lock lock(home.mutex);
  home.table.emplace(id, position);  // the first holds: a store never gives one id to two events
}

std::optional<Position> MemoryIdIndex::find(const EventId& id, Position end) const {
  const Shard& home = shards_[shard_of(id)];
  const std::shared_lock lock(home.mutex);
  const auto found = home.table.find(id);
  if (found == home.table.end() || found->second >= end) { return std::nullopt; }
  return found->second;
}

std::uint64_t MemoryIdIndex::size() const {
  std::uint64_t n = 0;
  for (const Shard& one : shards_) {
    const std::shared_lock lock(one.mutex);
    n += one.table.size();
  }
  return n;
}

void MemoryIdIndex::for_each_whole(const std::function<void(const EventId&, Position)>& visit) const {
  for (const Shard& one : shards_) {
    const std::shared_lock lock(one.mutex);
    for (const auto& [id, position] : one.table) { visit(id, position); }
  }
}

}  // namespace tidemark::index
