// SPDX-License-Identifier: Apache-2.0
// Goal: read takes a scope, types, tags and queries in JSON, alone and together, and refuses what makes no sense with a
// word on what to do.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/tools/command_runner.h"
#include "tidemark/limits.hpp"

namespace tidemark::test {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class QueryOptions : public ::testing::Test {
 protected:
  void SetUp() override {
    const std::string lines = R"({"stream":"loan-1","type":"Submitted","data":0,"tags":["customer:1"]}
{"stream":"loan-2","type":"Submitted","data":1,"tags":["customer:2","urgent"]}
{"stream":"loan-1","type":"Approved","data":2,"tags":["customer:1"]}
{"stream":"account-1","type":"Opened","data":3,"tags":["customer:1"]}
{"stream":"loan-2","type":"Declined","data":4,"tags":["customer:2"]}
{"stream":"loan","type":"Noted","data":5}
{"stream":"--json","type":"-Type","data":6,"tags":["-tag","--limit"]}
{"stream":"loan-1","type":"[Closed]","data":7,"tags":["customer:1","urgent","{}"]}
)";
    const Ran ran = run({"import", store_, folder_.file("in.jsonl", lines)});
    ASSERT_EQ(ran.exit_code, 0) << ran.err;
  }
  Ran read(std::vector<std::string> more, const RunOptions& options = {}) const {
    std::vector<std::string> arguments{"read", store_, "--json"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return run(arguments, options);
  }
  // Of the events read; a single -1 if it did not end well.
  std::vector<int> positions(const std::vector<std::string>& more, const RunOptions& options = {}) const {
    const Ran ran = read(more, options);
    EXPECT_EQ(ran.exit_code, 0) << ran.err;
    if (ran.exit_code != 0) { return {-1}; }
    std::vector<int> all;
    for (const nlohmann::json& event : ran.json_lines()) { all.push_back(event["position"].get<int>()); }
    return all;
  }

  ToolsFolder folder_;
  std::string store_ = folder_ / "store";
};

TEST_F(QueryOptions, ACategoryIsTheNameUpToItsFirstDash) {
  EXPECT_THAT(positions({"--category", "loan"}), ElementsAre(0, 1, 2, 4, 5, 7));
  EXPECT_THAT(positions({"--category", "account"}), ElementsAre(3));
  EXPECT_THAT(positions({"--category", "lo"}), IsEmpty());
  EXPECT_THAT(positions({"--category", "loan", "--from", "2", "--limit", "2"}), ElementsAre(2, 4));
  EXPECT_THAT(positions({"--category", "loan", "--backward", "--from", "4"}), ElementsAre(4, 2, 1, 0));
}

TEST_F(QueryOptions, OneOfTheTypesAndAllOfTheTags) {
  EXPECT_THAT(positions({"--type", "Submitted"}), ElementsAre(0, 1));
  EXPECT_THAT(positions({"--type", "Declined", "--type", "Submitted"}), ElementsAre(0, 1, 4));
  EXPECT_THAT(positions({"--tag", "customer:1"}), ElementsAre(0, 2, 3, 7));
  EXPECT_THAT(positions({"--tag", "urgent", "--tag", "customer:1"}), ElementsAre(7));
  EXPECT_THAT(positions({"--tag", "customer:1", "--tag", "customer:2"}), IsEmpty());
  EXPECT_THAT(positions({"--type", "Submitted", "--type", "Opened", "--tag", "customer:1"}), ElementsAre(0, 3));
  EXPECT_THAT(positions({"--type", "Submitted", "--backward", "--limit", "1"}), ElementsAre(1));
  EXPECT_THAT(positions({"--tag", "urgent", "--from", "2"}), ElementsAre(7));
  EXPECT_THAT(positions({"--type", "Nothing"}), IsEmpty());
}

TEST_F(QueryOptions, AScopeGoesWithTypesAndTags) {
  EXPECT_THAT(positions({"--stream", "loan-1", "--type", "Approved", "--type", "Opened"}), ElementsAre(2));
  EXPECT_THAT(positions({"--stream", "loan-1", "--tag", "urgent"}), ElementsAre(7));
  EXPECT_THAT(positions({"--stream", "loan-1", "--tag", "customer:1", "--from", "1"}), ElementsAre(2, 7))
      << "--from is a version of the stream";
  EXPECT_THAT(positions({"--category", "loan", "--tag", "customer:1", "--type", "Submitted"}), ElementsAre(0));
}

TEST_F(QueryOptions, NamesMayLookLikeOptions) {
  EXPECT_THAT(positions({"--type", "-Type"}), ElementsAre(6));
  EXPECT_THAT(positions({"--tag", "-tag", "--tag", "--limit"}), ElementsAre(6));
  EXPECT_THAT(positions({"--tag=--limit"}), ElementsAre(6));
  EXPECT_THAT(positions({"--stream", "--json"}), ElementsAre(6));
  EXPECT_THAT(positions({"--stream=--json"}), ElementsAre(6));
  EXPECT_THAT(positions({"--type", "[Closed]"}), ElementsAre(7));
  EXPECT_THAT(positions({"--tag", "{}"}), ElementsAre(7));
}

TEST_F(QueryOptions, JsonHasItemsOfWhichOneMustMatch) {
  const std::string two = R"([{"types":["Approved","Opened"],"tags":["customer:1"]},{"tags":["customer:2","urgent"]}])";
  EXPECT_THAT(positions({"--query", two}), ElementsAre(1, 2, 3));
  EXPECT_THAT(positions({"--query", two, "--backward", "--limit", "2"}), ElementsAre(3, 2));
  EXPECT_THAT(positions({"--query", two, "--category", "loan"}), ElementsAre(1, 2));
  EXPECT_THAT(positions({"--query", two, "--stream", "loan-1", "--from", "1"}), ElementsAre(2));
  EXPECT_THAT(positions({"--query", R"([{"types":["Noted"]},{"types":["Noted","Opened"]}])"}), ElementsAre(3, 5))
      << "an event that matches two items comes once";
  EXPECT_THAT(positions({"--query", R"([{"types":[],"tags":["urgent"]}])"}), ElementsAre(1, 7));
  EXPECT_THAT(positions({"--query", R"( [ { "tags" : [ "urg\u0065nt" ] } ] )"}), ElementsAre(1, 7));
}

TEST_F(QueryOptions, JsonMayHaveAScope) {
  EXPECT_THAT(positions({"--query", R"({"scope":{"category":"account"}})"}), ElementsAre(3));
  EXPECT_THAT(positions({"--query", R"({"items":[{"tags":["customer:1"]}],"scope":{"stream":"loan-1"}})"}),
              ElementsAre(0, 2, 7));
  EXPECT_THAT(positions({"--query", R"({"scope":{"stream":"loan-2"}})", "--from", "1"}), ElementsAre(4))
      << "--from is a version of that stream";
  EXPECT_THAT(positions({"--query", "{}", "--limit", "3"}), ElementsAre(0, 1, 2));
}

TEST_F(QueryOptions, JsonComesFromAFileOrTheStandardInput) {
  const std::string json = R"([{"types":["Opened"]}])";
  EXPECT_THAT(positions({"--query", "@" + folder_.file("query.json", json + "\n")}), ElementsAre(3));
  EXPECT_THAT(positions({"--query", "-"}, {.input = json}), ElementsAre(3));
  const Ran wrong = read({"--query", "-"}, {.input = "[{}]"});
  EXPECT_EQ(wrong.exit_code, 2);
  EXPECT_THAT(wrong.err, HasSubstr("standard input: column 3: an item names neither a type nor a tag"));
  EXPECT_EQ(read({"--query", "@" + (folder_ / "none")}).exit_code, 2);
}

TEST_F(QueryOptions, WhatMakesNoSenseIsRefusedWithAWordWhatToDo) {
  const std::string items = R"([{"types":["A"]}])";
  const std::vector<std::pair<std::vector<std::string>, std::string>> cases = {
      {{"--stream", "loan-1", "--category", "loan"}, "name the stream alone"},
      {{"--query", items, "--type", "A"}, "in its items"},
      {{"--query", items, "--tag", "x"}, "in its items"},
      {{"--query", R"({"scope":{"stream":"s"}})", "--category", "c"}, "to be left out"},
      {{"--query", R"({"scope":{"stream":"s"}})", "--stream", "s"}, "to be left out"},
      {{"--query", R"({"items":[{"types":["A"]}],"after":3})"}, "--from says where"},
      {{"--query", items, "--query", items}, "--query"},
      {{"--category", "a", "--category", "b"}, "--category"},
      {{"--category", ""}, "category is empty"},
      {{"--category", "loan-1"}, "a category holds no '-'"},
      {{"--category", "--limit"}, "a category holds no '-'"},
      {{"--type", ""}, "type is empty"},
      {{"--tag", ""}, "tag is empty"},
      {{"--type", "line\nend"}, "type holds a control character"},
      {{"--tag", std::string(limits::kTagBytesMax + 1, 't')}, std::to_string(limits::kTagBytesMax)},
      {{"--type", std::string(limits::kTypeBytesMax + 1, 't')}, std::to_string(limits::kTypeBytesMax)},
      {{"--category", std::string(limits::kStreamNameBytesMax + 1, 'c')}, std::to_string(limits::kStreamNameBytesMax)},
      {{"--type", "\xFF"}, "type is not well-formed UTF-8"},
      {{"--type"}, "--type"},
      {{"--query"}, "--query"},
  };
  for (const auto& [arguments, word] : cases) {
    const Ran ran = read(arguments);
    const std::string shown = ::testing::PrintToString(arguments);
    EXPECT_EQ(ran.exit_code, 2) << shown << ran.err;
    EXPECT_THAT(ran.out, IsEmpty()) << shown;
    EXPECT_THAT(ran.err, HasSubstr(word)) << shown;
  }
}

TEST_F(QueryOptions, JsonThatIsNoQueryIsRefusedWithItsPlace) {
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"", "column 1"},
      {"[", "column 2"},
      {"[]", "column 2: no item: leave the list out"},
      {"[{}]", "column 3: an item names neither a type nor a tag"},
      {R"([{"types":[],"tags":[]}])", "an item names neither"},
      {R"([{"types":["A"]},{}])", "an item names neither"},
      {"null", "a query is an array of items"},
      {"17", "a query is an array of items"},
      {R"("A")", "a query is an array of items"},
      {"[17]", "an item is an object such as"},
      {R"(["A"])", "an item is an object such as"},
      {R"([[{"types":["A"]}]])", "an item is an object such as"},
      {R"([{"types":"A"}])", "an item has types and tags, each an array of strings, not a string"},
      {R"([{"types":{"A":1}}])", "an item has types and tags, each an array of strings, not an object"},
      {R"([{"types":null}])", "not null"},
      {R"([{"types":[1]}])", "types and tags are strings, not a number"},
      {R"([{"types":[["A"]]}])", "types and tags are strings, not an array"},
      {R"([{"types":[true]}])", "not a boolean"},
      {R"([{"type":["A"]}])", "unknown field \"type\": an item has types and tags"},
      {R"([{"types":["A"],"types":["B"]}])", "field \"types\" is given twice"},
      {R"([{"tags":["A"],"types":["A"],"tags":[]}])", "field \"tags\" is given twice"},
      {R"({"types":["A"]})", "unknown field \"types\": the object has scope, items and after; items alone stand in an"},
      {R"({"items":[{"types":["A"]}],"types":["A"]})", "unknown field \"types\": the object has scope"},
      {R"({"items":[]})", "no item: leave the list out"},
      {R"({"items":{}})", "\"items\" is an array of items, not an object"},
      {R"({"items":[{"types":["A"]}],"items":[{"types":["A"]}]})", "field \"items\" is given twice"},
      {R"({"scope":"loan"})", "\"scope\" is {"},
      {R"({"scope":{}})", "names neither a stream nor a category"},
      {R"({"scope":{"stream":["a"]}})", "\"scope\" is {"},
      {R"({"scope":{"stream":"a","category":"a"}})", "one stream or one category"},
      {R"({"scope":{"stream":"a","stream":"a"}})", "one stream or one category"},
      {R"({"scope":{"type":"a"}})", "unknown field \"type\""},
      {R"({"scope":{"stream":"a"},"scope":{"stream":"a"}})", "field \"scope\" is given twice"},
      {R"({"scope":{"category":""}})", "an empty name"},
      {R"([{"tags":[""]}])", "an empty name"},
      {R"({"after":-1})", "\"after\" is a position, not a negative number"},
      {R"({"after":1.5})", "\"after\" is a position"},
      {R"({"after":18446744073709551616})", "\"after\" is a position"},
      {R"({"after":"1"})", "\"after\" is a position, not a string"},
      {R"({"after":1,"after":2})", "field \"after\" is given twice"},
      {R"([{"types":["A"]}] x)", "column"},
      {R"([{"types":["A"]},])", "column"},
      {"[{\"types\":[\"\xFF\"]}]", "column"},
      {"\xEF\xBB\xBF[{\"types\":[\"A\"]}]", "a byte-order mark"},
  };
  for (const auto& [json, word] : cases) {
    const Ran ran = read({"--query", json});
    EXPECT_EQ(ran.exit_code, 2) << json;
    EXPECT_THAT(ran.out, IsEmpty()) << json;
    EXPECT_THAT(ran.err, HasSubstr("--query: column ")) << json;
    EXPECT_THAT(ran.err, HasSubstr(word)) << json;
  }
}

