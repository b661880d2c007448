// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "engine/format/body.h"
#include "engine/format/frame.h"
#include "engine/log/body_keys.h"
#include "index/key.h"
#include "tidemark/batch.hpp"
#include "tidemark/error.hpp"

namespace tidemark::engine {

// A stream that a batch appends to or checks.
struct StreamUse {
  index::Key key;  // its name lives in the encoded batch
  Expect expect = Expect::any();
  std::uint32_t events = 0;  // 0: only checked
  std::uint32_t named = 0;   // its place among the streams that the batch names
};

// An event of a batch: what the catalog needs of it.
struct EventUse {
  std::uint32_t stream = 0;  // in streams() and keys()
  std::uint32_t type = 0;    // in keys()
  std::uint32_t first_tag = 0;
  std::uint32_t tags = 0;
  std::uint32_t body_offset = 0;
  EventId id;
  bool id_given = false;
};

// What the sequencer decides about a batch.
struct Assignment {
  FramePlace place;
  Position first;
  RecordedTime recorded;
  Offset durable;
  std::uint32_t epoch = 0;
  std::uint32_t previous = 0;
};

// A batch as a frame whose body is final and hashed, made outside every lock; assign() writes in the rest.
class EncodedBatch {
 public:
  // Checks every limit. kInvalidArgument, kLimitExceeded. A checkpoint of the log that it is for is kept as a position
  // alone.
  [[nodiscard]] static Result<EncodedBatch> encode(const Batch& batch, const FileId& log_id = {});
  // The same for placeholders of lost events, with the time that they are to have.
  [[nodiscard]] static Result<EncodedBatch> encode_lost(const Batch& batch, RecordedTime recorded);
  // The same for some events of a frame that was ordered elsewhere, each with the flags that it had beside those that
  // follow from its content: kIdMade, kLost.
  [[nodiscard]] static Result<EncodedBatch> encode_carried(const Batch& batch, RecordedTime recorded,
                                                           std::span<const std::uint8_t> flags);
  // A frame that was ordered elsewhere; it expects the versions and keeps the time that it had. Nothing if its events
  // do not decode.
  [[nodiscard]] static std::optional<EncodedBatch> from_frame(const FrameHeader& header, Bytes table, Bytes body);

  // The recorded time that the batch has already: of a frame that was ordered elsewhere, or as the caller said.
  [[nodiscard]] std::optional<RecordedTime> recorded() const { return recorded_; }
  void record_at(RecordedTime time) { recorded_ = time; }

  [[nodiscard]] bool empty() const { return events_.empty(); }
  [[nodiscard]] std::uint32_t event_count() const { return static_cast<std::uint32_t>(events_.size()); }
  // The streams appended to come first, in the order of the frame's table, then those only checked.
  [[nodiscard]] const std::vector<StreamUse>& streams() const { return streams_; }
  [[nodiscard]] std::uint32_t appended_streams() const { return table_bytes_ / kTableEntryBytes; }
  [[nodiscard]] const std::vector<EventUse>& events() const { return events_; }
  // What the catalog takes of an event.
  [[nodiscard]] const BodyKeys& keys() const { return keys_; }
  [[nodiscard]] EventNames names_of(const EventUse& event) const {
    return {event.stream, event.type, std::span(tags_).subspan(event.first_tag, event.tags)};
  }
  [[nodiscard]] bool has_given_ids() const { return has_given_ids_; }

  // Where the frame would end if it started at this offset of a segment.
  [[nodiscard]] std::uint64_t end_at(std::uint64_t offset) const {
    return frame_end(offset, table_bytes_, body_bytes_);
  }

  // Makes the frame whole. first_versions has one entry for each appended stream. Gives the trailer. Does not throw,
  // does not allocate.
  std::uint64_t assign(const Assignment& assignment, std::span<const Version> first_versions);
  // After assign.
  [[nodiscard]] Version first_version(std::uint32_t stream) const;
  [[nodiscard]] Bytes frame() const { return {bytes_.get(), frame_bytes_}; }

  // Whether an event in the log says the same as the n-th event of this batch, its id left aside.
  [[nodiscard]] bool same_event(std::size_t n, const BodyView& body, const EventRecord& record) const;

 private:
  EncodedBatch() = default;
  [[nodiscard]] static Result<EncodedBatch> encode_with(const Batch& batch, std::span<const std::uint8_t> more_flags,
                                                        const FileId& log_id = {});
  [[nodiscard]] BodyView body_view() const;

  std::unique_ptr<std::byte[]> bytes_;  // header | table | body | room for padding and trailer
  std::uint64_t frame_bytes_ = 0;
  std::uint32_t table_bytes_ = 0;
  std::uint32_t body_bytes_ = 0;
  std::uint16_t flags_ = 0;
  bool has_given_ids_ = false;
  std::optional<RecordedTime> recorded_;
  std::uint64_t body_hash_ = 0;
  std::vector<ZeroRun> zero_runs_;
  std::vector<StreamUse> streams_;
  std::vector<std::unique_ptr<std::string>> checked_names_;
  std::vector<EventUse> events_;
  std::vector<std::uint32_t> tags_;  // of all events, in keys()
  BodyKeys keys_;
};

}  // namespace tidemark::engine
