// SPDX-License-Identifier: Apache-2.0
// Goal: a query holds what it was told, and one that makes no sense is refused by everything that takes it, with a
// sentence that says why. Method: queries as values; each way to make a bad one, and each limit exactly at it and one
// past it, given to a read, to an append and to Batch::validate.
#include <gtest/gtest.h>

#include "tests/store/support.h"

namespace tidemark {
namespace {

using namespace test;

using Names = std::vector<std::string>;

TEST(QueryRules, AQueryHoldsWhatItWasTold) {
  EXPECT_EQ(Query::all().scope(), Query::Scope::kAll);
  EXPECT_EQ(Query::all().scope_name(), "");
  EXPECT_TRUE(Query::all().items().empty());
  EXPECT_EQ(Query::stream("s-1").scope(), Query::Scope::kStream);
  EXPECT_EQ(Query::stream("s-1").scope_name(), "s-1");
  EXPECT_EQ(Query::category("s").scope(), Query::Scope::kCategory);
  EXPECT_EQ(Query::category("s").scope_name(), "s");
  EXPECT_EQ(Query::type("T").items(), (std::vector<QueryItem>{{.types = {"T"}}}));
  EXPECT_EQ(Query::tag("t").items(), (std::vector<QueryItem>{{.tags = {"t"}}}));
  const Query narrowed = Query::category("s").types({"T", "U"}).tags({"a"}).tags({"b", "c"});
  EXPECT_EQ(narrowed.items(), (std::vector<QueryItem>{{.types = {"T", "U"}, .tags = {"a", "b", "c"}}}));
  EXPECT_EQ(narrowed.scope_name(), "s");
  const std::vector<QueryItem> items = {{.types = {"T"}, .tags = {"a"}}, {.tags = {"b"}}};
  EXPECT_EQ(Query::all().any_of(items).items(), items);
  const Names names = {"T", "U"};
  EXPECT_EQ(Query::all().types(names), Query::all().types({"T", "U"}));
  EXPECT_EQ(Query::all().tags(names), Query::all().tags({"T", "U"}));
  for (const Query& query : {narrowed, Query::all().any_of(items), Query::tag("x").types({"T"})}) {
    EXPECT_EQ(query.objection(), "") << to_string(query);
  }
}

TEST(QueryRules, InWords) {
  EXPECT_EQ(to_string(Query::category("loan").types({"Approved", "Declined"}).tags({"a", "b"})),
            R"(category "loan", type "Approved" or "Declined", tag "a" and "b")");
  EXPECT_EQ(to_string(Query::tag("a")), R"(tag "a")");
  EXPECT_EQ(to_string(Query::stream("s-1")), R"(stream "s-1")");
  const std::string items = to_string(Query::all().any_of({{.types = {"T"}}, {.tags = {"b"}}}));
  EXPECT_NE(items.find("type \"T\""), std::string::npos) << items;
  EXPECT_NE(items.find("tag \"b\""), std::string::npos) << items;
  EXPECT_FALSE(to_string(Query::all()).empty());
}

TEST(QueryRules, NarrowingLeavesTheQueryThatItStartsFrom) {
  const Query base = Query::tag("a");
  const Query narrowed = base.tags({"b"});
  const Query refused = base.types({});
  EXPECT_EQ(base, Query::tag("a"));
  EXPECT_NE(base, narrowed);
  EXPECT_NE(refused.objection(), "");
  EXPECT_EQ(base.objection(), "");
}

class RefusedQuery : public testing::Test {
 protected:
  World world;
  Store store = world.open();

  void SetUp() override { must(store.append("a-1", Expect::any(), {{.type = "T", .tags = {"x"}}})); }

  // From all who take it the same error.
  void expect_refused(const Query& query, ErrorCode code, const std::string& says = {}) {
    SCOPED_TRACE(to_string(query));
    const auto expect = [&](const Status& status) {
      ASSERT_TRUE(fails_with(status, code));
      EXPECT_NE(status.error().message().find(says), std::string::npos) << status.error().message();
    };
    const auto as_status = [](const auto& result) { return result ? Status() : std::unexpected(result.error()); };
    Cursor cursor = store.read(query);
    EXPECT_EQ(cursor.next(), nullptr);
    expect(cursor.status());
    Batch check;
    check.fail_if_match(Query::tag("none")).fail_if_match(query);
    expect(check.validate());
    expect(as_status(store.append(check)));
    Batch batch;
    batch.to("b").add(event("U"));
    batch.fail_if_match(query, {.after = Position(0)});
    expect(batch.validate());
    expect(as_status(store.append(batch)));
    expect(as_status(store.submit(batch)));
    expect(as_status(store.try_submit(batch)));
    EXPECT_EQ(store.info().sequenced, Position(1));
  }

