// SPDX-License-Identifier: Apache-2.0
// Goal: backup, fork and extract do on the command line what the library does, and say so; read shows where an
// extracted event comes from; tail begins where it is told.
#include <filesystem>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/tools/command_runner.h"

namespace tidemark::test {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;

class Copies : public ::testing::Test {
 protected:
  void SetUp() override {
    for (int i = 0; i < 12; ++i) {
      ASSERT_EQ(run({"append", store_, i % 3 == 0 ? "loan-1" : "loan-2", "--type", i % 2 == 0 ? "Even" : "Odd",
                     "--data", std::to_string(i)})
                    .exit_code,
                0);
    }
  }
  [[nodiscard]] std::string read_all(const std::string& store) const { return run({"read", store, "--json"}).out; }

  ToolsFolder folder_;
  std::string store_ = folder_ / "store";
  std::string into_ = folder_ / "into";
};

TEST_F(Copies, ABackupIsTheSameStore) {
  const Ran first = run({"backup", store_, "--into", into_});
  EXPECT_EQ(first.exit_code, 0) << first.err;
  EXPECT_THAT(first.out, HasSubstr("has: 12 events"));
  EXPECT_THAT(first.out, HasSubstr("; verified"));
  EXPECT_EQ(read_all(into_), read_all(store_));
  EXPECT_EQ(run({"backup", store_, "--into", into_}).exit_code, 2) << "there is something";
  ASSERT_EQ(run({"append", store_, "loan-1", "--type", "T"}).exit_code, 0);
  const Ran more = run({"backup", store_, "--into", into_, "--incremental", "--no-verify", "--json"});
  EXPECT_EQ(more.exit_code, 0) << more.err;
  const auto json = more.json();
  EXPECT_EQ(json["added_to_earlier"], true);
  EXPECT_EQ(json["events"], 13);
  EXPECT_EQ(json["segments_copied"], 1);
  EXPECT_EQ(json["verified"], false);
  EXPECT_EQ(read_all(into_), read_all(store_));
  EXPECT_EQ(run({"verify", into_}).exit_code, 0);
  ASSERT_EQ(run({"append", into_, "loan-1", "--type", "T"}).exit_code, 0) << "a restored store goes on";
  EXPECT_EQ(run({"backup", store_, "--into", into_, "--incremental"}).exit_code, 2) << "and is no earlier backup then";
}

TEST_F(Copies, LinksAreTakenIfAskedFor) {
  EXPECT_EQ(run({"backup", store_, "--into", into_, "--link", "--copy"}).exit_code, 2);
  const Ran linked = run({"backup", store_, "--into", into_, "--link", "--json"});
  EXPECT_EQ(linked.exit_code, 0) << linked.err;
  EXPECT_EQ(read_all(into_), read_all(store_));
}

TEST_F(Copies, AForkGoesItsOwnWay) {
  const Ran forked = run({"fork", store_, "--at", "6", "--into", into_, "--json"});
  EXPECT_EQ(forked.exit_code, 0) << forked.err;
  EXPECT_EQ(forked.json()["events"], 7);
  EXPECT_NE(forked.json()["log_id"], forked.json()["parent_log_id"]);
  ASSERT_EQ(run({"append", into_, "loan-3", "--type", "WhatIf"}).exit_code, 0);
  EXPECT_EQ(run({"read", into_, "--json", "--limit", "7"}).out, run({"read", store_, "--json", "--limit", "7"}).out);
  EXPECT_EQ(run({"read", into_, "--json"}).json_lines().size(), 8u);
  EXPECT_EQ(run({"read", store_, "--json"}).json_lines().size(), 12u);
  EXPECT_EQ(run({"verify", into_}).exit_code, 0);
  const Ran all = run({"fork", store_, "--into", folder_ / "all", "--copy"});
  EXPECT_EQ(all.exit_code, 0) << all.err;
  EXPECT_THAT(all.out, HasSubstr("has 12 events"));
  const Ran past = run({"fork", store_, "--at", "12", "--into", folder_ / "past"});
  EXPECT_EQ(past.exit_code, 2);
  EXPECT_THAT(past.err, HasSubstr("ends with position 11"));
  EXPECT_FALSE(std::filesystem::exists(folder_ / "past"));
}

TEST_F(Copies, AnExtractionShowsWhereItComesFrom) {
  const Ran ran = run({"extract", store_, "--stream", "loan-1", "--type", "Odd", "--into", into_, "--json"});
  EXPECT_EQ(ran.exit_code, 0) << ran.err;
  EXPECT_EQ(ran.json()["events"], 4);
  EXPECT_EQ(ran.json()["streams"], 1);
  const auto theirs = run({"read", store_, "--stream", "loan-1", "--json"}).json_lines();
  auto own = run({"read", into_, "--json"}).json_lines();
  ASSERT_EQ(own.size(), theirs.size());
  for (std::size_t i = 0; i < own.size(); ++i) {
    EXPECT_EQ(own[i]["position"], i);
    EXPECT_EQ(own[i]["original_position"], theirs[i]["position"]);
    own[i]["position"] = theirs[i]["position"];
    own[i].erase("original_position");
    EXPECT_EQ(own[i], theirs[i]);
  }
  EXPECT_THAT(run({"read", into_}).out, HasSubstr("original"));
  ASSERT_EQ(run({"append", into_, "loan-1", "--type", "T"}).exit_code, 0);
  EXPECT_FALSE(run({"read", into_, "--from", "4", "--json"}).json().contains("original_position"));
  EXPECT_THAT(run({"read", into_, "--from", "4"}).out, HasSubstr("           -            4"));
  EXPECT_THAT(run({"get", into_, own[1]["id"].get<std::string>(), "--json"}).out, HasSubstr("original_position"));
  const Ran none = run({"extract", store_, "--stream", "none", "--into", folder_ / "none"});
  EXPECT_EQ(none.exit_code, 2);
  EXPECT_THAT(none.err, HasSubstr("nothing to extract"));
}

// Ended by a signal after a second, as somebody at a terminal does, unless it ended before.
Ran tail(std::vector<std::string> arguments) {
  std::vector<std::string> all{"--preserve-status", "--signal=INT", "1", TIDEMARK_COMMAND, "tail"};
  all.insert(all.end(), arguments.begin(), arguments.end());
  return run(all, {.program = "/usr/bin/timeout"});
}

TEST_F(Copies, TailBeginsWithTheLastThatMatch) {
  const auto positions = [&](const std::vector<std::string>& arguments) {
    std::vector<std::uint64_t> found;
    std::vector<std::string> all{store_, "--json"};
    all.insert(all.end(), arguments.begin(), arguments.end());
    for (const auto& line : tail(all).json_lines()) { found.push_back(line["position"]); }
    return found;
  };
  using Positions = std::vector<std::uint64_t>;
  EXPECT_EQ(positions({}), (Positions{2, 3, 4, 5, 6, 7, 8, 9, 10, 11}));
  EXPECT_EQ(positions({"--lines", "2", "--stream", "loan-1"}), (Positions{6, 9}));
  EXPECT_EQ(positions({"--lines", "0"}), Positions{});
  EXPECT_EQ(positions({"--from", "9"}), (Positions{9, 10, 11}));
  EXPECT_EQ(positions({"--from", "2", "--stream", "loan-1"}), (Positions{6, 9}));
  EXPECT_EQ(positions({"--from", "7", "--stream", "loan-1"}), Positions{});
  EXPECT_EQ(positions({"--type", "Odd", "--lines", "3"}), (Positions{7, 9, 11}));
  EXPECT_THAT(tail({store_, "--lines", "1"}).out, HasSubstr("loan-2"));
  const Ran unheard = run({"tail", store_}, {.out_is_closed_pipe = true});
  EXPECT_EQ(unheard.exit_code, 0);
  EXPECT_THAT(unheard.err, IsEmpty());
}

TEST_F(Copies, WrongCallsAreRefused) {
  EXPECT_EQ(run({"backup", store_}).exit_code, 2);
  EXPECT_EQ(run({"fork", store_, "--at", "1"}).exit_code, 2);
  EXPECT_EQ(run({"fork", store_, "--at", "-1", "--into", into_}).exit_code, 2);
  EXPECT_EQ(run({"extract", store_}).exit_code, 2);
  EXPECT_EQ(run({"extract", store_, "--into", into_, "--stream", "a", "--category", "b"}).exit_code, 2);
  EXPECT_EQ(run({"backup", folder_ / "none", "--into", into_}).exit_code, 5);
  EXPECT_EQ(run({"fork", folder_ / "none", "--into", into_}).exit_code, 5);
  EXPECT_EQ(run({"extract", folder_ / "none", "--into", into_}).exit_code, 5);
  EXPECT_EQ(run({"backup", store_, "--into", store_ + "/inner"}).exit_code, 2);
  EXPECT_EQ(run({"tail", store_, "--from", "1", "--lines", "2"}).exit_code, 2);
  EXPECT_EQ(run({"tail", store_, "--lines", "x"}).exit_code, 2);
  EXPECT_EQ(run({"tail", folder_ / "none"}).exit_code, 5);
  EXPECT_FALSE(std::filesystem::exists(into_));
}

}  // namespace
}  // namespace tidemark::test
