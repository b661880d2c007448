// SPDX-License-Identifier: Apache-2.0
// Goal: no document names a subcommand or an option that the command does not have. Method: the lines of ```sh and
// ```bash blocks that call `tidemark` are held against the help texts.
#include <filesystem>
#include <fstream>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <map>
#include <sstream>
#include <string>
#include <vector>

#include "tests/docs/output_of.h"

namespace {

namespace fs = std::filesystem;

const fs::path kRoot = TIDEMARK_ROOT;

std::vector<fs::path> documents() {
  std::vector<fs::path> all;
  for (const auto& entry : fs::directory_iterator(kRoot)) {
    if (entry.path().extension() == ".md") { all.push_back(entry.path()); }
  }
  if (fs::is_directory(kRoot / "docs")) {
    for (const auto& entry : fs::recursive_directory_iterator(kRoot / "docs")) {
      if (entry.path().extension() == ".md") { all.push_back(entry.path()); }
    }
  }
  return all;
}

struct Call {
  std::string where;
  std::vector<std::string> words;  // what follows `tidemark`
};

[[maybe_unused]] std::vector<Call> documented_calls() {
  std::vector<Call> calls;
  for (const fs::path& document : documents()) {
    std::ifstream stream(document);
    bool in_shell = false;
    int number = 0;
    for (std::string line; std::getline(stream, line);) {
      ++number;
      if (line.starts_with("```")) { in_shell = line == "```sh" || line == "```bash" || line == "```console"; }
      if (!in_shell) { continue; }
      std::istringstream words(line.substr(0, line.find(" #")));
      std::string word;
      while (words >> word && word != "tidemark" && !word.ends_with("/tidemark")) {}
      Call call{.where = document.string() + ":" + std::to_string(number), .words = {}};
      while (words >> word && word != "|" && word != "&&" && word != ";") { call.words.push_back(word); }
      if (!call.words.empty()) { calls.push_back(call); }
    }
  }
  return calls;
}

#ifdef TIDEMARK_COMMAND
using tidemark::test::output_of;

std::string help_of(const std::string& subcommand) {
  return output_of(std::string(TIDEMARK_COMMAND) + " " + subcommand + " --help 2>&1");
}

TEST(DocumentedCommands, ExistWithTheirOptions) {
  std::map<std::string, std::string> help;
  for (const Call& call : documented_calls()) {
    std::string name = call.words[0];
    if (name.starts_with("--")) { continue; }
    ASSERT_EQ(name.find_first_not_of("abcdefghijklmnopqrstuvwxyz"), std::string::npos) << call.where << ": " << name;
    if (!help.contains(name)) { help[name] = help_of(name); }
    if (help[name].find("\nSubcommands:") != std::string::npos) {
      ASSERT_GE(call.words.size(), 2U) << call.where << ": " << name << " has subcommands of its own";
      const std::string& action = call.words[1];
      ASSERT_NE(help[name].find("\n  " + action + " "), std::string::npos)
          << call.where << ": " << name << " has no subcommand " << action;
      name += " " + action;
      if (!help.contains(name)) { help[name] = help_of(name); }
    }
    // The help of a subcommand; of a name that is none the command shows that of all.
    EXPECT_NE(help[name].find("Example:\n  tidemark " + name + ' '), std::string::npos)
        << call.where << ": there is no subcommand " << name;
    for (const std::string& word : call.words) {
      if (!word.starts_with("--")) { continue; }
      const std::string option = word.substr(0, word.find('='));
      EXPECT_NE(help[name].find(option), std::string::npos)
          << call.where << ": " << name << " has no option " << option;
    }
  }
}
#endif

TEST(DocumentedCommands, ReadmeShowsTheQuickstart) {
  std::ifstream stream(kRoot / "README.md");
  const std::string text{std::istreambuf_iterator<char>(stream), std::istreambuf_iterator<char>()};
  EXPECT_THAT(text, ::testing::HasSubstr("tools/quickstart"));
}

}  // namespace
