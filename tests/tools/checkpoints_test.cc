// SPDX-License-Identifier: Apache-2.0
// Goal: `tidemark checkpoints` lists what subscriptions stored, and removes what none of them has. Method: this process
// subscribes and commits, with the library.
#include <chrono>
#include <filesystem>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <string>
#include <vector>

#include "tests/tools/command_runner.h"
#include "tidemark/tidemark.hpp"

namespace tidemark::test {
namespace {

using namespace std::chrono_literals;
using nlohmann::json;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class Checkpoints : public ::testing::Test {
 protected:
  void SetUp() override {
    for (int n = 0; n < 4; ++n) { ASSERT_EQ(run({"append", store_, "loan-1", "--type", "T"}).exit_code, 0); }
  }
  [[nodiscard]] Store open() const {
    auto store = Store::open(store_, {.read_only = true, .allow_unsafe_file_system = true});
    EXPECT_TRUE(store) << to_string(store.error());
    return *std::move(store);
  }
  // A subscription of this name that is through with so many events, and has said so.
  static Subscription commit(const Store& store, std::string_view name, int events) {
    auto subscription = store.subscribe(Query::all(), {.resume = std::string(name)});
    EXPECT_TRUE(subscription) << to_string(subscription.error());
    while (events > 0) {
      auto run = subscription->next_for(1s);
      EXPECT_TRUE(run) << to_string(run.error());
      if (!run || run->empty()) { break; }
      for ([[maybe_unused]] const Event& event : *run) {
        if (--events == 0) { break; }
      }
    }
    const auto committed = subscription->commit();
    EXPECT_TRUE(committed) << to_string(committed.error());
    return *std::move(subscription);
  }

  ToolsFolder folder_;
  std::string store_ = folder_ / "store";
};

TEST_F(Checkpoints, AreListed) {
  const Ran none = run({"checkpoints", "list", store_});
  EXPECT_EQ(none.exit_code, 0) << none.err;
  EXPECT_THAT(none.out, IsEmpty());
  const Store store = open();
  (void)commit(store, "mailer", 3);
  (void)commit(store, "audit", 0);
  const Ran text = run({"checkpoints", "list", store_});
  EXPECT_EQ(text.exit_code, 0) << text.err;
  EXPECT_THAT(text.err, IsEmpty());
  EXPECT_EQ(text.out,
            "      done to            lag  checkpoint\n"
            "            -              4  audit\n"
            "            2              1  mailer\n");
  std::vector<json> lines = run({"checkpoints", "list", store_, "--json"}).json_lines();
  ASSERT_EQ(lines.size(), 2U);
  const auto mailer = parse_checkpoint(lines[1]["checkpoint"].get<std::string>());
  ASSERT_TRUE(mailer) << to_string(mailer.error());
  EXPECT_EQ(mailer->position, Position(2));
  for (json& line : lines) { line.erase("checkpoint"); }
  EXPECT_THAT(lines, ElementsAre(json({{"name", "audit"}, {"position", nullptr}, {"lag", 4}}),
                                 json({{"name", "mailer"}, {"position", 2}, {"lag", 1}})));
}

TEST_F(Checkpoints, AreRemovedOnceNobodyHasThem) {
  const Store store = open();
  {
    const Subscription mailer = commit(store, "mailer", 3);
    const Ran refused = run({"checkpoints", "remove", store_, "mailer"});
    EXPECT_EQ(refused.exit_code, 4);
    EXPECT_THAT(refused.out, IsEmpty());
    EXPECT_THAT(refused.err, HasSubstr("locked"));
    EXPECT_EQ(run({"checkpoints", "list", store_, "--json"}).json_lines().size(), 1U);
  }
  const Ran removed = run({"checkpoints", "remove", store_, "mailer"});
  EXPECT_EQ(removed.exit_code, 0) << removed.err;
  EXPECT_EQ(removed.out, "checkpoint mailer is removed\n");
  EXPECT_THAT(run({"checkpoints", "list", store_}).out, IsEmpty());
  const Ran again = run({"checkpoints", "remove", store_, "mailer"});
  EXPECT_EQ(again.exit_code, 5);
  EXPECT_THAT(again.out, IsEmpty());
  EXPECT_THAT(again.err, HasSubstr("there is no checkpoint \"mailer\"; `tidemark checkpoints list` shows"));
  (void)commit(store, "mailer", 1);
  EXPECT_EQ(run({"checkpoints", "remove", store_, "mailer", "--json"}).json(),
            json({{"name", "mailer"}, {"removed", true}}));
}

TEST_F(Checkpoints, AreRefusedWhatMakesNoSense) {
  for (const std::string& name : {std::string(), std::string("a\nb"), std::string(256, 'a')}) {
    EXPECT_EQ(run({"checkpoints", "remove", store_, name}).exit_code, 2) << name;
  }
  EXPECT_EQ(run({"checkpoints", "remove", store_}).exit_code, 2);
  EXPECT_EQ(run({"checkpoints", "list", store_, "another"}).exit_code, 2);
  EXPECT_EQ(run({"checkpoints", "list", folder_ / "none"}).exit_code, 5);
  EXPECT_EQ(run({"checkpoints", "remove", folder_ / "none", "mailer"}).exit_code, 5);
  EXPECT_FALSE(std::filesystem::exists(folder_ / "none"));
}

}  // namespace
}  // namespace tidemark::test
