// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>

#include "engine/log/environment.h"
#include "engine/log/segment_maker.h"
#include "engine/log/superblock_store.h"
#include "engine/recovery/scan.h"
#include "tidemark/error.hpp"

namespace tidemark::engine {

// Carries out what the plan of a recovery says: the only code that changes files for it. Running it again after a crash
// at any point ends in the same place, because the scan then finds the same whole frames:
//
//   0. sync the folder: names that a killed process made become durable; remove what is left over
//   1. name in the superblock how far the cut goes     a later recovery zeroes that much again
//   2. keep the rejected bytes aside (best effort)
//   3. rewrite (W, B], zero the rest, sync              a sync after a failed sync lies, rewriting does not
//   4. one superblock: new epoch, durable up to B       from here on the tail is acknowledged data
//
// begin_epoch is 4. apart, so that the caller can fill in its report first.
struct AppliedTail {
  std::shared_ptr<platform::File> file;  // of the active segment, open for writing
  std::filesystem::path rejected;        // where the rejected bytes went; empty if nowhere
  std::uint64_t bytes_rewritten = 0;
};
[[nodiscard]] Result<AppliedTail> repair_tail(Environment environment, const std::filesystem::path& folder,
                                              const ScanFacts& facts, std::uint32_t epoch,
                                              SuperblockStore& superblocks);
[[nodiscard]] Status begin_epoch(Environment environment, const ScanFacts& facts, std::uint32_t epoch,
                                 const RecoveryRecord& record, SuperblockStore& superblocks);

}  // namespace tidemark::engine
