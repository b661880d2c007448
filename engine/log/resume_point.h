// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "engine/log/log_point.h"
#include "engine/log/log_writer.h"
#include "tidemark/types.hpp"

namespace tidemark::engine {

// An edge between frames from which the log can be read on, without what is before it.
struct ResumePoint {
  LogPoint point;
  SegmentNumber segment;         // that the frame before the edge lies in
  SegmentTotals totals;          // of that segment, up to the edge: they hold the last trailer
  std::int64_t recorded_ns = 0;  // of the last frame
  std::uint32_t epoch = 0;       // likewise

  friend bool operator==(const ResumePoint&, const ResumePoint&) = default;
};

}  // namespace tidemark::engine
