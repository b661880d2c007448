// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>

#include "bench/compare/runner.h"

namespace tidemark::compare {

// Whether there is anything to draw of a workload.
[[nodiscard]] bool is_drawn(const WorkloadResult& result);

// For each workload and each curve that is drawn a script for gnuplot, NAME.gnuplot, with its data in it: run in the
// folder it leaves NAME.svg. Bars are ratios, lines are figures: medians over the repetitions with the least and the
// most as whiskers. A store has the same colour everywhere. Throws Failure.
void write_plots(const RunResult& result, const std::filesystem::path& folder);

}  // namespace tidemark::compare
