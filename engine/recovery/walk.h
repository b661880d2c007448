// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>

#include "engine/format/body.h"
#include "engine/format/segment.h"
#include "engine/format/superblock.h"
#include "engine/recovery/scan.h"
#include "platform/file_system.h"
#include "tidemark/verify.hpp"

namespace tidemark::engine {

// A whole frame that a walk came by. What it points to is valid during the call.
struct WalkedFrame {
  const SegmentHeader& segment;
  const std::filesystem::path& path;
  std::uint64_t offset;  // in the segment
  const FrameHeader& header;
  const BodyView& body;
};

struct WalkOptions {
  std::function<void(std::uint64_t done, std::uint64_t all)> progress;  // in bytes; may be empty
  std::function<void(const WalkedFrame&)> visit;                        // told of every whole frame; may be empty
};

struct WalkEnd {
  Position position;        // after the last event that is known to have been there
  bool is_lost = false;     // acknowledged events stood past that, nobody can tell how many
  bool is_suspect = false;  // there may have been some
};

// Goes over a store's log like a scan, but on beyond every damage: to the next whole frame that belongs where it
// stands. Adds what it finds to the report. kIo only for what is not the medium's fault.
[[nodiscard]] Result<WalkEnd> walk_log(platform::FileSystem& files, const std::filesystem::path& folder,
                                       const Superblock& superblock, const ScanFacts& facts, const WalkOptions& options,
                                       VerifyReport& report);

}  // namespace tidemark::engine
