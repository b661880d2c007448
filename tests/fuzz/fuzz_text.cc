// SPDX-License-Identifier: Apache-2.0
// Goal: no text makes the small readers of foreign text crash or say what is not so: times, ids, JSON, queries, names
// of files, the holder in a lock file. Method: each gets the same input; what it takes must come back from its own
// writing.
#include <algorithm>
#include <chrono>

#include "engine/format/segment.h"
#include "platform/real_lock.h"
#include "tests/fuzz/targets.h"
#include "tidemark/event.hpp"
#include "tidemark/limits.hpp"
#include "tools/command/json_text.h"
#include "tools/command/output.h"
#include "tools/command/query_text.h"
#include "tools/command/times.h"

namespace tidemark::fuzz {

namespace {

bool is_printable_ascii(std::string_view text) {
  return std::ranges::all_of(text, [](char c) { return c >= ' ' && c <= '~'; });
}

void read_time(std::string_view text) {
  const auto time = command::parse_time(text);
  const auto recorded = command::parse_recorded_time(text);
  require(time.has_value() == recorded.has_value(), "a text is a time for one use and none for another");
  if (!time) { return; }
  if (recorded > RecordedTime::min() && recorded < RecordedTime::max()) {
    require(std::chrono::floor<std::chrono::microseconds>(*recorded) == *time, "a recorded time is another one");
    require(command::parse_recorded_time(command::format_time(*recorded)) == recorded, "a recorded time is not itself");
  }
  const std::string written = command::format_time(*time);
  require(command::parse_time(written) == time, "a time does not come back from " + written);
}

void read_names(std::string_view text) {
  if (const auto number = engine::parse_segment_file_name(text)) {
    require(engine::segment_file_name(*number) == text, "a segment has two names");
    require(engine::is_store_file_name(text), "a segment's name is foreign");
  }
  (void)engine::is_store_file_name(text);
}

void read_id(std::string_view text) {
  const auto id = EventId::parse(text);
  if (!id) { return; }
  std::string lower(text);
  std::ranges::transform(lower, lower.begin(), [](char c) { return c >= 'A' && c <= 'F' ? char(c - 'A' + 'a') : c; });
  require(to_string(*id) == lower, "an id does not come back");
}

void read_json(std::string_view text) {
  const auto error = command::find_json_error(text);
  if (error) { require(error->column <= text.size() + 1, "a JSON error stands past the text"); }
  const auto line = command::parse_import_line(text);
  if (line) {
    require(!error, "a line was taken that is no JSON");
    // Not what base64 stood for.
    for (const auto& payload : {line->data, line->metadata}) {
      const auto* const kept = std::get_if<std::string_view>(&payload);
      require(kept == nullptr || kept->empty() || command::is_json(*kept), "a line's data or metadata is no JSON");
    }
  } else {
    require(is_printable_ascii(line.error().reason.substr(0, 1)), "an error without a reason");
  }
  for (const std::string_view field : {"time", "at"}) {
    const auto timed = command::parse_import_line(text, field);
    require(!timed || timed->recorded, "a line without the recorded time that it must have was taken");
    require(!timed || !error, "a line was taken that is no JSON");
  }
  require(command::is_json(command::json_string(text)), "a text's JSON is no JSON");
}

void read_query(std::string_view text) {
  const auto query = command::parse_query(text);
  if (!query) {
    require(query.error().column <= text.size() + 1, "a query's error stands past the text");
    require(is_printable_ascii(query.error().reason.substr(0, 1)), "a query's error without a reason");
    return;
  }
  require(command::is_json(text), "a query was taken that is no JSON");
  require(query->query().objection().empty(), "a query was taken that makes no sense");
  std::size_t names = 0;
  for (const QueryItem& item : query->items) { names += item.types.size() + item.tags.size(); }
  require(names >= query->items.size(), "an item that names nothing was taken");
  require(names <= limits::kQueryNamesMax, "too many names were taken");
}

}  // namespace

void run_text(Bytes input) {
  const std::string_view text = as_text(input);
  read_time(text);
  read_names(text);
  read_id(text);
  read_json(text);
  read_query(text);
  require(is_printable_ascii(platform::holder_of(text)), "a lock's holder could steer a terminal");
  const std::string printed = command::printable(text, 40);
  require(std::ranges::none_of(printed, [](char c) { return (c >= 0 && c < ' ') || c == '\x7F'; }),
          "a printable text could steer a terminal");
}

}  // namespace tidemark::fuzz
