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

}  // namespace tidemark::index
