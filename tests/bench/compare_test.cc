// SPDX-License-Identifier: Apache-2.0
// Goal: the comparison works: every store that was built in does every workload and answers rightly, the report has
// them all, and what is asked wrongly is told. No figure is looked at.
// Method: the program is run as a user runs it, with sizes so small that it ends in seconds; it holds the stores'
// answers against its model itself and ends with 1 if one is wrong. Its JSON is read.
#include <filesystem>
#include <fstream>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "tests/bench/ran.h"
#include "tests/temporary_folder.h"

namespace {

using testing::HasSubstr;
using testing::IsSupersetOf;
using tidemark::test::Ran;
using tidemark::test::run_in_shell;
using tidemark::test::TemporaryFolder;

Ran run(const std::string& arguments) { return run_in_shell(std::string(TIDEMARK_COMPARE_BENCH) + " " + arguments); }

class Comparison : public testing::Test {
 protected:
  // With tiny sizes, in a folder of the test's own, of whatever file system.
  [[nodiscard]] Ran measure(const std::string& arguments) const {
    return run("--dir " + (folder_.path() / "stores").string() + " --allow-memory --repetitions 2 --seconds 0.01 " +
               "--events 1000 --events-max 1000 --json " + json_file().string() + " --plots " +
               (folder_.path() / "plots").string() + " " + arguments);
  }
  [[nodiscard]] nlohmann::json json() const { return nlohmann::json::parse(std::ifstream(json_file())); }
  [[nodiscard]] std::filesystem::path folder(const std::string& name) const { return folder_.path() / name; }

  // Of those that there are, what the program was built with.
  static std::set<std::string> built_in(const nlohmann::json& report) {
    std::set<std::string> stores{"tidemark", "sqlite", "rocksdb", "lmdb", "leveldb"};
    for (const auto& name : report.at("left_out")) { stores.erase(name.get<std::string>()); }
    return stores;
  }
  // Every contender has both repetitions of some figure; gives the names.
  static std::set<std::string> measured_in(const nlohmann::json& workload) {
    std::set<std::string> names;
    for (const auto& row : workload.at("rows")) {
      EXPECT_FALSE(row.at("figures").empty()) << row.at("name") << " in " << workload.at("name");
      for (const auto& [name, figure] : row.at("figures").items()) {
        EXPECT_EQ(figure.at("values").size(), workload.at("name") == "check" ? 1 : 2) << name;
        if (workload.at("bases").empty() || !figure.contains("of")) { continue; }
        EXPECT_LE(figure.at("of").size(), workload.at("bases").size());
        for (const auto& [base, ratio] : figure.at("of").items()) {
          EXPECT_LE(ratio.at("least"), ratio.at("median")) << base;
          EXPECT_LE(ratio.at("median"), ratio.at("most")) << base;
        }
      }
      names.insert(row.at("name").get<std::string>());
    }
    return names;
  }

 private:
  [[nodiscard]] std::filesystem::path json_file() const { return folder_.path() / "report.json"; }
  void SetUp() override {
    std::filesystem::create_directory(folder_.path() / "stores");
    std::filesystem::create_directory(folder_.path() / "plots");
  }

