// SPDX-License-Identifier: Apache-2.0
#include "tools/command/export_line.h"

#include <fmt/format.h>
#include <string_view>

#include "tools/command/base64.h"
#include "tools/command/json_text.h"
#include "tools/command/times.h"

namespace tidemark::command {
namespace {

// Whether an import takes exactly these bytes out of a line in which they stand as they are.
bool can_stand_in_line(std::string_view text) {
  constexpr std::string_view kWhiteSpace = " \t\r\n";
  return !text.empty() && text.find_first_of("\r\n") == std::string_view::npos &&
         kWhiteSpace.find(text.front()) == std::string_view::npos &&
         kWhiteSpace.find(text.back()) == std::string_view::npos && is_json(text);
}

void add_payload(std::string& line, std::string_view name, Bytes bytes) {
  if (can_stand_in_line(as_text(bytes))) {
    line += fmt::format(R"(,"{}":{})", name, as_text(bytes));
  } else {
    line += fmt::format(R"(,"{}_base64":"{}")", name, to_base64(bytes));
  }
}

}  // namespace

std::string export_line(const Event& event) {
  std::string line = fmt::format(R"({{"stream":{},"type":{},"time":"{}","recorded":"{}","id":"{}")",
                                 json_string(event.stream()), json_string(event.type()), format_time(event.valid()),
                                 format_time(event.recorded()), to_string(event.id()));
  if (!event.tags().empty()) {
    line += R"(,"tags":[)";
    for (const std::string_view tag : event.tags()) {
      if (!line.ends_with('[')) { line += ','; }
      line += json_string(tag);
    }
    line += ']';
  }
  add_payload(line, "data", event.data());
  if (!event.metadata().empty()) { add_payload(line, "metadata", event.metadata()); }
  return line + '}';
}

}  // namespace tidemark::command
