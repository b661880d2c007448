// SPDX-License-Identifier: Apache-2.0
// Goal: dump shows what stands in a segment, as text and as JSON, and ends with 1 where something is wrong. Which bytes
// make which piece is tested in tests/engine/recovery/dump_test.cc.
#include <filesystem>
#include <fstream>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <string>

#include "tests/tools/command_runner.h"

namespace tidemark::test {
namespace {

using ::testing::ContainsRegex;
using ::testing::HasSubstr;
using ::testing::Not;

class Dump : public ::testing::Test {
 protected:
  void SetUp() override {
    for (const char* const data : {"{\"a\":1}", "{\"a\":2}"}) {
      ASSERT_EQ(run({"append", store_, "loan-17", "--type", "Submitted", "--data", data, "--tag", "urgent"}).exit_code,
                0);
    }
  }

  ToolsFolder folder_;
  std::string store_ = folder_ / "store";
  std::string segment_ = store_ + "/segment-0000000001.log";
};

TEST_F(Dump, ShowsFramesAndEvents) {
  const Ran ran = run({"dump", segment_});
  ASSERT_EQ(ran.exit_code, 0) << ran.err;
  EXPECT_THAT(ran.out, ContainsRegex(" 0  header +512 bytes, format 1.0, .* number 1, base 0, "));
  EXPECT_THAT(ran.out, ContainsRegex(" 512  frame +[0-9]+ bytes, .* event_count 1, first_position 0, "));
  EXPECT_THAT(ran.out, HasSubstr("event 1, stream \"loan-17\" version 1, type \"Submitted\", id "));
  EXPECT_THAT(ran.out, HasSubstr("tag \"urgent\", data of 7 bytes: {\"a\":2}"));
  EXPECT_THAT(ran.out, ContainsRegex("zeros +[0-9,]+ bytes\n"));
  EXPECT_THAT(ran.out, Not(HasSubstr("wrong")));
  const Ran bytes = run({"dump", segment_, "--bytes"});
  EXPECT_THAT(bytes.out, HasSubstr("    00000200  54 46 4d 52 "));
  EXPECT_THAT(bytes.out, HasSubstr("|TFMR"));
}

TEST_F(Dump, AsJson) {
  const auto pieces = run({"dump", segment_, "--json", "--bytes"}).json_lines();
  ASSERT_GE(pieces.size(), 4U);
  EXPECT_EQ(pieces[1]["kind"], "frame");
  EXPECT_EQ(pieces[1]["offset"], 512);
  EXPECT_EQ(pieces[1]["wrong"], nullptr);
  EXPECT_EQ(pieces[1]["fields"]["first_position"], "0");
  EXPECT_EQ(pieces[1]["events"][0]["stream"], "loan-17");
  EXPECT_EQ(pieces[1]["events"][0]["data_base64"], "eyJhIjoxfQ==");
  EXPECT_EQ(pieces[1]["events"][0]["tags"], nlohmann::json({"urgent"}));
  EXPECT_TRUE(pieces[1]["bytes_base64"].get<std::string>().starts_with("VEZNU"));
  std::uint64_t bytes = 0;
  for (const auto& piece : pieces) { bytes += piece["bytes"].get<std::uint64_t>(); }
  EXPECT_EQ(bytes, std::filesystem::file_size(segment_));
}

TEST_F(Dump, EndsWithOneWhereSomethingIsWrong) {
  {
    std::fstream file(segment_, std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(512 + 100);
    file.put('!');
  }
  const Ran ran = run({"dump", segment_});
  EXPECT_EQ(ran.exit_code, 1);
  EXPECT_THAT(ran.out, HasSubstr("    wrong: its bytes do not match its checksum"));
  EXPECT_THAT(ran.out, HasSubstr("event 1, stream \"loan-17\""));
}

TEST_F(Dump, RefusesWhatIsNoSegment) {
  EXPECT_EQ(run({"dump", folder_ / "nothing"}).exit_code, 5);
  const Ran other = run({"dump", folder_.file("letter.txt", "Dear Sir or Madam, this is no segment.")});
  EXPECT_EQ(other.exit_code, 2);
  EXPECT_THAT(other.err, HasSubstr("no segment of a store"));
  EXPECT_NE(run({"dump", store_}).exit_code, 0);
  EXPECT_EQ(run({"dump"}).exit_code, 2);
}

}  // namespace
}  // namespace tidemark::test
