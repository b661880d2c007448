// SPDX-License-Identifier: Apache-2.0
#include "engine/commit/recent.h"

#include <algorithm>
#include <new>
#include <utility>
#include <vector>

namespace tidemark::engine {

namespace {

// The key looks at a name in the batch that set it last: a node taken over gets the new batch's key.
template <class Table>
void put(Table& table, const index::Key& key, const typename Table::mapped_type& value) {
  if (auto node = table.extract(key)) {
    node.key() = key;
    node.mapped() = value;
    table.insert(std::move(node));
  } else {
    table.emplace(key, value);
  }
}

// Unless a later batch has set it since.
template <class Table>
void drop(Table& table, const index::Key& key, Position batch) {
  const auto found = table.find(key);
  if (found != table.end() && found->second.last_batch == batch) { table.erase(found); }
}

bool in_scope(const std::optional<index::Key>& scope, const BodyKeys& keys, const EventNames& event) {
  if (!scope) { return true; }
  return *scope == (scope->kind == index::KeyKind::kStream ? keys.stream(event.stream) : keys.category(event.stream));
}

bool matches(const index::KeyQuery::Item& item, const BodyKeys& keys, const EventNames& event) {
  const auto has_tag = [&](const index::Key& tag) {
    return std::ranges::any_of(event.tags, [&](std::uint32_t i) { return keys.tag(i) == tag; });
  };
  return (item.types.empty() || std::ranges::find(item.types, keys.type(event.type)) != item.types.end()) &&
         std::ranges::all_of(item.tags, has_tag);
}

}  // namespace

void Recent::add(std::shared_ptr<const EncodedBatch> batch, Position first, std::span<const Version> first_versions) {
  for (std::uint32_t i = 0; i < batch->appended_streams(); ++i) {
    const StreamUse& use = batch->streams()[i];
    heads_.set(use.key, first_versions[i].value() + use.events, first + batch->event_count(), begin_);
  }
  if (batch->has_given_ids()) {
    for (const EventUse& event : batch->events()) {
      if (event.id_given) { ids_.emplace(event.id, first); }
    }
  }
  bytes_ += batch->frame().size();
  batches_.push_back({std::move(batch), first});
  if (newest_) { add_newest(batches_.back()); }
}

// Once for each name, however many events have it: this is under the sequencer's lock.
void Recent::add_newest(const Entry& entry) {
  const BodyKeys& keys = entry.batch->keys();
  std::vector<Position> newest(keys.event_name_count());
  Position position = entry.first;
  for (const EventUse& event : entry.batch->events()) {
    const EventNames names = entry.batch->names_of(event);
    newest[keys.category_number(names.stream)] = position;
    newest[keys.type_number(names.type)] = position;
    for (const std::uint32_t tag : names.tags) { newest[keys.tag_number(tag)] = position; }
    position = position.next();
  }
  for (std::size_t i = 0; i < newest.size(); ++i) {
    const index::Key& key = keys.name(i);
    if (key.name.empty()) { continue; }  // no category
    const auto known = newest_->find(key);
    // Streams of one category come one after the other.
    if (known != newest_->end() && known->second.last_batch == entry.first) {
      known->second.event = std::max(known->second.event, newest[i]);
    } else {
      put(*newest_, key, {newest[i], entry.first});
    }
  }
}

void Recent::drop_newest(const Entry& entry) {
  const BodyKeys& keys = entry.batch->keys();
  for (std::size_t i = 0; i < keys.event_name_count(); ++i) { drop(*newest_, keys.name(i), entry.first); }
}

bool Recent::may_have(const index::Key& key, Position from) const {
  if (key.kind == index::KeyKind::kStream) { return heads_.was_set_after(key, from); }
  const auto found = newest_->find(key);
  return found != newest_->end() && found->second.event >= from;
}

bool Recent::may_match(const index::KeyQuery::Item& item, Position from) const {
  const auto may = [&](const index::Key& key) { return may_have(key, from); };
  return (item.types.empty() || std::ranges::any_of(item.types, may)) && std::ranges::all_of(item.tags, may);
}

std::optional<Position> Recent::first_match(const index::KeyQuery& query, Position from, Position known) {
  from = std::max(from, known);
  if (batches_.empty() || batches_.back().first + batches_.back().batch->event_count() <= from) { return std::nullopt; }
  if (!newest_) {
    newest_.emplace();
    try {
      for (const Entry& entry : batches_) { add_newest(entry); }
    } catch (...) {
      newest_.reset();
      throw;
    }
  }
  if (query.scope && !may_have(*query.scope, from)) { return std::nullopt; }
  std::vector<const index::KeyQuery::Item*> items;
  for (const auto& item : query.items) {
    if (may_match(item, from)) { items.push_back(&item); }
  }
  if (items.empty() && !query.items.empty()) { return std::nullopt; }
  const auto later = std::ranges::upper_bound(batches_, from, {}, &Entry::first);
  for (auto entry = later == batches_.begin() ? later : later - 1; entry != batches_.end(); ++entry) {
    Position position = entry->first;
    for (const EventUse& event : entry->batch->events()) {
      const EventNames names = entry->batch->names_of(event);
      const BodyKeys& keys = entry->batch->keys();
      if (position >= from && in_scope(query.scope, keys, names) &&
          (items.empty() ||
           std::ranges::any_of(items, [&](const auto* item) { return matches(*item, keys, names); }))) {
        return position;
      }
      position = position.next();
    }
  }
  return std::nullopt;
}

std::vector<std::shared_ptr<const EncodedBatch>> Recent::trim(Position end) {
  std::vector<std::shared_ptr<const EncodedBatch>> dropped;
  while (!batches_.empty() && (bytes_ > kBytesMax || batches_.size() > kBatchesMax)) {
    const Entry& oldest = batches_.front();
    const Position after = oldest.first + oldest.batch->event_count();
    if (after > end) { break; }
    if (oldest.batch->has_given_ids()) {
      for (const EventUse& event : oldest.batch->events()) {
        if (event.id_given) { ids_.erase(event.id); }
      }
    }
    if (newest_) { drop_newest(oldest); }
    bytes_ -= oldest.batch->frame().size();
    begin_ = after;
    try {
      dropped.push_back(std::move(batches_.front().batch));
    } catch (const std::bad_alloc&) {}  // then it goes here
    batches_.pop_front();
  }
  return dropped;
}

}  // namespace tidemark::engine
