// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <shared_mutex>
#include <unordered_map>

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
  // One thread at a time. May throw std::bad_alloc.
  void add(const EventId& id, Position position);
  // The position of the event with this id, if there is one below end.
  [[nodiscard]] std::optional<Position> find(const EventId& id, Position end) const;

  // The rest only once nobody adds any more.
  [[nodiscard]] std::uint64_t size() const;
  void for_each_whole(const std::function<void(const EventId&, Position)>& visit) const;

 private:
  struct Shard {
    mutable std::shared_mutex mutex;
    std::unordered_map<EventId, Position, EventIdHash> table;
  };
  static constexpr std::size_t kShards = 16;
  static std::size_t shard_of(const EventId& id) { return static_cast<std::size_t>(id.bytes()[15]) % kShards; }

  std::array<Shard, kShards> shards_;
};

}  // namespace tidemark::index
