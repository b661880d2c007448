// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "bench/compare/runner.h"

namespace tidemark::compare {

// The middle of some values and how far they reach.
struct Spread {
  double median = 0;
  double least = 0;
  double most = 0;
};

// Of at least one value.
[[nodiscard]] Spread spread_of(std::vector<double> values);

// One figure of a contender over the repetitions, of those that have it.
[[nodiscard]] std::vector<double> values_of(const WorkloadResult& result, const std::string& contender,
                                            const std::string& figure);
// The figure divided by that of a base in the same repetition, for those that have both.
[[nodiscard]] std::vector<double> ratios_of(const WorkloadResult& result, const std::string& contender,
                                            const std::string& base, const std::string& figure);

// The points of each curve that was measured.
[[nodiscard]] std::vector<std::vector<const WorkloadResult*>> curves_of(const RunResult& result);

// As it is printed: three digits that count (1.23M, 45.6k, 789, 0.12), and of a ratio one less.
[[nodiscard]] std::string short_number(double value);
[[nodiscard]] std::string ratio_text(double value);

// The whole run. `about` is what is known of the machine and the stores, a line each; with drawings, those of plots.h
// are shown from beside it.
[[nodiscard]] std::string markdown_of(const RunResult& result, const std::vector<std::string>& about,
                                      bool has_drawings);
[[nodiscard]] nlohmann::json json_of(const RunResult& result, const std::vector<std::string>& about);

}  // namespace tidemark::compare
