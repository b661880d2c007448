// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <limits>
#include <optional>
#include <shared_mutex>
#include <vector>

#include "platform/checksum.h"
#include "tidemark/event.hpp"
#include "tidemark/types.hpp"

namespace tidemark::index {

struct EventIdHash {
  std::size_t operator()(const EventId& id) const { return static_cast<std::size_t>(platform::xxh3_64(id.bytes())); }
};

// Event id -> position, in memory. Safe to ask from many threads while one adds.
class MemoryIdIndex {
 public:
  // Below 2^64 - 1. One thread at a time. May throw std::bad_alloc; nothing is added then.
  void add(const EventId& id, Position position);
  // The position of the event with this id, if there is one below end.
  [[nodiscard]] std::optional<Position> find(const EventId& id, Position end) const;

  // The rest only once nobody adds any more.
  [[nodiscard]] std::uint64_t size() const;
  void for_each_whole(const std::function<void(const EventId&, Position)>& visit) const;

 private:
  static constexpr Position kNone = Position(std::numeric_limits<std::uint64_t>::max());
  struct Entry {
    EventId id;
    Position position = kNone;
  };
  // Entries beside each other, each at its hash or behind what stands there: no memory of its own for an id.
  struct Shard {
    mutable std::shared_mutex mutex;
    std::vector<Entry> entries;  // none, or a power of two
    std::uint64_t count = 0;
  };
  static constexpr std::size_t kShards = 16;
  static std::size_t shard_of(const EventId& id) { return static_cast<std::size_t>(id.bytes()[15]) % kShards; }
  // The id's entry, or the free one for it. There is one that is free.
  template <class Entries>
  static auto& entry_of(Entries& entries, const EventId& id);
  static void grow(Shard& shard);

  std::array<Shard, kShards> shards_;
};

}  // namespace tidemark::index
