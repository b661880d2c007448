// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <string_view>

#include "tidemark/export.hpp"
#include "tidemark/types.hpp"

namespace tidemark {

// What opening found at the end of the log. docs/recovery.md has the table behind the letters.
enum class RecoveryKind : std::uint8_t {
  kCreated = 1,          // there was no store: it was made
  kClosedCleanly = 2,    // the last writer closed the store, nothing was in doubt
  kCleanEnd = 3,         // B: the last writer did not close the store; its log ends cleanly
  kTornTail = 4,         // C: an unfinished, unacknowledged end was cut off
  kSuspectAccepted = 5,  // D: a suspect end was cut off because the caller accepted that
  kDamaged = 6,          // A: acknowledged data is damaged (a read-only opening goes on and reports it when read)
  kSuspect = 7,          // D: a suspect end, seen by a read-only opening
};

[[nodiscard]] TIDEMARK_API std::string_view to_string(RecoveryKind kind);

// Told by every opening. A read-only opening mends nothing: bytes_cut is then what a writer would cut.
struct RecoveryReport {
  RecoveryKind kind = RecoveryKind::kCreated;
  std::uint32_t epoch = 0;        // of this opening; openings for writing count up
  std::uint64_t frames_kept = 0;  // whole frames (batches) read, without those that index files cover
  std::uint64_t events_kept = 0;
  std::uint64_t frames_in_doubt = 0;  // of these, past what was known durable: rewritten and synced
  std::uint64_t bytes_in_doubt = 0;
  std::uint64_t bytes_cut = 0;     // of the unfinished end
  std::filesystem::path rejected;  // where the cut bytes were kept; empty if there were none or no room
  bool superblock_lost = false;    // one of the two superblocks was unreadable; the other served
  std::chrono::nanoseconds
      clock_behind{};  // how far the wall clock stands before the last recorded time, if a minute or more
  RecordedTime at;     // when recovery began, by the wall clock
  std::chrono::nanoseconds took{};
};

}  // namespace tidemark