TEST_F(QueryOptions, NoJsonIsTooDeepOrTooLargeToBeRefused) {
  const std::string deep = folder_.file("deep.json", std::string(5'000'000, '['));
  EXPECT_THAT(read({"--query", "@" + deep}).err, HasSubstr("column 2: an item is an object"));
  const std::string objects = folder_.file("objects.json", [] {
    std::string text;
    for (int i = 0; i < 500'000; ++i) { text += R"({"scope":)"; }
    return text;
  }());
  EXPECT_EQ(read({"--query", "@" + objects}).exit_code, 2);
  std::string many = R"([{"tags":["x")";
  for (std::size_t i = 0; i < limits::kQueryNamesMax; ++i) { many += R"(,"x")"; }
  const Ran names = read({"--query", "@" + folder_.file("many.json", many + "]}]")});
  EXPECT_EQ(names.exit_code, 2);
  EXPECT_THAT(names.err, HasSubstr(std::to_string(limits::kQueryNamesMax)));
  const std::string long_name = "[{\"tags\":[\"" + std::string(limits::kEventBytesMax, 't') + "\"]}]";
  const Ran huge = read({"--query", "@" + folder_.file("huge.json", long_name)});
  EXPECT_EQ(huge.exit_code, 2);
  EXPECT_THAT(huge.err, HasSubstr("more than 16 MiB"));
  EXPECT_LT(huge.err.size(), 1000U);
  const std::string key = "[{\"" + std::string(100'000, 'k') + "\":1}]";
  const Ran unknown = read({"--query", key});
  EXPECT_EQ(unknown.exit_code, 2);
  EXPECT_LT(unknown.err.size(), 1000U);
}

TEST_F(QueryOptions, AsManyNamesAsTheLimitAllowsAreRead) {
  std::string items = "[{\"types\":[\"Opened\"";
  for (std::size_t i = 1; i < limits::kQueryNamesMax; ++i) { items += ",\"T" + std::to_string(i) + "\""; }
  EXPECT_THAT(positions({"--query", items + "]}]"}), ElementsAre(3));
}

TEST_F(QueryOptions, ATableOfEventsIsTheSameAsForAll) {
  const Ran ran = run({"read", store_, "--tag", "customer:2"});
  EXPECT_EQ(ran.exit_code, 0);
  EXPECT_THAT(ran.out, HasSubstr("position   version"));
  EXPECT_THAT(ran.out, HasSubstr("Declined"));
  EXPECT_THAT(run({"read", store_, "--tag", "none"}).out, IsEmpty());
}

TEST_F(QueryOptions, AStoreThatIsNotThereStaysSo) {
  const std::string none = folder_ / "none";
  EXPECT_EQ(run({"read", none, "--category", "loan"}).exit_code, 5);
  EXPECT_EQ(run({"read", none, "--query", "[]"}).exit_code, 2);
  EXPECT_FALSE(std::filesystem::exists(none));
}

}  // namespace
}  // namespace tidemark::test
