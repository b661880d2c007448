// SPDX-License-Identifier: Apache-2.0
#include "tests/crash/histogram.h"

#include <fmt/format.h>

namespace tidemark::crash {

std::string_view to_string(Met met) {
  switch (met) {
    case Met::kVerdictA:
      return "verdict A: damage reported";
    case Met::kVerdictB:
      return "verdict B: clean end";
    case Met::kVerdictC:
      return "verdict C: torn tail";
    case Met::kVerdictD:
      return "verdict D: suspect tail";
    case Met::kCrashInRoll:
      return "crash in a roll";
    case Met::kCrashInRecovery:
      return "crash in recovery";
    case Met::kCrashInSuperblockWrite:
      return "crash in a superblock write";
    case Met::kGroupOfSeveral:
      return "group of two and more appenders";
    case Met::kThreeSegments:
      return "store of three and more segments";
    case Met::kTailInDoubt:
      return "tail in doubt, not empty";
    case Met::kTornWithinSector:
      return "block cut within a sector";
    case Met::kSyncFailed:
      return "sync failed";
    case Met::kProcessKilled:
      return "process killed";
    case Met::kPowerLost:
      return "power lost";
    case Met::kReadOnlyBeforeRecovery:
      return "read-only opening before recovery";
    case Met::kIdempotentRepeat:
      return "append repeated";
    case Met::kConflict:
      return "conflict";
    case Met::kCount:
      break;
  }
  return "unknown";
}

void Histogram::add(const Histogram& other) {
  for (std::size_t i = 0; i < counts_.size(); ++i) { counts_[i] += other.counts_[i]; }
}

std::string Histogram::to_text() const {
  std::string text;
  for (std::size_t i = 0; i < counts_.size(); ++i) {
    text += fmt::format("  {:<36} {:>9}\n", to_string(static_cast<Met>(i)), counts_[i]);
  }
  return text;
}

}  // namespace tidemark::crash
