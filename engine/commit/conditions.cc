// SPDX-License-Identifier: Apache-2.0
#include "engine/commit/conditions.h"

#include <algorithm>
#include <utility>

namespace tidemark::engine {

bool all_met(std::span<const StreamUse> streams, std::span<const std::uint64_t> counts) {
  for (std::size_t i = 0; i < streams.size(); ++i) {
    if (!meets(streams[i].expect, counts[i])) { return false; }
  }
  return true;
}

Error version_conflict(std::span<const StreamUse> streams, std::span<const std::uint64_t> counts) {
  std::vector<std::size_t> failed;
  for (std::size_t i = 0; i < streams.size(); ++i) {
    if (!meets(streams[i].expect, counts[i])) { failed.push_back(i); }
  }
  std::ranges::sort(failed, {}, [&](std::size_t i) { return streams[i].named; });
  std::vector<Conflict> conflicts;
  for (const std::size_t i : failed) {
    const auto actual = counts[i] == 0 ? std::nullopt : std::optional(Version(counts[i] - 1));
    conflicts.push_back({std::string(streams[i].key.name), streams[i].expect, actual});
  }
  std::string message;
  for (const Conflict& conflict : conflicts) {
    if (!message.empty()) { message += "; "; }
    message += "stream \"" + conflict.stream + "\" was expected at " + to_string(conflict.expected) + " and ";
    message += conflict.actual ? "is at version " + std::to_string(conflict.actual->value()) : "has no event";
  }
  return Error(ErrorCode::kVersionConflict, std::move(message)).with_conflicts(std::move(conflicts));
}

}  // namespace tidemark::engine
