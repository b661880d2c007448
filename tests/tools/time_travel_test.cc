// SPDX-License-Identifier: Apache-2.0
// Goal: the state of a bank as it was known on a day, and as it held on that day, is right in a store whose events came
// up to a week late. Method: the loan data with delays by seed, imported with the recorded times of the source; what
// the example prints is held against a plain scan of the same lines in another language.
// Seed: TIDEMARK_TEST_SEED, or at random and printed.
#include <cstdio>
#include <cstdlib>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <random>
#include <sstream>

#include "tests/tools/command_runner.h"

namespace tidemark::test {
namespace {

// A sanitizer takes ten times as long.
#ifdef TIDEMARK_SANITIZED
constexpr char kLines[] = "20000";
constexpr std::size_t kEvents = 20'000;
constexpr char kDay[] = "2011-10-08";
#else
constexpr char kLines[] = "262200";
constexpr std::size_t kEvents = 262'200;
constexpr char kDay[] = "2011-12-01";
#endif

// The n-th column of numbers.
std::vector<std::string> column(const std::string& table, std::size_t n) {
  std::vector<std::string> all;
  std::istringstream lines(table);
  for (std::string line; std::getline(lines, line);) { all.push_back(line.substr(32 + 10 * n, 10)); }
  return all;
}

TEST(TimeTravel, TheStateOfTheBankIsAPlainScans) {
  const std::string python = TIDEMARK_PYTHON;
  if (python.empty()) { GTEST_SKIP() << "there was no python3 when this was configured"; }
  const char* given = std::getenv("TIDEMARK_TEST_SEED");  // NOLINT(concurrency-mt-unsafe): nobody sets it
  const std::string seed = given != nullptr ? given : std::to_string(std::random_device()());
  std::printf("seed %s\n", seed.c_str());
  const ToolsFolder folder;
  const std::string loans = folder / "late.jsonl";
  const std::string store = folder / "bank";
  const Ran prepared =
      run({TIDEMARK_LATE_LOANS, "prepare", TIDEMARK_LOAN_DATA, loans, seed, kLines}, {.program = python});
  ASSERT_EQ(prepared.exit_code, 0) << prepared.err;

  const Ran import = run({"import", store, loans, "--recorded-from", "recorded", "--json"});
  ASSERT_EQ(import.exit_code, 0) << import.err;
  EXPECT_EQ(import.json()["imported"], kEvents);
  EXPECT_GT(import.json()["batches"], kEvents / 2) << "lines of several times share a batch";

  const Ran expected = run({TIDEMARK_LATE_LOANS, "scan", loans, kDay}, {.program = python});
  ASSERT_EQ(expected.exit_code, 0) << expected.err;
  const Ran actual = run({store, kDay}, {.program = TIDEMARK_TIME_TRAVEL});
  ASSERT_EQ(actual.exit_code, 0) << actual.err;
  EXPECT_EQ(actual.out, expected.out);
  // What is late makes a difference, or this shows nothing.
  EXPECT_GT(column(actual.out, 0).size(), 5U);
  EXPECT_NE(column(actual.out, 0), column(actual.out, 1));
  EXPECT_NE(column(actual.out, 1), column(actual.out, 2));
  EXPECT_NE(column(actual.out, 0), column(actual.out, 2));

  // The command gives as many events of each.
  const std::string moment = std::string(kDay) + "T00:00:00Z";
  const auto count = [&](const std::vector<std::string>& more) {
    std::vector<std::string> arguments{"read", store, "--category", "application", "--json"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    const Ran ran = run(arguments);
    EXPECT_EQ(ran.exit_code, 0) << ran.err;
    return std::count(ran.out.begin(), ran.out.end(), '\n');
  };
  const auto known = count({"--recorded-until", moment});
  const auto valid = count({"--valid-until", moment});
  const auto both = count({"--recorded-until", moment, "--valid-until", moment, "--order", "valid"});
  EXPECT_GT(both, 0);
  EXPECT_LT(known, valid);  // nothing is recorded before it is valid here
  EXPECT_EQ(both, known);
}

}  // namespace
}  // namespace tidemark::test
