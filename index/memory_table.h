// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "index/arena.h"
#include "index/growing_table.h"
#include "index/memory_id_index.h"
#include "index/memory_key_index.h"
#include "index/run_places.h"
#include "tidemark/types.hpp"

namespace tidemark::index {

// What is known of the newest events, in memory: from the position `first` on. One thread adds, in position order; any
// may ask for what was published to it.
struct MemoryTable {
  explicit MemoryTable(Position from) : first(from) {}

  [[nodiscard]] Position end() const { return first + places.size(); }  // of the adding thread
  [[nodiscard]] const Place& place(Position position) const { return places[position - first]; }

  const Position first;
  Arena memory;
  MemoryKeyIndex keys{memory};
  MemoryIdIndex ids{memory};
  GrowingTable<Place> places{memory};
};

}  // namespace tidemark::index
