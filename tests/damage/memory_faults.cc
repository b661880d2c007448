// SPDX-License-Identifier: Apache-2.0
// Goal: when memory runs out, at whatever allocation, the public API answers with an error and lets no exception out;
// nothing is half done: an append that failed with kOutOfMemory is not there, the store goes on or says that it has
// failed, its lock is released, and opened again it holds what was acknowledged.
// Method: every scenario (scenarios.cc) with allocation 1, 2, 3, … failing, alone or with all later ones, until it runs
// through without a fault; on the twin, whose own allocations do not fail, and in a real folder.
#include <CLI/CLI.hpp>
#include <array>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fmt/format.h>
#include <fstream>
#include <memory>
#include <stdexcept>
#include <string>
#include <unistd.h>

#include "tests/damage/sheltered_files.h"
#include "tests/damage/trial.h"
#include "tests/temporary_folder.h"

namespace {

using namespace tidemark;
using namespace tidemark::damage;
namespace fs = std::filesystem;

class TwinGround final : public Ground {
 public:
  engine::Environment environment() override { return {*files_, twin_.clock, twin_.machine, false}; }
  const fs::path& folder() override { return folder_; }
  void restore(const FileMap& files) override { twin_.restore(files); }

 private:
  static constexpr std::uint64_t kSeed = 9;
  Twin twin_{kSeed};
  std::unique_ptr<platform::FileSystem> files_ = make_sheltered(twin_.files);
  const fs::path folder_ = Twin::path_of("x").parent_path();
};

// A folder of its own under another one, removed at the end.
class RealGround final : public Ground {
 public:
  explicit RealGround(const fs::path& under) : made_("memory", under) {}
  engine::Environment environment() override {
    return {platform::real_file_system(), platform::real_clock(), platform::real_machine(), false};
  }
  const fs::path& folder() override { return folder_; }
  void restore(const FileMap& files) override {
    fs::remove_all(folder_);
    if (files.empty()) { return; }
    fs::create_directory(folder_);
    for (const auto& [name, bytes] : files) {
      std::ofstream file(folder_ / name, std::ios::binary);
      file.write(as_text(bytes).data(), static_cast<std::streamsize>(bytes.size()));
      if (!file.flush()) { throw std::runtime_error("a file cannot be written"); }
    }
  }

 private:
  const test::TemporaryFolder made_;
  const fs::path folder_ = made_.path() / "store";
};

struct Mode {
  const char* name;
  Failing how;
};
constexpr Mode kModes[] = {{"once", Failing::kOnce}, {"from-then", Failing::kFromThen}};

// What a signal's handler can print.
constexpr std::size_t kCommandBytes = 256;
std::array<char, kCommandBytes> running{};

void on_crash(int number) {
  static constexpr char kText[] = "\nDIED in: ";
  (void)!::write(STDERR_FILENO, kText, sizeof kText - 1);
  (void)!::write(STDERR_FILENO, running.data(), std::char_traits<char>::length(running.data()));
  (void)!::write(STDERR_FILENO, "\n", 1);
  (void)std::signal(number, SIG_DFL);
  (void)::raise(number);
}

struct Counts {
  std::uint64_t runs = 0;
  std::uint64_t failures = 0;
};

class ScenarioRunner {
 public:
  ScenarioRunner(Ground& ground, const char* files) : ground_(ground), files_(files) {}

  // One scenario, in one mode, with every allocation failing in turn; or with one alone.
  void run(const Scenario& scenario, const Mode& mode, std::uint64_t first, std::uint64_t last, Counts& counts) {
    // Once without a fault: what is made at first use is there then, so that a case alone counts as it does among
    // others.
    Counts warm;
    (void)run_one(scenario, mode, kNever, warm);
    for (std::uint64_t n = first; n <= last; ++n) {
      if (!run_one(scenario, mode, n, counts)) { return; }
    }
  }
  static constexpr std::uint64_t kNever = 1'000'000;

