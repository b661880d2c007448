// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>

#include "tidemark/error.hpp"

namespace tidemark {

// How a copy of a store comes by the segments that are sealed: these are never written again.
enum class SealedSegments : std::uint8_t {
  kCopied,  // their bytes are copied
  kLinked,  // they get a second name where the file system gives one, and are copied where not: takes no time and no
            // room, and what hits the bytes of the one (a failing medium, somebody who writes into the file) hits both
};

// Told the bytes of a store that were gone through, and all of them. May be empty.
using CopyProgress = std::function<void(std::uint64_t done, std::uint64_t all)>;

struct BackupOptions {
  // Goes on with an earlier backup of the same store in that folder: only what came since is copied. Without an
  // earlier one it makes the first.
  bool incremental = false;
  SealedSegments sealed = SealedSegments::kCopied;
  // Reads every byte of the result and checks it.
  bool verify = true;
};

struct BackupReport {
  bool added_to_earlier = false;  // there was an earlier backup, which is this one now
  std::uint64_t events = 0;       // in the backup: those at the positions below this
  std::uint64_t segments_copied = 0;
  std::uint64_t segments_linked = 0;
  std::uint64_t segments_kept = 0;  // they were in the earlier backup already
  std::uint64_t bytes_copied = 0;   // of segments, without what is zeros
};

}  // namespace tidemark
