// SPDX-License-Identifier: Apache-2.0
#include "index/table_source.h"

#include "index/guarded.h"
#include "index/name_order.h"
#include "index/run_format.h"
#include "platform/sort.h"

namespace tidemark::index {

namespace {

constexpr std::uint64_t kUnknown = UINT64_MAX;
constexpr std::size_t kAhead = 8;  // keys

}  // namespace

Status TableSource::start() {
  if (end() - first() > std::uint64_t{1} << kPackedPositionBits) {
    return std::unexpected(Error(ErrorCode::kLimitExceeded, "an index file is made of at most 268,435,456 events"));
  }
  return guarded([&]() -> Status {
    sort_keys();
    if (auto done = find_bases(); !done) { return done; }
    sort_ids();
    next_id_ = 0;
    next_place_ = 0;
    return rewind_keys();
  });
}

void TableSource::sort_keys() {
  std::size_t count = 0;
  for (const KeyKind kind : kKeyKinds) { count += table_->keys.whole_count(kind); }
  keys_.clear();
  keys_.reserve(count);
  std::vector<platform::Keyed> sorted;
  for (const KeyKind kind : kKeyKinds) {
    sorted.resize(table_->keys.whole_count(kind));
    for (std::uint32_t n = 0; n < sorted.size(); ++n) { sorted[n] = {.key = 0, .value = n}; }
    sort_by_name(sorted, [&](std::uint32_t n) { return table_->keys.whole_key(kind, n).name; });
    for (const platform::Keyed& one : sorted) { keys_.push_back({.number = one.value, .kind = kind}); }
  }
}

void TableSource::sort_ids() {
  ids_.clear();
  ids_.reserve(table_->ids.size());
  for (std::uint64_t n = 0; n < table_->ids.size(); ++n) {
    const auto& [id, position] = table_->ids.entry(n);
    ids_.push_back(packed_id(id_table_hash(hash_id(id)), position - table_->first));
  }
  platform::sort_numbers(ids_);
}

Status TableSource::find_bases() {
  bases_.clear();
  bases_.reserve(keys_.size());
  std::vector<Key> unknown;
  for (const Entry& entry : keys_) {
    const auto before = positions(entry).before();
    bases_.push_back(before.value_or(kUnknown));
    if (!before) { unknown.push_back(key(entry)); }
  }
  if (unknown.empty()) { return {}; }
  std::vector<const Key*> asked;
  asked.reserve(unknown.size());
  for (const Key& one : unknown) { asked.push_back(&one); }
  std::vector<std::uint64_t> found(unknown.size());
  if (auto done = bases_of_(asked, found); !done) { return done; }
  std::size_t next = 0;
  for (std::uint64_t& base : bases_) {
    if (base == kUnknown) { base = found[next++]; }
  }
  return {};
}

Result<bool> TableSource::next_key(KeyHead& into) {
  if (next_key_ == keys_.size()) { return false; }
  // In the order of their names, keys lie anywhere.
  if (next_key_ + kAhead < keys_.size()) {
    const Entry& ahead = keys_[next_key_ + kAhead];
    table_->keys.prefetch_whole(ahead.kind, ahead.number);
  }
  const Entry& entry = keys_[next_key_];
  positions_ = positions(entry);
  into = {entry.kind, key(entry).name, bases_[next_key_], positions_.size()};
  ++next_key_;
  next_position_ = 0;
  return true;
}

Status TableSource::next_positions(std::span<std::uint32_t> into) {
  for (std::uint32_t& position : into) {
    position = static_cast<std::uint32_t>(positions_[next_position_++] - table_->first);
  }
  return {};
}

Status TableSource::rewind_keys() {
  next_key_ = next_position_ = 0;
  return {};
}

Status TableSource::next_ids(std::span<HashedValue> into) {
  for (HashedValue& entry : into) { entry = unpacked_id(ids_[next_id_++]); }
  return {};
}

Status TableSource::next_places(std::span<Place> into) {
  for (Place& place : into) { place = table_->places[next_place_++]; }
  return {};
}

}  // namespace tidemark::index
