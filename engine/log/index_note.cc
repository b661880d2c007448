// SPDX-License-Identifier: Apache-2.0
#include "engine/log/index_note.h"

#include "engine/format/segment.h"
#include "index/run_format.h"

namespace tidemark::engine {

static_assert(sizeof(IndexNoteRecord) <= index::kRunNoteBytesMax);

namespace {

// Whether there can be a log with such an edge.
bool is_possible(const IndexNoteRecord& record) {
  return record.segment > 0 && record.epoch > 0 && record.frame_count > 0 && record.segment_end > kSegmentHeaderBytes &&
         record.segment_end <= record.offset && record.next_position == record.position &&
         record.first_position <= record.position && record.event_count == record.position - record.first_position &&
         record.last_recorded_ns == record.recorded_ns && record.first_recorded_ns <= record.recorded_ns;
}

}  // namespace

IndexNoteBytes encode_index_note(const IndexNote& note) {
  const ResumePoint& end = note.at_end;
  const SegmentTotals& totals = end.totals;
  IndexNoteBytes bytes;
  store_as(bytes.data(), IndexNoteRecord{.magic = kIndexNoteMagic,
                                         .version = kIndexNoteVersion,
                                         .trailer_before = note.trailer_before,
                                         .offset = end.point.offset.value(),
                                         .position = end.point.position.value(),
                                         .segment = end.segment.value(),
                                         .recorded_ns = end.recorded_ns,
                                         .epoch = end.epoch,
                                         .last_trailer = totals.last_trailer,
                                         .segment_end = totals.end,
                                         .frame_count = totals.frames,
                                         .event_count = totals.events,
                                         .digest = totals.digest,
                                         .previous_digest = totals.previous_digest,
                                         .first_position = totals.first_position.value(),
                                         .next_position = totals.next_position.value(),
                                         .first_recorded_ns = totals.first_recorded_ns,
                                         .last_recorded_ns = totals.last_recorded_ns});
  return bytes;
}

std::optional<IndexNote> decode_index_note(std::span<const std::byte> bytes) {
  if (bytes.size() != sizeof(IndexNoteRecord)) { return std::nullopt; }
  const auto record = load_as<IndexNoteRecord>(bytes.data());
  if (record.magic != kIndexNoteMagic || record.version != kIndexNoteVersion || !is_possible(record)) {
    return std::nullopt;
  }
  return IndexNote{.at_end = {.point = {Offset(record.offset), Position(record.position)},
                              .segment = SegmentNumber(record.segment),
                              .totals = {.end = record.segment_end,
                                         .frames = record.frame_count,
                                         .events = record.event_count,
                                         .digest = record.digest,
                                         .previous_digest = record.previous_digest,
                                         .first_position = Position(record.first_position),
                                         .next_position = Position(record.next_position),
                                         .first_recorded_ns = record.first_recorded_ns,
                                         .last_recorded_ns = record.last_recorded_ns,
                                         .last_trailer = record.last_trailer},
                              .recorded_ns = record.recorded_ns,
                              .epoch = record.epoch},
                   .trailer_before = record.trailer_before};
}

}  // namespace tidemark::engine
