// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <mutex>

#include "engine/log/body_keys.h"
#include "index/memory_table.h"
#include "index/tiers.h"
#include "tidemark/event.hpp"
#include "tidemark/types.hpp"

namespace tidemark::engine {

// What is derived from the log: which positions a stream, category, type or tag has, which position an id has, where a
// position stands. One thread adds, in position order; any may take a view and ask it for what was published to it.
class Catalog {
 public:
  Catalog();

  // May throw std::bad_alloc. Adding an event that is there already (after such a throw) is not supported.
  void add(const BodyKeys& keys, const EventNames& event, const EventId& id, const index::Place& place);

  // Of the adding thread.
  [[nodiscard]] Position end() const { return newest_->end(); }
  [[nodiscard]] std::uint64_t count(const index::Key& stream) const { return newest_->keys.count(stream, end()); }

  // The index as it is now. Take it after the position that its answers are to go up to.
  [[nodiscard]] std::shared_ptr<const index::Tiers> view() const;

 private:
  std::shared_ptr<index::MemoryTable> newest_;  // of the adding thread
  mutable std::mutex mutex_;
  std::shared_ptr<const index::Tiers> view_;  // guarded by mutex_
};

}  // namespace tidemark::engine
