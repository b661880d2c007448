// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "index/memory_table.h"
#include "index/run_source.h"

namespace tidemark::index {

// What a run is written from when a table in memory is closed: nobody adds to it any more. Of one thread.
class TableSource final : public RunSource {
 public:
  // How many positions keys have before the table: asked for those that it was not told for.
  using BasesOf = std::function<Status(std::span<const Key* const> keys, std::span<std::uint64_t> into)>;

  TableSource(std::shared_ptr<const MemoryTable> table, BasesOf bases_of)
      : table_(std::move(table)), bases_of_(std::move(bases_of)) {}

  // RunSource
  Position first() const override { return table_->first; }
  Position end() const override { return table_->end(); }
  std::uint64_t id_count() const override { return table_->ids.size(); }
  Status start() override;
  Result<bool> next_key(KeyHead& into) override;
  Status next_positions(std::span<std::uint32_t> into) override;
  Status rewind_keys() override;
  Status next_ids(std::span<HashedValue> into) override;
  Status next_places(std::span<Place> into) override;

 private:
  struct Entry {
    std::uint32_t number;  // of the kind
    KeyKind kind;
  };

  [[nodiscard]] Key key(const Entry& entry) const { return table_->keys.whole_key(entry.kind, entry.number); }
  [[nodiscard]] MemoryKeyIndex::Positions positions(const Entry& entry) const {
    return table_->keys.whole_positions(entry.kind, entry.number);
  }
  void sort_keys();
  void sort_ids();
  [[nodiscard]] Status find_bases();

  const std::shared_ptr<const MemoryTable> table_;
  const BasesOf bases_of_;

  // From start() on.
  std::vector<Entry> keys_;           // in the order of the run
  std::vector<std::uint64_t> bases_;  // of keys_
  std::vector<std::uint64_t> ids_;    // packed
  std::size_t next_key_ = 0;
  MemoryKeyIndex::Positions positions_;  // of the key before it
  std::size_t next_position_ = 0;        // of these
  std::size_t next_id_ = 0;
  std::uint64_t next_place_ = 0;
};

}  // namespace tidemark::index
