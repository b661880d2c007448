// SPDX-License-Identifier: Apache-2.0
#include "engine/log/catalog.h"

namespace tidemark::engine {

Catalog::Catalog() : newest_(std::make_shared<index::MemoryTable>(Position(0))) {
  view_ = std::make_shared<index::Tiers>(index::Tiers::Runs(), index::Tiers::Tables{newest_});
}

void Catalog::add(const BodyKeys& keys, const EventNames& event, const EventId& id, const index::Place& place) {
  const Position position = newest_->end();
  index::MemoryKeyIndex& table = newest_->keys;
  table.add(keys.stream(event.stream), position);
  if (!keys.category(event.stream).name.empty()) { table.add(keys.category(event.stream), position); }
  table.add(keys.type(event.type), position);
  for (const std::uint32_t tag : event.tags) { table.add(keys.tag(tag), position); }
  newest_->ids.add(id, position);
  newest_->places.add(place);
}

std::shared_ptr<const index::Tiers> Catalog::view() const {
  const std::scoped_lock lock(mutex_);
  return view_;
}

}  // namespace tidemark::engine
