// SPDX-License-Identifier: Apache-2.0
// Goal: what is asked wrongly is refused with exit code 2 and a word on stderr, and help tells of every subcommand.
#include <filesystem>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/tools/command_runner.h"
#include "tidemark/version.hpp"

namespace tidemark::test {
namespace {

using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::StartsWith;

const std::vector<std::string> kSubcommands = {
    "import", "append",  "read",   "history", "get",  "streams", "categories", "types", "tags", "stat",
    "verify", "recover", "repair", "backup",  "fork", "extract", "export",     "dump",  "tail"};

TEST(Usage, HelpNamesEverySubcommandAndTheExitCodes) {
  const Ran ran = run({"--help"});
  EXPECT_EQ(ran.exit_code, 0);
  for (const std::string& name : kSubcommands) { EXPECT_THAT(ran.out, HasSubstr("\n  " + name + " ")); }
  EXPECT_THAT(ran.out, HasSubstr("Exit codes: 0 well"));
  EXPECT_THAT(ran.err, IsEmpty());
}

TEST(Usage, EverySubcommandHelpsWithAnExample) {
  for (const std::string& name : kSubcommands) {
    const Ran ran = run({name, "--help"});
    EXPECT_EQ(ran.exit_code, 0) << name;
    EXPECT_THAT(ran.out, HasSubstr("Example:\n  tidemark " + name + " bank"));
  }
}

TEST(Usage, SubcommandsOfSubcommandsHelpWithAnExample) {
  const std::vector<std::pair<std::string, std::string>> nested = {
      {"index", "check"},   {"index", "rebuild"},    {"groups", "list"},
      {"groups", "show"},   {"groups", "parked"},    {"groups", "replay"},
      {"groups", "remove"}, {"checkpoints", "list"}, {"checkpoints", "remove"}};
  const Ran all = run({"--help"});
  for (const auto& [name, action] : nested) {
    EXPECT_THAT(all.out, HasSubstr("\n  " + name + " "));
    EXPECT_THAT(run({name, "--help"}).out, HasSubstr("\n  " + action + " "));
    const Ran ran = run({name, action, "--help"});
    EXPECT_EQ(ran.exit_code, 0) << name << " " << action;
    EXPECT_THAT(ran.out, HasSubstr("Example:\n  tidemark " + name + " " + action + " bank"));
    EXPECT_THAT(ran.out, HasSubstr("--json"));
  }
}

TEST(Usage, VersionIsTheLibrarys) {
  const Ran ran = run({"--version"});
  EXPECT_EQ(ran.exit_code, 0);
  EXPECT_EQ(ran.out, std::string("tidemark ") + kLibraryVersion + "\n");
}

TEST(Usage, WrongCommandLinesEndWithTwo) {
  const std::vector<std::vector<std::string>> wrong = {
      {},
      {"fly"},
      {"stat"},
      {"stat", "store", "--no-such-option"},
      {"import", "store"},
      {"import", "store", "file", "--batch", "0"},
      {"import", "store", "file", "--batch", "many"},
      {"import", "store", "file", "--batch", "-1"},
      {"import", "store", "file", "--batch", "1000001"},
      {"import", "store", "file", "--progress", "loud"},
      {"append", "store", "stream"},
      {"append", "store", "--type", "T"},
      {"append", "store", "stream", "--type", "T", "--expect", "-1"},
      {"append", "store", "stream", "--type", "T", "--expect", "18446744073709551616"},
      {"append", "store", "stream", "--type", "T", "--expect", "never"},
      {"append", "store", "stream", "--type", "T", "--data", "-", "--metadata", "-"},
      {"append", "store", "stream", "--type", "T", "--valid", "yesterday"},
      {"append", "store", "stream", "--type", "T", "--id", "17"},
      {"append", "store", "stream", "--type", "T", "--id", "00000000-0000-0000-0000-000000000000"},
      {"append", "store", "stream", "--type", "T", "--data", "@no-such-file"},
      {"read", "store", "--from", "-1"},
      {"read", "store", "--limit", "x"},
      {"read", "store", "--limit", "-1"},
      {"read", "store", "--from", "18446744073709551616"},
      {"read", "store", "another"},
      {"get", "store"},
      {"get", "store", "17"},
      {"categories"},
      {"types", "store", "--limit", "x"},
      {"tags", "store", "--no-such-option"},
      {"groups"},
      {"groups", "store"},
      {"groups", "list"},
      {"groups", "list", "store", "another"},
      {"groups", "show", "store"},
      {"groups", "parked", "store", "name", "--limit", "-1"},
      {"groups", "replay", "store", "name", "another"},
      {"groups", "remove", "store"},
      {"checkpoints"},
      {"checkpoints", "list"},
      {"checkpoints", "remove", "store"},
  };
  const ToolsFolder folder;
  const std::filesystem::path before = std::filesystem::current_path();
  std::filesystem::current_path(folder.path());
  for (const std::vector<std::string>& arguments : wrong) {
    const Ran ran = run(arguments);
    const std::string shown = ::testing::PrintToString(arguments);
    EXPECT_EQ(ran.exit_code, 2) << shown;
    EXPECT_THAT(ran.out, IsEmpty()) << shown;
    EXPECT_THAT(ran.err, Not(IsEmpty())) << shown;
  }
  std::filesystem::current_path(before);
  EXPECT_TRUE(std::filesystem::is_empty(folder.path())) << "a refused call left something behind";
}

TEST(Usage, AnUnknownSubcommandIsToldWhichThereAre) {
  for (const std::vector<std::string>& arguments :
       {std::vector<std::string>{"fly"}, {"fly", "store", "--json"}, {"fly", "stat", "store"}}) {
    const Ran ran = run(arguments);
    EXPECT_EQ(ran.exit_code, 2);
    EXPECT_THAT(ran.err, StartsWith("tidemark: there is no subcommand fly: there are import, export, append, read, "));
    EXPECT_THAT(ran.err, HasSubstr(", verify, index, "));
    EXPECT_THAT(ran.err, EndsWith("; `tidemark --help` tells what each does\n"));
  }
  EXPECT_THAT(run({}).err, StartsWith("tidemark: a subcommand is missing: there are import, "));
  EXPECT_EQ(
      run({"index"}).err,
      "tidemark: a subcommand is missing: there are check, rebuild; `tidemark index --help` tells what each does\n");
  EXPECT_EQ(run({"index", "chek", "store"}).err,
            "tidemark: there is no subcommand chek: there are check, rebuild; `tidemark index --help` tells what each "
            "does\n");
  EXPECT_EQ(run({"--json", "stat", "store"}).err,
            "tidemark: there is no option --json; those of a subcommand stand behind it\n");
  EXPECT_THAT(run({"fl\033[2Jy"}).err, HasSubstr("no subcommand fl?[2Jy:"));
  EXPECT_THAT(run({"index", "check"}).err, HasSubstr("STORE is required")) << "the subcommand is not what is wrong";
  EXPECT_THAT(run({"stat", "store", "another"}).err, HasSubstr("was not expected: another"));
}

// The parser of the command line looks for subcommands everywhere unless it is told not to.
TEST(Usage, AStoreMayBeNamedAsASubcommand) {
  const ToolsFolder folder;
  const std::filesystem::path before = std::filesystem::current_path();
  std::filesystem::current_path(folder.path());
  const Ran appended = run({"append", "import", "read", "--type", "stat"});
  const Ran read = run({"read", "import", "--stream", "read", "--json"});
  const Ran listed = run({"groups", "list", "import"});
  const Ran shown = run({"groups", "show", "import", "parked"});
  std::filesystem::current_path(before);
  EXPECT_EQ(appended.exit_code, 0) << appended.err;
  ASSERT_EQ(read.json_lines().size(), 1U);
  EXPECT_EQ(read.json_lines()[0]["type"], "stat");
  EXPECT_EQ(listed.exit_code, 0) << listed.err;
  EXPECT_THAT(shown.err, HasSubstr("there is no consumer group \"parked\""));
}

}  // namespace
}  // namespace tidemark::test
