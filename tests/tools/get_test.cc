// SPDX-License-Identifier: Apache-2.0
// Goal: get shows the one event with an id as read shows it, and says when there is none.
#include <filesystem>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/tools/command_runner.h"

namespace tidemark::test {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr char kId[] = "0190a0e4-1b2c-7d3e-8f40-5162738495a6";

class Get : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_EQ(run({"append", store_, "s", "--type", "T", "--data", "0"}).exit_code, 0);
    ASSERT_EQ(run({"append", store_, "s", "--type", "T", "--data", "[ 1 ]", "--tag", "x:1", "--id", kId}).exit_code, 0);
    ASSERT_EQ(run({"append", store_, "s", "--type", "T", "--data", "2"}).exit_code, 0);
  }

  ToolsFolder folder_;
  std::string store_ = folder_ / "store";
};

TEST_F(Get, ShowsTheEventAsReadDoes) {
  const Ran json = run({"get", store_, kId, "--json"});
  EXPECT_EQ(json.exit_code, 0) << json.err;
  EXPECT_EQ(json.out, run({"read", store_, "--from", "1", "--limit", "1", "--json"}).out);
  EXPECT_EQ(json.json()["position"], 1);
  EXPECT_EQ(json.json()["id"], kId);
  const Ran text = run({"get", store_, kId});
  EXPECT_EQ(text.exit_code, 0) << text.err;
  EXPECT_EQ(text.out, run({"read", store_, "--from", "1", "--limit", "1"}).out);
  EXPECT_EQ(run({"get", store_, "0190A0E4-1B2C-7D3E-8F40-5162738495A6", "--json"}).out, json.out)
      << "either case names the same id";
}

TEST_F(Get, EndsWithSixIfThereIsNone) {
  for (const std::string none : {"0190a0e4-1b2c-7d3e-8f40-5162738495a7", "00000000-0000-0000-0000-000000000000"}) {
    for (const std::vector<std::string>& call :
         {std::vector<std::string>{"get", store_, none}, {"get", store_, none, "--json"}}) {
      const Ran ran = run(call);
      EXPECT_EQ(ran.exit_code, 6);
      EXPECT_EQ(ran.err, "tidemark: there is no event with id " + none + "\n");
      EXPECT_THAT(ran.out, IsEmpty());
    }
  }
}

TEST_F(Get, WhatIsNoUuidIsRefused) {
  for (const std::string wrong :
       {"17", "", "0190a0e41b2c7d3e8f405162738495a6", "{0190a0e4-1b2c-7d3e-8f40-5162738495a6}",
        "0190a0e4-1b2c-7d3e-8f40-5162738495ag", "0190a0e4-1b2c-7d3e-8f40-5162738495a6 ", "\033[2J"}) {
    const Ran ran = run({"get", store_, wrong});
    EXPECT_EQ(ran.exit_code, 2) << wrong;
    EXPECT_THAT(ran.out, IsEmpty()) << wrong;
    EXPECT_THAT(ran.err, HasSubstr("ID")) << wrong;
    EXPECT_EQ(ran.err.find('\033'), std::string::npos);
  }
  const Ran dashed = run({"get", store_, "--", "-17"});
  EXPECT_EQ(dashed.exit_code, 2);
  EXPECT_THAT(dashed.err, HasSubstr("must be a UUID"));
  EXPECT_LT(run({"get", store_, std::string(100'000, 'x')}).err.size(), 500U);
  EXPECT_EQ(run({"get", store_}).exit_code, 2);
  EXPECT_EQ(run({"get", store_, kId, kId}).exit_code, 2);
}

TEST_F(Get, AStoreThatIsNotThereIsAnotherThing) {
  EXPECT_EQ(run({"get", folder_ / "none", kId}).exit_code, 5);
  EXPECT_FALSE(std::filesystem::exists(folder_ / "none"));
}

}  // namespace
}  // namespace tidemark::test
