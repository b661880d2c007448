// SPDX-License-Identifier: Apache-2.0
// Goal: what a document shows in the shell works and prints what it says. Method: its ```sh blocks are run in turn in
// one folder; where a ```text block comes next, it is the output.
#include <filesystem>
#include <fstream>
#include <gtest/gtest.h>
#include <string>
#include <vector>

#include "tests/docs/output_of.h"
#include "tests/temporary_folder.h"

#ifdef TIDEMARK_COMMAND
namespace tidemark::test {
namespace {

namespace fs = std::filesystem;

struct Block {
  std::string language;
  std::string text;
  int line = 0;  // of its first line
};

std::vector<Block> blocks_of(const fs::path& document) {
  std::vector<Block> blocks;
  std::ifstream stream(document);
  bool inside = false;
  int number = 0;
  for (std::string line; std::getline(stream, line);) {
    ++number;
    if (line.starts_with("```")) {
      inside = !inside;
      if (inside) { blocks.push_back({.language = line.substr(3), .text = {}, .line = number + 1}); }
    } else if (inside) {
      blocks.back().text += line + '\n';
    }
  }
  return blocks;
}

void run_blocks_of(const fs::path& document, int blocks_min) {
  const TemporaryFolder folder("docs");
  const fs::path script = folder.path() / "script.sh";
  const std::vector<Block> blocks = blocks_of(document);
  int run = 0;
  for (std::size_t i = 0; i < blocks.size(); ++i) {
    if (blocks[i].language != "sh") { continue; }
    std::ofstream(script) << "PATH='" << fs::path(TIDEMARK_COMMAND).parent_path().string()
                          << "':$PATH TIDEMARK_ALLOW_UNSAFE_FILE_SYSTEM=1 NO_COLOR=1\n"
                          << "export PATH TIDEMARK_ALLOW_UNSAFE_FILE_SYSTEM NO_COLOR\n"
                          << blocks[i].text;
    const std::string output =
        output_of("cd '" + folder.path().string() + "' && bash -eu script.sh 2>&1; echo \"code $?\"");
    const std::string where = document.string() + ":" + std::to_string(blocks[i].line);
    if (i + 1 < blocks.size() && blocks[i + 1].language == "text") {
      EXPECT_EQ(output, blocks[i + 1].text + "code 0\n") << where;
    } else {
      EXPECT_TRUE(output.ends_with("\ncode 0\n")) << where << " prints\n" << output;
    }
    ++run;
  }
  EXPECT_GE(run, blocks_min) << "the blocks of " << document << " were not found";
}

TEST(DocumentedShell, OfQueriesWorks) { run_blocks_of(fs::path(TIDEMARK_ROOT) / "docs/queries.md", 5); }

TEST(DocumentedShell, OfGroupsWorks) { run_blocks_of(fs::path(TIDEMARK_ROOT) / "docs/groups.md", 2); }

}  // namespace
}  // namespace tidemark::test
#endif
