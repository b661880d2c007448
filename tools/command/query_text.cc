// SPDX-License-Identifier: Apache-2.0
#include "tools/command/query_text.h"

#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <utility>

#include "tidemark/limits.hpp"
#include "tools/command/json_walk.h"
#include "tools/command/text_argument.h"

namespace tidemark::command {
namespace {

class QueryParser final : public JsonWalker {
 public:
  [[nodiscard]] QueryText& result() { return result_; }

  bool null() override { return misplaced("null"); }
  bool boolean(bool) override { return misplaced("a boolean"); }
  bool number_integer(std::int64_t) override { return misplaced("a negative number"); }
  bool number_unsigned(std::uint64_t value) override {
    if (place_ != Place::kQuery || key_ != "after") { return misplaced("a number"); }
    result_.after = Position(value);
    return true;
  }
  bool number_float(long double, const std::string&) override { return misplaced("such a number"); }
  bool string(std::string& value) override {
    if (value.empty() && (place_ == Place::kScope || place_ == Place::kNames)) { return refuse("an empty name"); }
    if (place_ == Place::kScope) {
      result_.scope = key_ == "stream" ? Query::stream(value) : Query::category(value);
      return true;
    }
    if (place_ != Place::kNames) { return misplaced("a string"); }
    if (++names_ > limits::kQueryNamesMax) {
      return refuse(fmt::format("more than {} types and tags", limits::kQueryNamesMax));
    }
    QueryItem& item = result_.items.back();
    (key_ == "types" ? item.types : item.tags).push_back(std::move(value));
    return true;
  }

  bool start_array(std::size_t) override {
    if (place_ == Place::kTop || (place_ == Place::kQuery && key_ == "items")) {
      place_ = Place::kItems;
    } else if (place_ == Place::kItem) {
      place_ = Place::kNames;
    } else {
      return misplaced("an array");
    }
    return true;
  }
  bool end_array() override {
    if (place_ == Place::kNames) {
      place_ = Place::kItem;
      return true;
    }
    if (result_.items.empty()) { return refuse("no item: leave the list out to ask for everything"); }
    place_ = in_object_ ? Place::kQuery : Place::kTop;
    return true;
  }
  bool start_object(std::size_t) override {
    if (place_ == Place::kTop) {
      place_ = Place::kQuery;
      in_object_ = true;
    } else if (place_ == Place::kQuery && key_ == "scope") {
      place_ = Place::kScope;
    } else if (place_ == Place::kItems) {
      place_ = Place::kItem;
      seen_types_ = seen_tags_ = false;
      result_.items.emplace_back();
    } else {
      return misplaced("an object");
    }
    return true;
  }
  bool end_object() override {
    if (place_ == Place::kItem) {
      const QueryItem& item = result_.items.back();
      if (item.types.empty() && item.tags.empty()) { return refuse("an item names neither a type nor a tag"); }
      place_ = Place::kItems;
    } else if (place_ == Place::kScope) {
      if (result_.scope.scope() == Query::Scope::kAll) {
        return refuse("\"scope\" names neither a stream nor a category");
      }
      place_ = Place::kQuery;
    } else {
      place_ = Place::kTop;
    }
    return true;
  }

  bool key(std::string& name) override {
    bool* seen = seen_of(name);
    if (seen == nullptr) {
      key_.clear();
      return refuse(fmt::format("unknown field {}: {}", quoted(name), allowed()));
    }
    if (*seen) {
      return place_ == Place::kScope ? refuse("\"scope\" is one stream or one category")
                                     : refuse(fmt::format("field \"{}\" is given twice", name));
    }
    *seen = true;
    key_ = std::move(name);
    return true;
  }

 private:
  enum class Place : std::uint8_t { kTop, kQuery, kScope, kItems, kItem, kNames };

  // Whether the field was there before; null if there is no such field here.
  bool* seen_of(std::string_view name) {
    switch (place_) {
      case Place::kQuery:
        return name == "scope"   ? &seen_scope_
               : name == "items" ? &seen_items_
               : name == "after" ? &seen_after_
                                 : nullptr;
      case Place::kScope:
        return name == "stream" || name == "category" ? &seen_name_ : nullptr;
      case Place::kItem:
        return name == "types" ? &seen_types_ : name == "tags" ? &seen_tags_ : nullptr;
      case Place::kTop:
      case Place::kItems:
      case Place::kNames:
        break;
    }
    return nullptr;
  }
  // What may stand where the parser is.
  [[nodiscard]] std::string_view allowed() const {
    switch (place_) {
      case Place::kTop:
        return R"(a query is an array of items such as [{"types":["A"],"tags":["x:1"]}], or an object with scope, items and after)";
      case Place::kQuery:
        if (key_ == "after") { return "\"after\" is a position"; }
        if (key_ == "items") { return "\"items\" is an array of items"; }
        if (key_ == "scope") { return R"("scope" is {"stream":"…"} or {"category":"…"})"; }
        return R"(the object has scope, items and after; items alone stand in an array: [{"types":["A"],"tags":["x:1"]}])";
      case Place::kScope:
        return R"("scope" is {"stream":"…"} or {"category":"…"})";
      case Place::kItems:
        return R"(an item is an object such as {"types":["A"],"tags":["x:1"]})";
      case Place::kItem:
        return "an item has types and tags, each an array of strings";
      case Place::kNames:
        return "types and tags are strings";
    }
    return {};
  }
  bool misplaced(std::string_view what) { return refuse(fmt::format("{}, not {}", allowed(), what)); }

  QueryText result_;
  Place place_ = Place::kTop;
  std::string key_;
  std::size_t names_ = 0;
  bool in_object_ = false;
  bool seen_scope_ = false;
  bool seen_items_ = false;
  bool seen_after_ = false;
  bool seen_name_ = false;
  bool seen_types_ = false;
  bool seen_tags_ = false;
};

}  // namespace

std::expected<QueryText, JsonError> parse_query(std::string_view json) {
  QueryParser parser;
  if (auto error = parser.walk(json)) { return std::unexpected(*std::move(error)); }
  return std::move(parser.result());
}

nlohmann::ordered_json query_json(const Query& query) {
  nlohmann::ordered_json json = nlohmann::ordered_json::object();
  if (query.scope() != Query::Scope::kAll) {
    json["scope"][query.scope() == Query::Scope::kStream ? "stream" : "category"] = query.scope_name();
  }
  for (const QueryItem& item : query.items()) {
    nlohmann::ordered_json one;
    if (!item.types.empty()) { one["types"] = item.types; }
    if (!item.tags.empty()) { one["tags"] = item.tags; }
    json["items"].push_back(std::move(one));
  }
  return json;
}

Outcome<QueryText> read_query_option(const std::string& given, std::string_view option) {
  const Outcome<TextArgument> argument = read_argument(given, std::string(option));
  if (!argument) { return std::unexpected(argument.error()); }
  if (argument->text.size() > limits::kEventBytesMax) {
    return bad_input(fmt::format("{}: more than {} MiB", argument->source, limits::kEventBytesMax >> 20U));
  }
  std::expected<QueryText, JsonError> query = parse_query(argument->text);
  if (!query) {
    return bad_input(fmt::format("{}: column {}: {}", argument->source, query.error().column, query.error().reason));
  }
  return *std::move(query);
}

}  // namespace tidemark::command
