// SPDX-License-Identifier: Apache-2.0
// Goal: the example of a read model in SQLite has in its tables what the loan data says, however often it is run and
// built again, and refuses the tables of another store. Method: it is run beside imports; its report is compared with a
// plain count over the lines of the file. That it is killed: tests/crash/projection_kill_test.cc.
#include <cstdint>
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "tests/tools/command_runner.h"

namespace tidemark::test {
namespace {

using ::testing::HasSubstr;

// What it has to print of so many of the first lines.
std::string report_of(std::size_t lines) {
  struct Application {
    std::string outcome = "open";
    std::int64_t amount = 0;
    std::int64_t events = 0;
  };
  std::map<std::string, Application> applications;
  std::uint64_t letters = 0;
  for (std::size_t i = 0; i < lines; ++i) {
    const auto line = nlohmann::json::parse(loan_lines().at(i));
    const std::string type = line["type"];
    Application& application = applications[line["stream"]];
    ++application.events;
    if (type == "A_SUBMITTED") { application.amount = std::stoll(std::string(line["data"]["case"]["AMOUNT_REQ"])); }
    if (type == "A_APPROVED") { ++letters; }
    if (type == "A_APPROVED") { application.outcome = "approved"; }
    if (type == "A_DECLINED") { application.outcome = "declined"; }
    if (type == "A_CANCELLED") { application.outcome = "cancelled"; }
  }
  std::map<std::string, Application> sums;
  std::map<std::string, std::uint64_t> counts;
  for (const auto& [name, application] : applications) {
    ++counts[application.outcome];
    sums[application.outcome].amount += application.amount;
    sums[application.outcome].events += application.events;
  }
  std::string text = fmt::format("{:<12}{:>14}{:>20}{:>12}\n", "outcome", "applications", "requested, EUR", "events");
  for (const auto& [outcome, sum] : sums) {
    text += fmt::format("{:<12}{:>14}{:>20}{:>12}\n", outcome, counts[outcome], sum.amount, sum.events);
  }
  return text + fmt::format("letters: {}\n", letters);
}

class SqliteReadModel : public ::testing::Test {
 protected:
  Ran model(std::vector<std::string> words) const { return run(words, {.program = TIDEMARK_SQLITE_READ_MODEL}); }
  void import(const std::string& store, std::size_t lines) const {
    ASSERT_EQ(run({"import", store, first_loan_lines(folder_ / "lines.jsonl", lines)}).exit_code, 0);
  }

  ToolsFolder folder_;
  std::string bank_ = folder_ / "bank";
  std::string tables_ = folder_ / "loans.db";
};

TEST_F(SqliteReadModel, HasWhatTheLogSays) {
  import(bank_, 5000);
  EXPECT_EQ(model({bank_, tables_}).out, report_of(5000));
  import(bank_, 20000);
  EXPECT_EQ(model({bank_, tables_}).out, report_of(20000));
  EXPECT_EQ(model({bank_, tables_}).out, report_of(20000));
  EXPECT_EQ(model({bank_, tables_, "rebuild"}).out, report_of(20000));
  EXPECT_EQ(model({bank_, tables_, "rebuild", "2"}).out, report_of(20000));
  // New events and a rebuild at once: their letters are written, the others not again.
  import(bank_, 25000);
  EXPECT_EQ(model({bank_, tables_, "rebuild", "3"}).out, report_of(25000));
}

TEST_F(SqliteReadModel, RefusesTheTablesOfAnotherStore) {
  import(bank_, 1000);
  import(folder_ / "other", 2000);
  EXPECT_EQ(model({bank_, tables_}).out, report_of(1000));
  const Ran refused = model({folder_ / "other", tables_});
  EXPECT_EQ(refused.exit_code, 1);
  EXPECT_THAT(refused.err, HasSubstr("checkpoint unknown"));
  EXPECT_EQ(model({bank_, tables_}).out, report_of(1000));
}

TEST_F(SqliteReadModel, SaysHowItIsUsed) {
  for (const std::vector<std::string>& words : {std::vector<std::string>{},
                                                {bank_},
                                                {bank_, tables_, "dance"},
                                                {bank_, tables_, "follow", "2"},
                                                {bank_, tables_, "rebuild", "0"},
                                                {bank_, tables_, "rebuild", "2", "3"}}) {
    const Ran ran = model(words);
    EXPECT_EQ(ran.exit_code, 2);
    EXPECT_THAT(ran.err, HasSubstr("usage: sqlite_read_model"));
  }
  EXPECT_EQ(model({bank_, tables_}).exit_code, 1);
}

}  // namespace
}  // namespace tidemark::test
