// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "engine/log/known_frame.h"
#include "engine/log/segment.h"
#include "index/run_places.h"

namespace tidemark::engine {

// Looks ahead at some events that will be read: asks the processor for the memory that reading them will touch, for all
// of them together, so that it waits for them once and not one after the other. Belongs to one thread. Changes nothing
// and never fails: what is not mapped, or was not found right in this process before, is left to the reader.
class ReadAhead {
 public:
  static constexpr std::size_t kEventsMax = 32;

  // At most kEventsMax places. The segments must stay alive as long as what known() gives is used.
  void look(const SegmentList& segments, std::span<const index::Place> places);

  // The frame of the n-th event, if the event has agreed with the index before (Segment::has_agreed); null otherwise.
  [[nodiscard]] const KnownFrame* known(std::size_t n) const {
    return n < looked_ && ahead_[n].agreed ? ahead_[n].known : nullptr;
  }

 private:
  struct Ahead {
    const Segment* segment;
    std::uint64_t frame;  // its offset in the segment
    const KnownFrame* known;
    bool agreed;
    std::optional<std::uint32_t> stream;  // in the frame
  };

  std::array<Ahead, kEventsMax> ahead_;  // the first looked_ of them
  std::size_t looked_ = 0;
};

}  // namespace tidemark::engine
