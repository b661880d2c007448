// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <functional>
#include <shared_mutex>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "index/key.h"
#include "tidemark/types.hpp"

namespace tidemark::index {

// Which names of a list.
struct NamePage {
  std::string_view prefix = {};  // those that begin with this
  std::string_view after = {};   // and come after this one in byte order
  std::uint64_t limit = UINT64_MAX;
};

// Key -> the positions of its events, in order, in memory. Sharded, so that readers of one key seldom meet the one who
// adds another.
//
// Every question names an end: positions from there on do not exist for it. Safe to ask from many threads while one
// adds.
class MemoryKeyIndex {
 public:
  // Adds a position, no lower than any the key has; one that it has already changes nothing. One thread at a time. May
  // throw std::bad_alloc; the key then has the position or not.
  void add(const Key& key, Position position);

  // How many of the key's positions are below end.
  [[nodiscard]] std::uint64_t count(const Key& key, Position end) const;
  // The key's positions from the ordinal-th on, below end: as many as fit; gives how many.
  [[nodiscard]] std::size_t positions(const Key& key, std::uint64_t ordinal, std::span<Position> into,
                                      Position end) const;

  struct Entry {
    std::string name;
    std::uint64_t count;
    Position last;
  };
  // The keys of a kind with a position below end, in the byte order of their names.
  [[nodiscard]] std::vector<Entry> list(KeyKind kind, const NamePage& page, Position end) const;
  // How many keys of a kind have a position below end.
  [[nodiscard]] std::uint64_t key_count(KeyKind kind, Position end) const;
  // Calls visit for each of them, in no order, with a lock held. The names stay as long as the index.
  void for_each(KeyKind kind, Position end, const std::function<void(const Key&)>& visit) const;
  // Calls visit for each key of every kind, with its positions. Only once nobody adds any more.
  void for_each_whole(const std::function<void(const Key&, std::span<const Position>)>& visit) const;

 private:
  struct Postings {
    std::string name;
    std::vector<Position> positions;
  };
  struct Shard {
    mutable std::shared_mutex mutex;
    std::deque<Postings> postings;  // stable addresses: the tables' keys look at the names in here, and names stay
    std::array<std::unordered_map<Key, Postings*, KeyHash>, 4> tables;  // a kind

    [[nodiscard]] auto& table(KeyKind kind) { return tables[static_cast<std::size_t>(kind) - 1]; }
    [[nodiscard]] const auto& table(KeyKind kind) const { return tables[static_cast<std::size_t>(kind) - 1]; }
  };
  static constexpr std::size_t kShards = 16;

  [[nodiscard]] Shard& shard(const Key& key) { return shards_[key.hash.high % kShards]; }
  [[nodiscard]] const Shard& shard(const Key& key) const { return shards_[key.hash.high % kShards]; }

  std::array<Shard, kShards> shards_;
};

}  // namespace tidemark::index