 private:
  // False if nothing failed any more.
  bool run_one(const Scenario& scenario, const Mode& mode, std::uint64_t n, Counts& counts) {
    const std::string command =
        fmt::format("memory_faults --files {} --scenario {} --mode {} --case {}", files_, scenario.name, mode.name, n);
    command.copy(running.data(), running.size() - 1);
    running[std::min(command.size(), running.size() - 1)] = '\0';
    OpenOptions options;
    options.segment_bytes_first = options.segment_bytes_largest = limits::kSegmentBytesMin;
    Trial trial(ground_, options);
    scenario.prepare(trial);
    if (trial.wrong()) { throw std::runtime_error(*trial.wrong()); }
    std::string thrown;
    arm_memory(n, mode.how);
    try {
      scenario.act(trial);
    } catch (const std::exception& exception) {
      disarm_memory();
      thrown = exception.what();
    }
    const std::uint64_t failed = disarm_memory();
    if (!thrown.empty()) { trial.is_wrong("the scenario itself threw: " + thrown); }
    trial.settle();
    ++counts.runs;
    if (trial.wrong()) {
      ++counts.failures;
      fmt::print(stderr,
                 "FAILED: {}: allocation {} fails ({})\n  expected: an error of memory, and nothing half done\n"
                 "  found: {}\n  again: {}\n",
                 scenario.name, n, mode.name, *trial.wrong(), command);
    }
    return failed > 0;
  }

  Ground& ground_;
  const char* files_;
};

}  // namespace

int main(int argc, char** argv) {
  std::string files = "both";
  std::string only_scenario;
  std::string only_mode;
  std::optional<std::uint64_t> only_case;
  fs::path under = fs::is_directory("/dev/shm") ? fs::path("/dev/shm") : fs::temp_directory_path();
  CLI::App app{"Every call of the API with memory running out at every allocation"};
  app.add_option("--files", files, "sim, real or both")
      ->check(CLI::IsMember({"sim", "real", "both"}))
      ->capture_default_str();
  app.add_option("--scenario", only_scenario, "Only this one");
  app.add_option("--mode", only_mode, "Only this one: once, from-then");
  app.add_option("--case", only_case, "Only with the allocation of this number failing, of one scenario");
  app.add_option("--folder", under, "Where the folder for real files is made")
      ->check(CLI::ExistingDirectory)
      ->capture_default_str();
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) { return app.exit(error) == 0 ? 0 : 2; }
  for (const int number : {SIGSEGV, SIGBUS, SIGABRT, SIGFPE, SIGILL}) { (void)std::signal(number, on_crash); }

  Counts all;
  std::uint64_t chosen = 0;
  for (const char* kind : {"sim", "real"}) {
    if (files != "both" && files != kind) { continue; }
    std::unique_ptr<Ground> ground;
    if (std::string_view(kind) == "sim") {
      ground = std::make_unique<TwinGround>();
    } else {
      ground = std::make_unique<RealGround>(under);
    }
    ScenarioRunner runner(*ground, kind);
    for (const Scenario& scenario : scenarios()) {
      if (!only_scenario.empty() && only_scenario != scenario.name) { continue; }
      for (const Mode& mode : kModes) {
        if (!only_mode.empty() && only_mode != mode.name) { continue; }
        ++chosen;
        const std::uint64_t before = all.runs;
        runner.run(scenario, mode, only_case.value_or(1), only_case.value_or(ScenarioRunner::kNever), all);
        const std::uint64_t runs = all.runs - before;
        fmt::print("{} {} {}: {} runs\n", kind, scenario.name, mode.name, runs);
        std::fflush(stdout);
        // A scenario in which nothing failed shows nothing.
        if (!only_case && runs < 2) {
          fmt::print(stderr, "{} {}: no allocation failed\n", kind, scenario.name);
          ++all.failures;
        }
      }
    }
  }
  if (chosen == 0) {
    fmt::print(stderr, "there is no such scenario\n");
    return 2;
  }
  fmt::print("scenarios: {}\nruns: {}\nallocations failed: {}\nfailures: {}\n", chosen, all.runs, allocations_failed(),
             all.failures);
  return all.failures == 0 ? 0 : 1;
}
