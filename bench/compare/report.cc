// SPDX-License-Identifier: Apache-2.0
#include "bench/compare/report.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <sstream>

#include "bench/compare/plots.h"

namespace tidemark::compare {

namespace {

bool has_figure(const WorkloadResult& result, const std::string& figure) {
  return std::ranges::any_of(result.workload.contenders, [&](const Contender& contender) {
    return !values_of(result, contender.name, figure).empty();
  });
}

// The columns as they are printed: a value, or a ratio to a base.
struct Cell {
  const Column* column = nullptr;
  std::string base;  // empty: the value itself
};

std::vector<Cell> cells_of(const WorkloadResult& result) {
  std::vector<Cell> cells;
  for (const Column& column : result.workload.columns) {
    if (!has_figure(result, column.figure)) { continue; }
    cells.push_back({.column = &column, .base = {}});
    if (!column.is_compared) { continue; }
    for (const std::string& base : result.workload.bases) {
      if (!values_of(result, base, column.figure).empty()) { cells.push_back({.column = &column, .base = base}); }
    }
  }
  return cells;
}

std::string cell_text(const WorkloadResult& result, const std::string& contender, const Cell& cell) {
  const auto values = cell.base.empty() ? values_of(result, contender, cell.column->figure)
                                        : ratios_of(result, contender, cell.base, cell.column->figure);
  if (values.empty()) { return "–"; }
  const Spread spread = spread_of(values);
  if (cell.base.empty()) { return short_number(spread.median); }
  if (contender == cell.base) { return "1"; }
  return ratio_text(spread.median) + " [" + ratio_text(spread.least) + ", " + ratio_text(spread.most) + "]";
}

std::string repetitions_text(const WorkloadResult& result) {
  std::size_t most = 0;
  for (const auto& [contender, figures] : result.figures) { most = std::max(most, figures.size()); }
  return std::to_string(most) + (most == 1 ? " repetition" : " repetitions");
}

void write_table(std::ostringstream& out, const WorkloadResult& result) {
  const std::vector<Cell> cells = cells_of(result);
  out << "\n## " << result.workload.title << "\n\n" << repetitions_text(result) << "\n\n|  |";
  for (const Cell& cell : cells) {
    if (cell.base.empty()) {
      out << ' ' << cell.column->title << " |";
    } else {
      out << " of " << cell.base << (cell.column->more_is_better ? "" : " (less is better)") << " |";
    }
  }
  out << "\n| --- |";
  for (std::size_t i = 0; i < cells.size(); ++i) { out << " --- |"; }
  for (const Contender& contender : result.workload.contenders) {
    out << "\n| " << contender.name << " |";
    for (const Cell& cell : cells) { out << ' ' << cell_text(result, contender.name, cell) << " |"; }
  }
  out << '\n';
}

// One table for each figure of a curve, and for each of its ratios.
void write_curve(std::ostringstream& out, const std::vector<const WorkloadResult*>& points) {
  const Workload& first = points.front()->workload;
  out << "\n## " << first.title << "\n\n" << repetitions_text(*points.front()) << '\n';
  for (const Cell& cell : cells_of(*points.front())) {
    if (!cell.column->is_drawn) { continue; }
    out << "\n| " << cell.column->title;
    if (!cell.base.empty()) { out << ", of " << cell.base; }
    out << (cell.column->more_is_better ? "" : " (less is better)") << "; " << first.point->unit << ": |";
    for (const WorkloadResult* one : points) {
      const std::uint64_t at = one->workload.point->at;
      out << ' ' << (at < 10'000 ? std::to_string(at) : short_number(static_cast<double>(at))) << " |";
    }
    out << "\n| --- |";
    for (std::size_t i = 0; i < points.size(); ++i) { out << " --- |"; }
    for (const Contender& contender : first.contenders) {
      out << "\n| " << contender.name << " |";
      for (const WorkloadResult* one : points) { out << ' ' << cell_text(*one, contender.name, cell) << " |"; }
    }
    out << '\n';
  }
}

// What has nothing to be compared with: one line.
void write_answers(std::ostringstream& out, const WorkloadResult& result) {
  const Column& column = result.workload.columns.front();
  out << "\nBefore, each store was asked what the workloads rest on; " << column.title << ':';
  const char* between = " ";
  for (const Contender& contender : result.workload.contenders) {
    const auto values = values_of(result, contender.name, column.figure);
    out << between << contender.name << ' ' << (values.empty() ? "failed" : short_number(values.front()));
    between = ", ";
  }
  out << ".\n";
}

}  // namespace

std::vector<std::vector<const WorkloadResult*>> curves_of(const RunResult& result) {
  std::vector<std::vector<const WorkloadResult*>> curves;
  for (const WorkloadResult& one : result.workloads) {
    if (!one.workload.point) { continue; }
    if (curves.empty() || curves.back().front()->workload.point->curve != one.workload.point->curve) {
      curves.emplace_back();
    }
    curves.back().push_back(&one);
  }
  return curves;
}

std::string short_number(double value) {
  std::array<char, 32> text{};
  const auto print = [&](double shown, const char* unit) {
    const int digits = shown < 10 ? 2 : shown < 100 ? 1 : 0;
    std::snprintf(text.data(), text.size(), "%.*f%s", digits, shown, unit);
  };
  if (value >= 999.5e3) {
    print(value / 1e6, "M");
  } else if (value >= 9999.5) {
    print(value / 1e3, "k");
  } else {
    print(value, "");
  }
  return text.data();
}

std::string ratio_text(double value) {
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), value < 0.095 ? "%.3f" : value < 9.95 ? "%.2f" : "%.0f", value);
  return text.data();
}

