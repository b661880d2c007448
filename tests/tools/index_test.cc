// SPDX-License-Identifier: Apache-2.0
// Goal: `tidemark index check` tells which index files are not what the log says, and `rebuild` makes them anew.
// Method: a store of some thousand events, whose index file is damaged, lost, or in use.
#include <filesystem>
#include <fstream>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <string>

#include "tests/tools/command_runner.h"
#include "tidemark/tidemark.hpp"

namespace tidemark::test {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::MatchesRegex;

constexpr int kEvents = 3000;

class Index : public ::testing::Test {
 protected:
  void SetUp() override {
    auto store = Store::open(store_);
    ASSERT_TRUE(store) << to_string(store.error());
    for (int i = 0; i < kEvents; i += 1000) {
      Batch batch;
      for (int n = i; n < i + 1000; ++n) { batch.to("loan-" + std::to_string(n / 10)).add({.type = "Submitted"}); }
      ASSERT_TRUE(store->append(batch));
    }
    ASSERT_TRUE(store->close());
  }
  [[nodiscard]] std::vector<std::filesystem::path> files() const {
    std::vector<std::filesystem::path> found;
    for (const auto& entry : std::filesystem::directory_iterator(store_)) {
      if (entry.path().extension() == ".run") { found.push_back(entry.path()); }
    }
    return found;
  }
  static void change_a_byte(const std::filesystem::path& path, std::streamoff at) {
    std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
    file.seekg(at);
    const auto byte = static_cast<char>(file.get() ^ 1);
    file.seekp(at);
    file.put(byte);
    ASSERT_TRUE(file.good());
  }

  ToolsFolder folder_;
  std::string store_ = folder_ / "store";
};

TEST_F(Index, IsBuiltAgainAndChecked) {
  const Ran built = run({"index", "rebuild", store_});
  EXPECT_EQ(built.exit_code, 0) << built.err;
  EXPECT_THAT(built.out, MatchesRegex("whole: 1 file with the index of 3,000 events, [0-9,]+ bytes\n"));
  ASSERT_EQ(files().size(), 1U);
  const Ran checked = run({"index", "check", store_});
  EXPECT_EQ(checked.exit_code, 0) << checked.err;
  EXPECT_EQ(checked.out, built.out);
  EXPECT_THAT(checked.err, IsEmpty());
}

TEST_F(Index, DamageIsNamedAndHarmsNoAnswer) {
  ASSERT_EQ(run({"index", "rebuild", store_}).exit_code, 0);
  ASSERT_EQ(files().size(), 1U);
  change_a_byte(files()[0], 5000);
  const Ran checked = run({"index", "check", store_});
  EXPECT_EQ(checked.exit_code, 1);
  EXPECT_THAT(checked.out, HasSubstr(files()[0].string() + ": damaged"));
  EXPECT_THAT(checked.out, HasSubstr("1 file of no use: "));
  const Ran json = run({"index", "check", store_, "--json"});
  EXPECT_EQ(json.exit_code, 1);
  EXPECT_EQ(json.json()["whole"], false);
  EXPECT_EQ(json.json()["events_indexed"], kEvents);
  EXPECT_EQ(json.json()["files"][0]["path"], files()[0].string());
  EXPECT_EQ(json.json()["files"][0]["first"], 0);
  EXPECT_EQ(json.json()["files"][0]["end"], kEvents);
  EXPECT_THAT(json.json()["files"][0]["problem"].get<std::string>(), HasSubstr("damaged"));
  EXPECT_EQ(run({"verify", store_}).exit_code, 0);
  const Ran read = run({"read", store_, "--stream", "loan-7", "--json"});
  EXPECT_EQ(read.exit_code, 0) << read.err;
  EXPECT_EQ(read.json_lines().size(), 10U);
  EXPECT_EQ(run({"index", "rebuild", store_, "--json"}).json()["whole"], true);
  EXPECT_EQ(run({"index", "check", store_}).exit_code, 0);
}

TEST_F(Index, ErrorsSayWhatToDo) {
  const Ran none = run({"index", "check", folder_ / "nothing"});
  EXPECT_EQ(none.exit_code, 5);
  EXPECT_THAT(none.err, HasSubstr("nothing"));
  EXPECT_EQ(run({"index", "rebuild", folder_ / "nothing"}).exit_code, 5);
  EXPECT_FALSE(std::filesystem::exists(folder_ / "nothing"));
  EXPECT_EQ(run({"index"}).exit_code, 2);
  EXPECT_EQ(run({"index", "chek", store_}).exit_code, 2);
  auto store = Store::open(store_);
  ASSERT_TRUE(store);
  const Ran locked = run({"index", "rebuild", store_});
  EXPECT_EQ(locked.exit_code, 4);
  EXPECT_EQ(run({"index", "check", store_}).exit_code, 0);
}

}  // namespace
}  // namespace tidemark::test