  TemporaryFolder folder_{"bench"};
};

TEST_F(Comparison, MeasuresEveryStoreInEveryWorkloadAndFindsItsAnswersRight) {
  const Ran ran = measure("");
  ASSERT_EQ(ran.exit_code, 0) << ran.said;
  const nlohmann::json report = json();
  EXPECT_TRUE(report.at("failures").empty()) << report.at("failures");
  const std::set<std::string> stores = built_in(report);
  std::set<std::string> found;
  for (const auto& workload : report.at("workloads")) {
    const auto name = workload.at("name").get<std::string>();
    EXPECT_THAT(measured_in(workload), IsSupersetOf(stores)) << name;
    EXPECT_EQ(std::filesystem::exists(folder("plots") / (name + ".gnuplot")), name != "check") << name;
    found.insert(name);
  }
  EXPECT_THAT(found,
              testing::ElementsAre("check", "w1", "w2-256", "w2-64", "w2-8", "w3-100", "w3-1000", "w3-buffered-100",
                                   "w3-buffered-1000", "w4", "w5", "w6", "w6-2", "w7-clean", "w7-killed", "w8", "w9"));
  EXPECT_TRUE(std::filesystem::is_empty(folder("stores"))) << "its folder was not removed";
}

TEST_F(Comparison, HoldsStoresAgainstBothLimitsOfWriting) {
  const Ran ran = measure("--workloads w1,w3-100 --stores tidemark");
  ASSERT_EQ(ran.exit_code, 0) << ran.said;
  const nlohmann::json report = json();
  std::set<std::string> found;
  for (const auto& workload : report.at("workloads")) {
    if (workload.at("name") == "check") { continue; }
    found.insert(workload.at("name").get<std::string>());
    EXPECT_THAT(measured_in(workload), testing::ElementsAre("L1", "L1-fresh", "tidemark"));
    for (const auto& row : workload.at("rows")) {
      EXPECT_TRUE(row.at("figures").at("events_s").at("of").contains("L1"));
      EXPECT_TRUE(row.at("figures").at("events_s").at("of").contains("L1-fresh"));
    }
  }
  EXPECT_THAT(found, testing::ElementsAre("w1", "w3-100"));
}

TEST_F(Comparison, MeasuresEveryPointOfACurve) {
  const Ran ran = measure("--curves all --stores tidemark");
  ASSERT_EQ(ran.exit_code, 0) << ran.said;
  std::map<std::string, std::set<std::uint64_t>> points;
  const nlohmann::json report = json();
  for (const auto& workload : report.at("workloads")) {
    if (!workload.contains("curve")) { continue; }
    EXPECT_THAT(measured_in(workload), IsSupersetOf({"tidemark"}));
    points[workload.at("curve").at("name")].insert(workload.at("curve").at("at").get<std::uint64_t>());
  }
  using Points = std::set<std::uint64_t>;
  EXPECT_EQ(points["threads"], (Points{1, 2, 4, 8, 16, 32, 64, 128, 256}));
  EXPECT_EQ(points["batch"], (Points{1, 10, 100, 1000, 10000}));
  EXPECT_EQ(points["payload"], (Points{64, 256, 1024, 4096, 16384, 65536, 262144, 1048576}));
  EXPECT_EQ(points["subscribers"], (Points{1, 2, 4, 8, 16, 32, 64}));
  EXPECT_EQ(points["streams"], (Points{1, 100}));
  EXPECT_EQ(points["size"], (Points{1000}));
  for (const auto& [curve, at] : points) {
    EXPECT_TRUE(std::filesystem::exists(folder("plots") / (curve + ".gnuplot"))) << curve;
  }
}

TEST_F(Comparison, TellsWhatWasAskedWrongly) {
  const std::vector<std::pair<std::string, std::string>> wrong = {
      {"--workloads w1", "--dir"},
      {"--dir /no/such/folder", "/no/such/folder"},
      {"--dir . --workloads w10", "there is no workload w10; there are check w1 "},
      {"--dir . --stores oracle", "there is no store oracle; there are tidemark"},
      {"--dir . --stores L1", "there is no store L1"},
      {"--dir . --curves sideways", "there is no curve sideways; there are all threads"},
      {"--dir . --repetitions 0", "--repetitions"},
      {"--dir . --minutes 0", "--minutes"},
      {"--dir . --payload 7", "--payload"},
      {"--dir . --sideways", "--sideways"},
      {"--dir . --plots /no/such/folder", "--plots"},
      {"--dir . --workloads w9 --allow-memory --events 1000000000", "may take"},
  };
  for (const auto& [arguments, message] : wrong) {
    const Ran ran = run(arguments);
    EXPECT_EQ(ran.exit_code, 2) << arguments << '\n' << ran.said;
    EXPECT_THAT(ran.said, HasSubstr(message)) << arguments;
  }
  EXPECT_EQ(run("--help").exit_code, 0);
}

TEST_F(Comparison, TakesNoMemoryForADisk) {
  if (!std::filesystem::is_directory("/dev/shm")) { GTEST_SKIP() << "there is no /dev/shm"; }
  const Ran ran = run("--dir /dev/shm --workloads w1 --quick");
  EXPECT_EQ(ran.exit_code, 2) << ran.said;
  EXPECT_THAT(ran.said, HasSubstr("has no disk"));
}

}  // namespace
