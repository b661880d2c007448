// SPDX-License-Identifier: Apache-2.0
// Goal: appends and reads do not come to need many more instructions unnoticed, whatever the machine does besides.
// Method: callgrind counts the instructions of all threads of two runs that differ only in how often the work is done;
// the difference is divided by that. Bounds are 1.3 times what was counted when they were set, with GCC 12.2 -O3: a
// change that goes past one is looked into, and moves it if it is worth that.
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <gtest/gtest.h>
#include <ostream>
#include <string>

#include "tests/bench/ran.h"
#include "tests/temporary_folder.h"

namespace {

using tidemark::test::Ran;
using tidemark::test::run_in_shell;
using tidemark::test::TemporaryFolder;

// 0, and a failure, if it could not be counted.
std::uint64_t count_run(const std::string& work, std::uint64_t times) {
  const TemporaryFolder folder("instructions");
  const std::string counts = (folder.path() / "callgrind.out").string();
  const Ran ran =
      run_in_shell("valgrind --tool=callgrind --callgrind-out-file=" + counts + " " TIDEMARK_COUNTED_WORK " " +
                   (folder.path() / "store").string() + " " + work + " " + std::to_string(times));
  EXPECT_EQ(ran.exit_code, 0) << ran.said;
  std::ifstream lines(counts);
  const std::string total = "totals: ";
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with(total)) { return std::strtoull(line.c_str() + total.size(), nullptr, 10); }
  }
  ADD_FAILURE() << "callgrind gave no total\n" << ran.said;
  return 0;
}

struct Work {
  const char* name;
  std::uint64_t times_few;
  std::uint64_t times_many;
  std::uint64_t events_each;
  double counted;  // instructions an event, when the bound was set
};

void PrintTo(const Work& work, std::ostream* out) { *out << work.name; }

class Instructions : public testing::TestWithParam<Work> {};

TEST_P(Instructions, OfAnEventStayWithinTheirBound) {
  if (run_in_shell("valgrind --version").exit_code != 0) {
    GTEST_SKIP() << "there is no valgrind: nothing was counted";
  }
  const Work& work = GetParam();
  const std::uint64_t few = count_run(work.name, work.times_few);
  const std::uint64_t many = count_run(work.name, work.times_many);
  ASSERT_GT(many, few);
  const double each =
      static_cast<double>(many - few) / static_cast<double>((work.times_many - work.times_few) * work.events_each);
  RecordProperty("instructions", static_cast<int>(each));
  std::printf("%s: %.0f instructions an event, %.0f when the bound was set\n", work.name, each, work.counted);
  EXPECT_LE(each, 1.3 * work.counted);
}

// All appends of a run fit into one table of the index: whether its file is written in time would be chance.
INSTANTIATE_TEST_SUITE_P(Counted, Instructions,
                         testing::Values(Work{"append-1", 1000, 9000, 1, 14'560},
                                         Work{"append-1000", 2, 12, 1000, 4'900}, Work{"read-all", 1, 5, 10'000, 662},
                                         Work{"read-stream", 100, 1100, 10, 1'070}),
                         [](const auto& one) {
                           std::string name = one.param.name;
                           for (char& letter : name) { letter = letter == '-' ? '_' : letter; }
                           return name;
                         });

}  // namespace
