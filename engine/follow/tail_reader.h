// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <memory>
#include <optional>

#include "engine/format/lineage.h"
#include "engine/log/resume_point.h"
#include "engine/log/segment.h"
#include "engine/recovery/scan.h"
#include "engine/recovery/segment_bytes.h"
#include "platform/file_system.h"
#include "tidemark/error.hpp"

namespace tidemark::engine {

// Reads on behind an edge of a log that somebody else writes, frame by frame, up to where it is known to be durable.
// What is durable is whole, so that nothing here has to look twice. Belongs to one thread at a time.
class TailReader {
 public:
  // The segments hold the edge's; those that come later are added.
  TailReader(platform::FileSystem& files, std::filesystem::path folder, Lineage lineage, Segments& segments,
             const ResumePoint& edge);

  // The edge that it has come to.
  [[nodiscard]] const ResumePoint& edge() const { return edge_; }

  // Visits each whole frame up to that offset, or until so many events were visited. After an error the edge stands
  // behind the last frame that was visited well. kDamaged: what is durable is not there, or not whole;
  // kUnsupportedFormat; kIo.
  [[nodiscard]] Status read_to(Offset durable, const FrameVisitor& visit, std::uint64_t events_max);
  // Goes on from a later edge, which somebody else has found right. After an error it stands where it stood, but for
  // segments that were added.
  [[nodiscard]] Status jump(const ResumePoint& edge);

 private:
  enum class Found : std::uint8_t { kFrame, kNothing };

  // Small: most often a frame or two has come.
  static constexpr std::uint64_t kPieceBytes = std::uint64_t{16} << 10U;

  [[nodiscard]] Status open_bytes();
  [[nodiscard]] Status enter_segment_after();
  [[nodiscard]] Result<Found> read_frame(Offset durable, const FrameVisitor& visit);
  [[nodiscard]] Status check_frame(const FrameHeader& header) const;
  [[nodiscard]] Status go_to_next_segment();
  [[nodiscard]] Error damaged(std::string_view what) const;

  platform::FileSystem& files_;
  const std::filesystem::path folder_;
  const Lineage lineage_;
  Segments& segments_;
  ResumePoint edge_;
  std::shared_ptr<Segment> segment_;   // that the edge lies in
  std::optional<SegmentBytes> bytes_;  // of it; read with pread: a medium that fails is an error
};

// The edge before the first frame of a log.
[[nodiscard]] ResumePoint beginning_of_log();

}  // namespace tidemark::engine
