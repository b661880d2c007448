// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

namespace tidemark::crash {

// What a campaign came by. A campaign that never met one of these shows nothing about it.
enum class Met : std::uint8_t {
  kVerdictA,
  kVerdictB,
  kVerdictC,
  kVerdictD,
  kCrashInRoll,
  kCrashInRecovery,
  kCrashInSuperblockWrite,
  kGroupOfSeveral,
  kThreeSegments,
  kTailInDoubt,
  kTornWithinSector,
  kSyncFailed,
  kProcessKilled,
  kPowerLost,
  kReadOnlyBeforeRecovery,
  kIdempotentRepeat,
  kConflict,
  kIndexFileMade,
  kIndexFilesMerged,
  kIndexFileSuperseded,
  kIndexFileLeftOver,
  kIndexFilesUsed,
  kCrashInIndexFile,
  kCrashBeforeMergedFilesGo,
  kDamageBelowTheIndex,
  kWriteLimitUsed,
  kCount,
};
[[nodiscard]] std::string_view to_string(Met met);

class Histogram {
 public:
  void count(Met met) { ++counts_[static_cast<std::size_t>(met)]; }
  [[nodiscard]] std::uint64_t operator[](Met met) const { return counts_[static_cast<std::size_t>(met)]; }
  void add(const Histogram& other);
  [[nodiscard]] std::string to_text() const;

 private:
  std::array<std::uint64_t, static_cast<std::size_t>(Met::kCount)> counts_{};
};

}  // namespace tidemark::crash
