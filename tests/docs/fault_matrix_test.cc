// SPDX-License-Identifier: Apache-2.0
// Goal: every row of the fault matrix names a test that there is. Method: the tables between <!-- fault-matrix -->
// marks are read from the documents, and the names in their last column are held against what ctest knows.
#include <algorithm>
#include <filesystem>
#include <fnmatch.h>
#include <fstream>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "tests/docs/output_of.h"

namespace {

namespace fs = std::filesystem;

const fs::path kRoot = TIDEMARK_ROOT;

struct Row {
  std::string where;
  std::string fault;                // the first column
  std::vector<std::string> proofs;  // the names in backticks in the last one
};

std::vector<std::string> cells_of(const std::string& line) {
  std::vector<std::string> cells;
  for (std::size_t begin = 1; begin < line.size();) {
    const std::size_t end = std::min(line.find('|', begin), line.size());
    cells.push_back(line.substr(begin, end - begin));
    begin = end + 1;
  }
  return cells;
}

std::vector<std::string> names_in(const std::string& cell) {
  std::vector<std::string> names;
  for (std::size_t at = cell.find('`'); at != std::string::npos;) {
    const std::size_t end = cell.find('`', at + 1);
    if (end == std::string::npos) { break; }
    names.push_back(cell.substr(at + 1, end - at - 1));
    at = cell.find('`', end + 1);
  }
  return names;
}

std::vector<Row> rows_of(const fs::path& document) {
  std::vector<Row> rows;
  std::ifstream stream(document);
  bool inside = false;
  int number = 0;
  int line_of_table = 0;
  for (std::string line; std::getline(stream, line);) {
    ++number;
    if (line.starts_with("<!-- fault-matrix -->")) {
      inside = true;
      line_of_table = 0;
    }
    if (line.starts_with("<!-- /fault-matrix -->")) { inside = false; }
    if (!inside || !line.starts_with("|") || ++line_of_table <= 2) { continue; }
    const auto cells = cells_of(line);
    rows.push_back({document.filename().string() + ":" + std::to_string(number), cells.front(),
                    cells.size() < 3 ? std::vector<std::string>() : names_in(cells.back())});
  }
  return rows;
}

std::vector<std::string> tests_known() {
  const std::string all =
      tidemark::test::output_of(std::string(TIDEMARK_CTEST) + " --test-dir " + TIDEMARK_BUILD + " --show-only=json-v1");
  std::vector<std::string> names;
  const auto json = nlohmann::json::parse(all, nullptr, false);
  if (json.is_discarded()) { return names; }
  for (const auto& test : json.at("tests")) { names.push_back(test.at("name")); }
  return names;
}

TEST(FaultMatrix, EveryRowNamesATestThatThereIs) {
  const auto known = tests_known();
  ASSERT_GT(known.size(), 100U) << "ctest did not tell";
  for (const char* name : {"docs/durability.md", "docs/testing.md"}) {
    const auto rows = rows_of(kRoot / name);
    EXPECT_GE(rows.size(), 5U) << name << " has no table between <!-- fault-matrix --> marks";
    for (const Row& row : rows) {
      EXPECT_FALSE(row.proofs.empty()) << row.where << ": no test is named for \"" << row.fault << "\"";
      for (const std::string& proof : row.proofs) {
        const bool there = std::ranges::any_of(
            known, [&](const std::string& test) { return ::fnmatch(proof.c_str(), test.c_str(), 0) == 0; });
        EXPECT_TRUE(there) << row.where << ": there is no test " << proof;
      }
    }
  }
}

}  // namespace
