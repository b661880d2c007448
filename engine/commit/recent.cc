// SPDX-License-Identifier: Apache-2.0
#include "engine/commit/recent.h"

#include <utility>

namespace tidemark::engine {

std::optional<std::uint64_t> Recent::count(const index::Key& stream) const {
  const auto found = heads_.find(stream);
  return found == heads_.end() ? std::nullopt : std::optional(found->second.count);
}

void Recent::add(std::shared_ptr<const EncodedBatch> batch, Position first, std::span<const Version> first_versions) {
  for (std::uint32_t i = 0; i < batch->appended_streams(); ++i) {
    const StreamUse& use = batch->streams()[i];
    const Head head{first_versions[i].value() + use.events, first};
    // The key looks at a name in the batch that set it last: a node taken over gets the new batch's key.
    if (auto node = heads_.extract(use.key)) {
      node.key() = use.key;
      node.mapped() = head;
      heads_.insert(std::move(node));
    } else {
      heads_.emplace(use.key, head);
    }
  }
  if (batch->has_given_ids()) {
    for (const EventUse& event : batch->events()) {
      if (event.id_given) { ids_.emplace(event.id, first); }
    }
  }
  bytes_ += batch->frame().size();
  batches_.push_back({std::move(batch), first});
}

void Recent::trim(Position end) {
  while (!batches_.empty() && (bytes_ > kBytesMax || batches_.size() > kBatchesMax)) {
    const Entry& oldest = batches_.front();
    const Position after = oldest.first + oldest.batch->event_count();
    if (after > end) { return; }
    for (std::uint32_t i = 0; i < oldest.batch->appended_streams(); ++i) {
      const auto head = heads_.find(oldest.batch->streams()[i].key);
      if (head != heads_.end() && head->second.last_batch == oldest.first) { heads_.erase(head); }
    }
    if (oldest.batch->has_given_ids()) {
      for (const EventUse& event : oldest.batch->events()) {
        if (event.id_given) { ids_.erase(event.id); }
      }
    }
    bytes_ -= oldest.batch->frame().size();
    begin_ = after;
    batches_.pop_front();
  }
}

}  // namespace tidemark::engine
