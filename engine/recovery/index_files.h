// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <optional>
#include <vector>

#include "engine/format/lineage.h"
#include "engine/log/resume_point.h"
#include "index/tiers.h"
#include "platform/file_system.h"
#include "tidemark/error.hpp"

namespace tidemark::engine {

// Runs of this log, side by side, behind a part of it for which there are none.
struct IndexIsland {
  index::Tiers::Runs runs;
  ResumePoint end;                   // of the last one
  std::uint32_t trailer_before = 0;  // of the last frame before the first one, as in IndexNote
};

// What the index files in a store's folder are good for.
struct FoundIndex {
  index::Tiers::Runs runs;           // side by side from position 0 on, of this log
  std::optional<ResumePoint> end;    // of the last run; none without runs
  std::vector<IndexIsland> islands;  // what there is behind, by position: of use if what lies between is read first
  // Every other file of that kind, finished or not; those that were not finished alone, if there was no memory to look
  // into all. They are of no use to anybody who opens this store: a writer may remove them.
  std::vector<std::filesystem::path> leftovers;
};

// Looks for the runs that lead furthest. Changes nothing. A file that is damaged, foreign, or cannot be read is a
// leftover, but for want of memory, descriptors or rights: then nothing is. It is no error. Of a run no more is read
// here than its header and its checksums, so that what else is damaged in it shows when it is asked.
//
// Whether the log agrees with what the runs say, the scan must find out that goes on from their end. Errors: what
// listing the folder says, and kOutOfMemory.
[[nodiscard]] Result<FoundIndex> find_index(platform::FileSystem& files, const std::filesystem::path& folder,
                                            const Lineage& lineage);

}  // namespace tidemark::engine
