// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <expected>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "tidemark/event.hpp"

// JSON as text that is kept as it was written: no number is rounded, no key moved.
namespace tidemark::command {

// Why a text was not taken.
struct JsonError {
  std::size_t column = 0;  // bytes from the start of the text, from 1
  std::string reason;
};

// Nothing if the text is one JSON value in UTF-8.
[[nodiscard]] std::optional<JsonError> find_json_error(std::string_view text);
[[nodiscard]] inline bool is_json(std::string_view text) { return !find_json_error(text); }

// The JSON text of a string.
[[nodiscard]] std::string json_string(std::string_view text);
// A value in one line. Bytes that are not UTF-8, as the path of a file may have them, are replaced.
[[nodiscard]] std::string one_line(const nlohmann::json& json);
[[nodiscard]] std::string one_line(const nlohmann::ordered_json& json);

// One line of an import.
struct ImportLine {
  // JSON as it stands in the line that was parsed, which must be there still: its very bytes, without the white space
  // around them. Or what base64 stood for.
  using Payload = std::variant<std::string_view, std::string>;
  static std::string_view text(const Payload& payload) {
    return std::visit([](const auto& text) { return std::string_view(text); }, payload);
  }

  std::string stream;
  std::string type;
  Payload data;
  Payload metadata;
  std::vector<std::string> tags;
  std::optional<ValidTime> valid;
  std::optional<EventId> id;
  std::optional<RecordedTime> recorded;  // what the field that was asked for says
};

// Takes an object with the fields stream, type and data, and if wanted time, id, metadata, tags and recorded.
// data_base64 and metadata_base64 stand for bytes that are not JSON. Any other field, and a field given twice, is an
// error, since it would be lost without a word. recorded_field, if not empty, names the field, "time", "recorded" or
// one of its own, that says when the line was recorded; then a line must have it. If not, "recorded" is left aside.
[[nodiscard]] std::expected<ImportLine, JsonError> parse_import_line(std::string_view line,
                                                                     std::string_view recorded_field = {});
// Whether a field of this name can say when a line was recorded: not one that says something else.
[[nodiscard]] bool can_name_recorded(std::string_view field);

}  // namespace tidemark::command
