// SPDX-License-Identifier: Apache-2.0
// Goal: each way in which a store cannot be used has its exit code and its own clear word, and changes nothing. Codes 2
// and 3 have their tests beside the subcommands.
#include <algorithm>
#include <chrono>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <map>
#include <sys/mount.h>
#include <sys/resource.h>
#include <unistd.h>

#include "tests/tools/command_runner.h"
#include "tidemark/tidemark.hpp"

namespace tidemark::test {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

std::string content_of(const std::filesystem::path& file) {
  std::ifstream stream(file, std::ios::binary);
  return {std::istreambuf_iterator<char>(stream), std::istreambuf_iterator<char>()};
}

// Every file of a folder with its bytes.
std::map<std::string, std::string> contents(const std::filesystem::path& folder) {
  std::map<std::string, std::string> all;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(folder)) {
    all[entry.path().string()] = entry.is_regular_file() ? content_of(entry.path()) : "";
  }
  return all;
}

class ExitCodes : public ::testing::Test {
 protected:
  void make_store(int events = 3) const {
    std::string lines;
    for (int i = 0; i < events; ++i) { lines += R"({"stream":"s","type":"T","data":)" + std::to_string(i) + "}\n"; }
    ASSERT_EQ(run({"import", store_, folder_.file("in.jsonl", lines), "--batch", "1"}).exit_code, 0);
  }
  // The store's segment files by name.
  std::vector<std::filesystem::path> files_over(std::uintmax_t bytes) const {
    std::vector<std::filesystem::path> found;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(store_)) {
      if (entry.is_regular_file() && entry.file_size() > bytes) { found.push_back(entry.path()); }
    }
    std::sort(found.begin(), found.end());
    return found;
  }

  ToolsFolder folder_;
  std::string store_ = folder_ / "store";
};

const std::vector<std::vector<std::string>> kReading = {{"read"}, {"streams"}, {"categories"}, {"types"},
                                                        {"tags"}, {"stat"},    {"verify"},     {"recover"}};

TEST_F(ExitCodes, FiveForAFolderThatIsNotThere) {
  for (const std::vector<std::string>& call : kReading) {
    const Ran ran = run({call[0], store_});
    EXPECT_EQ(ran.exit_code, 5) << call[0];
    EXPECT_THAT(ran.err, HasSubstr(store_)) << call[0];
    EXPECT_THAT(ran.out, IsEmpty()) << call[0];
    EXPECT_FALSE(std::filesystem::exists(store_)) << call[0] << " must not create a store";
  }
}

TEST_F(ExitCodes, FiveForAFolderThatHoldsSomethingElse) {
  std::filesystem::create_directory(store_);
  const std::string precious = folder_.file("store/precious.txt", "do not touch");
  for (const std::vector<std::string>& call : {std::vector<std::string>{"read", store_},
                                               {"streams", store_},
                                               {"stat", store_},
                                               {"verify", store_},
                                               {"recover", store_},
                                               {"append", store_, "s", "--type", "T"},
                                               {"import", store_, "-"}}) {
    const Ran ran = run(call);
    EXPECT_EQ(ran.exit_code, 5) << call[0] << ": " << ran.err;
    EXPECT_THAT(ran.err, Not(IsEmpty())) << call[0];
    EXPECT_EQ(contents(store_).size(), 1U) << call[0];
    EXPECT_EQ(content_of(precious), "do not touch");
  }
}

TEST_F(ExitCodes, FiveForAFile) {
  const std::string file = folder_.file("file", "text");
  EXPECT_EQ(run({"stat", file}).exit_code, 5);
  EXPECT_EQ(run({"append", file, "s", "--type", "T"}).exit_code, 5);
  EXPECT_EQ(content_of(file), "text");
}

