// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <initializer_list>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "tidemark/export.hpp"
#include "tidemark/types.hpp"

namespace tidemark {

// Events of one of these types (of any, if none is named) that have all of these tags. An item that names neither is
// refused: Query::all() asks for everything.
struct QueryItem {
  std::vector<std::string> types = {};
  std::vector<std::string> tags = {};

  friend bool operator==(const QueryItem&, const QueryItem&) = default;
};

// Which events: of the whole log, a stream or a category, all there or those that match at least one of the items
// (Dynamic Consistency Boundary, https://dcb.events/specification/). A value: each call gives a new query.
//
//   Query::stream("loan-17")
//   Query::category("loan").types({"Approved", "Declined"})
//   Query::tag("course:c1").types({"CourseDefined", "StudentEnrolled"})
//   Query::all().any_of({{.types = {"CourseDefined"}, .tags = {"course:c1"}}, {.tags = {"student:s1"}}})
//
// A query that makes no sense can be made; what takes it gives kInvalidArgument with what objection() says.
class TIDEMARK_API Query {
 public:
  enum class Scope : std::uint8_t { kAll, kStream, kCategory };

  [[nodiscard]] static Query all() { return {Scope::kAll, {}}; }
  [[nodiscard]] static Query stream(std::string_view name) { return {Scope::kStream, name}; }
  // Streams whose name up to its first `-`, or whole if it has none, is this. A stream whose name begins with `-` is in
  // no category.
  [[nodiscard]] static Query category(std::string_view name) { return {Scope::kCategory, name}; }
  [[nodiscard]] static Query type(std::string_view name) { return all().types({name}); }
  [[nodiscard]] static Query tag(std::string_view name) { return all().tags({name}); }

  // Narrows to events of one of these types. Once in a query.
  [[nodiscard]] Query types(std::initializer_list<std::string_view> names) const;
  [[nodiscard]] Query types(std::span<const std::string> names) const;
  // Narrows to events that have all of these tags, and all that were asked for before.
  [[nodiscard]] Query tags(std::initializer_list<std::string_view> names) const;
  [[nodiscard]] Query tags(std::span<const std::string> names) const;
  // Narrows to events that match at least one of the items. Once in a query, in place of types() and tags().
  [[nodiscard]] Query any_of(std::vector<QueryItem> items) const;

  [[nodiscard]] Scope scope() const { return scope_; }
  // The stream or the category; empty with kAll.
  [[nodiscard]] const std::string& scope_name() const { return scope_name_; }
  // Empty: every event of the scope.
  [[nodiscard]] const std::vector<QueryItem>& items() const { return items_; }
  // Why the query is refused; empty if it is not. Names are checked where the query is used.
  [[nodiscard]] std::string_view objection() const { return objection_; }

  friend bool operator==(const Query&, const Query&) = default;

 private:
  Query(Scope scope, std::string_view name) : scope_(scope), scope_name_(name) {}
  [[nodiscard]] Query narrowed(std::vector<std::string> types, std::vector<std::string> tags) const;
  void object(std::string_view why);

  Scope scope_;
  bool any_of_ = false;
  std::string scope_name_;
  std::vector<QueryItem> items_;
  std::string_view objection_;  // one of a few literals
};

// In words, such as: category "loan", type "Approved" or "Declined", tag "a" and "b".
[[nodiscard]] TIDEMARK_API std::string to_string(const Query& query);

// Which events a condition looks at, beside its query.
struct MatchOptions {
  // Events at this position and before it are left aside: what was known when the decision was made, usually
  // Cursor::last_visible(). It may lie past the last match, but there must be an event at it. Without it every event
  // counts. A position that was seen before it was durable is worth nothing after a crash of the machine: read again.
  std::optional<Position> after = {};
};

}  // namespace tidemark
