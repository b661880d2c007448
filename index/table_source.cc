// SPDX-License-Identifier: Apache-2.0
#include "index/table_source.h"

#include <algorithm>
#include <new>
#include <tuple>

#include "index/run_format.h"

namespace tidemark::index {

Status TableSource::start() {
  try {
    keys_.clear();
    table_->keys.for_each_whole(
        [&](const Key& key, const MemoryKeyIndex::Positions& positions) { keys_.push_back({key, positions}); });
    std::ranges::sort(keys_, {}, [](const Entry& entry) { return std::tuple(entry.key.kind, entry.key.name); });
    if (auto done = find_bases(); !done) { return done; }
    ids_.clear();
    ids_.reserve(table_->ids.size());
    table_->ids.for_each_whole([&](const EventId& id, Position position) {
      ids_.push_back({id_table_hash(hash_id(id)), position - table_->first});
    });
    std::ranges::sort(ids_);
  } catch (const std::bad_alloc&) { return std::unexpected(Error(ErrorCode::kOutOfMemory, "out of memory")); }
  next_key_ = next_position_ = next_id_ = 0;
  next_place_ = 0;
  return {};
}

Status TableSource::find_bases() {
  std::vector<const Key*> unknown;
  bases_.clear();
  for (const Entry& entry : keys_) {
    bases_.push_back(entry.positions.before().value_or(0));
    if (!entry.positions.before()) { unknown.push_back(&entry.key); }
  }
  std::vector<std::uint64_t> found(unknown.size());
  if (auto done = bases_of_(unknown, found); !done) { return done; }
  std::size_t next = 0;
  for (std::size_t i = 0; i < keys_.size(); ++i) {
    if (!keys_[i].positions.before()) { bases_[i] = found[next++]; }
  }
  return {};
}

Result<bool> TableSource::next_key(KeyHead& into) {
  if (next_key_ == keys_.size()) { return false; }
  const Entry& entry = keys_[next_key_];
  into = {entry.key.kind, entry.key.name, bases_[next_key_], entry.positions.size()};
  ++next_key_;
  next_position_ = 0;
  return true;
}

Status TableSource::next_positions(std::span<std::uint32_t> into) {
  const Entry& entry = keys_[next_key_ - 1];
  for (std::uint32_t& position : into) {
    position = static_cast<std::uint32_t>(entry.positions[next_position_++] - table_->first);
  }
  return {};
}

Status TableSource::rewind_keys() {
  next_key_ = next_position_ = 0;
  return {};
}

Status TableSource::next_ids(std::span<HashedValue> into) {
  std::copy_n(ids_.begin() + static_cast<std::ptrdiff_t>(next_id_), into.size(), into.begin());
  next_id_ += into.size();
  return {};
}

Status TableSource::next_places(std::span<Place> into) {
  for (Place& place : into) { place = table_->places[next_place_++]; }
  return {};
}

}  // namespace tidemark::index
