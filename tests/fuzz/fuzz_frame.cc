// SPDX-License-Identifier: Apache-2.0
// Goal: no bytes make the decoder of frames read out of bounds, run on, or say two things. Method: the input stands in
// a segment from its first frame on; it is decoded with checks and without, and what comes out is held against bounds.
#include <algorithm>

#include "engine/format/frame.h"
#include "engine/recovery/scan.h"
#include "tests/fuzz/targets.h"

namespace tidemark::fuzz {

namespace {

using namespace engine;

// Names and data are views into the body.
void require_inside(std::string_view part, Bytes body) {
  const std::string_view whole = as_text(body);
  require(part.empty() || (part.data() >= whole.data() && part.data() + part.size() <= whole.data() + whole.size()),
          "a part of an event lies outside the frame's body");
}

void visit_names(const BodyView& view, Bytes body) {
  for (std::uint32_t i = 0; i < view.stream_count(); ++i) {
    require_inside(view.stream_name(i), body);
    (void)view.first_version(i);
  }
}

// Walks over the events; with the checks on no more may decode than without.
std::uint32_t visit_events(const BodyView& view, Bytes body) {
  EventRecord record;
  EventRecord checked;
  std::uint32_t events = 0;
  for (std::uint32_t at = view.events_begin();;) {
    const auto after = view.event_at(at, false, record);
    const auto after_checked = view.event_at(at, true, checked);
    require(!after_checked || after_checked == after, "an event decodes otherwise if its checksum is compared");
    if (!after) { return events; }
    require(*after > at && *after <= body.size(), "an event ends outside the body or before it begins");
    require(record.stream < view.stream_count(), "an event's stream is out of range");
    require_inside(view.stream_name(record.stream), body);
    require_inside(view.type_name(record.type), body);
    for (const std::uint32_t tag : record.tags) { require_inside(view.tag_name(tag), body); }
    require_inside(as_text(record.data), body);
    require_inside(as_text(record.metadata), body);
    at = *after;
    ++events;
  }
}

void visit_checkpoints(const BodyView& view, Bytes body) {
  for (std::uint32_t i = 0; i < view.checkpoint_count(); ++i) {
    require_inside(view.checkpoint_name(i), body);
    const Checkpoint checkpoint = view.checkpoint(i);
    require(checkpoint.position != Position(UINT64_MAX), "a checkpoint is where no event can be");
  }
}

void visit_body(const FrameHeader& header, Bytes table, Bytes body) {
  const auto view = BodyView::open(header, table, body, false);
  const auto checked = BodyView::open(header, table, body, true);
  require(view.has_value() || !checked.has_value(), "a body opens only if its names are compared");
  if (!view) { return; }
  visit_names(*view, body);
  visit_checkpoints(*view, body);
  const std::uint32_t decoded = visit_events(*view, body);
  std::uint32_t visited = 0;
  const bool whole = for_each_event(header, *view, body.size(), [&](const EventRecord&, std::uint32_t) {
    ++visited;
    return true;
  });
  require(visited == std::min(decoded, header.event_count), "for_each_event visits other events");
  require(!whole || visited == header.event_count, "a frame counts as whole without all its events");
  EventRecord record;
  for (const std::uint32_t offset : {0U, 1U, header.zero_parts, header.epoch, UINT32_MAX}) {
    (void)view->event_at(offset, true, record);
  }
}

}  // namespace

void run_frame(Bytes input) {
  const FramePlace place{FileId{}, 1, kSegmentHeaderBytes};
  const std::uint64_t segment_bytes = kSegmentHeaderBytes + input.size() + kSegmentFooterBytes;
  FrameHeader header{};
  if (!read_frame_header(input, place, segment_bytes, header)) { return; }
  const std::uint64_t length = frame_end(place.offset, header.table_bytes, header.body_bytes) - place.offset;
  require(length <= input.size(), "a frame that does not fit was let through");
  const Bytes frame = input.first(length);
  const bool whole = frame_is_whole(frame, header);
  const std::uint64_t parts = round_up(place.offset + length, kSectorBytes) / kSectorBytes;
  require(count_zero_parts(place.offset, frame) <= parts, "more parts are zero than there are");
  const Bytes table = frame.subspan(kFrameHeaderBytes, header.table_bytes);
  const Bytes body = frame.subspan(kFrameHeaderBytes + header.table_bytes, header.body_bytes);
  const auto runs = find_zero_runs(body);
  if (whole && std::ranges::none_of(table, [](std::byte b) { return b == std::byte{0}; })) {
    require(count_zero_parts(place.offset, table, body.size(), runs) == count_zero_parts(place.offset, frame),
            "zero parts are counted differently before and after writing");
  }
  visit_body(header, table, body);
}

}  // namespace tidemark::fuzz
