// SPDX-License-Identifier: Apache-2.0
// Goal: the command reads as of a time, tells the history of a stream and imports with recorded times of the source; a
// time that is none is told with an example. Method: a small file of lines, read back in each way.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <string>
#include <vector>

#include "tests/tools/command_runner.h"

namespace tidemark::test {
namespace {

using nlohmann::json;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

using Lines = std::vector<std::string>;

class Times : public ::testing::Test {
 protected:
  Ran import(const std::string& lines, const std::vector<std::string>& more) {
    std::vector<std::string> arguments{"import", store_, folder_.file("in.jsonl", lines), "--json"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return run(arguments);
  }
  void import_some() {
    const Ran ran = import(kSome, {"--recorded-from", "seen"});
    ASSERT_EQ(ran.exit_code, 0) << ran.err;
  }
  // The field of each event that a call prints.
  Lines field(const char* name, std::vector<std::string> arguments) {
    arguments.insert(arguments.begin() + 1, store_);
    arguments.emplace_back("--json");
    const Ran ran = run(arguments);
    EXPECT_EQ(ran.exit_code, 0) << ran.err;
    Lines all;
    for (const json& event : ran.json_lines()) {
      all.push_back(event[name].is_string() ? event[name].get<std::string>() : event[name].dump());
    }
    return all;
  }

  static constexpr char kSome[] =
      R"({"stream":"loan-1","type":"Submitted","time":"2020-01-01T00:00:00Z","seen":"2020-01-05T00:00:00.123456789Z","data":{"amount":20000,"by":{"name":"Ann"},"note":"x"}}
{"stream":"loan-2","type":"Submitted","time":"2020-01-02T00:00:00Z","seen":"2020-01-05T00:00:00.123456789Z","data":{}}
{"stream":"loan-1","type":"Corrected","time":"2019-12-31T00:00:00Z","seen":"2020-01-07T01:00:00+01:00","data":{"amount":15000,"by":{"name":"Bea"},"why":"typo"}}
{"stream":"loan-1","type":"Noted","time":"2020-01-09T00:00:00Z","seen":"2020-01-06T00:00:00Z","data":"no object"}
{"stream":"loan-1","type":"Approved","time":"2020-01-08T00:00:00Z","seen":"2020-01-10T00:00:00Z","data":{"amount":15000}}
)";

  ToolsFolder folder_;
  std::string store_ = folder_ / "bank";
};

TEST_F(Times, AnImportTakesTheRecordedTimesOfAField) {
  import_some();
  EXPECT_THAT(
      field("recorded", {"read"}),
      ElementsAre("2020-01-05T00:00:00.123456789Z", "2020-01-05T00:00:00.123456789Z", "2020-01-07T00:00:00.000000000Z",
                  "2020-01-07T00:00:00.000000000Z", "2020-01-10T00:00:00.000000000Z"));
  EXPECT_THAT(field("valid", {"read", "--stream", "loan-1", "--limit", "2"}),
              ElementsAre("2020-01-01T00:00:00.000000000Z", "2019-12-31T00:00:00.000000000Z"));
}

TEST_F(Times, AnImportTakesTheRecordedTimesOfTime) {
  const Ran ran = import(R"({"stream":"s","type":"A","time":"2020-01-02T00:00:00Z","data":1}
{"stream":"s","type":"B","time":"2020-01-01T00:00:00Z","data":2}
{"stream":"s","type":"C","time":"2020-01-02T00:00:00Z","data":3}
{"stream":"s","type":"D","time":"2020-01-03T00:00:00Z","data":4}
)",
                         {"--recorded-from", "time", "--batch", "2"});
  ASSERT_EQ(ran.exit_code, 0) << ran.err;
  EXPECT_EQ(ran.json()["batches"], 3);
  EXPECT_THAT(field("recorded", {"read"}),
              ElementsAre("2020-01-02T00:00:00.000000000Z", "2020-01-02T00:00:00.000000000Z",
                          "2020-01-02T00:00:00.000000001Z", "2020-01-03T00:00:00.000000000Z"));
  EXPECT_THAT(field("valid", {"read", "--backward", "--limit", "3"}),
              ElementsAre("2020-01-03T00:00:00.000000000Z", "2020-01-02T00:00:00.000000000Z",
                          "2020-01-01T00:00:00.000000000Z"));
}

// Repeated or ended early, an import comes to the same.
TEST_F(Times, AnImportWithRecordedTimesCanBeRepeated) {
  std::string lines;
  std::string half;
  for (int i = 0; i < 6000; ++i) {
    char second[8];
    std::snprintf(second, sizeof(second), "%02d:%02d", i / 60 % 60, i % 60);
    lines += R"({"stream":"s-)" + std::to_string(i % 7) + R"(","type":"T","time":"2020-01-0)" +
             std::to_string(1 + i / 3600) + "T00:" + second + R"(Z","data":)" + std::to_string(i / 2) + "}\n";
    if (i == 3333) { half = lines; }
  }
  ASSERT_EQ(import(half, {"--recorded-from", "time"}).exit_code, 0);
  const Ran whole = import(lines, {"--recorded-from", "time"});
  ASSERT_EQ(whole.exit_code, 0) << whole.err;
  EXPECT_EQ(whole.json()["skipped"], 3334);
  EXPECT_EQ(whole.json()["imported"], 6000 - 3334);
  const Lines recorded = field("recorded", {"read"});
  EXPECT_EQ(recorded, field("valid", {"read"}));
  EXPECT_EQ(recorded.size(), 6000U);
  EXPECT_EQ(import(lines, {"--recorded-from", "time"}).json()["skipped"], 6000);
}

