// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <expected>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "tidemark/query.hpp"
#include "tools/command/exit_codes.h"
#include "tools/command/json_text.h"

namespace tidemark::command {

// A query as --query and --fail-if-match take it.
struct QueryText {
  Query scope = Query::all();
  std::vector<QueryItem> items;  // empty: everything of the scope
  std::optional<Position> after;

  [[nodiscard]] Query query() const { return items.empty() ? scope : scope.any_of(items); }
};

// Takes an array of items, [{"types":["A","B"],"tags":["x:1"]}, …], or an object of which each field may be left out:
// {"scope":{"stream":"s"} or {"category":"c"},"items":[…],"after":17}. Any other field, and a field given twice, is an
// error, and so is a list of items or an item that names nothing.
[[nodiscard]] std::expected<QueryText, JsonError> parse_query(std::string_view json);

// The other way about: such an object, and {} for everything.
[[nodiscard]] nlohmann::ordered_json query_json(const Query& query);

// The query that an option was given: such JSON, @FILE, or - for the standard input.
[[nodiscard]] Outcome<QueryText> read_query_option(const std::string& given, std::string_view option);

}  // namespace tidemark::command
