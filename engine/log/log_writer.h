// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <span>
#include <vector>

#include "engine/format/frame.h"
#include "engine/format/segment.h"
#include "engine/log/log_point.h"
#include "engine/log/segment_maker.h"
#include "tidemark/error.hpp"

namespace tidemark::engine {

// What the footer of a segment will say, kept up frame by frame.
struct SegmentTotals {
  std::uint64_t end = kSegmentHeaderBytes;  // in the file
  std::uint64_t frames = 0;
  std::uint64_t events = 0;
  std::uint64_t digest = 0;
  std::uint64_t previous_digest = 0;  // of the segment before
  Position first_position;
  Position next_position;
  std::int64_t first_recorded_ns = 0;
  std::int64_t last_recorded_ns = 0;
  std::uint32_t last_trailer = 0;

  void add(const FrameHeader& header, std::uint64_t trailer, std::uint64_t frame_end_offset);
  // The totals with which the next segment starts.
  [[nodiscard]] SegmentTotals next() const;

  friend bool operator==(const SegmentTotals&, const SegmentTotals&) = default;
};

// Writes frames to the active segment. append and roll are called by one thread at a time (the one that leads a group).
//
// What a crash leaves: of an append any part, sector by sector, until the active file is synced. After roll the segment
// left is whole, with its footer, and synced.
class LogWriter {
 public:
  LogWriter(PreparedSegment active, SegmentTotals totals);

  // Writes whole frames, one after the other, at the end of the active segment, and fills up the last page with zeros,
  // so that the page cache never has to read a page before it can take the next frame.
  [[nodiscard]] Status append(std::span<const std::span<const std::byte>> frames);
  // Writes the footer of the active segment, syncs it, and goes on in the next. durable and epoch go into the footer.
  [[nodiscard]] Status roll(PreparedSegment next, Offset durable, std::uint32_t epoch);

  // Where the log ends, as written: an edge between frames. Of the thread that leads.
  [[nodiscard]] const SegmentTotals& totals() const { return totals_; }
  [[nodiscard]] const Segment& segment() const { return *active_.segment; }

  // The file being written; syncing it is safe beside all of the above.
  [[nodiscard]] std::shared_ptr<platform::File> active_file() const;

 private:
  [[nodiscard]] Status named(Status failed) const;

  mutable std::mutex mutex_;  // for active_ while it is replaced
  PreparedSegment active_;
  SegmentTotals totals_;  // of the thread that leads
};

}  // namespace tidemark::engine
