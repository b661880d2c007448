// SPDX-License-Identifier: Apache-2.0
// Goal: append --fail-if-match lets an event in only if nothing matches, and tells what did. Method: decisions over the
// seats of a course, as one makes them by hand.
#include <filesystem>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/tools/command_runner.h"
#include "tidemark/limits.hpp"

namespace tidemark::test {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

class Conditions : public ::testing::Test {
 protected:
  // Appends an event of type T, with more arguments.
  Ran append(std::vector<std::string> more, const RunOptions& options = {}) const {
    std::vector<std::string> arguments{"append", store_, "s-1", "--type", "T"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return run(arguments, options);
  }
  // c1 at 0, c2 at 1, both defined; c1 subscribed to by s1 at 2.
  void append_course() const {
    const std::string lines = R"({"stream":"course-c1","type":"CourseDefined","data":0,"tags":["course:c1"]}
{"stream":"course-c2","type":"CourseDefined","data":1,"tags":["course:c2"]}
{"stream":"course-c1","type":"Subscribed","data":2,"tags":["course:c1","student:s1"]}
)";
    ASSERT_EQ(run({"import", store_, folder_.file("in.jsonl", lines)}).exit_code, 0);
  }
  std::size_t events() const { return run({"read", store_, "--json"}).json_lines().size(); }

