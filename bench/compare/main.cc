// SPDX-License-Identifier: Apache-2.0
// Measures Tidemark beside other embedded stores and beside what the machine itself does: README.md.
//
//   cmake --preset release -DTIDEMARK_BUILD_BENCH=ON && cmake --build --preset release --target compare_bench
//   build/release/bin/compare_bench --dir /a/real/disk
#include <CLI/CLI.hpp>
#include <algorithm>
#include <array>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "bench/compare/curves.h"
#include "bench/compare/folder.h"
#include "bench/compare/machine_facts.h"
#include "bench/compare/plots.h"
#include "bench/compare/report.h"
#include "bench/compare/runner.h"
#include "bench/compare/stores.h"
#include "bench/compare/workload.h"

namespace {

using namespace tidemark::compare;

constexpr const char* kExamples = R"(Examples:
  compare_bench --dir /a/real/disk
  compare_bench --dir . --workloads w1,w2 --stores tidemark,sqlite --repetitions 9
  compare_bench --dir . --workloads w3-1000 --payload 1024 --seconds 2 --json figures.json
  compare_bench --dir . --curves threads,batch --minutes 3
  compare_bench --dir . --curves size --stores tidemark --events-max 100000000 --repetitions 1
  compare_bench --dir /tmp --quick --allow-memory      # whether it works; the figures say nothing

Exit codes: 0 well, 1 something could not be measured or gave a wrong answer, 2 usage, 130 interrupted.)";

struct Arguments {
  RunOptions run;
  std::int64_t gather_us = 60;
  bool quick = false;
  bool allow_memory = false;
  std::vector<std::string> workloads;
  std::vector<std::string> curves;
  std::vector<std::string> stores;
  std::filesystem::path json;
  std::filesystem::path markdown;
  std::filesystem::path plots;
};

std::vector<std::string> names_of_stores() {
  std::vector<std::string> names;
  for (const StoreKind& kind : store_kinds()) {
    if (!kind.is_limit) { names.push_back(kind.name); }
  }
  return names;
}

bool is_meant(const Workload& workload, const std::vector<std::string>& names) {
  return std::ranges::any_of(names, [&](const auto& name) { return name == workload.family || name == workload.name; });
}

// Of the families (w2), single workloads (w2-64) and curves that were asked for; without a word all but the curves.
std::vector<Workload> chosen(const std::vector<Workload>& all, const Arguments& asked) {
  const bool are_all_curves = std::ranges::find(asked.curves, "all") != asked.curves.end();
  std::vector<Workload> some;
  for (const Workload& workload : all) {
    const bool is_by_default = workload.point ? are_all_curves : asked.workloads.empty() && asked.curves.empty();
    // Answers are always checked first.
    if (is_by_default || workload.family == kCheckWorkload || is_meant(workload, asked.workloads) ||
        is_meant(workload, asked.curves)) {
      some.push_back(workload);
    }
  }
  return some;
}

CLI::Validator known_workload() {
  return {[](const std::string& name) {
            const std::vector<Workload> all = workloads(names_of_stores(), Scale{}.events_max);
            std::string known = "there is no workload " + name + "; there are";
            for (const Workload& workload : all) {
              if (workload.point) { continue; }
              if (name == workload.family || name == workload.name) { return std::string(); }
              known += " " + workload.name;
            }
            return known;
          },
          "NAME"};
}

CLI::Validator known_curve() {
  return {[](const std::string& name) {
            std::string known = "there is no curve " + name + "; there are all";
            for (const std::string& one : curve_names()) {
              if (name == one || name == "all") { return std::string(); }
              known += " " + one;
            }
            return known;
          },
          "NAME"};
}

CLI::Validator known_store() {
  return {[](const std::string& name) {
            const StoreKind* const kind = find_store_kind(name);
            if (kind != nullptr && !kind->is_limit) { return std::string(); }
            for (const LeftOut& left_out : left_out_stores()) {
              if (left_out.name == name) { return name + " is not in this program: " + left_out.why; }
            }
            std::string known = "there is no store " + name + "; there are";
            for (const std::string& one : names_of_stores()) { known += " " + one; }
            return known;
          },
          "NAME"};
}

