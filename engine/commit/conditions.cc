// SPDX-License-Identifier: Apache-2.0
#include "engine/commit/conditions.h"

#include <algorithm>
#include <utility>

#include "engine/commit/batch_access.h"
#include "engine/format/names.h"
#include "engine/log/query_keys.h"
#include "tidemark/limits.hpp"

namespace tidemark::engine {

namespace {

// A query may have a thousand names; a message is for people.
std::string in_short(const Query& query) {
  constexpr std::size_t kBytesMax = 300;
  std::string text = to_string(query);
  if (text.size() <= kBytesMax) { return text; }
  std::size_t size = kBytesMax;
  while (size > 0 && (static_cast<unsigned char>(text[size]) & 0xC0U) == 0x80) { --size; }  // not within a character
  text.resize(size);
  return text + " …";
}

}  // namespace

Result<std::vector<Condition>> conditions_of(const Batch& batch) {
  const auto& entries = BatchAccess::conditions(batch);
  if (entries.size() > limits::kConditionsMax) {
    return std::unexpected(Error(ErrorCode::kLimitExceeded, "the batch has " + std::to_string(entries.size()) +
                                                                " conditions over queries; at most " +
                                                                std::to_string(limits::kConditionsMax) + " go"));
  }
  std::vector<Condition> conditions;
  conditions.reserve(entries.size());
  for (const auto& entry : entries) {
    if (auto good = check_query(entry.query); !good) { return std::unexpected(std::move(good.error())); }
    conditions.push_back({&entry.query, key_query(entry.query), entry.after});
  }
  return conditions;
}

bool all_met(const Standing& standing) {
  for (std::size_t i = 0; i < standing.streams.size(); ++i) {
    if (!meets(standing.streams[i].expect, standing.counts[i])) { return false; }
  }
  return std::ranges::none_of(standing.matches, [](const auto& match) { return match.has_value(); });
}

Error conflict(const Standing& standing) {
  const auto& streams = standing.streams;
  std::vector<std::size_t> failed;
  for (std::size_t i = 0; i < streams.size(); ++i) {
    if (!meets(streams[i].expect, standing.counts[i])) { failed.push_back(i); }
  }
  std::ranges::sort(failed, {}, [&](std::size_t i) { return streams[i].named; });
  std::vector<Conflict> conflicts;
  for (const std::size_t i : failed) {
    const auto actual = standing.counts[i] == 0 ? std::nullopt : std::optional(Version(standing.counts[i] - 1));
    conflicts.push_back({std::string(streams[i].key.name), streams[i].expect, actual});
  }
  std::string message;
  for (const Conflict& conflict : conflicts) {
    if (!message.empty()) { message += "; "; }
    message += "stream \"" + conflict.stream + "\" was expected at " + to_string(conflict.expected) + " and ";
    message += conflict.actual ? "is at version " + std::to_string(conflict.actual->value()) : "has no event";
  }
  std::vector<MatchConflict> matches;
  for (std::size_t i = 0; i < standing.matches.size(); ++i) {
    if (!standing.matches[i]) { continue; }
    matches.push_back({i, *standing.matches[i]});
    if (!message.empty()) { message += "; "; }
    message += "no event ";
    if (standing.conditions[i].after) {
      message += "after position " + std::to_string(standing.conditions[i].after->value()) + " ";
    }
    message += "may match (" + in_short(*standing.conditions[i].query) + "), and the one at position " +
               std::to_string(standing.matches[i]->value()) + " does";
  }
  return Error(conflicts.empty() ? ErrorCode::kMatchConflict : ErrorCode::kVersionConflict, std::move(message))
      .with_conflicts(std::move(conflicts))
      .with_match_conflicts(std::move(matches));
}

}  // namespace tidemark::engine
