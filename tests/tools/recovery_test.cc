// SPDX-License-Identifier: Apache-2.0
// Goal: the command tells what it found at the end of a log that its writer did not close, refuses what must be decided
// by a person, and never changes a store of a newer format. Method: bytes are put behind the last frame of a closed
// store.
#include <algorithm>
#include <filesystem>
#include <fstream>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "engine/format/layout.h"
#include "platform/checksum.h"
#include "tests/tools/command_runner.h"
#include "tidemark/tidemark.hpp"

namespace tidemark::test {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

std::string read_file(const std::filesystem::path& file) {
  std::ifstream stream(file, std::ios::binary);
  return {std::istreambuf_iterator<char>(stream), std::istreambuf_iterator<char>()};
}

void write_file(const std::filesystem::path& file, std::string_view content) {
  std::ofstream stream(file, std::ios::binary);
  stream << content;
}

class Recovery : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_EQ(run({"append", store_, "s", "--type", "T", "--data", "1"}).exit_code, 0);
    for (const auto& entry : std::filesystem::directory_iterator(store_)) {
      if (entry.path().extension() == ".log") { segment_ = entry.path(); }
    }
    ASSERT_FALSE(segment_.empty());
  }
  // Puts bytes where the next frame would begin: frames are as long as a multiple of eight.
  void put_behind_the_log(std::string_view bytes) const {
    std::string content = read_file(segment_);
    const std::size_t end = (content.find_last_not_of('\0') + 8) / 8 * 8;
    content.replace(end, bytes.size(), bytes);
    write_file(segment_, content);
  }
  Ran append() const { return run({"append", store_, "s", "--type", "T", "--data", "2"}); }
  std::size_t count() const { return run({"read", store_, "--json"}).json_lines().size(); }

  ToolsFolder folder_;
  std::string store_ = folder_ / "store";
  std::filesystem::path segment_;
};

TEST_F(Recovery, ATornTailIsToldByReadersAndCutByTheNextWriter) {
  put_behind_the_log(std::string(32, '\xAA'));
  const Ran read = run({"read", store_, "--json"});
  EXPECT_EQ(read.exit_code, 0);
  EXPECT_EQ(read.json_lines().size(), 1U);
  EXPECT_THAT(read.err, HasSubstr("the log has an unfinished end of 32 bytes"));
  EXPECT_EQ(std::count(read.err.begin(), read.err.end(), '\n'), 1);
  const Ran verify = run({"verify", store_, "--json"});
  EXPECT_EQ(verify.exit_code, 0) << "an unfinished end is no damage";
  EXPECT_EQ(verify.json()["bytes_pending"], 32);
  const Ran stat = run({"stat", store_, "--json"});
  EXPECT_EQ(stat.exit_code, 0);
  EXPECT_EQ(stat.json()["end"], to_string(RecoveryKind::kTornTail));

  const Ran append_ran = append();
  EXPECT_EQ(append_ran.exit_code, 0);
  EXPECT_EQ(append_ran.out, "position 1, version 1\n");
  EXPECT_THAT(append_ran.err,
              AllOf(HasSubstr(std::string(to_string(RecoveryKind::kTornTail))), HasSubstr("1 event kept"),
                    HasSubstr("32 bytes cut"), HasSubstr("epoch 2"), HasSubstr("took ")));
  EXPECT_EQ(run({"stat", store_, "--json"}).json()["last_recovery"]["bytes_cut"], 32);
  EXPECT_THAT(run({"read", store_}).err, IsEmpty());
}

TEST_F(Recovery, ASuspectTailIsDecidedByAPerson) {
  put_behind_the_log(std::string(4096, '\xAA'));
  const std::string before = read_file(segment_);
  EXPECT_EQ(append().exit_code, 1);
  const Ran refused = run({"recover", store_});
  EXPECT_EQ(refused.exit_code, 1);
  EXPECT_THAT(refused.err, HasSubstr("--accept-suspect-tail"));
  EXPECT_EQ(run({"stat", store_}).exit_code, 1);
  EXPECT_EQ(run({"verify", store_}).exit_code, 1);
  EXPECT_EQ(count(), 1U) << "what stands before it can be read";
  EXPECT_THAT(refused.err, HasSubstr("the log's end, from position 1 on")) << "one event is whole, at position 0";
  const Ran repaired = run({"repair", store_, "--into", folder_ / "repaired", "--json"});
  EXPECT_EQ(repaired.exit_code, 1) << "nobody can tell what stood there";
  EXPECT_EQ(repaired.json()["end_suspect"], true);
  EXPECT_EQ(repaired.json()["events_lost"], 0);
  EXPECT_EQ(read_file(segment_), before) << "nothing may be changed unasked";

  const Ran accepted = run({"recover", store_, "--accept-suspect-tail", "--json"});
  EXPECT_EQ(accepted.exit_code, 0) << accepted.err;
  EXPECT_EQ(accepted.json()["kind"], to_string(RecoveryKind::kSuspectAccepted));
  EXPECT_EQ(accepted.json()["bytes_cut"], 4096);
  EXPECT_EQ(read_file(accepted.json()["rejected"].get<std::string>()), std::string(4096, '\xAA'));
  EXPECT_EQ(append().exit_code, 0);
  EXPECT_EQ(count(), 2U);
  EXPECT_EQ(run({"verify", store_}).exit_code, 0);
}

