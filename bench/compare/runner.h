// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "bench/compare/workload.h"

namespace tidemark::compare {

struct RunOptions {
  std::filesystem::path folder;  // a folder is made in it, and removed
  int repetitions = 5;
  double minutes = 0;  // as many repetitions as fit in, one at least; 0: however long it takes
  Scale scale;
};

// What one workload gave: for each contender a repetition's figures, or nothing where it failed.
struct WorkloadResult {
  Workload workload;
  std::map<std::string, std::vector<std::optional<Figures>>> figures;
};

struct RunResult {
  std::vector<WorkloadResult> workloads;
  std::vector<std::string> failures;  // sentences
  double seconds = 0;
  bool is_interrupted = false;
};

// Runs each workload for each of its contenders, once in every repetition before the next one begins, so that what the
// machine does besides falls on all alike. Each measurement is a process of its own: the same program, called by
// measure_one's arguments. Progress goes to stderr. `all` has the workload that loads, should it not be one of those.
[[nodiscard]] RunResult run(const std::vector<Workload>& workloads, const std::vector<Workload>& all,
                            const RunOptions& options);

// What such a process is asked for.
struct OneOptions {
  std::string workload;
  std::string contender;
  std::filesystem::path folder;
  bool before = false;  // only what comes before it
  Scale scale;
};

// Does it and prints the figures, or what failed, as a line of JSON. Gives the exit code.
[[nodiscard]] int measure_one(const OneOptions& options);

}  // namespace tidemark::compare
