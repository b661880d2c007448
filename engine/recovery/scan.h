// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "engine/format/body.h"
#include "engine/format/segment.h"
#include "engine/log/log_point.h"
#include "engine/log/log_writer.h"
#include "engine/log/resume_point.h"
#include "engine/log/segment.h"
#include "engine/log/superblock_store.h"
#include "engine/recovery/plan.h"
#include "engine/recovery/segment_bytes.h"
#include "platform/file_system.h"
#include "tidemark/error.hpp"

namespace tidemark::engine {

// A whole frame that a scan came by. What it points to is valid during the call.
struct ScannedFrame {
  const Segment& segment;
  std::uint64_t offset;  // in the segment
  const FrameHeader& header;
  BodyView body;
};
// Told of every whole frame, in order. false: its events do not decode.
using FrameVisitor = std::function<bool(const ScannedFrame&)>;

// What a scan of a store's log found out. Changes nothing, decides nothing.
struct ScanFacts {
  std::vector<std::shared_ptr<Segment>> segments;  // up to the one that B lies in
  std::shared_ptr<Segment> spare;                  // the next one, if it begins as if it had never been used
  std::vector<std::filesystem::path> leftovers;    // temporary files and useless spares

  LogPoint end;                             // B
  Offset watermark;                         // W
  LogPoint durable;                         // the last edge between frames at or below W
  std::optional<ResumePoint> durable_edge;  // the same, to go on from; none before the first frame
  TailFacts tail;
  std::string what;  // why there is no whole frame at B; empty if only zeros follow

  SegmentTotals totals;                // of the last segment, up to B
  std::uint64_t bad_bytes = 0;         // from B to after the last byte that is not zero
  std::uint64_t nonzero_bytes = 0;     // likewise, but without what only an unfinished recovery was about to zero
  std::uint64_t frames = 0;            // that were read
  std::uint64_t frames_in_doubt = 0;   // past W
  std::uint32_t epoch = 0;             // the highest in a frame
  std::int64_t recorded_ns = 0;        // of the last frame
  std::optional<Position> resumes_at;  // of the next whole frame after B, if one was found
};

struct ScanOptions {
  Unreadable unreadable = Unreadable::kFails;
  // An edge up to which the log is known: whole and durable. Segments before it are looked for by their headers alone,
  // and frames are read from it on. If it is no edge of this log the log counts as damaged, with nothing read.
  std::optional<ResumePoint> start = {};
  // The log is known to be durable up to here, whatever the superblock says.
  Offset durable = {};
  // No frame was ever written that goes past here. So what follows in the segment that the log ends in is not read,
  // but for its footer: it was zeros, and nobody has written there. Not believed where the log says otherwise.
  std::optional<Offset> write_limit = {};
  // The scan ends with the frame that reaches this position, well if it was met.
  std::optional<Position> until = {};
  // Told after each frame of the edge behind it, and how far the log is known to be durable. May be empty.
  std::function<void(const ResumePoint& edge, Offset durable)> passed = {};
};

// Reads all segments. kIo, kUnsupportedFormat; everything else is a fact.
[[nodiscard]] Result<ScanFacts> scan_log(platform::FileSystem& files, const std::filesystem::path& folder,
                                         const Superblock& superblock, const FrameVisitor& visit,
                                         const ScanOptions& options = {});

// Calls visit(record, body offset) for each event of a frame; false if they are not all there and in order. With
// check_events each is compared with its own checksum too, where it has one: readers of large frames rest on that
// alone.
template <class Visit>
[[nodiscard]] bool for_each_event(const FrameHeader& header, const BodyView& body, std::uint64_t body_bytes,
                                  Visit&& visit, bool check_events = false) {
  EventRecord record;
  std::uint32_t offset = body.events_begin();
  for (std::uint32_t i = 0; i < header.event_count; ++i) {
    const auto after = body.event_at(offset, check_events, record);
    if (!after) { return false; }
    if (!visit(record, offset)) { return false; }
    offset = *after;
  }
  return offset == body_bytes;
}

// The error that a verdict of A or D stands for.
[[nodiscard]] Error tail_error(const ScanFacts& facts, Verdict verdict);

}  // namespace tidemark::engine
