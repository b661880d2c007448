// SPDX-License-Identifier: Apache-2.0
#include "bench/compare/plots.h"

#include <algorithm>
#include <array>
#include <cstdio>
#include <fstream>
#include <sstream>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "bench/compare/report.h"

namespace tidemark::compare {

namespace {

constexpr int kWidth = 900;
constexpr int kTitleHeight = 50;
constexpr int kPanelHeight = 330;
// Beyond that the small ones would not be seen.
constexpr double kLinearSpan = 30;

struct Bar {
  std::string label;
  std::string colour;
  Spread spread;
};

struct Panel {
  std::string title;
  std::vector<Bar> bars;
  bool is_ratio = false;
};

std::string colour_of(const std::string& store) {
  static constexpr std::array<std::pair<const char*, const char*>, 11> kColours = {{{"tidemark", "0x1f77b4"},
                                                                                    {"sqlite", "0x2ca02c"},
                                                                                    {"rocksdb", "0xd62728"},
                                                                                    {"lmdb", "0x9467bd"},
                                                                                    {"leveldb", "0xff7f0e"},
                                                                                    {"L1", "0x555555"},
                                                                                    {"L1-gather", "0x808080"},
                                                                                    {"L1-woken", "0x969696"},
                                                                                    {"L1-fresh", "0xaaaaaa"},
                                                                                    {"L6", "0x8c564b"},
                                                                                    {"L6-ahead", "0xc49c94"}}};
  const auto* const found = std::ranges::find(kColours, store, &std::pair<const char*, const char*>::first);
  return found == kColours.end() ? "0x17becf" : found->second;
}

// Halfway to white, for another way to use the same store.
std::string paler(const std::string& colour) {
  std::array<char, 16> text{};
  const unsigned long number = std::stoul(colour, nullptr, 16);
  std::snprintf(text.data(), text.size(), "0x%06lx", (number >> 1U & 0x7f7f7fU) + 0x7f7f7fU);
  return text.data();
}

std::string direction_of(const Column& column) {
  return column.more_is_better ? "; more is better" : "; less is better";
}

std::vector<Panel> panels_of(const WorkloadResult& result) {
  std::vector<Panel> panels;
  const auto add = [&](Panel panel, const std::string& base, const auto& values) {
    for (const Contender& contender : result.workload.contenders) {
      const std::vector<double> found = values(contender.name);
      if (contender.name == base || found.empty()) { continue; }
      panel.bars.push_back({.label = contender.name, .colour = colour_of(contender.store), .spread = spread_of(found)});
    }
    if (!panel.bars.empty()) { panels.push_back(std::move(panel)); }
  };
  for (const Column& column : result.workload.columns) {
    if (column.is_drawn) {
      add({.title = column.drawn_title() + direction_of(column), .bars = {}, .is_ratio = false}, {},
          [&](const std::string& name) { return values_of(result, name, column.figure); });
    }
    if (!column.is_compared) { continue; }
    for (const std::string& base : result.workload.bases) {
      add({.title = column.drawn_title() + ", of " + base + " (1)" + direction_of(column),
           .bars = {},
           .is_ratio = true},
          base, [&](const std::string& name) { return ratios_of(result, name, base, column.figure); });
    }
  }
  return panels;
}

// Zero is left out where it would hide the small ones.
void write_range(std::ostream& out, const Panel& panel) {
  double least = panel.is_ratio ? 1 : panel.bars.front().spread.least;
  double most = least;
  for (const Bar& bar : panel.bars) {
    least = std::min(least, bar.spread.least);
    most = std::max(most, bar.spread.most);
  }
  if (least > 0 && most / least > kLinearSpan) {
    out << "set logscale y\nset yrange [" << least / 2 << ':' << most * 4 << "]\n";
  } else {
    out << "unset logscale y\nset yrange [0:" << (most > 0 ? most * 1.2 : 1) << "]\n";
  }
}

// Broken into lines, since bars stand close.
std::string label_of(const Bar& bar) {
  std::string label = bar.label;
  for (const std::string_view between : {", ", " of "}) {
    const std::size_t at = label.find(between);
    if (at != std::string::npos) { label.replace(at + between.size() - 1, 1, "\\n"); }
  }
  return label;
}

void write_panel(std::ostream& out, const Panel& panel, std::size_t number) {
  out << "$panel" << number << " << EOD\n";
  for (const Bar& bar : panel.bars) {
    out << bar.spread.median << ' ' << bar.spread.least << ' ' << bar.spread.most << ' ' << bar.colour << " \""
        << (panel.is_ratio ? ratio_text(bar.spread.median) : short_number(bar.spread.median)) << "\"\n";
  }
  out << "EOD\nset title \"" << panel.title << "\"\nset xtics (";
  for (std::size_t i = 0; i < panel.bars.size(); ++i) {
    out << (i == 0 ? "\"" : ", \"") << label_of(panel.bars[i]) << "\" " << i;
  }
  out << ")\nset xrange [-0.6:" << panel.bars.size() << "-0.4]\n";
  write_range(out, panel);
  out << "plot ";
  if (panel.is_ratio) { out << "1 with lines lc rgb \"#000000\" dt 2, "; }
  out << "$panel" << number << " using 0:1:(0.7):4 with boxes lc rgb variable, '' using 0:1:2:3 with yerrorbars "
      << "lc rgb \"#000000\" pt -1, '' using 0:3:5 with labels offset 0,0.8\n";
}

void write_begin(std::ostream& out, const std::string& name, const std::string& title, std::size_t panels) {
  out << "set terminal svg size " << kWidth << ',' << kTitleHeight + kPanelHeight * static_cast<int>(panels)
      << " noenhanced font \"sans-serif,13\" background rgb \"white\"\nset output \"" << name << ".svg\"\n"
      << "set grid ytics lc rgb \"#dddddd\"\nset border 3\nset tics nomirror out\nset multiplot layout " << panels
      << ",1 title \"" << title << "\" font \",16\"\n";
}

std::string script_of(const WorkloadResult& result, const std::vector<Panel>& panels) {
  std::ostringstream out;
  write_begin(out, result.workload.name, result.workload.title, panels.size());
  out << "set style fill solid noborder\nset xtics scale 0\nset lmargin 9\nset rmargin 2\nset bmargin 4\n"
      << "set pointintervalbox 0\nunset key\n";
  for (std::size_t i = 0; i < panels.size(); ++i) { write_panel(out, panels[i], i); }
  out << "unset multiplot\n";
  return out.str();
}

// A panel of a curve: lines over the points, one for each contender that has the figure.
void write_lines(std::ostream& out, const std::vector<const WorkloadResult*>& points, const Column& column) {
  const Workload& first = points.front()->workload;
  std::ostringstream plot;
  for (std::size_t i = 0; i < first.contenders.size(); ++i) {
    const Contender& contender = first.contenders[i];
    std::ostringstream data;
    for (const WorkloadResult* one : points) {
      const auto values = values_of(*one, contender.name, column.figure);
      if (values.empty()) { continue; }
      const Spread spread = spread_of(values);
      if (spread.least <= 0) { continue; }  // has no place on a logarithmic axis
      data << one->workload.point->at << ' ' << spread.median << ' ' << spread.least << ' ' << spread.most << '\n';
    }
    if (data.str().empty()) { continue; }
    const std::string name = "$" + column.figure + std::to_string(i);
    const std::string colour = colour_of(contender.store);
    out << name << " << EOD\n" << data.str() << "EOD\n";
    plot << (plot.str().empty() ? "plot " : ", ") << name << " using 1:2:3:4 with yerrorlines lw 2 pt 7 ps 0.5 lc rgb "
         << (contender.name == contender.store ? colour : paler(colour)) << " title \"" << contender.name << '"';
  }
  // Rates are large, times may be below 1.
  out << "set format y \"" << (column.more_is_better ? "%.0s%c" : "%g") << "\"\n";
  out << "set title \"" << column.drawn_title() << direction_of(column) << "\"\nset xlabel \"" << first.point->unit
      << "\"\n"
      << plot.str() << '\n';
}

std::string script_of(const std::vector<const WorkloadResult*>& points) {
  const Workload& first = points.front()->workload;
  std::vector<Column> columns;
  for (const Column& column : first.columns) {
    const bool is_there = std::ranges::any_of(points, [&](const WorkloadResult* one) {
      return std::ranges::any_of(first.contenders, [&](const Contender& contender) {
        return !values_of(*one, contender.name, column.figure).empty();
      });
    });
    if (column.is_drawn && is_there) { columns.push_back(column); }
  }
  std::ostringstream out;
  write_begin(out, first.point->curve, first.title, columns.size());
  out << "set logscale xy\nset format x \"%.0s%c\"\nset key outside right\nset lmargin 11\nset rmargin 28\nset bmargin "
         "4\n";
  for (const Column& column : columns) { write_lines(out, points, column); }
  out << "unset multiplot\n";
  return out.str();
}

void write_script(const std::filesystem::path& file, const std::string& script) {
  std::ofstream out(file);
  out << script;
  if (!out.flush()) { throw Failure("cannot write " + file.string()); }
}

}  // namespace

bool is_drawn(const WorkloadResult& result) { return !panels_of(result).empty(); }

void write_plots(const RunResult& result, const std::filesystem::path& folder) {
  for (const WorkloadResult& one : result.workloads) {
    const std::vector<Panel> panels = panels_of(one);
    if (one.workload.point || panels.empty()) { continue; }
    write_script(folder / (one.workload.name + ".gnuplot"), script_of(one, panels));
  }
  for (const auto& points : curves_of(result)) {
    write_script(folder / (points.front()->workload.point->curve + ".gnuplot"), script_of(points));
  }
}

}  // namespace tidemark::compare