TEST_F(ExitCodes, FourForASecondWriterWhileReadersGoOn) {
  make_store();
  Result<Store> writer = Store::open(store_, {.allow_unsafe_file_system = true});
  ASSERT_TRUE(writer.has_value());
  for (const std::vector<std::string>& call : {std::vector<std::string>{"append", store_, "s", "--type", "T"},
                                               {"import", store_, folder_ / "in.jsonl"},
                                               {"recover", store_}}) {
    const Ran ran = run(call);
    EXPECT_EQ(ran.exit_code, 4) << call[0] << ": " << ran.err;
    EXPECT_THAT(ran.err, HasSubstr(std::to_string(::getpid()))) << "the holder is to be named";
  }
  ASSERT_TRUE(writer->append("s", Expect::any(), {{.type = "T", .data = as_bytes("3")}}));
  // Another process learns what is durable from the files alone: at the latest once the writer's log falls idle.
  Ran read = run({"read", store_, "--json"});
  const auto enough = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  while (read.json_lines().size() < 4 && std::chrono::steady_clock::now() < enough) {
    read = run({"read", store_, "--json"});
  }
  EXPECT_EQ(read.exit_code, 0) << read.err;
  EXPECT_THAT(read.err, IsEmpty());
  EXPECT_EQ(read.json_lines().size(), 4U);
  EXPECT_EQ(run({"stat", store_, "--json"}).json()["events"], 4);
  EXPECT_EQ(run({"streams", store_}).exit_code, 0);
  EXPECT_EQ(run({"verify", store_}).exit_code, 0);
  ASSERT_TRUE(writer->append("s", Expect::exactly(3), {{.type = "T", .data = as_bytes("4")}}))
      << "readers disturb nobody";
}

// Where the first events stand is not for us to know: the bytes of a type name lead there.
TEST_F(ExitCodes, OneForDamage) {
  std::string lines;
  for (int i = 0; i < 200; ++i) {
    lines += R"({"stream":"s","type":"T","data":"marked )" + std::to_string(i) + "\"}\n";
  }
  ASSERT_EQ(run({"import", store_, folder_.file("in.jsonl", lines), "--batch", "1"}).exit_code, 0);
  ASSERT_EQ(run({"verify", store_}).exit_code, 0);
  bool damaged = false;
  for (const std::filesystem::path& file : files_over(0)) {
    const std::size_t at = content_of(file).find("marked 7\"");
    if (at == std::string::npos) { continue; }
    std::fstream stream(file, std::ios::binary | std::ios::in | std::ios::out);
    stream.seekp(static_cast<std::streamoff>(at));
    stream << "MARKED";
    stream.close();
    damaged = !stream.fail();
  }
  ASSERT_TRUE(damaged) << "the event was not found in any file";

  const Ran verify = run({"verify", store_});
  EXPECT_EQ(verify.exit_code, 1);
  EXPECT_THAT(verify.out, HasSubstr("damaged: "));
  const Ran verify_json = run({"verify", store_, "--json"});
  EXPECT_EQ(verify_json.exit_code, 1);
  EXPECT_EQ(verify_json.json()["whole"], false);
  ASSERT_GE(verify_json.json()["damages"].size(), 1U);
  EXPECT_EQ(verify_json.json()["damages"][0]["first_position"], 7);
  const Ran read = run({"read", store_, "--json"});
  EXPECT_EQ(read.exit_code, 1);
  EXPECT_EQ(read.json_lines().size(), 7U) << "what stands before the damage is to be read";
  EXPECT_THAT(read.err, Not(IsEmpty()));
  const Ran by_type = run({"read", store_, "--type", "T", "--category", "s", "--json"});
  EXPECT_EQ(by_type.exit_code, 1);
  EXPECT_EQ(by_type.json_lines().size(), 7U) << "likewise";
  for (const std::string list : {"streams", "categories", "types", "tags"}) {
    const Ran ran = run({list, store_});
    EXPECT_EQ(ran.exit_code, 1) << list << " would be a list of the half";
    EXPECT_THAT(ran.out, IsEmpty()) << list;
  }
  const std::string whole = read.json_lines()[6]["id"].get<std::string>();
  EXPECT_EQ(run({"get", store_, whole, "--json"}).json()["id"], whole);
  EXPECT_EQ(run({"get", store_, to_string(EventId::from_name("none"))}).exit_code, 1) << "it may be in what is damaged";
  EXPECT_EQ(run({"append", store_, "s", "--type", "T"}).exit_code, 1);
  EXPECT_EQ(run({"recover", store_}).exit_code, 1);
  EXPECT_EQ(run({"stat", store_, "--json"}).exit_code, 1);
}

TEST_F(ExitCodes, VerifyOfAWholeStoreIsWell) {
  make_store();
  const Ran ran = run({"verify", store_, "--json"});
  EXPECT_EQ(ran.exit_code, 0);
  EXPECT_EQ(ran.json()["whole"], true);
  EXPECT_EQ(ran.json()["events"], 3);
  EXPECT_EQ(ran.json()["damages"].size(), 0U);
  EXPECT_THAT(run({"verify", store_}).out, HasSubstr("whole: 3 events in 3 frames"));
}

