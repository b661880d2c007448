// SPDX-License-Identifier: Apache-2.0
// Goal: the shared library gives what the public headers declare, all of it and nothing else. Method: the names that it
// defines for others are held against the headers, and against what the same objects define in the static library.
#include <filesystem>
#include <fstream>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <iterator>
#include <regex>
#include <set>
#include <sstream>
#include <string>
#include <string_view>

#include "tests/docs/output_of.h"
#include "tidemark/version.hpp"

namespace {

namespace fs = std::filesystem;

// What nm says of a file: the kinds of symbols that are asked for, with C++ names. Without the addresses and the kinds.
std::set<std::string> names_in(const std::string& options, const fs::path& file, std::string_view kinds) {
  std::set<std::string> names;
  std::istringstream lines(tidemark::test::output_of("nm " + options + " --defined-only -C '" + file.string() + "'"));
  for (std::string line; std::getline(lines, line);) {
    if (line.size() < 20 || line[16] != ' ' || line[18] != ' ') { continue; }
    if (kinds.contains(line[17])) { names.insert(line.substr(19)); }
  }
  return names;
}

fs::path shared_library() {
  for (const fs::directory_entry& entry : fs::recursive_directory_iterator(TIDEMARK_INSTALLED)) {
    if (entry.path().filename() == "libtidemark.so") { return entry.path(); }
  }
  return {};
}

// Of every kind: code, data, what several may define.
std::set<std::string> exported() { return names_in("-D", shared_library(), "ABCDGRSTVWiru"); }

// A part of ours that is no part of the API.
bool is_inner(std::string_view name) {
  for (const std::string_view inner : {"tidemark::engine::", "tidemark::index::", "tidemark::platform::",
                                       "tidemark::detail::", "tidemark::EventAccess::"}) {
    if (name.starts_with(inner)) { return true; }
  }
  return false;
}

std::string header_text() {
  std::string text;
  for (const fs::directory_entry& entry : fs::directory_iterator(TIDEMARK_HEADERS)) {
    std::ifstream stream(entry.path(), std::ios::binary);
    text.append(std::istreambuf_iterator<char>(stream), {});
  }
  return text;
}

TEST(Exports, AreOfThePublicNamespaceAlone) {
  const std::set<std::string> names = exported();
  ASSERT_GT(names.size(), 100U);
  for (const std::string& name : names) {
    EXPECT_TRUE(name.starts_with("tidemark::")) << name;
    EXPECT_FALSE(is_inner(name)) << name;
  }
}

TEST(Exports, AreNamedInThePublicHeaders) {
  const std::string text = header_text();
  for (const std::string& name : exported()) {
    // tidemark::Store::open(…) is open, and a name with an ABI tag is the name without it.
    const std::string path = name.substr(0, name.find_first_of("(["));
    const std::string last = path.substr(path.rfind(':') + 1);
    const std::regex word("(^|[^A-Za-z0-9_])" + std::regex_replace(last, std::regex(R"([^A-Za-z0-9_])"), "\\$&") +
                          "([^A-Za-z0-9_]|$)");
    EXPECT_TRUE(std::regex_search(text, word)) << name;
  }
}

// Whoever forgets TIDEMARK_API finds out here, and not when somebody links.
TEST(Exports, MissNothingThatTheStaticLibraryHas) {
  std::set<std::string> wanted = names_in("", TIDEMARK_STATIC, "T");
  std::erase_if(wanted, [](const std::string& name) { return !name.starts_with("tidemark::") || is_inner(name); });
  ASSERT_GT(wanted.size(), 100U);
  const std::set<std::string> found = exported();
  for (const std::string& name : wanted) { EXPECT_TRUE(found.contains(name)) << name; }
}

// Before 1.0 a minor version may break what was linked with the one before.
TEST(Exports, TheNameHasTheVersion) {
  const fs::path library = shared_library();
  ASSERT_FALSE(library.empty());
  const std::string version = tidemark::kLibraryVersion;
  EXPECT_EQ(fs::canonical(library).filename(), "libtidemark.so." + version);
  EXPECT_THAT(tidemark::test::output_of("readelf -d '" + library.string() + "'"),
              testing::HasSubstr("[libtidemark.so." + version.substr(0, version.rfind('.')) + "]"));
}

}  // namespace
