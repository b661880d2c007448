// SPDX-License-Identifier: Apache-2.0
// Goal: the example of a read model in memory shows the fold of all trades, begins with the snapshots that there are,
// and tells of each large trade once. Method: it is run as its first lines say.
#include <filesystem>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <string>
#include <vector>

#include "tests/tools/command_runner.h"

namespace tidemark::test {
namespace {

using ::testing::HasSubstr;

class Portfolio : public ::testing::Test {
 protected:
  Ran desk(std::vector<std::string> words) const {
    words.insert(words.begin(), store_);
    return run(words, {.program = TIDEMARK_PORTFOLIO});
  }
  std::string says(const std::vector<std::string>& words) const {
    const Ran ran = desk(words);
    EXPECT_EQ(ran.exit_code, 0) << ran.err;
    return ran.out;
  }

  ToolsFolder folder_;
  std::string store_ = folder_ / "desk";
};

TEST_F(Portfolio, BeginsWithSnapshotsAndTellsOnce) {
  EXPECT_EQ(says({"show"}), "0 events read\n");
  for (int i = 0; i < 20; ++i) { EXPECT_EQ(says({"trade", "ada", "ACME", "5", "1000"}), ""); }
  says({"trade", "bob", "ACME", "2000", "1000"});
  const std::string both = "trader-ada spent 1000.00: 100 ACME\ntrader-bob spent 20000.00: 2000 ACME\n";
  EXPECT_EQ(says({"show"}), "to the supervision: trader-bob traded 2000 ACME\n" + both + "21 events read\n");
  EXPECT_EQ(says({"show"}), both + "21 events read\n");
  EXPECT_EQ(says({"save"}), both + "21 events read\n");
  EXPECT_EQ(says({"show"}), both + "0 events read\n");
  says({"trade", "ada", "XYZ", "-3", "400000"});
  const std::string later = "trader-ada spent -11000.00: 100 ACME -3 XYZ\ntrader-bob spent 20000.00: 2000 ACME\n";
  EXPECT_EQ(says({"show"}), "to the supervision: trader-ada traded -3 XYZ\n" + later + "1 events read\n");
  EXPECT_EQ(says({"show"}), later + "1 events read\n");
  EXPECT_EQ(says({"rebuild"}), later + "22 events read\n");
  std::filesystem::remove_all(std::filesystem::path(store_) / "snapshots");
  EXPECT_EQ(says({"show"}), later + "22 events read\n");
}

TEST_F(Portfolio, SaysHowItIsUsed) {
  for (const std::vector<std::string>& words :
       {std::vector<std::string>{}, {"dance"}, {"trade", "ada", "ACME", "5"}, {"show", "ada"}}) {
    const Ran ran = desk(words);
    EXPECT_EQ(ran.exit_code, 2);
    EXPECT_THAT(ran.err, HasSubstr("usage: portfolio"));
  }
  EXPECT_EQ(desk({"trade", "ada", "ACME", "many", "1"}).exit_code, 1);
}

}  // namespace
}  // namespace tidemark::test