TEST_F(ExitCodes, RecoverPrintsItsReport) {
  make_store();
  const Ran text = run({"recover", store_});
  EXPECT_EQ(text.exit_code, 0) << text.err;
  EXPECT_THAT(text.out, HasSubstr("3 events kept, 3 frames at the end read again, 0 bytes cut, epoch 2"));
  const Ran json = run({"recover", store_, "--json", "--accept-suspect-tail", "--accept-clock"});
  EXPECT_EQ(json.exit_code, 0) << json.err;
  EXPECT_EQ(json.json()["events_kept"], 3);
  EXPECT_EQ(json.json()["epoch"], 3);
}

// The limit stops the file that the store wants to grow by, as a quota or a full disk does.
TEST_F(ExitCodes, FiveWhenAFileMayNotGrow) {
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &before), 0);
  rlimit small = before;
  small.rlim_cur = 64 << 10;
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &small), 0);
  const Ran ran = run({"append", store_, "s", "--type", "T"});
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &before), 0);
  EXPECT_EQ(ran.exit_code, 5) << ran.err;
  EXPECT_THAT(ran.err, Not(IsEmpty()));
  EXPECT_EQ(run({"append", store_, "s", "--type", "T"}).exit_code, 0) << "with room it must go on";
}

TEST_F(ExitCodes, FiveForAFullDiskAndGoesOnWithRoom) {
  const std::string disk = folder_ / "disk";
  std::filesystem::create_directory(disk);
  if (::mount("tidemark-test", disk.c_str(), "tmpfs", 0, "size=3m") != 0) {
    GTEST_SKIP() << "no small disk to be had: " << std::strerror(errno);  // NOLINT(concurrency-mt-unsafe)
  }
  const std::string store = disk + "/store";
  const std::string data = first_loan_lines(folder_ / "first.jsonl", 40'000);
  const Ran full = run({"import", store, data});
  EXPECT_EQ(full.exit_code, 5) << full.err;
  EXPECT_THAT(full.err, HasSubstr("lines "));
  const Ran stat = run({"stat", store, "--json"});
  EXPECT_EQ(stat.exit_code, 0) << stat.err;
  const std::uint64_t kept = stat.json()["events"].get<std::uint64_t>();
  EXPECT_GT(kept, 0U);
  EXPECT_THAT(full.err, HasSubstr("imported before it, and durable: "));
  EXPECT_EQ(run({"read", store, "--json"}).json_lines().size(), kept) << "a full disk must stay readable";
  EXPECT_EQ(::mount("tidemark-test", disk.c_str(), "tmpfs", MS_REMOUNT, "size=200m"), 0);
  const Ran again = run({"import", store, data, "--json"});
  EXPECT_EQ(again.exit_code, 0) << again.err;
  if (again.exit_code == 0) {
    EXPECT_EQ(again.json()["imported"].get<std::uint64_t>() + again.json()["skipped"].get<std::uint64_t>(), 40'000U);
  }
  EXPECT_EQ(run({"verify", store}).exit_code, 0);
  EXPECT_EQ(::umount2(disk.c_str(), MNT_DETACH), 0);
}

TEST_F(ExitCodes, FiveWhenStdoutCannotBeWritten) {
  if (!std::filesystem::exists("/dev/full")) { GTEST_SKIP() << "no /dev/full here"; }
  make_store();
  const Ran ran =
      run({"-c", "exec \"$0\" read \"$1\" --json >/dev/full", TIDEMARK_COMMAND, store_}, {.program = "/bin/sh"});
  EXPECT_EQ(ran.exit_code, 5);
  EXPECT_THAT(ran.err, HasSubstr("standard output: "));
  // What was appended is there, and the command says so: nobody must append it again for want of an answer.
  const Ran appended = run({"-c", "exec \"$0\" append \"$1\" new --type T >/dev/full", TIDEMARK_COMMAND, store_},
                           {.program = "/bin/sh"});
  EXPECT_EQ(appended.exit_code, 5);
  EXPECT_THAT(appended.err, HasSubstr("the event is in the store: position "));
  EXPECT_EQ(run({"read", store_, "--stream", "new", "--json"}).json_lines().size(), 1U);
}

TEST_F(ExitCodes, AReaderThatWentAwayEndsItQuietly) {
  make_store(50);
  const Ran ran = run({"read", store_, "--json"}, {.out_is_closed_pipe = true});
  EXPECT_EQ(ran.exit_code, 0);
  EXPECT_EQ(ran.signal, 0);
  EXPECT_THAT(ran.err, IsEmpty());
}

}  // namespace
}  // namespace tidemark::test
