// SPDX-License-Identifier: Apache-2.0
// An example: how many streams stood where on a day, by the type of their last event: as the store knew it on that day,
// as it held on that day by all that is known today, and what was known then of what held then. What came late makes
// the difference.
//
//   tidemark import bank loans.jsonl --recorded-from recorded
//   time_travel bank 2011-12-01
#include <array>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <fmt/format.h>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

#include "tidemark/tidemark.hpp"

namespace {

// The number of streams by the type of their last event, in the order that the read gives.
using Standing = std::map<std::string, std::uint64_t>;

tidemark::Result<Standing> standing(const tidemark::Store& store, const tidemark::ReadOptions& options) {
  std::unordered_map<std::string, std::string> last;  // of each stream
  tidemark::Cursor events = store.read(tidemark::Query::all(), options);
  for (const tidemark::Event& event : events) { last[std::string(event.stream())] = event.type(); }
  if (auto ended = events.status(); !ended) { return std::unexpected(ended.error()); }
  Standing streams;
  for (const auto& [stream, type] : last) { ++streams[type]; }
  return streams;
}

// The first moment of a day in UTC, from 2011-12-01.
std::optional<std::chrono::sys_days> day_of(const char* text) {
  int year = 0;
  unsigned month = 0;
  unsigned day = 0;
  char more = '\0';
  if (std::sscanf(text, "%4d-%2u-%2u%c", &year, &month, &day, &more) != 3) { return std::nullopt; }
  const std::chrono::year_month_day date{std::chrono::year(year), std::chrono::month(month), std::chrono::day(day)};
  // Years in which nanoseconds fit.
  return date.ok() && year > 1677 && year < 2262 ? std::optional(std::chrono::sys_days(date)) : std::nullopt;
}

int complain(const tidemark::Error& error) {
  fmt::print(stderr, "time_travel: {}\n", to_string(error));
  return 1;
}

}  // namespace

int main(int argc, char** argv) {
  const auto day = argc == 3 ? day_of(argv[2]) : std::nullopt;
  if (!day) {
    fmt::print(stderr, "usage: time_travel STORE DAY, such as: time_travel bank 2011-12-01\n");
    return 2;
  }
  // As the command does.
  const bool any_file_system = std::getenv("TIDEMARK_ALLOW_UNSAFE_FILE_SYSTEM") != nullptr;
  auto opened = tidemark::Store::open(argv[1], {.read_only = true, .allow_unsafe_file_system = any_file_system});
  if (!opened) { return complain(opened.error()); }
  const tidemark::Store& store = *opened;

  const std::array<tidemark::ReadOptions, 3> ways{{
      {.recorded_until = *day},
      {.valid_until = *day, .order = tidemark::Order::kValid},
      {.recorded_until = *day, .valid_until = *day, .order = tidemark::Order::kValid},
  }};
  std::map<std::string, std::array<std::uint64_t, 3>> table;
  for (std::size_t i = 0; i < ways.size(); ++i) {
    const auto streams = standing(store, ways[i]);
    if (!streams) { return complain(streams.error()); }
    for (const auto& [type, count] : *streams) { table[type][i] = count; }
  }
  fmt::print("{:<32}{:>10}{:>10}{:>10}\n", "last event", "known", "valid", "both");
  for (const auto& [type, counts] : table) {
    fmt::print("{:<32}{:>10}{:>10}{:>10}\n", type, counts[0], counts[1], counts[2]);
  }
  return 0;
}