  ToolsFolder folder_;
  std::string store_ = folder_ / "store";
};

TEST_F(Conditions, LetAnEventInIfNothingMatches) {
  EXPECT_EQ(append({"--fail-if-match", R"([{"types":["T"]}])"}).out, "position 0, version 0\n");
  EXPECT_EQ(append({"--fail-if-match", R"([{"types":["U"]},{"tags":["x"]}])"}).out, "position 1, version 1\n");
  EXPECT_EQ(append({"--fail-if-match", R"([{"types":["T"]}])", "--after", "1"}).out, "position 2, version 2\n");
  EXPECT_EQ(append({"--fail-if-match", R"({"items":[{"types":["T"]}],"after":2})"}).out, "position 3, version 3\n");
  EXPECT_EQ(append({"--fail-if-match", R"({"after":3})"}).out, "position 4, version 4\n");
}

TEST_F(Conditions, ThatFailNameTheQueryAndThePosition) {
  append_course();
  const Ran ran = append({"--fail-if-match", R"([{"types":["Subscribed"],"tags":["course:c1"]}])", "--after", "1"});
  EXPECT_EQ(ran.exit_code, 3);
  EXPECT_THAT(ran.out, IsEmpty());
  EXPECT_EQ(ran.err,
            "tidemark: match conflict: the event at position 2 matches --fail-if-match: type \"Subscribed\", tag "
            "\"course:c1\", after position 1\n");
  EXPECT_EQ(append({"--fail-if-match", R"([{"tags":["course:c1"]}])", "--after", "2"}).exit_code, 0);
  EXPECT_EQ(events(), 4U) << "a conflict must append nothing";
  const Ran first = append({"--fail-if-match", R"([{"types":["CourseDefined"]}])"});
  EXPECT_THAT(first.err, HasSubstr("the event at position 0 matches")) << "the first that matches is named";
  const Ran json = append({"--json", "--fail-if-match", R"([{"types":["CourseDefined"]}])"});
  EXPECT_EQ(json.exit_code, 3);
  EXPECT_THAT(json.out, IsEmpty());
}

TEST_F(Conditions, MayHaveAScope) {
  append_course();
  const Ran stream = append({"--fail-if-match", R"({"scope":{"stream":"course-c2"}})"});
  EXPECT_EQ(stream.exit_code, 3);
  EXPECT_THAT(stream.err, HasSubstr("the event at position 1 matches --fail-if-match: stream \"course-c2\""));
  EXPECT_EQ(append({"--fail-if-match", R"({"scope":{"category":"course"},"after":1})"}).exit_code, 3);
  EXPECT_EQ(append({"--fail-if-match", R"({"scope":{"category":"course"},"after":2})"}).exit_code, 0);
  EXPECT_EQ(append({"--fail-if-match", R"({"scope":{"category":"course"},"items":[{"types":["T"]}]})"}).exit_code, 0);
  EXPECT_EQ(append({"--fail-if-match", R"({"scope":{"category":"s"},"items":[{"types":["T"]}]})"}).exit_code, 3);
}

TEST_F(Conditions, SeveralMustAllHoldAndEachThatDoesNotIsNamed) {
  append_course();
  const std::vector<std::string> three = {"--fail-if-match", R"([{"tags":["course:c2"]}])",
                                          "--fail-if-match", R"([{"tags":["course:c3"]}])",
                                          "--fail-if-match", R"({"items":[{"tags":["course:c1"]}],"after":1})"};
  const Ran ran = append(three);
  EXPECT_EQ(ran.exit_code, 3);
  EXPECT_EQ(ran.err,
            "tidemark: match conflict: the event at position 1 matches --fail-if-match 1: tag \"course:c2\"\n"
            "match conflict: the event at position 2 matches --fail-if-match 3: tag \"course:c1\", after position 1\n");
  std::vector<std::string> after = three;
  after.insert(after.end(), {"--after", "2"});
  const Ran one = append(after);
  EXPECT_THAT(one.err, Not(HasSubstr("--fail-if-match 1"))) << "--after is for those without a position";
  EXPECT_THAT(one.err, HasSubstr("--fail-if-match 3"));
}

TEST_F(Conditions, GoBesideAnExpectedVersion) {
  append_course();
  const std::string any = R"([{"tags":["course:c1"]}])";
  EXPECT_EQ(append({"--expect", "no-stream", "--fail-if-match", any, "--after", "2"}).exit_code, 0);
  const Ran version = append({"--expect", "no-stream", "--fail-if-match", any, "--after", "2"});
  EXPECT_EQ(version.exit_code, 3);
  EXPECT_THAT(version.err, HasSubstr("version conflict"));
  EXPECT_THAT(version.err, Not(HasSubstr("match conflict")));
  EXPECT_THAT(append({"--expect", "0", "--fail-if-match", any}).err, HasSubstr("match conflict"));
  const Ran both = append({"--expect", "7", "--fail-if-match", any});
  EXPECT_EQ(both.exit_code, 3);
  EXPECT_THAT(both.err, HasSubstr("version conflict"));
  EXPECT_THAT(both.err, HasSubstr("tag \"course:c1\""));
  EXPECT_THAT(both.err, HasSubstr("position 0"));
}

TEST_F(Conditions, AnEventThatIsThereAlreadyIsNotRefused) {
  const std::vector<std::string> call = {"--id",
                                         "0190a0e4-1b2c-7d3e-8f40-5162738495a6",
                                         "--valid",
                                         "2020-01-01T00:00:00Z",
                                         "--fail-if-match",
                                         R"([{"types":["T"]}])"};
  EXPECT_EQ(append(call).out, "position 0, version 0\n");
  EXPECT_EQ(append(call).out, "position 0, version 0, appended before\n");
  EXPECT_EQ(events(), 1U);
}

TEST_F(Conditions, ComeFromAFileOrTheStandardInput) {
  append_course();
  const std::string json = R"([{"tags":["student:s1"]}])";
  EXPECT_EQ(append({"--fail-if-match", "@" + folder_.file("q.json", json)}).exit_code, 3);
  EXPECT_EQ(append({"--fail-if-match", "-"}, {.input = json}).exit_code, 3);
  EXPECT_EQ(append({"--fail-if-match", "-", "--after", "2"}, {.input = json}).exit_code, 0);
  for (const std::vector<std::string>& twice :
       {std::vector<std::string>{"--fail-if-match", "-", "--fail-if-match", "-"},
        {"--fail-if-match", "-", "--data", "-"},
        {"--fail-if-match", "-", "--metadata", "-"}}) {
    const Ran ran = append(twice, {.input = json});
    EXPECT_EQ(ran.exit_code, 2);
    EXPECT_THAT(ran.err, HasSubstr("only one of --data, --metadata and --fail-if-match can be -"));
  }
}

TEST_F(Conditions, WhatIsRefusedMakesNoStore) {
  const std::string long_name(limits::kTagBytesMax + 1, 'x');
  const std::vector<std::pair<std::vector<std::string>, std::string>> cases = {
      {{"--after", "3"}, "give one"},
      {{"--after", "-1", "--fail-if-match", "{}"}, "--after"},
      {{"--after", "x", "--fail-if-match", "{}"}, "--after"},
      {{"--fail-if-match"}, "--fail-if-match"},
      {{"--fail-if-match", "[]"}, "--fail-if-match: column 2: no item"},
      {{"--fail-if-match", "[{}]"}, "--fail-if-match: column 3: an item names neither"},
      {{"--fail-if-match", ""}, "--fail-if-match: column 1"},
      {{"--fail-if-match", R"([{"tags":[""]}])"}, "an empty name"},
      {{"--fail-if-match", R"([{"tags":["a\u0000b"]}])"}, "tag holds a control character"},
      {{"--fail-if-match", R"([{"tags":["a\nb"]}])"}, "tag holds a control character"},
      {{"--fail-if-match", R"([{"tags":[")" + long_name + R"("]}])"}, std::to_string(limits::kTagBytesMax)},
      {{"--fail-if-match", R"({"scope":{"stream":""}})"}, "an empty name"},
      {{"--fail-if-match", R"({"scope":{"category":"a-b"}})"}, "a category holds no '-'"},
      {{"--fail-if-match", "{}", "--fail-if-match", "{"}, "--fail-if-match: column 2"},
  };
  for (const auto& [arguments, word] : cases) {
    const Ran ran = append(arguments);
    const std::string shown = ::testing::PrintToString(arguments);
    EXPECT_EQ(ran.exit_code, 2) << shown << ran.err;
    EXPECT_THAT(ran.err, HasSubstr(word)) << shown;
    EXPECT_FALSE(std::filesystem::exists(store_)) << shown;
  }
}

TEST_F(Conditions, MoreThanABatchTakesAreRefusedByTheLimitsName) {
  std::vector<std::string> many;
  for (std::size_t i = 0; i <= limits::kConditionsMax; ++i) {
    many.insert(many.end(), {"--fail-if-match", R"([{"types":["U"]}])"});
  }
  const Ran ran = append(many);
  EXPECT_EQ(ran.exit_code, 2);
  EXPECT_THAT(ran.err, HasSubstr(std::to_string(limits::kConditionsMax)));
  many.resize(many.size() - 2);
  EXPECT_EQ(append(many).exit_code, 0);
}

TEST_F(Conditions, APositionPastTheEndIsRefused) {
  append_course();
  const Ran ran = append({"--fail-if-match", R"([{"tags":["none"]}])", "--after", "3"});
  EXPECT_EQ(ran.exit_code, 2);
  EXPECT_THAT(ran.err, HasSubstr("3"));
  EXPECT_EQ(append({"--fail-if-match", "{}", "--after", "18446744073709551615"}).exit_code, 2);
  EXPECT_EQ(events(), 3U);
}

TEST_F(Conditions, ALongQueryIsToldInShort) {
  append_course();
  std::string items = R"([{"tags":["course:c1"]})";
  for (int i = 0; i < 200; ++i) { items += R"(,{"tags":["some-other-tag:)" + std::to_string(i) + "\"]}"; }
  const Ran ran = append({"--fail-if-match", items + "]"});
  EXPECT_EQ(ran.exit_code, 3);
  EXPECT_THAT(ran.err, HasSubstr("the event at position 0 matches --fail-if-match: (tag \"course:c1\")"));
  EXPECT_LT(ran.err.size(), 600U);
}

}  // namespace
}  // namespace tidemark::test
