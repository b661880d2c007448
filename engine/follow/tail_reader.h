// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <memory>

#include "engine/format/lineage.h"
#include "engine/log/resume_point.h"
#include "engine/log/segment.h"
#include "engine/recovery/scan.h"
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

  // Visits each whole frame up to that offset. After an error the edge stands behind the last frame that was visited
  // well. kDamaged: what is durable is not there, or not whole; kUnsupportedFormat; kIo.
  [[nodiscard]] Status read_to(Offset durable, const FrameVisitor& visit);

 private:
  enum class Found : std::uint8_t { kFrame, kNothing };

  [[nodiscard]] Result<Found> read_frame(Offset durable, const FrameVisitor& visit);
  [[nodiscard]] Status check_frame(const FrameHeader& header) const;
  [[nodiscard]] Status go_to_next_segment();
  [[nodiscard]] Error damaged(std::string_view what) const;

  platform::FileSystem& files_;
  const std::filesystem::path folder_;
  const Lineage lineage_;
  Segments& segments_;
  ResumePoint edge_;
  std::shared_ptr<Segment> segment_;  // that the edge lies in
};

// The edge before the first frame of a log.
[[nodiscard]] ResumePoint beginning_of_log();

}  // namespace tidemark::engine
