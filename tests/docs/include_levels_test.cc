// SPDX-License-Identifier: Apache-2.0
// Goal: nothing points up. Method: every include line of the tree is held against the table of allowed directions in
// docs/architecture.md; a module is the longest of the table's names that a file's path begins with.
#include <algorithm>
#include <filesystem>
#include <fstream>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <map>
#include <optional>
#include <set>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

namespace {

namespace fs = std::filesystem;

const fs::path kRoot = TIDEMARK_ROOT;

// module -> what its files may include, itself aside
using Levels = std::map<std::string, std::set<std::string>>;

struct IncludeLine {
  std::string file;  // from the root
  int line = 0;
  std::string name;  // what stands between the quotes or brackets
  bool quoted = false;
};

std::string read_text(const fs::path& file) {
  std::ifstream stream(file, std::ios::binary);
  return {std::istreambuf_iterator<char>(stream), std::istreambuf_iterator<char>()};
}

std::vector<std::string> names_in(std::string cell) {
  std::vector<std::string> names;
  std::replace_if(cell.begin(), cell.end(), [](char c) { return c == ',' || c == '`' || c == '|'; }, ' ');
  std::istringstream words(cell);
  for (std::string word; words >> word;) {
    if (word.ends_with('/')) { word.pop_back(); }
    if (word != "-" && word != "—") { names.push_back(word); }
  }
  return names;
}

// The rows `| module | may include |` between the two marks.
Levels read_levels() {
  const std::string text = read_text(kRoot / "docs/architecture.md");
  const std::size_t begin = text.find("<!-- include-levels -->");
  const std::size_t end = text.find("<!-- /include-levels -->");
  Levels levels;
  if (begin == std::string::npos || end == std::string::npos || end < begin) { return levels; }
  std::istringstream lines(text.substr(begin, end - begin));
  for (std::string line; std::getline(lines, line);) {
    if (!line.starts_with('|') || line.starts_with("| module") || line.starts_with("|--") || line.starts_with("| --")) {
      continue;
    }
    const std::size_t middle = line.find('|', 1);
    const std::vector<std::string> module = names_in(line.substr(0, middle));
    const std::vector<std::string> may = names_in(line.substr(middle));
    if (module.size() == 1) { levels[module[0]] = {may.begin(), may.end()}; }
  }
  return levels;
}

bool is_under(std::string_view path, std::string_view module) {
  return path.starts_with(module) && path.size() > module.size() && path[module.size()] == '/';
}

// Empty if there is none.
std::string module_of(std::string_view path, const Levels& levels) {
  std::string longest;
  for (const auto& [module, may] : levels) {
    if (is_under(path, module) && module.size() > longest.size()) { longest = module; }
  }
  return longest;
}

bool is_source(const fs::path& file) {
  const std::string kind = file.extension().string();
  return kind == ".h" || kind == ".hpp" || kind == ".cc" || kind == ".cpp" || kind == ".hh" || kind == ".c";
}

// Every source file of the tree, from the root. Hidden folders and builds are not of it.
std::vector<std::string> source_files() {
  std::vector<std::string> files;
  for (auto entry = fs::recursive_directory_iterator(kRoot); entry != fs::recursive_directory_iterator(); ++entry) {
    const std::string name = entry->path().filename().string();
    if (entry->is_directory() && (name.starts_with('.') || name.starts_with("build"))) {
      entry.disable_recursion_pending();
    } else if (entry->is_regular_file() && is_source(entry->path())) {
      files.push_back(fs::relative(entry->path(), kRoot).string());
    }
  }
  return files;
}

// Takes the word off the front of the text, and the white space around it; false if it is not there.
bool take(std::string_view& text, std::string_view word) {
  const auto trim = [&] { text.remove_prefix(std::min(text.find_first_not_of(" \t"), text.size())); };
  trim();
  if (!text.starts_with(word)) { return false; }
  text.remove_prefix(word.size());
  trim();
  return true;
}

std::vector<IncludeLine> include_lines() {
  std::vector<IncludeLine> found;
  for (const std::string& file : source_files()) {
    std::istringstream lines(read_text(kRoot / file));
    int number = 0;
    for (std::string line; std::getline(lines, line);) {
      ++number;
      std::string_view rest = line;
      if (!take(rest, "#") || !take(rest, "include") || rest.empty()) { continue; }
      const bool quoted = rest[0] == '"';
      const std::size_t end = rest.find(quoted ? '"' : '>', 1);
      found.push_back({.file = file, .line = number, .name = std::string(rest.substr(1, end - 1)), .quoted = quoted});
    }
  }
  return found;
}

// The file of ours that an include line names, from the root; nothing if it is somebody else's.
std::optional<std::string> own_file(const std::string& name) {
  for (const std::string& candidate : {name, "include/" + name}) {
    if (fs::is_regular_file(kRoot / candidate)) { return candidate; }
  }
  return std::nullopt;
}

TEST(IncludeLevels, TheTableNamesModulesThatAreThere) {
  const Levels levels = read_levels();
  ASSERT_FALSE(levels.empty()) << "docs/architecture.md has no table between the include-levels marks";
  for (const auto& [module, may] : levels) {
    EXPECT_TRUE(fs::is_directory(kRoot / module)) << module;
    for (const std::string& other : may) { EXPECT_TRUE(levels.contains(other)) << module << " may include " << other; }
  }
}

TEST(IncludeLevels, EveryFileIsInAModule) {
  const Levels levels = read_levels();
  const std::vector<std::string> files = source_files();
  ASSERT_FALSE(files.empty());
  for (const std::string& file : files) { EXPECT_NE(module_of(file, levels), "") << file; }
}

TEST(IncludeLevels, NothingPointsUp) {
  const Levels levels = read_levels();
  ASSERT_FALSE(levels.empty());
  const std::vector<IncludeLine> lines = include_lines();
  ASSERT_FALSE(lines.empty());
  for (const IncludeLine& line : lines) {
    const std::optional<std::string> target = own_file(line.name);
    if (!target) { continue; }
    const std::string from = module_of(line.file, levels);
    const std::string to = module_of(*target, levels);
    const auto row = levels.find(from);
    const bool allowed = from == to || (row != levels.end() && row->second.contains(to));
    EXPECT_TRUE(allowed) << line.file << ":" << line.line << ": " << from << " may not include " << to << " ("
                         << line.name << ")";
  }
}

// A quoted name is one of ours, from the root or from include/: nothing by way of the including file's own folder.
TEST(IncludeLevels, AQuotedNameIsAFileOfTheTree) {
  for (const IncludeLine& line : include_lines()) {
    if (line.quoted) { EXPECT_TRUE(own_file(line.name)) << line.file << ":" << line.line << ": " << line.name; }
  }
}

bool is_of_the_system(std::string_view name) {
  for (const std::string_view folder : {"boost/", "sys/", "linux/"}) {
    if (name.starts_with(folder)) { return true; }
  }
  for (const std::string_view header :
       {"xxhash.h", "unistd.h", "fcntl.h", "pthread.h", "dirent.h", "poll.h", "signal.h"}) {
    if (name == header) { return true; }
  }
  return false;
}

TEST(IncludeLevels, OnlyPlatformTouchesBoostXxHashAndTheSystem) {
  for (const IncludeLine& line : include_lines()) {
    const bool of_the_library =
        is_under(line.file, "include") || is_under(line.file, "index") || is_under(line.file, "engine");
    if (of_the_library) {
      EXPECT_FALSE(is_of_the_system(line.name)) << line.file << ":" << line.line << ": " << line.name;
    }
  }
}

}  // namespace
