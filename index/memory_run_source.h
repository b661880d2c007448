// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "index/run_source.h"
#include "tidemark/event.hpp"

namespace tidemark::index {

// A run's content, built up in memory event by event. Of one thread. About 60 bytes for an event with three keys, and
// 90 bytes and the name for each key.
class MemoryRunSource final : public RunSource {
 public:
  // How many positions a key has before this run. Asked once for each key, in the order of the run, when it is written.
  using BaseOf = std::function<Result<std::uint64_t>(const Key&)>;

  static constexpr std::uint64_t kEventsMax = std::uint64_t{1} << 28U;

  MemoryRunSource(Position first, BaseOf base_of, IdHasher id_hasher = hash_id)
      : first_(first), base_of_(std::move(base_of)), id_hasher_(id_hasher) {}

  // Adds the event at end(). A key that is named twice counts once. An event that was lost has no id. kLimitExceeded
  // past kEventsMax; after kOutOfMemory the source is of no use any more.
  [[nodiscard]] Status add(std::span<const Key> keys, std::optional<EventId> id, const Place& place);

  [[nodiscard]] std::uint64_t event_count() const { return places_.size(); }

  // RunSource
  Position first() const override { return first_; }
  Position end() const override { return first_ + places_.size(); }
  std::uint64_t id_count() const override { return ids_.size(); }
  Status start() override;
  Result<bool> next_key(KeyHead& into) override;
  Status next_positions(std::span<std::uint32_t> into) override;
  Status rewind_keys() override;
  Status next_ids(std::span<HashedValue> into) override;
  Status next_places(std::span<Place> into) override;

 private:
  struct Entry {
    std::uint64_t hash_low;
    std::uint64_t hash_high;
    std::uint64_t name_at;
    std::uint32_t name_size;
    std::uint32_t count;
    std::uint32_t last;
    KeyKind kind;
  };
  struct Use {
    std::uint32_t key;
    std::uint32_t position;
  };

  [[nodiscard]] std::uint32_t entry_of(const Key& key);
  void grow();
  [[nodiscard]] std::string_view name_of(const Entry& entry) const {
    return std::string_view(names_).substr(entry.name_at, entry.name_size);
  }
  void sort_keys();
  void sort_positions();

  const Position first_;
  const BaseOf base_of_;
  const IdHasher id_hasher_;

  std::string names_;
  std::vector<Entry> entries_;
  std::vector<std::uint32_t> slots_;  // a table of entries by hash, open; 0 is free, else the entry's number and 1
  std::vector<Use> uses_;
  std::vector<std::uint64_t> ids_;  // hash, then position in the low bits
  std::vector<Place> places_;

  // From start() on.
  std::vector<std::uint32_t> order_;      // entries by kind and name
  std::vector<std::uint32_t> positions_;  // of all keys, in that order
  std::size_t next_key_ = 0;
  std::size_t next_position_ = 0;
  std::size_t positions_end_ = 0;  // of the key
  std::size_t next_id_ = 0;
  std::size_t next_place_ = 0;
};

}  // namespace tidemark::index
