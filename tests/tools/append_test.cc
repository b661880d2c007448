// SPDX-License-Identifier: Apache-2.0
// Goal: append and read, in all their options; what stands in the store is looked at through the library.
#include <filesystem>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/tools/command_runner.h"
#include "tidemark/tidemark.hpp"

namespace tidemark::test {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::MatchesRegex;

class Append : public ::testing::Test {
 protected:
  Ran append(std::vector<std::string> more, const RunOptions& options = {}) const {
    std::vector<std::string> arguments{"append", store_};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return run(arguments, options);
  }
  Ran read(std::vector<std::string> more) const {
    std::vector<std::string> arguments{"read", store_, "--json"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return run(arguments);
  }
  void append_some() const {
    for (int i = 0; i < 5; ++i) {
      ASSERT_EQ(append({i % 2 == 0 ? "even" : "odd", "--type", "T", "--data", std::to_string(i)}).exit_code, 0);
    }
  }
  static std::vector<std::uint64_t> positions(const Ran& ran) {
    std::vector<std::uint64_t> all;
    for (const nlohmann::json& event : ran.json_lines()) { all.push_back(event["position"].get<std::uint64_t>()); }
    return all;
  }

  ToolsFolder folder_;
  std::string store_ = folder_ / "store";
};

TEST_F(Append, PrintsPositionAndVersion) {
  EXPECT_EQ(append({"a", "--type", "T"}).out, "position 0, version 0\n");
  EXPECT_EQ(append({"b", "--type", "T"}).out, "position 1, version 0\n");
  const Ran ran = append({"a", "--type", "T", "--json"});
  EXPECT_EQ(ran.exit_code, 0);
  EXPECT_EQ(ran.json()["position"], 2);
  EXPECT_EQ(ran.json()["version"], 1);
  EXPECT_EQ(ran.json()["stream"], "a");
  EXPECT_EQ(ran.json()["already_appended"], false);
  EXPECT_THAT(ran.err, IsEmpty());
}

TEST_F(Append, EveryPartOfAnEventIsReadAgain) {
  const Ran ran = append({"loan-17", "--type", "Submitted", "--data", R"({"amount": 1.0})", "--metadata", R"([ "m" ])",
                          "--tag", "one", "--tag", "[two]", "--id", "0190A0E4-1B2C-7D3E-8F40-5162738495A6", "--valid",
                          "2011-10-01T00:38:44.546123456+02:00"});
  ASSERT_EQ(ran.exit_code, 0) << ran.err;
  const std::string line = read({}).out;
  EXPECT_THAT(line, HasSubstr(R"("data":{"amount": 1.0},"metadata":[ "m" ]})"));
  const nlohmann::json event = nlohmann::json::parse(line);
  EXPECT_EQ(event["position"], 0);
  EXPECT_EQ(event["stream"], "loan-17");
  EXPECT_EQ(event["version"], 0);
  EXPECT_EQ(event["id"], "0190a0e4-1b2c-7d3e-8f40-5162738495a6");
  EXPECT_EQ(event["type"], "Submitted");
  EXPECT_EQ(event["tags"], nlohmann::json::array({"one", "[two]"}));
  EXPECT_EQ(event["valid"], "2011-09-30T22:38:44.546123000Z");
  EXPECT_THAT(event["recorded"].get<std::string>(),
              MatchesRegex("20[0-9][0-9]-[0-9][0-9]-[0-9][0-9]T[0-9][0-9]:[0-9][0-9]:[0-9][0-9]\\.[0-9]{9}Z"));
}

TEST_F(Append, ValidTimesHaveEveryFormOfRfc3339) {
  const std::vector<std::pair<std::string, std::string>> times = {
      {"1970-01-01T00:00:00Z", "1970-01-01T00:00:00.000000000Z"},
      {"1969-12-31t23:59:59.9z", "1969-12-31T23:59:59.900000000Z"},
      {"9999-12-31T23:59:59.999999999Z", "9999-12-31T23:59:59.999999000Z"},
      {"0000-01-01T00:00:00Z", "0000-01-01T00:00:00.000000000Z"},
      {"2012-02-29 12:00:00-11:30", "2012-02-29T23:30:00.000000000Z"},
      {"2016-12-31T23:59:60Z", "2017-01-01T00:00:00.000000000Z"},
  };
  for (const auto& [given, expected] : times) {
    ASSERT_EQ(append({"s", "--type", "T", "--valid", given}).exit_code, 0) << given;
    EXPECT_EQ(read({"--backward", "--limit", "1"}).json()["valid"], expected);
  }
  for (const std::string wrong :
       {"2011-02-29T00:00:00Z", "2011-13-01T00:00:00Z", "2011-10-01T24:00:00Z", "2011-10-01T00:60:00Z",
        "2011-10-01T00:00:00", "2011-10-01T00:00:00.Z", "2011-10-01T00:00:00.1234567890Z", "2011-10-01T00:00:00+24:00",
        "2011-10-01", "2011-10-01T00:00:00Zulu", "+011-10-01T00:00:00Z", "-011-10-01T00:00:00Z",
        "2011-10-01T00:00:00+0200", ""}) {
    EXPECT_EQ(append({"s", "--type", "T", "--valid", wrong}).exit_code, 2) << wrong;
  }
}

TEST_F(Append, DataComesFromAFileOrTheStandardInput) {
  const std::string file = folder_.file("data.json", "{\"a\":\n1}");
  ASSERT_EQ(append({"s", "--type", "T", "--data", "@" + file}).exit_code, 0);
  ASSERT_EQ(append({"s", "--type", "T", "--data", "-"}, {.input = "[1,2]"}).exit_code, 0);
  const Ran ran = read({});
  ASSERT_EQ(ran.json_lines().size(), 2U) << "an event must stay one line";
  EXPECT_EQ(ran.json_lines()[0]["data"], nlohmann::json::parse(R"({"a":1})"));
  EXPECT_EQ(ran.json_lines()[1]["data"], nlohmann::json::parse("[1,2]"));
}

TEST_F(Append, DataMustBeJsonUnlessRaw) {
  for (const std::string wrong : {"{", "", "nul", "{\"a\":1} x", "\"\xFF\"", "\xEF\xBB\xBF{}", "01"}) {
    const Ran ran = append({"s", "--type", "T", "--data", wrong});
    EXPECT_EQ(ran.exit_code, 2) << wrong;
    EXPECT_THAT(ran.err, HasSubstr("--data: column ")) << wrong;
  }
  EXPECT_FALSE(std::filesystem::exists(store_)) << "bad input must not create a store";

  ASSERT_EQ(append({"s", "--type", "T", "--raw", "--data", "\xFF\x01 not JSON"}).exit_code, 0);
  const nlohmann::json event = read({}).json();
  EXPECT_EQ(event["data"], nullptr);
  EXPECT_EQ(event["data_base64"], "/wEgbm90IEpTT04=");
  EXPECT_EQ(event["metadata"], nullptr);
  EXPECT_FALSE(event.contains("metadata_base64"));
}

TEST_F(Append, BytesInBase64HaveTheirPadding) {
  const std::vector<std::pair<std::string, std::string>> cases = {{"{", "ew=="}, {"{{", "e3s="}, {"{{{", "e3t7"}};
  for (const auto& [bytes, text] : cases) {
    ASSERT_EQ(append({"s", "--type", "T", "--raw", "--data", bytes}).exit_code, 0);
    EXPECT_EQ(read({"--backward", "--limit", "1"}).json()["data_base64"], text);
  }
}

TEST_F(Append, ExpectationsAreKept) {
  EXPECT_EQ(append({"s", "--type", "T", "--expect", "exists"}).exit_code, 3);
  EXPECT_EQ(append({"s", "--type", "T", "--expect", "0"}).exit_code, 3);
  EXPECT_EQ(append({"s", "--type", "T", "--expect", "no-stream"}).exit_code, 0);
  EXPECT_EQ(append({"s", "--type", "T", "--expect", "no-stream"}).exit_code, 3);
  EXPECT_EQ(append({"s", "--type", "T", "--expect", "exists"}).exit_code, 0);
  EXPECT_EQ(append({"s", "--type", "T", "--expect", "1"}).exit_code, 0);
  EXPECT_EQ(append({"s", "--type", "T", "--expect", "any"}).exit_code, 0);
  const Ran ran = append({"s", "--type", "T", "--expect", "17"});
  EXPECT_EQ(ran.exit_code, 3);
  EXPECT_THAT(ran.out, IsEmpty());
  EXPECT_THAT(ran.err, HasSubstr("17")) << "the expected version";
  EXPECT_THAT(ran.err, HasSubstr("3")) << "the actual version";
  EXPECT_EQ(read({}).json_lines().size(), 4U) << "a conflict must append nothing";
}

TEST_F(Append, AnIdIsAppendedOnce) {
  const std::vector<std::string> call = {"s",
                                         "--type",
                                         "T",
                                         "--data",
                                         "1",
                                         "--valid",
                                         "2020-01-01T00:00:00Z",
                                         "--id",
                                         "0190a0e4-1b2c-7d3e-8f40-5162738495a6",
                                         "--json"};
  EXPECT_EQ(append(call).json()["already_appended"], false);
  const Ran again = append(call);
  EXPECT_EQ(again.exit_code, 0) << again.err;
  EXPECT_EQ(again.json()["already_appended"], true);
  EXPECT_EQ(again.json()["position"], 0);
  const Ran other = append({"s", "--type", "T", "--data", "2", "--id", "0190a0e4-1b2c-7d3e-8f40-5162738495a6"});
  EXPECT_EQ(other.exit_code, 3);
  EXPECT_EQ(read({}).json_lines().size(), 1U);
}

TEST_F(Append, LimitsAreRefusedByName) {
  const Ran stream = append({std::string(limits::kStreamNameBytesMax + 1, 's'), "--type", "T"});
  EXPECT_EQ(stream.exit_code, 2);
  EXPECT_THAT(stream.err, HasSubstr(std::to_string(limits::kStreamNameBytesMax)));
  EXPECT_EQ(append({"s", "--type", std::string(limits::kTypeBytesMax + 1, 't')}).exit_code, 2);
  EXPECT_EQ(append({"", "--type", "T"}).exit_code, 2);
  const std::string large = "\"" + std::string(limits::kEventBytesMax - 1, 'x') + "\"";
  EXPECT_EQ(append({"s", "--type", "T", "--data", "-"}, {.input = large}).exit_code, 2);
  EXPECT_EQ(append({"s", "--type", "T", "--raw", "--data", "-"}, {.input = large}).exit_code, 2);
  const Ran whole = append({"s", "--type", "T", "--data", "-"}, {.input = large.substr(0, large.size() - 2) + "\""});
  EXPECT_EQ(whole.exit_code, 0) << whole.err;
  EXPECT_EQ(read({}).json_lines().size(), 1U);
}

TEST_F(Append, WhatIsRefusedMakesNoStore) {
  EXPECT_EQ(run({"append", store_, "", "--type", "T"}).exit_code, 2);
  EXPECT_EQ(run({"append", store_, "s", "--type", std::string(300, 't')}).exit_code, 2);
  EXPECT_EQ(run({"append", store_, std::string(2000, 's'), "--type", "T"}).exit_code, 2);
  EXPECT_FALSE(std::filesystem::exists(store_));
}

TEST_F(Append, ReadTakesAPartInEitherDirection) {
  append_some();
  EXPECT_THAT(positions(read({})), ElementsAre(0, 1, 2, 3, 4));
  EXPECT_THAT(positions(read({"--backward"})), ElementsAre(4, 3, 2, 1, 0));
  EXPECT_THAT(positions(read({"--from", "3"})), ElementsAre(3, 4));
  EXPECT_THAT(positions(read({"--from", "3", "--backward"})), ElementsAre(3, 2, 1, 0));
  EXPECT_THAT(positions(read({"--limit", "2"})), ElementsAre(0, 1));
  EXPECT_THAT(positions(read({"--limit", "0"})), ElementsAre());
  EXPECT_THAT(positions(read({"--from", "9"})), ElementsAre());
  EXPECT_THAT(positions(read({"--stream", "even"})), ElementsAre(0, 2, 4));
  EXPECT_THAT(positions(read({"--stream", "even", "--from", "1"})), ElementsAre(2, 4));
  EXPECT_THAT(positions(read({"--stream", "even", "--from", "1", "--backward"})), ElementsAre(2, 0));
  EXPECT_THAT(positions(read({"--stream", "even", "--backward", "--limit", "1"})), ElementsAre(4));
  EXPECT_THAT(positions(read({"--stream", "none"})), ElementsAre());
}

TEST_F(Append, StreamsAreListedInOrder) {
  append_some();
  const Ran ran = run({"streams", store_, "--json"});
  EXPECT_EQ(ran.exit_code, 0);
  EXPECT_THAT(ran.json_lines(), ElementsAre(nlohmann::json({{"stream", "even"}, {"version", 2}, {"position", 4}}),
                                            nlohmann::json({{"stream", "odd"}, {"version", 1}, {"position", 3}})));
  const Ran text = run({"streams", store_});
  EXPECT_THAT(text.out, HasSubstr("        2              4  even\n"));
}

TEST_F(Append, StatTellsWhatIsThere) {
  ASSERT_EQ(append({"s", "--type", "T"}).exit_code, 0);
  const Ran ran = run({"stat", store_, "--json"});
  EXPECT_EQ(ran.exit_code, 0) << ran.err;
  const nlohmann::json stat = ran.json();
  EXPECT_EQ(stat["events"], 1);
  EXPECT_EQ(stat["streams"], 1);
  EXPECT_GE(stat["segments"], 1);
  EXPECT_LE(stat["bytes"], 4 << 20) << "a new store with one event must stay small";
  EXPECT_EQ(stat["durable"], 1);
  EXPECT_EQ(stat["written"], 1);
  EXPECT_EQ(stat["format"], std::to_string(kFormatMajor) + "." + std::to_string(kFormatMinor));
  EXPECT_EQ(stat["epoch"], 1);
  EXPECT_TRUE(EventId::parse(stat["store_id"].get<std::string>()));
  EXPECT_TRUE(EventId::parse(stat["log_id"].get<std::string>()));
  EXPECT_EQ(stat["last_recovery"]["kind"], "created");
  EXPECT_EQ(stat["last_recovery"]["bytes_cut"], 0);
  EXPECT_EQ(stat["last_recovery"]["frames_kept"], 0);
  EXPECT_EQ(stat["last_recovery"]["epoch"], 1);
  EXPECT_TRUE(stat["last_recovery"]["took_ns"].is_number());
  EXPECT_TRUE(stat["last_recovery"]["at"].is_string());
  EXPECT_THAT(run({"stat", store_}).out, HasSubstr("last recovery  "));
}

TEST_F(Append, OpeningAgainIsASecondEpoch) {
  append_some();
  const nlohmann::json stat = run({"stat", store_, "--json"}).json();
  EXPECT_EQ(stat["epoch"], 5);
  EXPECT_EQ(stat["last_recovery"]["kind"], to_string(RecoveryKind::kClosedCleanly));
}

}  // namespace
}  // namespace tidemark::test
