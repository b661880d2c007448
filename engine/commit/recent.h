// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <span>
#include <unordered_map>

#include "engine/commit/encoded_batch.h"
#include "engine/commit/stream_heads.h"
#include "index/key.h"
#include "index/key_query.h"
#include "index/memory_id_index.h"
#include "tidemark/types.hpp"

namespace tidemark::engine {

// The batches sequenced last, in memory. An append evaluates its conditions outside the sequencer's lock, against the
// catalog as of some position S; under the lock only what was sequenced since S counts, and that is here, as long as S
// is not before begin(). Guarded by the sequencer's lock.
class Recent {
 public:
  explicit Recent(Position begin) : begin_(begin) {}

  // Everything sequenced at this position and after is known here.
  [[nodiscard]] Position begin() const { return begin_; }
  // How many events streams have, of each that was appended to at or after begin(), and of many others.
  void counts(std::span<const StreamUse> streams, std::span<std::optional<std::uint64_t>> into) const {
    heads_.counts(streams, into);
  }
  // Whether an id given by a caller was used at or after begin().
  [[nodiscard]] bool knows(const EventId& id) const { return ids_.contains(id); }

  // The first event at or after both `from` and `known` that the query matches; known >= begin(). The first call costs
  // a look at every batch, the others seldom more than one at the query's tags and types.
  [[nodiscard]] std::optional<Position> first_match(const index::KeyQuery& query, Position from, Position known);

  // May throw std::bad_alloc.
  void add(std::shared_ptr<const EncodedBatch> batch, Position first, std::span<const Version> first_versions);
  // Drops the oldest batches that lie below end, as far as there are more than the budget allows. Gives them, so that
  // their memory can be given back without the lock.
  [[nodiscard]] std::vector<std::shared_ptr<const EncodedBatch>> trim(Position end);

 private:
  struct Entry {
    std::shared_ptr<const EncodedBatch> batch;
    Position first;
  };
  struct Newest {
    Position event;
    Position last_batch;  // first position of the batch that set it; that batch owns the key's name
  };
  using NewestTable = std::unordered_map<index::Key, Newest, index::KeyHash>;

  // Remembers a batch's categories, types and tags; forgets them.
  void add_newest(const Entry& entry);
  void drop_newest(const Entry& entry);
  // Whether an event at `from` or later may have the key, may match.
  [[nodiscard]] bool may_have(const index::Key& key, Position from) const;
  [[nodiscard]] bool may_match(const index::KeyQuery::Item& item, Position from) const;

  static constexpr std::uint64_t kBytesMax = std::uint64_t{4} << 20U;
  static constexpr std::size_t kBatchesMax = 4096;

  Position begin_;
  std::uint64_t bytes_ = 0;
  std::deque<Entry> batches_;
  StreamHeads heads_;
  std::unordered_map<EventId, Position, index::EventIdHash> ids_;
  // The newest event of each category, type and tag: once somebody has asked, since most stores never do.
  std::optional<NewestTable> newest_;
};

}  // namespace tidemark::engine
