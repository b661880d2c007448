// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <vector>

#include "engine/format/body.h"
#include "engine/format/frame.h"
#include "engine/log/lost_event.h"
#include "engine/log/segment.h"
#include "engine/recovery/verify.h"

namespace tidemark::engine {

// Where a whole frame of a damaged store stands.
struct FrameSpot {
  std::size_t segment = 0;  // in Salvaged::segments
  std::uint64_t offset = 0;
  std::uint64_t bytes = 0;
  Position first;
  std::uint32_t events = 0;
};

// All of a store that is whole, and what stands for the rest: together every position once, in order, and every
// version of every stream.
struct Salvaged {
  Walked walked;
  std::vector<std::shared_ptr<Segment>> segments;
  std::vector<FrameSpot> frames;
  LostEvents lost;
};

// Goes over a store and plans. kDamaged if what is whole contradicts itself, as no damage by itself does.
[[nodiscard]] Result<Salvaged> salvage_store(
    platform::FileSystem& files, const std::filesystem::path& folder,
    const std::function<void(std::uint64_t done, std::uint64_t all)>& progress);

// A whole frame, read again. Valid during the call.
struct SalvagedFrame {
  const FrameSpot& spot;
  Offset place;  // in the log
  FrameHeader header;
  Bytes table;
  Bytes body;
};
// Tells of everything in the order of the positions: of each run of lost events without a gap, and of each frame.
struct SalvageVisitor {
  std::function<Status(LostEvents::const_iterator begin, LostEvents::const_iterator end)> lost;
  std::function<Status(const SalvagedFrame&)> frame;
};
[[nodiscard]] Status for_each_salvaged(const Salvaged& salvaged, const SalvageVisitor& visitor);

}  // namespace tidemark::engine