  void expect_taken(const Query& query) {
    Cursor cursor = store.read(query);
    while (cursor.next() != nullptr) {}
    EXPECT_TRUE(ok(cursor.status()));
    Batch check;
    check.fail_if_match(query, {.after = Position(0)});
    EXPECT_TRUE(ok(check.validate()));
    EXPECT_TRUE(ok(store.append(check)));
  }
};

TEST_F(RefusedQuery, WhatMakesNoSense) {
  const std::vector<Query> queries = {
      Query::all().types({}),
      Query::all().types(Names{}),
      Query::all().tags({}),
      Query::all().tags(Names{}),
      Query::all().any_of({}),
      Query::all().any_of({{}}),
      Query::all().any_of({{.types = {"T"}}, {}}),
      Query::all().any_of({{.types = {"T"}}}).any_of({{.types = {"U"}}}),
      Query::type("T").types({"U"}),
      Query::tag("x").any_of({{.types = {"T"}}}),
      Query::type("T").any_of({{.types = {"T"}}}),
      Query::all().any_of({{.types = {"T"}}}).types({"T"}),
      Query::all().any_of({{.tags = {"x"}}}).tags({"x"}),
      Query::category("a").types({}),
      Query::stream("a-1").tags({}),
  };
  for (const Query& query : queries) {
    EXPECT_NE(query.objection(), "");
    expect_refused(query, ErrorCode::kInvalidArgument, std::string(query.objection()));
  }
}

TEST_F(RefusedQuery, NamesThatNoEventMayHave) {
  for (const std::string& name : {std::string(), std::string("\xC3"), std::string("a\nb"), std::string("a\x7F"),
                                  std::string("\xED\xA0\x80"), std::string("a\0b", 3), std::string("\xC2\x85")}) {
    expect_refused(Query::type(name), ErrorCode::kInvalidArgument);
    expect_refused(Query::tag(name), ErrorCode::kInvalidArgument);
    expect_refused(Query::category(name), ErrorCode::kInvalidArgument);
    expect_refused(Query::category("a").types({"T", name}), ErrorCode::kInvalidArgument);
    expect_refused(Query::all().any_of({{.types = {"T"}}, {.types = {"T"}, .tags = {"x", name}}}),
                   ErrorCode::kInvalidArgument);
  }
}

TEST_F(RefusedQuery, NamesOverTheirLimit) {
  expect_refused(Query::type(std::string(256, 't')), ErrorCode::kLimitExceeded, "255");
  expect_refused(Query::tag(std::string(256, 't')), ErrorCode::kLimitExceeded, "255");
  expect_refused(Query::category(std::string(1025, 'c')), ErrorCode::kLimitExceeded, "1024");
  expect_taken(Query::type(std::string(255, 't')));
  expect_taken(Query::tag(std::string(255, 't')));
  expect_taken(Query::category(std::string(1024, 'c')));
}

TEST_F(RefusedQuery, TooManyNames) {
  Names names;
  for (std::size_t i = 0; i < limits::kQueryNamesMax; ++i) { names.push_back(std::to_string(i)); }
  const std::string limit = std::to_string(limits::kQueryNamesMax);
  expect_taken(Query::all().types(names));
  expect_taken(Query::all().tags(names));
  expect_refused(Query::all().types(names).tags({"x"}), ErrorCode::kLimitExceeded, limit);
  expect_refused(Query::all().tags(names).tags({"x"}), ErrorCode::kLimitExceeded, limit);
  std::vector<QueryItem> items;
  for (std::size_t i = 0; i < limits::kQueryNamesMax / 2; ++i) {
    items.push_back({.types = {names[i]}, .tags = {names[i]}});
  }
  expect_taken(Query::all().any_of(items));
  items.push_back({.tags = {"x"}});
  expect_refused(Query::all().any_of(items), ErrorCode::kLimitExceeded, limit);
}

TEST_F(RefusedQuery, ManyNamesStillFindWhatIsThere) {
  Names names;
  for (std::size_t i = 1; i < limits::kQueryNamesMax; ++i) { names.push_back("t" + std::to_string(i)); }
  names.emplace_back("T");
  EXPECT_EQ(read(store, Query::all().types(names)).size(), 1U);
  Batch batch;
  batch.fail_if_match(Query::all().types(names));
  EXPECT_TRUE(fails_with(store.append(batch), ErrorCode::kMatchConflict));
}

TEST_F(RefusedQuery, TooManyConditions) {
  Batch batch;
  batch.to("b").add(event("U"));
  for (std::size_t i = 0; i < limits::kConditionsMax; ++i) { batch.fail_if_match(Query::tag(std::to_string(i))); }
  EXPECT_TRUE(ok(batch.validate()));
  EXPECT_TRUE(ok(store.append(batch)));
  batch.fail_if_match(Query::tag("one more"));
  const auto refused = store.append(batch);
  ASSERT_TRUE(fails_with(refused, ErrorCode::kLimitExceeded));
  EXPECT_NE(refused.error().message().find(std::to_string(limits::kConditionsMax)), std::string::npos);
  EXPECT_TRUE(fails_with(batch.validate(), ErrorCode::kLimitExceeded));
  batch.clear();
  batch.to("b").add(event("U"));
  EXPECT_TRUE(ok(batch.validate()));
  EXPECT_TRUE(ok(store.append(batch)));
}

TEST_F(RefusedQuery, FromOfTheWrongKind) {
  for (const Query& query : {Query::category("a"), Query::type("T"), Query::all()}) {
    Cursor cursor = store.read(query, {.from_version = Version(0)});
    EXPECT_EQ(cursor.next(), nullptr);
    EXPECT_TRUE(fails_with(cursor.status(), ErrorCode::kInvalidArgument));
  }
  Cursor cursor =
      store.read(Query::stream("a-1").types({"T"}), {.from_version = Version(0), .from_position = Position(0)});
  EXPECT_EQ(cursor.next(), nullptr);
  EXPECT_TRUE(fails_with(cursor.status(), ErrorCode::kInvalidArgument));
}

// Dropping conditions with the rest, so that the memory can be used again.
TEST_F(RefusedQuery, ClearForgetsConditions) {
  Batch batch;
  batch.fail_if_match(Query::all());
  EXPECT_TRUE(fails_with(store.append(batch), ErrorCode::kMatchConflict));
  batch.clear();
  batch.to("b").add(event("U"));
  EXPECT_TRUE(ok(store.append(batch)));
}

}  // namespace
}  // namespace tidemark