TEST_F(Recovery, AStoreOfANewerFormatIsLeftAlone) {
  int patched = 0;
  for (const auto& entry : std::filesystem::directory_iterator(store_)) {
    if (!entry.path().filename().string().starts_with("super-")) { continue; }
    std::string block = read_file(entry.path());
    auto start = engine::load_as<engine::BlockStart>(reinterpret_cast<const std::byte*>(block.data()));
    start.format_major = engine::kFormatMajor + 1;
    start.checksum = 0;
    engine::store_as(reinterpret_cast<std::byte*>(block.data()), start);
    start.checksum = platform::crc32c(as_bytes(block));
    engine::store_as(reinterpret_cast<std::byte*>(block.data()), start);
    write_file(entry.path(), block);
    ++patched;
  }
  ASSERT_EQ(patched, 2);
  const std::string before = read_file(segment_);
  for (const std::vector<std::string>& call : {std::vector<std::string>{"append", store_, "s", "--type", "T"},
                                               {"import", store_, "-"},
                                               {"read", store_},
                                               {"streams", store_},
                                               {"stat", store_},
                                               {"verify", store_},
                                               {"recover", store_, "--accept-suspect-tail"}}) {
    const Ran ran = run(call);
    EXPECT_EQ(ran.exit_code, 5) << call[0];
    EXPECT_THAT(ran.err, HasSubstr("format")) << call[0];
    EXPECT_THAT(ran.out, IsEmpty()) << call[0];
  }
  EXPECT_EQ(read_file(segment_), before);
}

class Repair : public Recovery {
 protected:
  // A bit of the data of the first event.
  void damage() const {
    std::string content = read_file(segment_);
    content.at(content.find("first") + 1) ^= 1;
    write_file(segment_, content);
  }
  void SetUp() override {
    ASSERT_EQ(run({"append", store_, "s", "--type", "T", "--data", "\"first\""}).exit_code, 0);
    ASSERT_EQ(run({"append", store_, "s", "--type", "T", "--data", "\"second\""}).exit_code, 0);
    segment_ = std::filesystem::path(store_) / "segment-00000001.log";
    for (const auto& entry : std::filesystem::directory_iterator(store_)) {
      if (entry.path().extension() == ".log") { segment_ = entry.path(); }
    }
  }
  std::string new_ = folder_ / "new";
};

TEST_F(Repair, CopiesWhatIsWholeAndListsWhatIsNot) {
  damage();
  EXPECT_EQ(run({"append", store_, "s", "--type", "T", "--data", "3"}).exit_code, 1);
  const std::string before = read_file(segment_);
  const Ran repaired = run({"repair", store_, "--into", new_});
  EXPECT_EQ(repaired.exit_code, 1) << repaired.err;
  EXPECT_THAT(repaired.out, AllOf(HasSubstr("damaged: " + segment_.string()), HasSubstr("positions 0 to 0"),
                                  HasSubstr("stream s"), HasSubstr("copied 1 event into " + new_ + ", 1 event lost")));
  EXPECT_EQ(read_file(segment_), before);
  EXPECT_EQ(run({"verify", new_}).exit_code, 0);
  const auto events = run({"read", new_, "--json"}).json_lines();
  ASSERT_EQ(events.size(), 2U);
  EXPECT_EQ(events[0]["type"], "$lost");
  EXPECT_EQ(events[0]["lost"], true);
  EXPECT_EQ(events[0]["stream"], "s");
  EXPECT_EQ(events[1]["data"], "second");
  EXPECT_EQ(events[1]["version"], 1);
  EXPECT_FALSE(events[1].contains("lost"));
  EXPECT_EQ(run({"append", new_, "s", "--type", "T", "--data", "3", "--expect", "1"}).exit_code, 0);
}

TEST_F(Repair, AsJson) {
  damage();
  const Ran repaired = run({"repair", store_, "--into", new_, "--json"});
  const auto lines = repaired.json_lines();
  ASSERT_EQ(lines.size(), 1U);
  EXPECT_EQ(lines[0]["events_copied"], 1);
  EXPECT_EQ(lines[0]["events_lost"], 1);
  EXPECT_EQ(lines[0]["found"]["whole"], false);
  EXPECT_EQ(lines[0]["found"]["damages"][0]["first_position"], 0);
}

TEST_F(Repair, OfAWholeStoreLosesNothing) {
  const Ran repaired = run({"repair", store_, "--into", new_});
  EXPECT_EQ(repaired.exit_code, 0) << repaired.err;
  EXPECT_THAT(repaired.out, HasSubstr("copied 2 events into " + new_ + ", 0 events lost\n"));
  EXPECT_EQ(run({"read", new_, "--json"}).out, run({"read", store_, "--json"}).out);
}

TEST_F(Repair, BadUse) {
  EXPECT_EQ(run({"repair", store_}).exit_code, 2);
  const Ran same = run({"repair", store_, "--into", store_});
  EXPECT_EQ(same.exit_code, 2);
  EXPECT_THAT(same.err, HasSubstr("a repair goes into a new store"));
  EXPECT_EQ(run({"repair", folder_ / "none", "--into", new_}).exit_code, 5);
  EXPECT_FALSE(std::filesystem::exists(new_));
}

}  // namespace
}  // namespace tidemark::test
