// SPDX-License-Identifier: Apache-2.0
// Goal: what the fuzzer found once stays mended, under every compiler and sanitizer. Method: the targets are run,
// without libFuzzer, over the files of a corpus; and over changed ones, made of these by seed.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <filesystem>
#include <fmt/format.h>
#include <fstream>
#include <string>
#include <vector>

#include "tests/fuzz/mutator.h"
#include "tests/fuzz/targets.h"

namespace {

namespace fs = std::filesystem;
using namespace tidemark;

struct Counts {
  std::uint64_t files = 0;
  std::uint64_t mutants = 0;
  std::uint64_t findings = 0;
};

std::vector<std::byte> bytes_of(const fs::path& path) {
  std::ifstream stream(path, std::ios::binary);
  const std::string text{std::istreambuf_iterator<char>(stream), std::istreambuf_iterator<char>()};
  const Bytes bytes = as_bytes(text);
  return {bytes.begin(), bytes.end()};
}

// Files as they are, folders as the files in them, in order.
std::vector<fs::path> inputs_in(const std::vector<std::string>& paths) {
  std::vector<fs::path> inputs;
  for (const fs::path path : paths) {
    if (!fs::is_directory(path)) {
      inputs.push_back(path);
      continue;
    }
    for (const auto& entry : fs::directory_iterator(path)) {
      if (entry.is_regular_file()) { inputs.push_back(entry.path()); }
    }
  }
  std::ranges::sort(inputs);
  return inputs;
}

bool run_one(const fuzz::Target& target, Bytes input, const std::string& again) {
  const auto started = std::chrono::steady_clock::now();
  try {
    // In memory of just its size, so that the address sanitizer sees one byte too many.
    const std::vector<std::byte> exact(input.begin(), input.end());
    target.run(exact);
  } catch (const fuzz::Finding& finding) {
    fmt::print(stderr, "FOUND: {}\n  again: {}\n", finding.what(), again);
    return false;
  }
  const auto took = std::chrono::steady_clock::now() - started;
  if (took > std::chrono::seconds(10)) {
    fmt::print(stderr, "FOUND: took {} s\n  again: {}\n", std::chrono::duration<double>(took).count(), again);
    return false;
  }
  return true;
}

}  // namespace

int main(int argc, char** argv) {
  std::string name;
  std::vector<std::string> paths;
  std::uint64_t mutants = 0;
  std::uint64_t seed = 1;
  CLI::App app{"Runs a fuzz target over files. Exit codes: 0 fine, 1 something was found, 2 bad usage"};
  std::vector<std::string> names;
  for (const auto& target : fuzz::targets()) { names.emplace_back(target.name); }
  app.add_option("TARGET", name, "Which target")->required()->check(CLI::IsMember(names));
  app.add_option("PATH", paths, "Files, or folders of files")->required()->check(CLI::ExistingPath);
  app.add_option("--mutants", mutants, "So many changed inputs are made of each file and run too")
      ->capture_default_str();
  app.add_option("--seed", seed, "The seed of each file's first changed input; the next has the next number")
      ->capture_default_str();
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) { return app.exit(error) == 0 ? 0 : 2; }

  const fuzz::Target& target = *fuzz::find_target(name);
  Counts counts;
  for (const fs::path& path : inputs_in(paths)) {
    const auto input = bytes_of(path);
    const std::string again = fmt::format("fuzz_replay {} {}", name, path.string());
    ++counts.files;
    if (!run_one(target, input, again)) { ++counts.findings; }
    for (std::uint64_t n = seed; n < seed + mutants; ++n) {
      const auto changed = fuzz::mutate(target.layout, input, n, fuzz::plain_bytes(n));
      ++counts.mutants;
      if (!run_one(target, changed, fmt::format("{} --mutants 1 --seed {}", again, n))) { ++counts.findings; }
    }
  }
  fmt::print("corpus files: {}\nchanged inputs: {}\nfindings: {}\n", counts.files, counts.mutants, counts.findings);
  if (counts.files == 0) {
    fmt::print(stderr, "no file was run: this shows nothing\n");
    return 1;
  }
  return counts.findings == 0 ? 0 : 1;
}
