// SPDX-License-Identifier: Apache-2.0
#include "engine/commit/encoded_batch.h"

#include <algorithm>
#include <unordered_map>
#include <utility>

#include "engine/commit/batch_access.h"
#include "engine/format/names.h"
#include "index/memory_id_index.h"
#include "platform/checksum.h"
#include "tidemark/limits.hpp"

namespace tidemark::engine {

namespace {

// From this size on a reader would rather not check the whole frame to read one event of it.
constexpr std::uint64_t kEventChecksFromBytes = std::uint64_t{8} << 10U;

// Distinct names in the order in which they came.
class NameList {
 public:
  std::uint32_t index(std::string_view name) {
    if (!names_.empty() && names_.back() == name) { return static_cast<std::uint32_t>(names_.size() - 1); }
    const auto [entry, fresh] = table_.try_emplace(name, static_cast<std::uint32_t>(names_.size()));
    if (fresh) {
      names_.push_back(name);
      bytes_ += name.size();
    }
    return entry->second;
  }
  [[nodiscard]] const std::vector<std::string_view>& names() const { return names_; }
  [[nodiscard]] std::uint64_t bytes() const { return bytes_; }

 private:
  std::vector<std::string_view> names_;
  std::unordered_map<std::string_view, std::uint32_t> table_;
  std::uint64_t bytes_ = 0;
};

// An event with its names as indexes, before it is written.
struct Draft {
  std::uint32_t stream = 0;
  std::uint32_t ordinal = 0;
  std::uint32_t type = 0;
  std::vector<std::uint32_t> tags;
};

template <class Event>
std::uint64_t record_bytes(const Event& event, const Draft& draft) {
  std::uint64_t n = 1 + varint_bytes(draft.stream) + varint_bytes(draft.ordinal) + varint_bytes(draft.type) +
                    EventId::kSize + varint_bytes(event.data.size()) + event.data.size();
  if (event.valid) { n += sizeof(std::int64_t); }
  if (!event.metadata.empty()) { n += varint_bytes(event.metadata.size()) + event.metadata.size(); }
  if (!draft.tags.empty()) {
    n += varint_bytes(draft.tags.size());
    for (const std::uint32_t tag : draft.tags) { n += varint_bytes(tag); }
  }
  return n;
}

std::byte* put_bytes(std::byte* to, Bytes bytes) { return std::ranges::copy(bytes, to).out; }

template <class Event>
std::byte* put_record(std::byte* to, const Event& event, const Draft& draft, std::uint8_t flags) {
  if (!event.metadata.empty()) { flags |= event_flags::kMetadata; }
  if (!draft.tags.empty()) { flags |= event_flags::kTags; }
  if (event.valid) { flags |= event_flags::kValid; }
  if (!event.id_given) { flags |= event_flags::kIdMade; }
  *to++ = std::byte{flags};
  to = put_varint(to, draft.stream);
  to = put_varint(to, draft.ordinal);
  to = put_varint(to, draft.type);
  to = put_bytes(to, event.id.bytes());
  if (event.valid) {
    store_as(to, std::int64_t{event.valid->time_since_epoch().count()});
    to += sizeof(std::int64_t);
  }
  if (!draft.tags.empty()) {
    to = put_varint(to, draft.tags.size());
    for (const std::uint32_t tag : draft.tags) { to = put_varint(to, tag); }
  }
  to = put_varint(to, event.data.size());
  if (!event.metadata.empty()) { to = put_varint(to, event.metadata.size()); }
  to = put_bytes(to, event.data);
  return put_bytes(to, event.metadata);
}

std::byte* put_check(std::byte* to, const std::byte* from) {
  store_as(to, static_cast<std::uint32_t>(platform::xxh3_64({from, to})));
  return to + kCheckBytes;
}

template <class Event>
Status check_event(const Event& event) {
  if (auto fits = check_name("an event's type", event.type, limits::kTypeBytesMax); !fits) { return fits; }
  if (event.tags.size() > limits::kTagsPerEventMax) {
    return std::unexpected(Error(ErrorCode::kLimitExceeded, "an event has " + std::to_string(event.tags.size()) +
                                                                " tags; at most " +
                                                                std::to_string(limits::kTagsPerEventMax) + " go"));
  }
  for (const auto& tag : event.tags) {
    if (auto fits = check_name("a tag", tag, limits::kTagBytesMax); !fits) { return fits; }
  }
  if (event.data.size() + event.metadata.size() > limits::kEventBytesMax) {
    return std::unexpected(
        Error(ErrorCode::kLimitExceeded, "an event's data and metadata have " +
                                             std::to_string(event.data.size() + event.metadata.size()) +
                                             " bytes together; at most " + std::to_string(limits::kEventBytesMax) +
                                             " go: store the content elsewhere and append a reference"));
  }
  if (event.id.is_nil()) {
    return std::unexpected(Error(ErrorCode::kInvalidArgument, "an event's id is the nil UUID"));
  }
  return {};
}

Status check_checkpoints(const Batch& batch) {
  const auto& checkpoints = BatchAccess::checkpoints(batch);
  if (checkpoints.empty()) { return {}; }
  for (const auto& one : checkpoints) {
    if (auto fits = check_name("a checkpoint's name", one.name, limits::kCheckpointNameBytesMax); !fits) {
      return fits;
    }
    if (one.checkpoint.position == Position(UINT64_MAX)) {
      return std::unexpected(
          Error(ErrorCode::kInvalidArgument, "the checkpoint \"" + one.name + "\" is at a position that no store has"));
    }
  }
  if (checkpoints.size() > limits::kCheckpointsPerBatchMax) {
    return std::unexpected(Error(ErrorCode::kLimitExceeded,
                                 "the batch has " + std::to_string(checkpoints.size()) + " checkpoints; at most " +
                                     std::to_string(limits::kCheckpointsPerBatchMax) + " go"));
  }
  if (batch.empty()) {
    return std::unexpected(Error(ErrorCode::kInvalidArgument,
                                 "the batch has the checkpoint \"" + checkpoints.front().name +
                                     "\" and no event to go with it: store it by Subscription::commit(), or append "
                                     "with Store::append(subscription, batch), which does what fits"));
  }
  return {};
}

CheckpointRecord record_of(const Checkpoint& checkpoint, const FileId& log_id) {
  CheckpointRecord record{};
  record.position = checkpoint.position ? checkpoint.position->value() + 1 : 0;
  if (checkpoint.log_id == log_id || checkpoint.log_id == FileId{}) { return record; }
  record.log_id = checkpoint.log_id;
  record.check = checkpoint.check;
  record.epoch = checkpoint.epoch;
  return record;
}

}  // namespace

Result<EncodedBatch> EncodedBatch::encode(const Batch& batch, const FileId& log_id) {
  return encode_with(batch, {}, log_id);
}

Result<EncodedBatch> EncodedBatch::encode_lost(const Batch& batch, RecordedTime recorded) {
  return encode_carried(batch, recorded, std::vector(batch.event_count(), event_flags::kLost));
}

Result<EncodedBatch> EncodedBatch::encode_carried(const Batch& batch, RecordedTime recorded,
                                                  std::span<const std::uint8_t> flags) {
  auto encoded = encode_with(batch, flags);
  if (encoded) { encoded->recorded_ = recorded; }
  return encoded;
}

std::optional<EncodedBatch> EncodedBatch::from_frame(const FrameHeader& header, Bytes table, Bytes body) {
  EncodedBatch encoded;
  encoded.table_bytes_ = static_cast<std::uint32_t>(table.size());
  encoded.body_bytes_ = static_cast<std::uint32_t>(body.size());
  encoded.flags_ = header.flags;
  encoded.recorded_ = RecordedTime(std::chrono::nanoseconds(header.recorded_ns));
  const std::uint64_t body_at = kFrameHeaderBytes + table.size();
  encoded.bytes_ = std::make_unique_for_overwrite<std::byte[]>(body_at + body.size() + kFramePaddingMax);
  put_bytes(put_bytes(encoded.bytes_.get() + kFrameHeaderBytes, table), body);
  const Bytes own_body(encoded.bytes_.get() + body_at, body.size());
  const auto view = BodyView::open(header, table, own_body, true);
  if (!view) { return std::nullopt; }
  std::vector<std::uint32_t> counts(view->stream_count());
  EventRecord record;
  std::uint32_t offset = view->events_begin();
  for (std::uint32_t i = 0; i < header.event_count; ++i) {
    const auto after = view->event_at(offset, true, record);
    if (!after) { return std::nullopt; }
    encoded.events_.push_back({.stream = record.stream,
                               .type = record.type,
                               .first_tag = static_cast<std::uint32_t>(encoded.tags_.size()),
                               .tags = static_cast<std::uint32_t>(record.tags.size()),
                               .body_offset = offset,
                               .id = record.id,
                               .id_given = !record.id_made});
    encoded.tags_.insert(encoded.tags_.end(), record.tags.begin(), record.tags.end());
    encoded.has_given_ids_ = encoded.has_given_ids_ || !record.id_made;
    ++counts[record.stream];
    offset = *after;
  }
  encoded.keys_ = BodyKeys(*view);
  for (std::uint32_t i = 0; i < view->stream_count(); ++i) {
    const std::uint64_t first = view->first_version(i).value();
    encoded.streams_.push_back(
        {encoded.keys_.stream(i), first == 0 ? Expect::no_stream() : Expect::exactly(first - 1), counts[i], i});
  }
  encoded.body_hash_ = platform::xxh3_64(own_body);
  encoded.zero_runs_ = find_zero_runs(own_body);
  return encoded;
}

Result<EncodedBatch> EncodedBatch::encode_with(const Batch& batch, std::span<const std::uint8_t> more_flags,
                                               const FileId& log_id) {
  const auto& named = BatchAccess::streams(batch);
  const auto& added = BatchAccess::events(batch);
  for (const auto& stream : named) {
    if (auto fits = check_name("a stream's name", stream.name, limits::kStreamNameBytesMax); !fits) {
      return std::unexpected(std::move(fits.error()));
    }
    if (stream.contradictory) {
      return std::unexpected(Error(ErrorCode::kInvalidArgument,
                                   "the batch names stream \"" + stream.name + "\" with two different expectations"));
    }
  }
  const auto& checkpoints = BatchAccess::checkpoints(batch);
  if (auto fit = check_checkpoints(batch); !fit) { return std::unexpected(std::move(fit.error())); }
  if (named.empty() && BatchAccess::conditions(batch).empty()) {
    return std::unexpected(
        Error(ErrorCode::kInvalidArgument,
              "the batch names no stream and has no condition: there is nothing to append or check"));
  }

  // Names become indexes. A stream's place in the table is the order of its first event.
  constexpr std::uint32_t kNowhere = UINT32_MAX;
  std::vector<std::uint32_t> table_index(named.size(), kNowhere);
  std::vector<std::uint32_t> table_order;
  std::vector<std::uint32_t> counts;
  std::vector<Draft> drafts(added.size());
  NameList types;
  NameList tags;
  std::uint64_t events_bytes = 0;
  std::unordered_map<EventId, std::size_t, index::EventIdHash> given;
  for (std::size_t i = 0; i < added.size(); ++i) {
    const auto& event = added[i];
    if (auto fits = check_event(event); !fits) { return std::unexpected(std::move(fits.error())); }
    if (event.id_given && !given.emplace(event.id, i).second) {
      return std::unexpected(
          Error(ErrorCode::kInvalidArgument, "the batch holds the event id " + to_string(event.id) + " twice"));
    }
    std::uint32_t& stream = table_index[event.stream];
    if (stream == kNowhere) {
      stream = static_cast<std::uint32_t>(table_order.size());
      table_order.push_back(event.stream);
      counts.push_back(0);
    }
    Draft& draft = drafts[i];
    draft.stream = stream;
    draft.ordinal = counts[stream]++;
    draft.type = types.index(event.type);
    for (const auto& tag : event.tags) { draft.tags.push_back(tags.index(tag)); }
    events_bytes += record_bytes(event, draft);
  }

  std::uint64_t stream_bytes = 0;
  for (const std::uint32_t i : table_order) { stream_bytes += named[i].name.size(); }
  std::uint64_t checkpoint_bytes = checkpoints.empty() ? 0 : kCheckpointCountBytes;
  for (const auto& one : checkpoints) { checkpoint_bytes += one.name.size() + sizeof(CheckpointRecord); }
  const std::uint64_t names = table_order.size() + types.names().size() + tags.names().size() + checkpoints.size();
  const bool checks = added.size() > 1 && events_bytes >= kEventChecksFromBytes;
  const std::uint64_t table_bytes = kTableEntryBytes * table_order.size();
  const std::uint64_t body_bytes = kBodyStartBytes + 4 * names + stream_bytes + types.bytes() + tags.bytes() +
                                   checkpoint_bytes + events_bytes + (checks ? kCheckBytes * (1 + added.size()) : 0);
  if (table_bytes + body_bytes > limits::kBatchBytesMax) {
    return std::unexpected(Error(ErrorCode::kLimitExceeded,
                                 "the batch takes " + std::to_string(table_bytes + body_bytes) + " bytes; at most " +
                                     std::to_string(limits::kBatchBytesMax) + " go: append it in parts"));
  }

  EncodedBatch encoded;
  encoded.table_bytes_ = static_cast<std::uint32_t>(table_bytes);
  encoded.body_bytes_ = static_cast<std::uint32_t>(body_bytes);
  encoded.flags_ = static_cast<std::uint16_t>((checks ? frame_flags::kEventChecks : 0U) |
                                              (checkpoints.empty() ? 0U : frame_flags::kCheckpoints));
  encoded.has_given_ids_ = !given.empty();
  const std::uint64_t body_at = kFrameHeaderBytes + table_bytes;
  encoded.bytes_ = std::make_unique_for_overwrite<std::byte[]>(body_at + body_bytes + kFramePaddingMax);
  std::byte* const body = encoded.bytes_.get() + body_at;
  std::byte* to = body;
  store_as(to, static_cast<std::uint32_t>(types.names().size()));
  store_as(to + 4, static_cast<std::uint32_t>(tags.names().size()));
  to += kBodyStartBytes;
  if (!checkpoints.empty()) {
    store_as(to, static_cast<std::uint32_t>(checkpoints.size()));
    to += kCheckpointCountBytes;
  }
  std::uint32_t name_end = 0;
  const auto put_name_end = [&](std::string_view name) {
    name_end += static_cast<std::uint32_t>(name.size());
    store_as(to, name_end);
    to += 4;
  };
  for (const std::uint32_t i : table_order) { put_name_end(named[i].name); }
  for (const auto name : types.names()) { put_name_end(name); }
  for (const auto name : tags.names()) { put_name_end(name); }
  for (const auto& one : checkpoints) { put_name_end(one.name); }
  for (const std::uint32_t i : table_order) { to = put_bytes(to, as_bytes(named[i].name)); }
  for (const auto name : types.names()) { to = put_bytes(to, as_bytes(name)); }
  for (const auto name : tags.names()) { to = put_bytes(to, as_bytes(name)); }
  for (const auto& one : checkpoints) { to = put_bytes(to, as_bytes(one.name)); }
  for (const auto& one : checkpoints) {
    store_as(to, record_of(one.checkpoint, log_id));
    to += sizeof(CheckpointRecord);
  }
  if (checks) { to = put_check(to, body); }
  encoded.events_.reserve(added.size());
  for (std::size_t i = 0; i < added.size(); ++i) {
    std::byte* const at = to;
    to = put_record(to, added[i], drafts[i], more_flags.empty() ? std::uint8_t{0} : more_flags[i]);
    if (checks) { to = put_check(to, at); }
    encoded.events_.push_back({.stream = drafts[i].stream,
                               .type = drafts[i].type,
                               .first_tag = static_cast<std::uint32_t>(encoded.tags_.size()),
                               .tags = static_cast<std::uint32_t>(drafts[i].tags.size()),
                               .body_offset = static_cast<std::uint32_t>(at - body),
                               .id = added[i].id,
                               .id_given = added[i].id_given});
    encoded.tags_.insert(encoded.tags_.end(), drafts[i].tags.begin(), drafts[i].tags.end());
  }
  const Bytes whole(body, body_bytes);
  encoded.body_hash_ = platform::xxh3_64(whole);
  encoded.zero_runs_ = find_zero_runs(whole);
  encoded.keys_ = BodyKeys(encoded.body_view());
  encoded.streams_.reserve(named.size());
  for (std::uint32_t n = 0; n < table_order.size(); ++n) {
    encoded.streams_.push_back({encoded.keys_.stream(n), named[table_order[n]].expect, counts[n], table_order[n]});
  }
  for (std::size_t i = 0; i < named.size(); ++i) {
    if (table_index[i] != kNowhere) { continue; }
    const auto& name = encoded.checked_names_.emplace_back(std::make_unique<std::string>(named[i].name));
    encoded.streams_.push_back(
        {index::make_key(index::KeyKind::kStream, *name), named[i].expect, 0, static_cast<std::uint32_t>(i)});
  }
  return encoded;
}

std::uint64_t EncodedBatch::assign(const Assignment& assignment, std::span<const Version> first_versions) {
  std::byte* const table = bytes_.get() + kFrameHeaderBytes;
  for (std::size_t i = 0; i < first_versions.size(); ++i) {
    store_as(table + kTableEntryBytes * i, first_versions[i].value() + 1);  // never zero
  }
  const std::uint64_t end = end_at(assignment.place.offset);
  frame_bytes_ = end - assignment.place.offset;
  FrameHeader header{};
  header.magic = kFrameMagic;
  header.body_bytes = body_bytes_;
  header.table_bytes = table_bytes_;
  header.kind = FrameKind::kEvents;
  header.flags = flags_;
  header.event_count = event_count();
  header.first_position = assignment.first.value();
  header.recorded_ns = assignment.recorded.time_since_epoch().count();
  header.durable = assignment.durable.value();
  header.epoch = assignment.epoch;
  header.previous = assignment.previous;
  header.zero_parts = count_zero_parts(assignment.place.offset, {table, table_bytes_}, body_bytes_, zero_runs_);
  const std::uint64_t table_hash = platform::xxh3_64({table, table_bytes_});
  header.table_check = static_cast<std::uint32_t>(table_hash);
  header.checksum = frame_header_checksum(header, assignment.place);
  store_as(bytes_.get(), header);
  const std::uint64_t content = kFrameHeaderBytes + table_bytes_ + body_bytes_;
  std::fill(bytes_.get() + content, bytes_.get() + frame_bytes_ - kFrameTrailerBytes, std::byte{0});
  const std::uint64_t trailer = frame_trailer(header.checksum, table_hash, body_hash_);
  store_as(bytes_.get() + frame_bytes_ - kFrameTrailerBytes, trailer);
  return trailer;
}

Version EncodedBatch::first_version(std::uint32_t stream) const {
  const std::byte* const entry = bytes_.get() + kFrameHeaderBytes + kTableEntryBytes * stream;
  return Version(load_as<std::uint64_t>(entry) - 1);
}

BodyView EncodedBatch::body_view() const {
  FrameHeader header{};
  header.flags = flags_;
  const Bytes table(bytes_.get() + kFrameHeaderBytes, table_bytes_);
  const Bytes body(table.data() + table_bytes_, body_bytes_);
  return BodyView::open(header, table, body, false).value_or(BodyView());
}

bool EncodedBatch::same_event(std::size_t n, const BodyView& body, const EventRecord& record) const {
  const BodyView mine = body_view();
  EventRecord own;
  if (!mine.event_at(events_[n].body_offset, false, own)) { return false; }
  const auto same_bytes = [](Bytes a, Bytes b) { return std::ranges::equal(a, b); };
  const auto same_tag = [&](std::uint32_t a, std::uint32_t b) { return mine.tag_name(a) == body.tag_name(b); };
  return mine.stream_name(own.stream) == body.stream_name(record.stream) &&
         mine.type_name(own.type) == body.type_name(record.type) && own.valid == record.valid &&
         same_bytes(own.data, record.data) && same_bytes(own.metadata, record.metadata) &&
         std::ranges::equal(own.tags, record.tags, same_tag);
}

}  // namespace tidemark::engine