Spread spread_of(std::vector<double> values) {
  std::ranges::sort(values);
  const std::size_t half = values.size() / 2;
  const double median = values.size() % 2 == 1 ? values[half] : (values[half - 1] + values[half]) / 2;
  return {.median = median, .least = values.front(), .most = values.back()};
}

std::vector<double> values_of(const WorkloadResult& result, const std::string& contender, const std::string& figure) {
  std::vector<double> values;
  const auto own = result.figures.find(contender);
  if (own == result.figures.end()) { return values; }
  for (const auto& figures : own->second) {
    if (figures && figures->contains(figure)) { values.push_back(figures->at(figure)); }
  }
  return values;
}

std::vector<double> ratios_of(const WorkloadResult& result, const std::string& contender, const std::string& base,
                              const std::string& figure) {
  std::vector<double> ratios;
  const auto own = result.figures.find(contender);
  const auto other = result.figures.find(base);
  if (own == result.figures.end() || other == result.figures.end()) { return ratios; }
  for (std::size_t i = 0; i < std::min(own->second.size(), other->second.size()); ++i) {
    const auto& mine = own->second[i];
    const auto& its = other->second[i];
    if (!mine || !its || !mine->contains(figure) || !its->contains(figure) || its->at(figure) <= 0) { continue; }
    ratios.push_back(mine->at(figure) / its->at(figure));
  }
  return ratios;
}

std::string markdown_of(const RunResult& result, const std::vector<std::string>& about, bool has_drawings) {
  std::ostringstream out;
  out << "# Tidemark beside other stores and the limits of the machine\n\n";
  for (const std::string& line : about) { out << "- " << line << '\n'; }
  out << "\nValues are medians; a ratio is the median [least, most] of those within one repetition.\n";
  for (const WorkloadResult& one : result.workloads) {
    if (one.workload.point) { continue; }
    if (one.workload.bases.empty()) {
      write_answers(out, one);
    } else {
      write_table(out, one);
      if (has_drawings && is_drawn(one)) {
        out << "\n![" << one.workload.title << "](" << one.workload.name << ".svg)\n";
      }
    }
  }
  for (const auto& points : curves_of(result)) {
    write_curve(out, points);
    const Workload& first = points.front()->workload;
    if (has_drawings) { out << "\n![" << first.title << "](" << first.point->curve << ".svg)\n"; }
  }
  if (!result.failures.empty()) {
    out << "\n## Failed\n\n";
    for (const std::string& failure : result.failures) { out << "- " << failure << '\n'; }
  }
  return out.str();
}

nlohmann::json json_of(const RunResult& result, const std::vector<std::string>& about) {
  nlohmann::json all{{"about", about},
                     {"failures", result.failures},
                     {"seconds", result.seconds},
                     {"interrupted", result.is_interrupted},
                     {"workloads", nlohmann::json::array()}};
  for (const WorkloadResult& one : result.workloads) {
    nlohmann::json columns = nlohmann::json::array();
    for (const Column& column : one.workload.columns) {
      columns.push_back(
          {{"figure", column.figure}, {"title", column.title}, {"more_is_better", column.more_is_better}});
    }
    nlohmann::json rows = nlohmann::json::array();
    for (const Contender& contender : one.workload.contenders) {
      nlohmann::json row{{"name", contender.name}, {"store", contender.store}, {"figures", nlohmann::json::object()}};
      for (const Column& column : one.workload.columns) {
        const auto values = values_of(one, contender.name, column.figure);
        if (values.empty()) { continue; }
        nlohmann::json& figure = row["figures"][column.figure];
        figure["values"] = values;
        figure["median"] = spread_of(values).median;
        if (!column.is_compared) { continue; }
        for (const std::string& base : one.workload.bases) {
          const auto ratios = ratios_of(one, contender.name, base, column.figure);
          if (ratios.empty()) { continue; }
          const Spread spread = spread_of(ratios);
          figure["of"][base] = {
              {"values", ratios}, {"median", spread.median}, {"least", spread.least}, {"most", spread.most}};
        }
      }
      rows.push_back(row);
    }
    nlohmann::json workload{{"name", one.workload.name}, {"family", one.workload.family}, {"title", one.workload.title},
                            {"columns", columns},        {"bases", one.workload.bases},   {"rows", rows}};
    if (const auto& point = one.workload.point) {
      workload["curve"] = {{"name", point->curve}, {"unit", point->unit}, {"at", point->at}};
    }
    all["workloads"].push_back(workload);
  }
  return all;
}

}  // namespace tidemark::compare
