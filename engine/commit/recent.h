// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <span>
#include <unordered_map>

#include "engine/commit/encoded_batch.h"
#include "index/key.h"
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
  // How many events the stream has, if it was appended to at or after begin().
  [[nodiscard]] std::optional<std::uint64_t> count(const index::Key& stream) const;
  // Whether an id given by a caller was used at or after begin().
  [[nodiscard]] bool knows(const EventId& id) const { return ids_.contains(id); }

  void add(std::shared_ptr<const EncodedBatch> batch, Position first, std::span<const Version> first_versions);
  // Drops the oldest batches that lie below end, as far as there are more than the budget allows.
  void trim(Position end);

 private:
  struct Entry {
    std::shared_ptr<const EncodedBatch> batch;
    Position first;
  };
  struct Head {
    std::uint64_t count;
    Position last_batch;  // first position of the batch that set it; that batch owns the key's name
  };

  static constexpr std::uint64_t kBytesMax = std::uint64_t{4} << 20U;
  static constexpr std::size_t kBatchesMax = 4096;

  Position begin_;
  std::uint64_t bytes_ = 0;
  std::deque<Entry> batches_;
  std::unordered_map<index::Key, Head, index::KeyHash> heads_;
  std::unordered_map<EventId, Position, index::EventIdHash> ids_;
};

}  // namespace tidemark::engine
