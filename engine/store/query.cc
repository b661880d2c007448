// SPDX-License-Identifier: Apache-2.0
#include "tidemark/query.hpp"

#include <utility>

namespace tidemark {

namespace {

template <class Names>
std::vector<std::string> copy(const Names& names) {
  return {names.begin(), names.end()};
}

// "a" or "b": the names in quotes, joined.
void put_names(std::string& text, std::string_view what, const std::vector<std::string>& names, std::string_view join) {
  if (names.empty()) { return; }
  if (!text.empty() && !text.ends_with('(')) { text += ", "; }
  text += what;
  for (std::size_t i = 0; i < names.size(); ++i) {
    if (i > 0) { text += join; }
    text += " \"" + names[i] + "\"";
  }
}

}  // namespace

void Query::object(std::string_view why) {
  if (objection_.empty()) { objection_ = why; }
}

Query Query::narrowed(std::vector<std::string> types, std::vector<std::string> tags) const {
  Query query = *this;
  if (query.any_of_) { query.object("types() and tags() do not go with any_of(): name them in its items"); }
  if (query.items_.empty()) { query.items_.emplace_back(); }
  QueryItem& item = query.items_.front();
  if (!types.empty() && !item.types.empty()) { query.object("types() goes once into a query, with all the types"); }
  for (auto& name : types) { item.types.push_back(std::move(name)); }
  for (auto& name : tags) { item.tags.push_back(std::move(name)); }
  return query;
}

Query Query::types(std::initializer_list<std::string_view> names) const {
  Query query = narrowed(copy(names), {});
  if (names.size() == 0) { query.object("types() was given no type: leave it out to ask for all types"); }
  return query;
}

Query Query::types(std::span<const std::string> names) const {
  Query query = narrowed(copy(names), {});
  if (names.empty()) { query.object("types() was given no type: leave it out to ask for all types"); }
  return query;
}

Query Query::tags(std::initializer_list<std::string_view> names) const {
  Query query = narrowed({}, copy(names));
  if (names.size() == 0) { query.object("tags() was given no tag: leave it out to ask for events with any tags"); }
  return query;
}

Query Query::tags(std::span<const std::string> names) const {
  Query query = narrowed({}, copy(names));
  if (names.empty()) { query.object("tags() was given no tag: leave it out to ask for events with any tags"); }
  return query;
}

Query Query::any_of(std::vector<QueryItem> items) const {
  Query query = *this;
  if (query.any_of_) { query.object("any_of() goes once into a query, with all the items"); }
  if (!query.any_of_ && !query.items_.empty()) {
    query.object("any_of() does not go with types() and tags(): name them in its items");
  }
  if (items.empty()) { query.object("any_of() was given no item: leave it out to ask for everything"); }
  for (const QueryItem& item : items) {
    if (item.types.empty() && item.tags.empty()) {
      query.object("an item of any_of() names neither a type nor a tag: leave any_of() out to ask for everything");
    }
  }
  query.any_of_ = true;
  query.items_ = std::move(items);
  return query;
}

std::string to_string(const Query& query) {
  std::string text;
  switch (query.scope()) {
    case Query::Scope::kAll:
      if (query.items().empty()) { return "all events"; }
      break;
    case Query::Scope::kStream:
      text = "stream \"" + query.scope_name() + "\"";
      break;
    case Query::Scope::kCategory:
      text = "category \"" + query.scope_name() + "\"";
      break;
  }
  const bool several = query.items().size() > 1;
  for (std::size_t i = 0; i < query.items().size(); ++i) {
    if (several) { text += i == 0 ? text.empty() ? "(" : ", (" : " or ("; }
    put_names(text, "type", query.items()[i].types, " or");
    put_names(text, "tag", query.items()[i].tags, " and");
    if (several) { text += ")"; }
  }
  return text;
}

}  // namespace tidemark
