// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "engine/format/frame.h"
#include "tidemark/checkpoint.hpp"
#include "tidemark/event.hpp"
#include "tidemark/types.hpp"

// The table and body of a frame of events. docs/format/frame.md.
//
//   table: per stream, its first version in this frame, plus one (u64, never zero)
//   body:  type_count u32 | tag_count u32 | [checkpoint_count u32] | end of each name u32 … | names | [checkpoints] |
//          [check u32] | events
//   event: flags u8 | stream | ordinal | type | id 16 | [valid i64] | [tags] | data length | [metadata length] | data |
//          metadata | [check u32]          (numbers without a size are varints, LEB128)
//
// The ordinal counts the events of the same stream in the same frame, so that one event decodes alone.
namespace tidemark::engine {

namespace event_flags {
inline constexpr std::uint8_t kMetadata = 1U << 0U;
inline constexpr std::uint8_t kTags = 1U << 1U;
inline constexpr std::uint8_t kValid = 1U << 2U;
inline constexpr std::uint8_t kIdMade = 1U << 3U;  // the id was made by the library
inline constexpr std::uint8_t kLost = 1U << 4U;    // stands for an event that was damaged beyond reading
inline constexpr std::uint8_t kKnown = kMetadata | kTags | kValid | kIdMade | kLost;
}  // namespace event_flags

inline constexpr std::uint64_t kBodyStartBytes = 8;
inline constexpr std::uint64_t kCheckpointCountBytes = 4;  // more, in a frame with checkpoints
inline constexpr std::uint64_t kCheckBytes = 4;
inline constexpr std::uint64_t kTableEntryBytes = 8;

// What a body says of one event, still by index. The spans look into the body.
struct EventRecord {
  std::uint32_t stream = 0;
  std::uint32_t ordinal = 0;
  std::uint32_t type = 0;
  EventId id;
  bool id_made = false;
  bool lost = false;
  std::optional<ValidTime> valid;
  std::vector<std::uint32_t> tags;
  Bytes data;
  Bytes metadata;
};

// How far a consumer is, as it stands in a frame behind the names.
struct CheckpointRecord {
  FileId log_id;           // zeros: of the log that the frame stands in
  std::uint64_t position;  // plus one; 0: through with nothing
  std::uint64_t check;     // as in a Checkpoint; 0 of the frame's own log, in which the frame itself is proof
  std::uint32_t epoch;     // likewise
  std::uint32_t reserved;
};
static_assert(sizeof(CheckpointRecord) == 40 && offsetof(CheckpointRecord, position) == 16);
static_assert(offsetof(CheckpointRecord, check) == 24 && offsetof(CheckpointRecord, epoch) == 32);

// The size of a varint, and writing one.
[[nodiscard]] std::size_t varint_bytes(std::uint64_t value);
std::byte* put_varint(std::byte* to, std::uint64_t value);

// Reads the table and body of one frame. Looks into bytes that must live as long as it does; every access is checked
// against their bounds, whatever they hold.
class BodyView {
 public:
  BodyView() = default;
  // Nothing if the names do not fit. With check_names their checksum is compared too (where the frame has one), and
  // that none is empty and no stream is named twice; a caller that has checked all that for the frame before need not.
  [[nodiscard]] static std::optional<BodyView> open(const FrameHeader& header, Bytes table, Bytes body,
                                                    bool check_names);

  [[nodiscard]] std::uint32_t stream_count() const { return stream_count_; }
  [[nodiscard]] std::uint32_t type_count() const { return type_count_; }
  [[nodiscard]] std::uint32_t tag_count() const { return tag_count_; }
  [[nodiscard]] std::string_view stream_name(std::uint32_t index) const { return name(index); }
  [[nodiscard]] std::string_view type_name(std::uint32_t index) const { return name(stream_count_ + index); }
  [[nodiscard]] std::string_view tag_name(std::uint32_t index) const {
    return name(stream_count_ + type_count_ + index);
  }
  [[nodiscard]] Version first_version(std::uint32_t stream) const;

  // Of consumers, stored together with the events.
  [[nodiscard]] std::uint32_t checkpoint_count() const { return checkpoint_count_; }
  [[nodiscard]] std::string_view checkpoint_name(std::uint32_t index) const {
    return name(stream_count_ + type_count_ + tag_count_ + index);
  }
  // With a log id of zeros if it is of the log that the frame stands in: the position is all that it needs then.
  [[nodiscard]] Checkpoint checkpoint(std::uint32_t index) const;

  // All of it.
  [[nodiscard]] Bytes body() const { return body_; }
  // The offset in the body at which the first event stands.
  [[nodiscard]] std::uint32_t events_begin() const { return events_begin_; }
  // Decodes the event at this offset; gives the offset after it, or nothing if there is no whole event whose indexes
  // are in range. With check_event its checksum is compared too (where the frame has one).
  [[nodiscard]] std::optional<std::uint32_t> event_at(std::uint32_t offset, bool check_event, EventRecord& into) const;

  // The stream of the event at this offset, whatever else stands there; nothing if there is none.
  [[nodiscard]] std::optional<std::uint32_t> stream_at(std::uint32_t offset) const;
  // Ask the processor for what first_version() and stream_name() look at: the second with what the first asked for.
  void prefetch_stream(std::uint32_t stream) const;
  void prefetch_stream_name(std::uint32_t stream) const;

 private:
  [[nodiscard]] std::string_view name(std::uint32_t index) const;
  [[nodiscard]] std::uint64_t name_count() const {
    return std::uint64_t{stream_count_} + type_count_ + tag_count_ + checkpoint_count_;
  }
  // Where the ends of the names stand, one after the other.
  [[nodiscard]] const std::byte* name_ends() const { return body_.data() + names_begin_ - 4 * name_count(); }
  // Behind the names; there the checkpoints begin.
  [[nodiscard]] std::uint64_t names_end() const {
    return events_begin_ - (event_checks_ ? kCheckBytes : 0) - sizeof(CheckpointRecord) * checkpoint_count_;
  }
  [[nodiscard]] bool names_are_right() const;
  [[nodiscard]] bool streams_differ() const;

  Bytes table_;
  Bytes body_;
  std::uint32_t stream_count_ = 0;
  std::uint32_t type_count_ = 0;
  std::uint32_t tag_count_ = 0;
  std::uint32_t names_begin_ = 0;
  std::uint32_t events_begin_ = 0;
  std::uint16_t checkpoint_count_ = 0;
  bool event_checks_ = false;
};

}  // namespace tidemark::engine
