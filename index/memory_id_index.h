// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <optional>

#include "index/arena.h"
#include "index/growing_table.h"
#include "index/hash_slots.h"
#include "platform/checksum.h"
#include "tidemark/event.hpp"
#include "tidemark/types.hpp"

namespace tidemark::index {

struct EventIdHash {
  std::size_t operator()(const EventId& id) const { return static_cast<std::size_t>(platform::xxh3_64(id.bytes())); }
};

// Event id -> position, in memory. One thread adds; any may ask, without a lock.
class MemoryIdIndex {
 public:
  explicit MemoryIdIndex(Arena& memory) : slots_(memory), entries_(memory) {}

  // The first position of an id holds: a store never gives one id to two events. May throw std::bad_alloc; nothing is
  // added then.
  void add(const EventId& id, Position position);
  void reserve_as(const MemoryIdIndex& other) { slots_.reserve(other.slots_.count()); }
  // Asks the processor for what add() and find() look at first.
  void prefetch(const EventId& id) const;
  // The position of the event with this id, if there is one below end, which was published after what lies below it was
  // added.
  [[nodiscard]] std::optional<Position> find(const EventId& id, Position end) const;

  // The rest only once nobody adds any more.
  [[nodiscard]] std::uint64_t size() const { return entries_.size(); }
  struct Entry {
    EventId id;
    Position position;
  };
  [[nodiscard]] const Entry& entry(std::uint64_t n) const { return entries_[n]; }

 private:
  HashSlots slots_;
  GrowingTable<Entry, 64> entries_;
};

}  // namespace tidemark::index
