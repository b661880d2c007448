// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>

#include "engine/log/body_keys.h"
#include "engine/log/log_point.h"
#include "index/growing_table.h"
#include "index/memory_id_index.h"
#include "index/memory_key_index.h"
#include "tidemark/types.hpp"

namespace tidemark::engine {

// Where an event stands: its frame's log offset, and the event's offset in the frame's body.
struct EventPlace {
  Offset frame;
  std::uint32_t event = 0;

  // Of a lost event: it stands nowhere.
  [[nodiscard]] static EventPlace nowhere() { return {Offset(UINT64_MAX), 0}; }
  [[nodiscard]] bool is_nowhere() const { return frame == Offset(UINT64_MAX); }
};

// What is derived from the log: which positions a stream, category, type or tag has, which position an id has, where a
// position stands. In memory, built from the log at opening. One thread adds, in position order; any may ask for what
// was published to it.
class Catalog {
 public:
  // All may throw std::bad_alloc. Adding an event that is there already (after such a throw) is not supported.
  void add(const BodyKeys& keys, const EventNames& event, const EventId& id, const EventPlace& place) {
    const Position position(places_.size());
    keys_.add(keys.stream(event.stream), position);
    if (!keys.category(event.stream).name.empty()) { keys_.add(keys.category(event.stream), position); }
    keys_.add(keys.type(event.type), position);
    for (const std::uint32_t tag : event.tags) { keys_.add(keys.tag(tag), position); }
    ids_.add(id, position);
    places_.add(place);
  }

  [[nodiscard]] Position end() const { return Position(places_.size()); }  // of the adding thread
  [[nodiscard]] const index::KeyIndex& keys() const { return keys_; }
  [[nodiscard]] std::optional<Position> find(const EventId& id, Position end) const { return ids_.find(id, end); }
  [[nodiscard]] const EventPlace& place(Position position) const { return places_[position.value()]; }

 private:
  index::MemoryKeyIndex keys_;
  index::MemoryIdIndex ids_;
  index::GrowingTable<EventPlace> places_;
};

}  // namespace tidemark::engine
