// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <set>
#include <vector>

#include "engine/copy/log_source.h"
#include "engine/format/superblock.h"
#include "platform/file_system.h"
#include "tidemark/error.hpp"

namespace tidemark::engine {

// A folder with an earlier backup of a store, or with one that was being added to when something ended that: in both
// its log is the beginning of the store's.
class EarlierBackup {
 public:
  // last: the segment that the source's log ends in. kInvalidArgument if the folder holds another store, or a log that
  // went another way, or more than the source shows; kDamaged, kUnsupportedFormat, kIo.
  [[nodiscard]] static Result<EarlierBackup> look(platform::FileSystem& files, const std::filesystem::path& folder,
                                                  const LogSource& source, const Segment& last);

  [[nodiscard]] const Superblock& superblock() const { return superblock_; }
  // Whether all that the source has in this segment is there already.
  [[nodiscard]] bool has(SegmentNumber number) const { return kept_.contains(number); }
  // Whether it has a file for this segment, with all of it or a beginning, or nothing yet.
  [[nodiscard]] bool begins(SegmentNumber number) const { return begun_.contains(number); }
  // Files of no use: what was not finished, and segments that were made ahead.
  [[nodiscard]] const std::vector<std::filesystem::path>& useless() const { return useless_; }

 private:
  Superblock superblock_{};
  std::set<SegmentNumber> kept_;
  std::set<SegmentNumber> begun_;
  std::vector<std::filesystem::path> useless_;
};

}  // namespace tidemark::engine
