// SPDX-License-Identifier: Apache-2.0
#include "engine/recovery/catalog_builder.h"

#include <span>

#include "engine/log/body_keys.h"

namespace tidemark::engine {

namespace {

constexpr std::size_t kAhead = 8;  // events

}  // namespace

bool CatalogBuilder::operator()(const ScannedFrame& frame) {
  status_ = {};
  events_.clear();
  tags_.clear();
  next_versions_.clear();
  const BodyKeys keys(frame.body);
  streams_.clear();
  for (std::uint32_t i = 0; i < frame.body.stream_count(); ++i) {
    streams_.push_back(&keys.stream(i));
    next_versions_.push_back(frame.body.first_version(i).value());
  }
  if (!are_next_versions()) { return false; }
  const auto take = [&](const EventRecord& record, std::uint32_t offset) {
    const Version version(next_versions_[record.stream]++);
    if (frame.body.first_version(record.stream) + record.ordinal != version) { return false; }
    events_.push_back({version, record.stream, record.type, tags_.size(), record.tags.size(), offset, record.id});
    tags_.insert(tags_.end(), record.tags.begin(), record.tags.end());
    return true;
  };
  if (!for_each_event(frame.header, frame.body, frame.header.body_bytes, take)) { return false; }
  const Offset place(frame.segment.base().value() + frame.offset);
  Catalog::Frame adding(catalog_, keys);
  for (std::size_t i = 0; i < events_.size(); ++i) {
    if (i + kAhead < events_.size()) {
      catalog_.prefetch(*streams_[events_[i + kAhead].stream], events_[i + kAhead].id);
    }
    const Event& event = events_[i];
    const auto tags = std::span(tags_).subspan(event.first_tag, event.tags);
    adding.add({event.stream, event.type, tags}, event.id, {place.value(), event.offset}, event.version);
  }
  return true;
}

// Whether the frame goes on where its streams ended.
bool CatalogBuilder::are_next_versions() {
  const auto view = catalog_.view();
  if (trust_ == Trust::kFrames) {
    // Looking up all of them in the files would make an opening the slower the larger the index is.
    in_tables_.resize(streams_.size());
    view->counts_in_tables(streams_, catalog_.end(), in_tables_);
    for (std::size_t i = 0; i < streams_.size(); ++i) {
      if (in_tables_[i].value_or(next_versions_[i]) != next_versions_[i]) { return false; }
    }
    return true;
  }
  before_.resize(streams_.size());
  if (auto done = view->counts(streams_, catalog_.end(), before_); !done) {
    // Where the log does not hold what its index tells of, the scan finds out what there is. All else is no damage.
    if (done.error().code() != ErrorCode::kDamaged) { status_ = std::move(done); }
    return false;
  }
  return before_ == next_versions_;
}

void CatalogBuilder::pass(const ResumePoint& edge, Offset durable) {
  if (keeper_ == nullptr || catalog_.newest_events() < table_events_) { return; }
  if (!keeper_->close_table(edge)) { return; }
  keeper_->durable(durable);
  // A few are left to the keeper's thread: whoever opens waits for none of its files.
  if (trust_ == Trust::kNothing || catalog_.view()->tables().size() > kTablesLeft) { keeper_->work(); }
}

}  // namespace tidemark::engine
