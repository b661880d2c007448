// SPDX-License-Identifier: Apache-2.0
#include "index/memory_key_index.h"

#include <algorithm>
#include <mutex>

namespace tidemark::index {

namespace {

std::uint64_t count_below(const std::vector<Position>& positions, Position end) {
  if (positions.empty() || positions.back() < end) { return positions.size(); }
  return static_cast<std::uint64_t>(std::ranges::lower_bound(positions, end) - positions.begin());
}

}  // namespace

void MemoryKeyIndex::add(const Key& key, Position position) {
  Shard& home = shard(key);
  const std::unique_lock lock(home.mutex);
  const auto found = home.table(key.kind).find(key);
  if (found != home.table(key.kind).end()) {
    std::vector<Position>& positions = found->second->positions;
    if (positions.empty() || positions.back() != position) { positions.push_back(position); }
    return;
  }
  Postings& postings = home.postings.emplace_back();
  postings.name = key.name;
  postings.positions.push_back(position);
  home.table(key.kind).emplace(Key{key.kind, postings.name, key.hash}, &postings);
}

std::uint64_t MemoryKeyIndex::count(const Key& key, Position end) const {
  const Shard& home = shard(key);
  const std::shared_lock lock(home.mutex);
  const auto found = home.table(key.kind).find(key);
  return found == home.table(key.kind).end() ? 0 : count_below(found->second->positions, end);
}

std::size_t MemoryKeyIndex::positions(const Key& key, std::uint64_t ordinal, std::span<Position> into,
                                      Position end) const {
  const Shard& home = shard(key);
  const std::shared_lock lock(home.mutex);
  const auto found = home.table(key.kind).find(key);
  if (found == home.table(key.kind).end()) { return 0; }
  const std::vector<Position>& all = found->second->positions;
  const std::uint64_t known = count_below(all, end);
  if (ordinal >= known) { return 0; }
  const auto n = static_cast<std::size_t>(std::min<std::uint64_t>(known - ordinal, into.size()));
  std::copy_n(all.begin() + static_cast<std::ptrdiff_t>(ordinal), n, into.begin());
  return n;
}

std::vector<MemoryKeyIndex::Entry> MemoryKeyIndex::list(KeyKind kind, const NamePage& page, Position end) const {
  // Names are copied once the locks are gone: who adds waits for them.
  struct Found {
    std::string_view name;
    std::uint64_t count;
    Position last;
  };
  std::vector<Found> found;
  const auto cut = [&] {
    if (found.size() <= page.limit) { return; }
    const auto last = found.begin() + static_cast<std::ptrdiff_t>(page.limit);
    std::ranges::nth_element(found, last, {}, &Found::name);
    found.erase(last, found.end());
  };
  for (const Shard& one : shards_) {
    const std::shared_lock lock(one.mutex);
    for (const auto& [key, postings] : one.table(kind)) {
      if (key.name <= page.after || !key.name.starts_with(page.prefix)) { continue; }
      const std::uint64_t known = count_below(postings->positions, end);
      if (known > 0) { found.push_back({postings->name, known, postings->positions[known - 1]}); }
      if (found.size() / 2 > page.limit) { cut(); }
    }
  }
  cut();
  std::ranges::sort(found, {}, &Found::name);
  std::vector<Entry> entries;
  entries.reserve(found.size());
  for (const Found& one : found) { entries.push_back({std::string(one.name), one.count, one.last}); }
  return entries;
}

std::uint64_t MemoryKeyIndex::key_count(KeyKind kind, Position end) const {
  std::uint64_t n = 0;
  for_each(kind, end, [&](const Key&) { ++n; });
  return n;
}

void MemoryKeyIndex::for_each(KeyKind kind, Position end, const std::function<void(const Key&)>& visit) const {
  for (const Shard& one : shards_) {
    const std::shared_lock lock(one.mutex);
    for (const auto& [key, postings] : one.table(kind)) {
      if (postings->positions.front() < end) { visit(key); }
    }
  }
}

void MemoryKeyIndex::for_each_whole(const std::function<void(const Key&, std::span<const Position>)>& visit) const {
  for (const Shard& one : shards_) {
    const std::shared_lock lock(one.mutex);
    for (const auto& table : one.tables) {
      for (const auto& [key, postings] : table) { visit(key, postings->positions); }
    }
  }
}

}  // namespace tidemark::index