void add_scale(CLI::App& app, Scale& scale, std::int64_t& gather_us) {
  app.add_option("--seconds", scale.seconds, "how long one measurement takes")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  app.add_option("--events", scale.events, "that loads append")
      ->check(CLI::Range(100, 1000000000))
      ->capture_default_str();
  app.add_option("--payload", scale.payload_bytes, "bytes of an event's payload")
      ->check(CLI::Range(8, 1 << 15))  // a thousand of them are one batch
      ->capture_default_str();
  app.add_option("--events-max", scale.events_max, "in the largest store of the curves streams and size")
      ->check(CLI::Range(1000, 1000000000))
      ->capture_default_str();
  app.add_option("--gather-us", gather_us,
                 "how long a leader waits for company, in the group commit that stores with one writer share")
      ->check(CLI::Range(0, 1000000))
      ->capture_default_str();
  app.add_flag("--allow-unsafe-file-system", scale.allow_unsafe_file_system,
               "let Tidemark's stores lie on a network or overlay file system")
      ->envname("TIDEMARK_ALLOW_UNSAFE_FILE_SYSTEM");
}

// Enough to see that everything works.
void make_quick(const CLI::App& app, Arguments& arguments) {
  if (app.count("--repetitions") == 0) { arguments.run.repetitions = 1; }
  if (app.count("--seconds") == 0) { arguments.run.scale.seconds = 0.05; }
  if (app.count("--events") == 0) { arguments.run.scale.events = 5000; }
  if (app.count("--events-max") == 0) { arguments.run.scale.events_max = 10000; }
}

void write_file(const std::filesystem::path& file, const std::string& text) {
  if (file.empty()) { return; }
  std::ofstream out(file);
  out << text;
  if (!out.flush()) { throw Failure("cannot write " + file.string()); }
}

std::string gib(std::uint64_t bytes) {
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), "%.1f GiB", static_cast<double>(bytes) / (1U << 30U));
  return text.data();
}

// What the files take at most: the loaded stores stay beside each other, stores of curves are made one after the other,
// and new files are made for as long as an append workload lasts.
std::uint64_t bytes_needed(const std::vector<Workload>& some, const Scale& scale, std::size_t stores) {
  constexpr std::uint64_t kOfStore = std::uint64_t{64} << 20U;
  constexpr std::uint64_t kAlways = std::uint64_t{512} << 20U;  // segments and files that were zeroed before
  const std::uint64_t of_event = 2 * content_bytes(scale.payload_bytes) + 128;
  std::uint64_t loaded = 0;
  std::uint64_t grown = 0;
  for (const Workload& workload : some) {
    if (workload.place == Place::kLoaded || workload.place == Place::kLoading) {
      loaded = (stores + 1) * (kOfStore + scale.events * of_event);
    }
    grown = std::max(grown, workload.events * of_event);
  }
  return loaded + grown + kAlways + static_cast<std::uint64_t>(scale.seconds * static_cast<double>(1U << 30U));
}

