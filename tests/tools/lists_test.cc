// SPDX-License-Identifier: Apache-2.0
// Goal: streams, categories, types and tags are listed in order, whole and in parts. Method: a small store, and one
// with more names than fit a page of the command.
#include <filesystem>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/tools/command_runner.h"

namespace tidemark::test {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

const std::vector<std::pair<std::string, std::string>> kLists = {
    {"streams", "stream"}, {"categories", "category"}, {"types", "type"}, {"tags", "tag"}};

class Lists : public ::testing::Test {
 protected:
  void import(const std::string& lines) const {
    const Ran ran = run({"import", store_, folder_.file("in.jsonl", lines)});
    ASSERT_EQ(ran.exit_code, 0) << ran.err;
  }
  void import_some() const {
    import(R"({"stream":"loan-1","type":"Submitted","data":0,"tags":["customer:1"]}
{"stream":"loan-2","type":"Submitted","data":1,"tags":["customer:2","urgent"]}
{"stream":"account-1","type":"Opened","data":2,"tags":["customer:1"]}
{"stream":"loan","type":"Noted","data":3}
{"stream":"loans-9","type":"-Type","data":4,"tags":["-tag","Ärger"]}
)");
  }
  // The names that a list gives; it must end well.
  std::vector<std::string> names(const std::string& list, const std::vector<std::string>& more) const {
    std::vector<std::string> arguments{list, store_, "--json"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    const Ran ran = run(arguments);
    EXPECT_EQ(ran.exit_code, 0) << ran.err;
    EXPECT_THAT(ran.err, IsEmpty());
    std::vector<std::string> all;
    for (const nlohmann::json& line : ran.json_lines()) {
      for (const auto& [list_name, field] : kLists) {
        if (list_name == list) { all.push_back(line.at(field).get<std::string>()); }
      }
    }
    return all;
  }

  ToolsFolder folder_;
  std::string store_ = folder_ / "store";
};

TEST_F(Lists, HaveCountsAndLastPositions) {
  import_some();
  using nlohmann::json;
  EXPECT_THAT(run({"categories", store_, "--json"}).json_lines(),
              ElementsAre(json({{"category", "account"}, {"events", 1}, {"position", 2}}),
                          json({{"category", "loan"}, {"events", 3}, {"position", 3}}),
                          json({{"category", "loans"}, {"events", 1}, {"position", 4}})));
  EXPECT_THAT(run({"types", store_, "--json"}).json_lines(),
              ElementsAre(json({{"type", "-Type"}, {"events", 1}, {"position", 4}}),
                          json({{"type", "Noted"}, {"events", 1}, {"position", 3}}),
                          json({{"type", "Opened"}, {"events", 1}, {"position", 2}}),
                          json({{"type", "Submitted"}, {"events", 2}, {"position", 1}})));
  EXPECT_THAT(run({"tags", store_, "--json"}).json_lines(),
              ElementsAre(json({{"tag", "-tag"}, {"events", 1}, {"position", 4}}),
                          json({{"tag", "customer:1"}, {"events", 2}, {"position", 2}}),
                          json({{"tag", "customer:2"}, {"events", 1}, {"position", 1}}),
                          json({{"tag", "urgent"}, {"events", 1}, {"position", 1}}),
                          json({{"tag", "Ärger"}, {"events", 1}, {"position", 4}})));
}

TEST_F(Lists, AreTablesForAPerson) {
  import_some();
  EXPECT_EQ(run({"categories", store_}).out,
            "   events  last position  category\n"
            "        1              2  account\n"
            "        3              3  loan\n"
            "        1              4  loans\n");
  EXPECT_EQ(run({"streams", store_, "--prefix", "account"}).out,
            "  version  last position  stream\n"
            "        0              2  account-1\n");
}

TEST_F(Lists, PartsByPrefixAfterAndLimit) {
  import_some();
  EXPECT_THAT(names("streams", {"--prefix", "loan"}), ElementsAre("loan", "loan-1", "loan-2", "loans-9"));
  EXPECT_THAT(names("streams", {"--prefix", "loan-"}), ElementsAre("loan-1", "loan-2"));
  EXPECT_THAT(names("streams", {"--prefix", "loan-", "--after", "loan-1"}), ElementsAre("loan-2"));
  EXPECT_THAT(names("streams", {"--prefix", "loan-", "--after", "a"}), ElementsAre("loan-1", "loan-2"));
  EXPECT_THAT(names("streams", {"--prefix", "loan-", "--after", "z"}), IsEmpty());
  EXPECT_THAT(names("streams", {"--limit", "2"}), ElementsAre("account-1", "loan"));
  EXPECT_THAT(names("streams", {"--limit", "2", "--after", "loan"}), ElementsAre("loan-1", "loan-2"));
  EXPECT_THAT(names("categories", {"--prefix", "loan", "--limit", "1"}), ElementsAre("loan"));
  EXPECT_THAT(names("types", {"--after", "Noted"}), ElementsAre("Opened", "Submitted"));
  EXPECT_THAT(names("types", {"--after", "Not"}), ElementsAre("Noted", "Opened", "Submitted"))
      << "the name after which it begins need not be there";
  EXPECT_THAT(names("tags", {"--prefix", "customer:"}), ElementsAre("customer:1", "customer:2"));
  EXPECT_THAT(names("tags", {"--prefix", "Ä"}), ElementsAre("Ärger"));
  EXPECT_THAT(names("tags", {"--prefix", "\xC3"}), ElementsAre("Ärger")) << "a prefix is bytes";
  EXPECT_THAT(names("tags", {"--prefix", "", "--after", "", "--limit", "1"}), ElementsAre("-tag"));
}

TEST_F(Lists, NamesMayBeginWithADash) {
  import_some();
  EXPECT_THAT(names("types", {"--prefix", "-"}), ElementsAre("-Type"));
  EXPECT_THAT(names("types", {"--prefix=-T"}), ElementsAre("-Type"));
  EXPECT_THAT(names("tags", {"--after", "-tag", "--limit", "1"}), ElementsAre("customer:1"));
  import(R"({"stream":"-9","type":"T","data":0})");
  EXPECT_THAT(names("streams", {"--prefix", "-"}), ElementsAre("-9"));
  EXPECT_THAT(names("categories", {}), ElementsAre("account", "loan", "loans")) << "it is in no category";
}

TEST_F(Lists, NothingIsAnEmptyPage) {
  import_some();
  for (const auto& [list, field] : kLists) {
    for (const std::vector<std::string>& more :
         {std::vector<std::string>{"--limit", "0"}, {"--prefix", "zz"}, {"--after", "\xF4\x8F\xBF\xBF"}}) {
      std::vector<std::string> arguments{list, store_};
      arguments.insert(arguments.end(), more.begin(), more.end());
      const Ran ran = run(arguments);
      EXPECT_EQ(ran.exit_code, 0) << list << ran.err;
      EXPECT_THAT(ran.out, IsEmpty()) << list;
    }
  }
}

TEST_F(Lists, GoOnPastAPage) {
  std::string lines;
  std::vector<std::string> expected;
  constexpr int kNames = 10'001;
  for (int i = 0; i < kNames; ++i) {
    const std::string name = "n" + std::to_string(100'000 + i);
    expected.push_back(name);
    lines += R"({"stream":")" + name + R"(","type":")" + name + R"(","data":0,"tags":[")" + name + "\"]}\n";
  }
  import(lines);
  for (const auto& [list, field] : kLists) {
    EXPECT_EQ(names(list, {}), expected) << list;
    EXPECT_EQ(names(list, {"--limit", "10000"}).size(), 10'000U) << list;
    EXPECT_EQ(names(list, {"--limit", "10001"}).size(), 10'001U) << list;
  }
}

TEST_F(Lists, AreRefusedWhatMakesNoSense) {
  import_some();
  for (const auto& [list, field] : kLists) {
    for (const std::vector<std::string>& more : {std::vector<std::string>{"--limit", "-1"},
                                                 {"--limit", "many"},
                                                 {"--limit", "18446744073709551616"},
                                                 {"--prefix"},
                                                 {"--after"},
                                                 {"--prefix", "a", "--prefix", "b"},
                                                 {"another"}}) {
      std::vector<std::string> arguments{list, store_};
      arguments.insert(arguments.end(), more.begin(), more.end());
      const Ran ran = run(arguments);
      EXPECT_EQ(ran.exit_code, 2) << list << ::testing::PrintToString(more);
      EXPECT_THAT(ran.out, IsEmpty()) << list;
    }
    const Ran none = run({list, folder_ / "none"});
    EXPECT_EQ(none.exit_code, 5) << list;
    EXPECT_FALSE(std::filesystem::exists(folder_ / "none")) << list;
  }
}

TEST_F(Lists, AReaderThatWentAwayEndsThemQuietly) {
  import_some();
  for (const auto& [list, field] : kLists) {
    const Ran ran = run({list, store_}, {.out_is_closed_pipe = true});
    EXPECT_EQ(ran.exit_code, 0) << list;
    EXPECT_THAT(ran.err, IsEmpty()) << list;
  }
}

TEST_F(Lists, NamesInJsonAreEscaped) {
  const std::string name = R"(a"b\c)";
  ASSERT_EQ(run({"append", store_, name, "--type", name, "--tag", name}).exit_code, 0);
  for (const auto& [list, field] : kLists) { EXPECT_THAT(names(list, {}), ElementsAre(name)) << list; }
}

}  // namespace
}  // namespace tidemark::test
