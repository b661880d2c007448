// SPDX-License-Identifier: Apache-2.0
#include "tidemark/batch.hpp"

#include <algorithm>
#include <functional>
#include <new>
#include <utility>

#include "engine/commit/conditions.h"
#include "engine/commit/encoded_batch.h"

namespace tidemark {

namespace {

// Up to so many streams are found by looking at each.
constexpr std::size_t kScanMax = 8;
constexpr std::uint32_t kEmpty = UINT32_MAX;

}  // namespace

// The table is open-addressed, at most half full, and holds indexes into streams_.
std::uint32_t Batch::stream_index(std::string_view name, Expect expect) {
  const auto again = [&](StreamEntry& entry) {
    if (entry.expect == expect || expect == Expect::any()) { return; }
    if (entry.expect == Expect::any()) {
      entry.expect = expect;
    } else {
      entry.contradictory = true;
    }
  };
  const auto hash = std::hash<std::string_view>{};
  if (stream_table_.empty()) {
    for (std::uint32_t i = 0; i < streams_.size(); ++i) {
      if (streams_[i].name == name) {
        again(streams_[i]);
        return i;
      }
    }
  } else {
    const std::size_t mask = stream_table_.size() - 1;
    for (std::size_t at = hash(name) & mask; stream_table_[at] != kEmpty; at = (at + 1) & mask) {
      StreamEntry& entry = streams_[stream_table_[at]];
      if (entry.name == name) {
        again(entry);
        return stream_table_[at];
      }
    }
  }
  const auto index = static_cast<std::uint32_t>(streams_.size());
  const std::size_t count = streams_.size() + 1;
  std::vector<std::uint32_t> larger;  // made first: a stream that the table does not know could be named twice
  if (count > kScanMax && count * 2 > stream_table_.size()) {
    larger.assign(count <= 2 * kScanMax ? 8 * kScanMax : stream_table_.size() * 4, kEmpty);
  }
  streams_.push_back({std::string(name), expect, false});
  const auto insert = [&](std::uint32_t i) {
    const std::size_t mask = stream_table_.size() - 1;
    std::size_t at = hash(streams_[i].name) & mask;
    while (stream_table_[at] != kEmpty) { at = (at + 1) & mask; }
    stream_table_[at] = i;
  };
  if (!larger.empty()) {
    stream_table_ = std::move(larger);
    for (std::uint32_t i = 0; i < count; ++i) { insert(i); }
  } else if (!stream_table_.empty()) {
    insert(index);
  }
  return index;
}

Batch::Stream Batch::to(std::string_view stream, Expect expect) { return {*this, stream_index(stream, expect)}; }

Batch& Batch::check(std::string_view stream, Expect expect) {
  (void)stream_index(stream, expect);
  return *this;
}

Batch& Batch::fail_if_match(const Query& query, const MatchOptions& options) {
  conditions_.push_back({query, options.after});
  return *this;
}

Batch& Batch::checkpoint(std::string_view name, std::optional<Position> position) {
  return checkpoint(name, Checkpoint{.position = position});
}

Batch& Batch::checkpoint(std::string_view name, const Checkpoint& checkpoint) {
  const auto same = std::ranges::find(checkpoints_, name, &CheckpointEntry::name);
  if (same != checkpoints_.end()) {
    same->checkpoint = checkpoint;
  } else {
    checkpoints_.push_back({std::string(name), checkpoint});
  }
  return *this;
}

Batch::Stream& Batch::Stream::add(const NewEvent& event) {
  if (!batch_->attempted_) { batch_->attempted_ = std::make_shared<std::atomic<bool>>(false); }
  EventEntry entry;
  entry.stream = index_;
  entry.id_given = event.id.has_value();
  entry.id = event.id ? *event.id : EventId::make();
  entry.valid = event.valid;
  entry.type = event.type;
  entry.tags.assign(event.tags.begin(), event.tags.end());
  entry.data.assign(event.data.begin(), event.data.end());
  entry.metadata.assign(event.metadata.begin(), event.metadata.end());
  batch_->events_.push_back(std::move(entry));
  return *this;
}

Status Batch::validate() const {
  try {
    auto encoded = engine::EncodedBatch::encode(*this);
    if (!encoded) { return std::unexpected(std::move(encoded.error())); }
    auto conditions = engine::conditions_of(*this);
    if (!conditions) { return std::unexpected(std::move(conditions.error())); }
    return {};
  } catch (const std::bad_alloc&) { return std::unexpected(Error(ErrorCode::kOutOfMemory, "out of memory")); }
}

void Batch::clear() {
  streams_.clear();
  stream_table_.clear();
  events_.clear();
  conditions_.clear();
  checkpoints_.clear();
  attempted_.reset();
}

}  // namespace tidemark
