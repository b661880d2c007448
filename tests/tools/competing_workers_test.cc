// SPDX-License-Identifier: Apache-2.0
// Goal: the example of competing workers deals with every order once and in order, also in several processes at once,
// and puts aside what fails. Method: it is run as its first lines say, on one store.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <regex>
#include <string>
#include <thread>
#include <vector>

#include "tests/tools/command_runner.h"

namespace tidemark::test {
namespace {

using ::testing::HasSubstr;

class CompetingWorkers : public ::testing::Test {
 protected:
  std::string says(std::vector<std::string> words) const {
    words.insert(words.begin(), store_);
    const Ran ran = run(words, {.program = TIDEMARK_COMPETING_WORKERS});
    EXPECT_EQ(ran.exit_code, 0) << ran.err;
    return ran.out;
  }
  static int orders_in(const std::string& text) {
    std::smatch found;
    EXPECT_TRUE(
        std::regex_search(text, found, std::regex("^([0-9]+) orders fulfilled for [0-9]+ customers, 0 out of")));
    return found.empty() ? 0 : std::stoi(found[1]);
  }

  ToolsFolder folder_;
  std::string store_ = folder_ / "orders";
};

TEST_F(CompetingWorkers, DealWithEveryOrderAndPutAsideWhatFails) {
  EXPECT_EQ(says({"place", "200"}), "200 orders placed\n");
  EXPECT_EQ(says({"work", "4"}), "195 orders fulfilled for 20 customers, 0 out of order\n");
  EXPECT_THAT(says({"parked"}), HasSubstr("7 customer-7 after 3 tries: the order cannot be read\n"));
  EXPECT_EQ(says({"work", "1"}), "0 orders fulfilled for 0 customers, 0 out of order\n");
  EXPECT_THAT(says({"replay"}), HasSubstr("5 orders will be given once more\n"));
  EXPECT_EQ(says({"work", "2"}), "0 orders fulfilled for 0 customers, 0 out of order\n");
  EXPECT_THAT(says({"parked"}), HasSubstr("167 customer-7 after 3 tries"));
}

TEST_F(CompetingWorkers, InSeveralProcesses) {
  EXPECT_EQ(says({"place", "2000"}), "2000 orders placed\n");
  std::string out[3];
  {
    std::vector<std::jthread> processes;
    for (auto& text : out) {
      processes.emplace_back([&] { text = says({"work", "2"}); });
    }
  }
  EXPECT_EQ(orders_in(out[0]) + orders_in(out[1]) + orders_in(out[2]), 1950);
}

TEST_F(CompetingWorkers, SaysHowItIsUsed) {
  for (const std::vector<std::string>& words :
       {std::vector<std::string>{}, {"work"}, {"work", "none"}, {"place", "0"}, {"dance"}, {"parked", "1"}}) {
    std::vector<std::string> all = words;
    all.insert(all.begin(), store_);
    const Ran ran = run(all, {.program = TIDEMARK_COMPETING_WORKERS});
    EXPECT_EQ(ran.exit_code, 2);
    EXPECT_THAT(ran.err, HasSubstr("usage: competing_workers"));
  }
}

}  // namespace
}  // namespace tidemark::test
