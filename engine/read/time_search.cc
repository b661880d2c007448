// SPDX-License-Identifier: Apache-2.0
#include "engine/read/time_search.h"

#include <chrono>

#include "engine/log/frame_reader.h"

namespace tidemark::engine {

Result<Position> first_recorded_from(const ReadSource& source, const index::Tiers& index,
                                     const std::shared_ptr<const SegmentList>& segments, RecordedTime time,
                                     Position end, Access access) {
  FrameReader reader(access);
  Position from;
  Position until = end;
  while (from < until) {
    const Position middle(from.value() + (until - from) / 2);
    const auto place = index.place(middle);
    if (!place) { return std::unexpected(place.error()); }
    RecordedTime recorded;
    if (place->is_nowhere()) {
      const auto lost = source.lost_event(middle);
      if (!lost) { return std::unexpected(lost.error()); }
      recorded = (*lost)->recorded;
    } else {
      const auto found = reader.read(segments, *place, middle);
      if (!found) { return std::unexpected(found.error()); }
      recorded = RecordedTime(std::chrono::nanoseconds(found->frame->recorded_ns));
    }
    (recorded < time ? from : until) = recorded < time ? middle.next() : middle;
  }
  return from;
}

Result<Position> first_recorded_after(const ReadSource& source, const index::Tiers& index,
                                      const std::shared_ptr<const SegmentList>& segments, RecordedTime time,
                                      Position end, Access access) {
  if (time == RecordedTime::max()) { return end; }
  return first_recorded_from(source, index, segments, time + std::chrono::nanoseconds(1), end, access);
}

}  // namespace tidemark::engine