// An id that comes again while its batch is under way is one that the store has.
TEST_F(Times, AnIdThatComesAgainIsKnown) {
  const std::string id = "0190a0e4-1b2c-7d3e-8f40-5162738495a6";
  const auto line = [&](const std::string& data, const std::string& time) {
    return R"({"stream":"s","type":"T","id":")" + id + R"(","time":"2020-01-01T00:00:00Z","at":")" + time +
           R"(","data":)" + data + "}\n";
  };
  const Ran same =
      import(line("1", "2020-01-02T00:00:00Z") + line("1", "2020-01-03T00:00:00Z"), {"--recorded-from", "at"});
  ASSERT_EQ(same.exit_code, 0) << same.err;
  EXPECT_EQ(same.json()["imported"], 1);
  EXPECT_EQ(same.json()["skipped"], 1);
  const Ran other = import(line("2", "2020-01-04T00:00:00Z"), {"--recorded-from", "at"});
  EXPECT_EQ(other.exit_code, 3);
  EXPECT_THAT(other.err, HasSubstr("with another data"));
}

TEST_F(Times, AnImportSaysWhichTimeItDoesNotTake) {
  const std::string good =
      R"({"stream":"s","type":"T","time":"2020-01-01T00:00:00Z","at":"2020-01-01T00:00:00Z","data":1})";
  const auto refused = [&](const std::string& line, const std::string& from, const std::string& why) {
    const Ran ran = import(good + "\n" + line + "\n", {"--recorded-from", from});
    EXPECT_EQ(ran.exit_code, 2) << line;
    EXPECT_THAT(ran.err, HasSubstr(why)) << line;
    EXPECT_THAT(ran.out, IsEmpty());
  };
  refused(R"({"stream":"s","type":"T","data":2})", "at", "in.jsonl:2: column 34: no field \"at\"");
  refused(R"({"stream":"s","type":"T","at":"2020-01-02T00:00:00Z","data":2})", "time", "unknown field \"at\"");
  refused(R"({"stream":"s","type":"T","at":7,"data":2})", "at", "field \"at\" must be a string, not a number");
  refused(R"({"stream":"s","type":"T","at":"monday","data":2})", "at", "field \"at\" must be a time as RFC 3339");
  refused(R"({"stream":"s","type":"T","at":"2020-01-01T00:00:00Z","time":"monday","data":2})", "at",
          "field \"time\" must be a time");
  refused(R"({"stream":"s","type":"T","at":"9999-12-31T00:00:00Z","data":2})", "at", "ahead of the machine's clock");
  refused(R"({"stream":"s","type":"T","at":"2099-01-01T00:00:00Z","data":2})", "at", "lines 2 to 2");
  const Ran taken = import(good + "\n", {"--recorded-from", "data"});
  EXPECT_EQ(taken.exit_code, 2);
  EXPECT_THAT(taken.err, HasSubstr("--recorded-from: field \"data\" says something else"));
  // What was right before the bad line is there; no line of the future is.
  EXPECT_THAT(field("recorded", {"read"}), ElementsAre("2020-01-01T00:00:00.000000000Z"));
}