int run_all(const Arguments& arguments) {
  if (is_in_memory(arguments.run.folder) && !arguments.allow_memory) {
    std::cerr << "compare_bench: " << arguments.run.folder.string() << " is on " << file_system_of(arguments.run.folder)
              << ", which has no disk: durable appends would cost nothing. Name another --dir, or say --allow-memory\n";
    return 2;
  }
  const auto stores = arguments.stores.empty() ? names_of_stores() : arguments.stores;
  const Scale& scale = arguments.run.scale;
  const std::vector<Workload> all = workloads(stores, scale.events_max);
  const std::vector<Workload> some = chosen(all, arguments);
  const std::uint64_t needed = bytes_needed(some, scale, stores.size());
  if (const std::uint64_t free = free_bytes(arguments.run.folder); free < needed) {
    std::cerr << "compare_bench: " << arguments.run.folder.string() << " has " << gib(free)
              << " free, and this may take " << gib(needed) << ". Name another --dir, or fewer events\n";
    return 2;
  }
  std::vector<std::string> about = machine_facts(arguments.run.folder);
  about.push_back("events of " + std::to_string(scale.payload_bytes) + " bytes of payload, loads of " +
                  std::to_string(scale.events) + ", " + std::to_string(scale.seconds).substr(0, 4) +
                  " s a measurement");
  for (const StoreKind& kind : store_kinds()) { about.push_back(kind.name + ": " + kind.about); }
  for (const LeftOut& left_out : left_out_stores()) { about.push_back(left_out.name + ": left out, " + left_out.why); }
  const double load_before = load_average();
  const RunResult result = run(some, all, arguments.run);
  std::array<char, 160> line{};
  std::snprintf(line.data(), line.size(),
                "load average before %.1f, after %.1f (this program's own included); took %.0f s", load_before,
                load_average(), result.seconds);
  about.insert(about.begin() + 1, line.data());
  const std::string markdown = markdown_of(result, about, !arguments.plots.empty());
  std::cout << markdown;
  write_file(arguments.markdown, markdown);
  if (!arguments.plots.empty()) { write_plots(result, arguments.plots); }
  nlohmann::json json = json_of(result, about);
  json["left_out"] = nlohmann::json::array();
  for (const LeftOut& left_out : left_out_stores()) { json["left_out"].push_back(left_out.name); }
  write_file(arguments.json, json.dump(1) + "\n");
  if (result.is_interrupted) {
    std::cerr << "compare_bench: interrupted\n";
    return 130;
  }
  return result.failures.empty() ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app("Tidemark beside other embedded stores and beside what the machine itself does, workload by workload.");
  app.footer(kExamples);
  Arguments arguments;
  app.add_option("--dir", arguments.run.folder, "where a folder for the stores is made and removed; on a real disk")
      ->check(CLI::ExistingDirectory);
  app.add_option("--workloads", arguments.workloads, "families or single ones, by commas; all if not given")
      ->delimiter(',')
      ->check(known_workload());
  app.add_option("--curves", arguments.curves, "how cost goes as work grows, by commas, or all; in place of workloads")
      ->delimiter(',')
      ->check(known_curve());
  app.add_option("--stores", arguments.stores, "by commas; all if not given. The limits are always measured")
      ->delimiter(',')
      ->check(known_store());
  app.add_option("--repetitions", arguments.run.repetitions, "of every measurement, interleaved")
      ->check(CLI::Range(1, 1000))
      ->capture_default_str();
  app.add_option("--minutes", arguments.run.minutes,
                 "how long all of it takes, about: as many repetitions as fit in, but one at least")
      ->check(CLI::PositiveNumber);
  app.add_option("--json", arguments.json, "write all figures to this file");
  app.add_option("--markdown", arguments.markdown, "write the tables to this file, too");
  app.add_option("--plots", arguments.plots, "write a script for gnuplot for each workload to this folder")
      ->check(CLI::ExistingDirectory);
  app.add_flag("--quick", arguments.quick, "a tiny run that shows whether everything works");
  app.add_flag("--allow-memory", arguments.allow_memory, "take a file system in memory for a disk");
  add_scale(app, arguments.run.scale, arguments.gather_us);

  CLI::App* const one = app.add_subcommand("one", "what every measurement is made by: one, in this process")->group("");
  OneOptions single;
  one->add_option("--workload", single.workload)->required();
  one->add_option("--contender", single.contender)->required();
  one->add_option("--folder", single.folder)->required();
  one->add_flag("--before", single.before);
  std::int64_t single_gather_us = 60;
  add_scale(*one, single.scale, single_gather_us);

  try {
    app.parse(argc, argv);
    if (!one->parsed() && arguments.run.folder.empty()) { throw CLI::RequiredError("--dir"); }
  } catch (const CLI::ParseError& error) { return app.exit(error) == 0 ? 0 : 2; }
  if (one->parsed()) {
    single.scale.gather = std::chrono::microseconds(single_gather_us);
    return measure_one(single);
  }
  arguments.run.scale.gather = std::chrono::microseconds(arguments.gather_us);
  if (arguments.quick) { make_quick(app, arguments); }
  // The time is the bound then.
  if (arguments.run.minutes > 0 && app.count("--repetitions") == 0) { arguments.run.repetitions = 15; }
  try {
    return run_all(arguments);
  } catch (const std::exception& failure) {
    std::cerr << "compare_bench: " << failure.what() << '\n';
    return 1;
  }
}
