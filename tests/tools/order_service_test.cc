// SPDX-License-Identifier: Apache-2.0
// Goal: the example of an order service keeps its rules, also under four threads, and reads less with a snapshot.
// Method: it is run as its first lines say, command after command, on one store.
#include <filesystem>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <string>
#include <vector>

#include "tests/tools/command_runner.h"

namespace tidemark::test {
namespace {

using ::testing::HasSubstr;

class OrderService : public ::testing::Test {
 protected:
  Ran shop(std::vector<std::string> words) const {
    words.insert(words.begin(), store_);
    return run(words, {.program = TIDEMARK_ORDER_SERVICE});
  }
  // What it prints; a refusal if it ends with 1.
  std::string says(const std::vector<std::string>& words) const {
    const Ran ran = shop(words);
    EXPECT_EQ(ran.exit_code, ran.out.empty() ? 1 : 0);
    return ran.exit_code == 0 ? ran.out : ran.err;
  }

  ToolsFolder folder_;
  std::string store_ = folder_ / "shop";
};

TEST_F(OrderService, AnOrdersLife) {
  EXPECT_EQ(says({"pay", "order-1"}), "order_service: there is no such order\n");
  EXPECT_EQ(says({"place", "order-1", "3", "lamp"}), "order-1: version 0\n");
  EXPECT_EQ(says({"place", "order-1", "3", "lamp"}), "order_service: the order is there already\n");
  EXPECT_EQ(says({"change", "order-1", "5"}), "order-1: version 1\n");
  EXPECT_EQ(says({"change", "order-1", "5"}), "order-1: as it was\n");
  EXPECT_EQ(says({"ship", "order-1"}), "order_service: the order is placed and cannot be shipped\n");
  EXPECT_EQ(says({"pay", "order-1"}), "order-1: version 2\n");
  EXPECT_EQ(says({"change", "order-1", "6"}), "order_service: the order is paid and cannot be changed\n");
  EXPECT_EQ(says({"ship", "order-1"}), "order-1: version 3\n");
  EXPECT_EQ(says({"cancel", "order-1"}), "order_service: the order is shipped and cannot be cancelled\n");
  EXPECT_EQ(says({"show", "order-1"}), "order-1 at version 3: shipped, 5 x lamp, changed 1 times (4 events read)\n");
  EXPECT_EQ(says({"show", "order-1", "1"}),
            "order-1 at version 1: placed, 5 x lamp, changed 1 times (2 events read)\n");
  EXPECT_EQ(says({"show", "order-2"}), "order_service: there is no such order\n");
}

TEST_F(OrderService, ARushLosesNothing) {
  ASSERT_EQ(says({"place", "order-1", "1", "lamp"}), "order-1: version 0\n");
  const std::string rushed = "order-1 at version 100: placed, 101 x lamp, changed 100 times ";
  EXPECT_EQ(says({"rush", "order-1", "100"}), rushed + "(101 events read)\n");
  ASSERT_TRUE(std::filesystem::exists(std::filesystem::path(store_) / "snapshots"));
  EXPECT_EQ(says({"show", "order-1"}), rushed + "(0 events read)\n");
  EXPECT_EQ(says({"change", "order-1", "7"}), "order-1: version 101\n");
  EXPECT_EQ(says({"show", "order-1"}), "order-1 at version 101: placed, 7 x lamp, changed 101 times (1 events read)\n");
  std::filesystem::remove_all(std::filesystem::path(store_) / "snapshots");
  EXPECT_EQ(says({"show", "order-1"}),
            "order-1 at version 101: placed, 7 x lamp, changed 101 times (102 events read)\n");
  EXPECT_EQ(run({"verify", store_}).exit_code, 0);
}

TEST_F(OrderService, SaysHowItIsUsed) {
  for (const std::vector<std::string>& words : {std::vector<std::string>{},
                                                {"pay"},
                                                {"pay", "order-1", "1"},
                                                {"place", "order-1", "many", "lamp"},
                                                {"dance", "order-1"},
                                                {"change", "order-1"},
                                                {"show", "order-1", "first"}}) {
    const Ran ran = shop(words);
    EXPECT_EQ(ran.exit_code, 2);
    EXPECT_THAT(ran.err, HasSubstr("usage: order_service"));
  }
  EXPECT_FALSE(std::filesystem::exists(store_));
}

}  // namespace
}  // namespace tidemark::test