TEST_F(Times, AnImportTakesNoTimeBefore1970) {
  const Ran ran = import(R"({"stream":"s","type":"T","time":"1969-12-31T23:59:59Z","data":1})"
                         "\n",
                         {"--recorded-from", "time"});
  EXPECT_EQ(ran.exit_code, 2);
  EXPECT_THAT(ran.err, HasSubstr("before 1970-01-01"));
}

TEST_F(Times, ReadsAsOfATime) {
  import_some();
  EXPECT_THAT(field("type", {"read", "--recorded-until", "2020-01-05T00:00:00.123456789Z"}),
              ElementsAre("Submitted", "Submitted"));
  EXPECT_THAT(field("type", {"read", "--recorded-until", "2020-01-05T00:00:00.123456788Z"}), IsEmpty());
  EXPECT_THAT(field("type", {"read", "--stream", "loan-1", "--recorded-until", "2020-01-09T00:00:00Z"}),
              ElementsAre("Submitted", "Corrected", "Noted"));
  EXPECT_THAT(field("type", {"read", "--stream", "loan-1", "--valid-until", "2020-01-08T00:00:00Z"}),
              ElementsAre("Submitted", "Corrected", "Approved"));
  EXPECT_THAT(field("type", {"read", "--stream", "loan-1", "--order", "valid"}),
              ElementsAre("Corrected", "Submitted", "Approved", "Noted"));
  EXPECT_THAT(field("type", {"read", "--order", "valid", "--backward", "--limit", "2"}),
              ElementsAre("Noted", "Approved"));
  EXPECT_THAT(field("type", {"read", "--order", "position", "--limit", "1"}), ElementsAre("Submitted"));
  EXPECT_THAT(field("type", {"read", "--stream", "loan-1", "--recorded-until", "2020-01-09T00:00:00Z", "--valid-until",
                             "2020-01-01T00:00:00Z", "--order", "valid"}),
              ElementsAre("Corrected", "Submitted"));
  EXPECT_EQ(run({"read", store_, "--recorded-until", "9999-12-31T00:00:00Z", "--json"}).json_lines().size(), 5U);
  EXPECT_EQ(run({"read", store_, "--recorded-until", "0001-01-01T00:00:00Z", "--json"}).json_lines().size(), 0U);
}

TEST_F(Times, ListsAsOfATime) {
  import_some();
  EXPECT_THAT(field("version", {"streams", "--recorded-until", "2020-01-06T00:00:00Z"}), ElementsAre("0", "0"));
  EXPECT_THAT(field("version", {"streams"}), ElementsAre("3", "0"));
  EXPECT_THAT(field("type", {"types", "--recorded-until", "2020-01-07T00:00:00Z"}),
              ElementsAre("Corrected", "Noted", "Submitted"));
  EXPECT_THAT(field("category", {"categories", "--recorded-until", "2020-01-01T00:00:00Z"}), IsEmpty());
}

TEST_F(Times, TellsTheHistoryOfAStream) {
  import_some();
  const Ran all = run({"history", store_, "loan-1"});
  ASSERT_EQ(all.exit_code, 0) << all.err;
  EXPECT_EQ(all.out,
            R"(  version  recorded                        valid                           type
        0  2020-01-05T00:00:00.123456789Z  2020-01-01T00:00:00.000000000Z  Submitted
           {"amount":20000,"by":{"name":"Ann"},"note":"x"}
        1  2020-01-07T00:00:00.000000000Z  2019-12-31T00:00:00.000000000Z  Corrected
           amount: 20000 -> 15000
           by.name: "Ann" -> "Bea"
           - note: "x"
           + why: "typo"
        2  2020-01-07T00:00:00.000000000Z  2020-01-09T00:00:00.000000000Z  Noted
           "no object"
        3  2020-01-10T00:00:00.000000000Z  2020-01-08T00:00:00.000000000Z  Approved
           {"amount":15000}
)");
  EXPECT_THAT(field("type", {"history", "loan-1", "--as-of", "2020-01-05T01:00:00Z"}), ElementsAre("Submitted"));
  EXPECT_THAT(field("type", {"history", "loan-1", "--valid-at", "2020-01-08T00:00:00Z"}),
              ElementsAre("Submitted", "Corrected", "Approved"));
  const auto lines = run({"history", store_, "loan-1", "--json"}).json_lines();
  EXPECT_EQ(lines[0]["changes"], nullptr);
  EXPECT_EQ(lines[0]["data"].patch(lines[1]["changes"]), lines[1]["data"]);
  EXPECT_EQ(lines[2]["changes"], nullptr);
  const Ran none = run({"history", store_, "loan-1", "--as-of", "2020-01-01T00:00:00Z"});
  EXPECT_EQ(none.exit_code, 0);
  EXPECT_THAT(none.out, IsEmpty());
  EXPECT_THAT(none.err, HasSubstr("stream loan-1 has no event as of then"));
}

