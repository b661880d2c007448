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
    case Met::kIndexFileMade:
      return "index file made";
    case Met::kIndexFilesMerged:
      return "index files merged into one";
    case Met::kIndexFileSuperseded:
      return "merged index file removed";
    case Met::kIndexFileLeftOver:
      return "index file removed by an opening";
    case Met::kIndexFilesUsed:
      return "opening from index files";
    case Met::kCrashInIndexFile:
      return "crash in the making of an index file";
    case Met::kCrashBeforeMergedFilesGo:
      return "crash with merged index files left";
    case Met::kDamageBelowTheIndex:
      return "damage that an opening did not read";
    case Met::kWriteLimitUsed:
      return "little read behind the end";
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
    text += fmt::format("  {:<38} {:>9}\n", to_string(static_cast<Met>(i)), counts_[i]);
  }
  return text;
}

}  // namespace tidemark::crash
