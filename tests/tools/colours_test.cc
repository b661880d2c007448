// SPDX-License-Identifier: Apache-2.0
// Goal: colour and progress only on a terminal and without NO_COLOR; data never mixed with them; nothing that a store
// holds can steer a terminal. Method: the command on the far side of a pseudo-terminal.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/tools/command_runner.h"

namespace tidemark::test {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

class Colours : public ::testing::Test {
 protected:
  void SetUp() override { ASSERT_EQ(run({"append", store_, "s", "--type", "T", "--data", "\"x\""}).exit_code, 0); }

  ToolsFolder folder_;
  std::string store_ = folder_ / "store";
};

TEST_F(Colours, OnATerminalOnly) {
  EXPECT_THAT(run({"read", store_}, {.out_is_terminal = true}).out, HasSubstr("\033["));
  EXPECT_THAT(run({"read", store_}).out, Not(HasSubstr("\033")));
  EXPECT_THAT(run({"stat", folder_ / "none"}, {.err_is_terminal = true}).err, HasSubstr("\033["));
  EXPECT_THAT(run({"stat", folder_ / "none"}).err, Not(HasSubstr("\033")));
}

TEST_F(Colours, NotWithNoColor) {
  const RunOptions no_color{.environment = {{"NO_COLOR", "1"}}, .out_is_terminal = true, .err_is_terminal = true};
  EXPECT_THAT(run({"read", store_}, no_color).out, Not(HasSubstr("\033")));
  EXPECT_THAT(run({"stat", folder_ / "none"}, no_color).err, Not(HasSubstr("\033")));
  const RunOptions empty{.environment = {{"NO_COLOR", ""}}, .out_is_terminal = true};
  EXPECT_THAT(run({"read", store_}, empty).out, HasSubstr("\033["));
}

TEST_F(Colours, ProgressIsABarOnATerminalOnly) {
  // Small batches, so that it takes long enough for a bar to be seen.
  const std::vector<std::string> import{"import", folder_ / "loans", first_loan_lines(folder_ / "first.jsonl", 20'000),
                                        "--batch", "20"};
  const Ran bar = run(import, {.err_is_terminal = true});
  EXPECT_EQ(bar.exit_code, 0);
  EXPECT_THAT(bar.err, HasSubstr("\r"));
  EXPECT_THAT(bar.err, HasSubstr(" events"));
  EXPECT_THAT(bar.out, HasSubstr("20,000 events imported"));
  EXPECT_THAT(run(import).err, IsEmpty());
  EXPECT_THAT(run(import, {.environment = {{"NO_COLOR", "1"}}, .err_is_terminal = true}).err, IsEmpty());
}

TEST_F(Colours, WhatAStoreHoldsCannotSteerATerminal) {
  ASSERT_EQ(run({"append", store_, "s", "--type", "T", "--raw", "--data", "\033[2J\a\x7F\xC2\x9B\xFFgood"}).exit_code,
            0);
  const Ran ran = run({"read", store_, "--from", "1"});
  EXPECT_THAT(ran.out, HasSubstr("?[2J???\xEF\xBF\xBDgood"));
  EXPECT_THAT(ran.out, Not(HasSubstr("\033")));
}

}  // namespace
}  // namespace tidemark::test