// What is large, deep, foreign or no JSON at all is told in a line.
TEST_F(Times, AHistoryStaysReadable) {
  std::string many = "{";
  for (int i = 0; i < 50; ++i) {
    many += (i == 0 ? "" : ",") + ("\"k" + std::to_string(i)) + "\":" + std::to_string(i);
  }
  many += "}";
  std::string deep(200'000, '[');
  deep = "{\"a\":" + deep + std::string(200'000, ']') + "}";
  const std::string large = R"({"text":")" + std::string(2U << 20U, 'x') + "\"}";
  std::string lines;
  for (const std::string& data : {std::string("{}"), many, deep, std::string(R"({"a/b":{"c~d":[1,2]},"long":1})"),
                                  R"({"a/b":{"c~d":[1]},"long":")" + std::string(500, 'y') + "\"}",
                                  R"({"a/b":{"c~d":[1]},"long":")" + std::string(500, 'y') + "\"}", large}) {
    lines += R"({"stream":"s","type":"T","data":)" + data + "}\n";
  }
  ASSERT_EQ(import(lines, {}).exit_code, 0);
  ASSERT_EQ(run({"append", store_, "s", "--type", "Raw", "--raw", "--data", std::string(3000, '\x01')}).exit_code, 0);
  ASSERT_EQ(run({"append", store_, "s", "--type", "Empty"}).exit_code, 0);
  const Ran ran = run({"history", store_, "s"});
  ASSERT_EQ(ran.exit_code, 0) << ran.err;
  EXPECT_THAT(ran.out, HasSubstr("  + k0: 0\n"));
  EXPECT_THAT(ran.out, HasSubstr("  and 30 changes more\n"));
  EXPECT_THAT(ran.out, HasSubstr("  - a/b.c~d.1: 2\n"));
  EXPECT_THAT(ran.out, ::testing::ContainsRegex("  long: 1 -> \"y+…\n"));
  EXPECT_THAT(ran.out, HasSubstr("  no change\n"));
  EXPECT_THAT(ran.out, HasSubstr("  2.0 MiB of JSON\n"));
  EXPECT_THAT(ran.out, HasSubstr("  2.9 KiB, not JSON\n"));
  EXPECT_THAT(ran.out, HasSubstr("  no data\n"));
  EXPECT_LT(ran.out.size(), 5000U);
  EXPECT_THAT(ran.out, Not(HasSubstr("\x01")));
}

TEST_F(Times, ATimeThatIsNoneIsToldWithAnExample) {
  import_some();
  const std::vector<std::pair<std::vector<std::string>, std::string>> calls = {
      {{"read", store_, "--recorded-until"}, "--recorded-until"},
      {{"read", store_, "--valid-until"}, "--valid-until"},
      {{"streams", store_, "--recorded-until"}, "--recorded-until"},
      {{"history", store_, "loan-1", "--as-of"}, "--as-of"},
      {{"history", store_, "loan-1", "--valid-at"}, "--valid-at"}};
  for (auto [call, option] : calls) {
    for (const char* time : {"yesterday", "2011-12-01", "2011-13-01T00:00:00Z", "", "1322697600"}) {
      call.emplace_back(time);
      const Ran ran = run(call);
      EXPECT_EQ(ran.exit_code, 2) << option << " " << time;
      EXPECT_THAT(ran.err, HasSubstr(option + ": must be a time as RFC 3339 has it, such as 2011-12-01T00:00:00Z"));
      EXPECT_THAT(ran.out, IsEmpty());
      call.pop_back();
    }
  }
  EXPECT_EQ(run({"read", store_, "--order", "time"}).exit_code, 2);
}

}  // namespace
}  // namespace tidemark::test
