// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <deque>
#include <shared_mutex>
#include <string>
#include <unordered_map>
#include <vector>

#include "index/key_index.h"

namespace tidemark::index {

// A KeyIndex in memory. Sharded, so that readers of one key seldom meet the one who adds another.
class MemoryKeyIndex final : public KeyIndex {
 public:
  // Adds a position, no lower than any the key has; one that it has already changes nothing. One thread at a time. May
  // throw std::bad_alloc; the key then has the position or not.
  void add(const Key& key, Position position);

  std::uint64_t count(const Key& key, Position end) const override;
  std::size_t positions(const Key& key, std::uint64_t ordinal, std::span<Position> into, Position end) const override;
  std::vector<Entry> list(KeyKind kind, const Page& page, Position end) const override;
  std::uint64_t key_count(KeyKind kind, Position end) const override;

 private:
  struct Postings {
    std::string name;
    std::vector<Position> positions;
  };
  struct Shard {
    mutable std::shared_mutex mutex;
    std::deque<Postings> postings;  // stable addresses: the table's keys look at the names in here
    std::unordered_map<Key, Postings*, KeyHash> table;
  };
  static constexpr std::size_t kShards = 16;

  [[nodiscard]] Shard& shard(const Key& key) { return shards_[key.hash.high % kShards]; }
  [[nodiscard]] const Shard& shard(const Key& key) const { return shards_[key.hash.high % kShards]; }

  std::array<Shard, kShards> shards_;
};

}  // namespace tidemark::index
