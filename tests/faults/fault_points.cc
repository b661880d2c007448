// SPDX-License-Identifier: Apache-2.0
// Goal: never lose, never lie, whatever fails and wherever. Method: scripted workloads on the in-memory twin, and
// systematically every crash, error and cut at the seam; a model of plain vectors judges. One subcommand a question;
// each says in its file what it asks and how.
#include <CLI/CLI.hpp>
#include <cstdio>
#include <exception>
#include <fmt/format.h>
#include <map>
#include <string>

#include "tests/faults/campaign.h"

namespace {

using namespace tidemark::faults;

struct Command {
  const char* name;
  const char* about;
  Found (*run)(const Request&, Counts&);
};

constexpr Command kCommands[] = {
    {"crashes", "A crash before every call, and before every call of the recovery", run_crashes},
    {"errors", "Every call failed once, and from then on, in every way", run_errors},
    {"cuts", "Every write cut at every edge, and with every subset of its sectors", run_cuts},
    {"lookalikes", "Crashes with events that look like frames, superblocks, segments and unwritten sectors",
     run_lookalikes},
    {"alarms", "Plain power losses: none is called damage", run_alarms},
    {"readers", "Every sync failed, with readers beside: they see nothing that goes", run_readers},
};

template <class T>
std::map<std::string, T> names_of() {
  std::map<std::string, T> names;
  for (std::size_t i = 0; i < static_cast<std::size_t>(T::kCount); ++i) {
    names.emplace(to_string(static_cast<T>(i)), static_cast<T>(i));
  }
  return names;
}

void add_options(CLI::App& command, Request& request) {
  std::set<std::string> names;
  for (const Workload& workload : workloads()) { names.emplace(workload.name); }
  command.add_option("--workload", request.workload, "This workload alone")->check(CLI::IsMember(names));
  command.add_option("--call", request.call, "This call on the seam alone");
  command.add_option("--fate", request.fate, "What is kept at the crash: killed, none, half, all, torn")
      ->transform(CLI::CheckedTransformer(names_of<Fate>()));
  command.add_option("--keep", request.fate, "The same")->transform(CLI::CheckedTransformer(names_of<Fate>()));
  command.add_option("--recovery-call", request.recovery_call, "crashes: this call of the recovery alone");
  command.add_option("--recovery-fate", request.recovery_fate, "crashes: what is kept at the crash in the recovery")
      ->transform(CLI::CheckedTransformer(names_of<Fate>()));
  command.add_option("--fault", request.fault, "errors: this fault alone");
  command.add_option("--bytes", request.bytes, "cuts: so many bytes of the write, or this subset of its sectors");
  command.add_option("--payload", request.payload, "What the events hold")
      ->transform(CLI::CheckedTransformer(names_of<Payload>()));
  command.add_option("--seed", request.seed, "Of everything that is thrown")->capture_default_str();
  command.add_option("--count", request.count, "alarms: how many power losses")->capture_default_str();
  command.add_option("--threads", request.threads, "How many cases run at a time")
      ->capture_default_str()
      ->check(CLI::Range(1, 256));
  command.add_option("--every", request.every, "Only every so many-th call of a workload, for slow builds")
      ->capture_default_str()
      ->check(CLI::PositiveNumber);
  command.add_flag("--quick", request.quick, "A fixed sample of the longest loops");
}

int run(const Command& command, const Request& request) {
  Counts counts;
  const Found found = command.run(request, counts);
  fmt::print("{}", counts.to_text());
  if (!found) { return 0; }
  std::fflush(stdout);
  fmt::print(stderr, "FAILED: {}\n", found->what);
  if (!found->again.empty()) { fmt::print(stderr, "  again: fault_points {} {}\n", command.name, found->again); }
  return 1;
}

}  // namespace

int main(int argc, char** argv) {
  Request request;
  request.count = 10'000;
  CLI::App app{"Systematic faults at the seam to the file system"};
  app.require_subcommand(1);
  for (const Command& command : kCommands) { add_options(*app.add_subcommand(command.name, command.about), request); }
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) { return app.exit(error) == 0 ? 0 : 2; }
  try {
    for (const Command& command : kCommands) {
      if (app.got_subcommand(command.name)) { return run(command, request); }
    }
  } catch (const std::exception& error) { fmt::print(stderr, "{}\n", error.what()); }
  return 2;
}
