// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <functional>

#include "engine/format/body.h"
#include "engine/format/frame.h"
#include "engine/format/index_file.h"
#include "engine/format/lineage.h"
#include "platform/file_system.h"
#include "tidemark/error.hpp"

namespace tidemark::engine {

// A whole frame of a part of the log. What it points to is valid during the call.
struct RangeFrame {
  Offset at;  // in the log
  const FrameHeader& header;
  const BodyView& body;
};
// What it says ends the reading, if it is an error.
using RangeVisitor = std::function<Status(const RangeFrame&)>;

// Reads the frames that hold the positions of a range, in order, from a log that is known to be whole there: the range
// begins and ends at edges between frames. Rests on the segments alone and changes nothing. kDamaged, with path and
// offset, if one of the frames is not there, not whole, or crosses an end of the range; kIo.
[[nodiscard]] Status read_range(platform::FileSystem& files, const std::filesystem::path& folder,
                                const Lineage& lineage, const IndexRange& range, const RangeVisitor& visit);

}  // namespace tidemark::engine
