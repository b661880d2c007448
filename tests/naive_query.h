// SPDX-License-Identifier: Apache-2.0
#pragma once

// What a query means, decided event by event and with no index: what reads, lists and conditions are compared with.

#include <algorithm>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "tidemark/cursor.hpp"
#include "tidemark/event.hpp"
#include "tidemark/query.hpp"
#include "tidemark/store.hpp"

namespace tidemark::test {

// A stream's name before its first `-`, whole if it has none. A name that begins with `-` has no category.
inline std::optional<std::string> category_of(const std::string& stream) {
  std::string before = stream.substr(0, stream.find('-'));
  if (before.empty()) { return std::nullopt; }
  return before;
}

inline bool contains(const std::vector<std::string>& names, const std::string& name) {
  return std::ranges::find(names, name) != names.end();
}

inline bool matches(const QueryItem& item, const OwnedEvent& event) {
  const bool type = item.types.empty() || contains(item.types, event.type);
  return type && std::ranges::all_of(item.tags, [&](const std::string& tag) { return contains(event.tags, tag); });
}

inline bool in_scope(const Query& query, const OwnedEvent& event) {
  switch (query.scope()) {
    case Query::Scope::kAll:
      return true;
    case Query::Scope::kStream:
      return event.stream == query.scope_name();
    case Query::Scope::kCategory:
      return category_of(event.stream) == query.scope_name();
  }
  return false;
}

inline bool matches(const Query& query, const OwnedEvent& event) {
  if (!in_scope(query, event)) { return false; }
  return query.items().empty() ||
         std::ranges::any_of(query.items(), [&](const QueryItem& item) { return matches(item, event); });
}

// The positions that a read gives of a log that is seen up to its end.
inline std::vector<std::uint64_t> naive_read(const std::vector<OwnedEvent>& log, const Query& query,
                                             const ReadOptions& options = {}) {
  const bool forward = options.direction == Direction::kForward;
  const auto wanted = [&](const OwnedEvent& event) {
    if (options.from_version &&
        (forward ? event.version < *options.from_version : event.version > *options.from_version)) {
      return false;
    }
    if (options.from_position &&
        (forward ? event.position < *options.from_position : event.position > *options.from_position)) {
      return false;
    }
    if (options.recorded_until && event.recorded > *options.recorded_until) { return false; }
    if (options.valid_until && event.valid > *options.valid_until) { return false; }
    return matches(query, event);
  };
  std::vector<std::uint64_t> positions;
  for (const OwnedEvent& event : log) {
    if (wanted(event)) { positions.push_back(event.position.value()); }
  }
  if (options.order == Order::kValid) {
    std::ranges::sort(positions, {}, [&](std::uint64_t n) { return std::pair(log[n].valid, n); });
  }
  if (!forward) { std::ranges::reverse(positions); }
  if (positions.size() > options.limit) { positions.resize(options.limit); }
  return positions;
}

// The first event that stands in the way of a condition, among those before `end`.
inline std::optional<Position> first_match(const std::vector<OwnedEvent>& log, const Query& query,
                                           std::optional<Position> after, std::uint64_t end) {
  for (std::uint64_t i = after ? after->value() + 1 : 0; i < end && i < log.size(); ++i) {
    if (matches(query, log[i])) { return Position(i); }
  }
  return std::nullopt;
}

// Names with the number of events that have them and the last of these.
using NaiveNames = std::map<std::string, NameInfo>;

inline void count(NaiveNames& names, const std::string& name, Position position) {
  NameInfo& info = names[name];
  info.name = name;
  if (info.events == 0 || info.last_position != position) { ++info.events; }
  info.last_position = position;
}

inline NaiveNames naive_types(const std::vector<OwnedEvent>& log) {
  NaiveNames names;
  for (const OwnedEvent& event : log) { count(names, event.type, event.position); }
  return names;
}

inline NaiveNames naive_tags(const std::vector<OwnedEvent>& log) {
  NaiveNames names;
  for (const OwnedEvent& event : log) {
    for (const std::string& tag : event.tags) { count(names, tag, event.position); }
  }
  return names;
}

inline NaiveNames naive_categories(const std::vector<OwnedEvent>& log) {
  NaiveNames names;
  for (const OwnedEvent& event : log) {
    if (const auto category = category_of(event.stream)) { count(names, *category, event.position); }
  }
  return names;
}

inline NaiveNames naive_streams(const std::vector<OwnedEvent>& log) {
  NaiveNames names;
  for (const OwnedEvent& event : log) { count(names, event.stream, event.position); }
  return names;
}

}  // namespace tidemark::test
