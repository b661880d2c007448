// SPDX-License-Identifier: Apache-2.0
#include "bench/compare/runner.h"

#include <chrono>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <thread>

#include "bench/compare/closed_loop.h"
#include "bench/compare/folder.h"
#include "bench/compare/process.h"
#include "bench/compare/stores.h"

namespace tidemark::compare {

namespace {

constexpr std::chrono::seconds kOneAtMost{180};

std::vector<std::string> arguments_of(const Workload& workload, const Contender& contender,
                                      const std::filesystem::path& folder, const Scale& scale) {
  std::vector<std::string> arguments{"one",
                                     "--workload",
                                     workload.name,
                                     "--contender",
                                     contender.name,
                                     "--folder",
                                     folder.string(),
                                     "--seconds",
                                     std::to_string(scale.seconds),
                                     "--events",
                                     std::to_string(scale.events),
                                     "--payload",
                                     std::to_string(scale.payload_bytes),
                                     "--gather-us",
                                     std::to_string(scale.gather.count())};
  if (scale.allow_unsafe_file_system) { arguments.emplace_back("--allow-unsafe-file-system"); }
  return arguments;
}

// The figures in what a process printed; throws Failure if there are none.
Figures figures_in(const Ended& ended) {
  if (ended.is_late) { throw Failure("took longer than " + std::to_string(kOneAtMost.count()) + " s"); }
  if (ended.signal != 0) { throw Failure("ended by signal " + std::to_string(ended.signal)); }
  const auto answer = nlohmann::json::parse(ended.output, nullptr, false);
  if (answer.is_discarded() || !answer.is_object()) { throw Failure("gave no figures"); }
  if (answer.contains("error")) { throw Failure(answer["error"].get<std::string>()); }
  return answer.at("figures").get<Figures>();
}

class Running {
 public:
  explicit Running(const RunOptions& options) : options_(options), folder_(options.folder) {}

  [[nodiscard]] std::optional<Figures> measure(const Workload& workload, const Contender& contender,
                                               std::vector<std::string>& failures) {
    const StoreKind& kind = *find_store_kind(contender.store);
    if (!kind.recycles) { folder_.without(kind.name); }
    const std::filesystem::path folder = folder_.with(kind.name);
    settle(folder);
    std::optional<Figures> figures;
    try {
      figures = figures_in(run_self(arguments_of(workload, contender, folder, options_.scale), kOneAtMost));
    } catch (const Failure& failure) {
      if (!is_interrupted()) { failures.push_back(workload.name + ", " + contender.name + ": " + failure.what()); }
    }
    if (!kind.recycles) { folder_.without(kind.name); }
    return figures;
  }

 private:
  const RunOptions& options_;
  MarkedFolder folder_;
};

void tell(const Workload& workload, const Contender& contender, int repetition, const std::optional<Figures>& figures) {
  const Column& column = workload.columns.front();
  std::fprintf(stderr, "%s %d: %-28s ", workload.name.c_str(), repetition + 1, contender.name.c_str());
  if (figures && figures->contains(column.figure)) {
    std::fprintf(stderr, "%12.6g %s\n", figures->at(column.figure), column.title.c_str());
  } else {
    std::fprintf(stderr, "%12s\n", "failed");
  }
}

}  // namespace

RunResult run(const std::vector<Workload>& workloads, const RunOptions& options) {
  note_interrupts();
  const Nanoseconds start = now();
  RunResult result;
  Running running(options);
  for (const Workload& workload : workloads) {
    WorkloadResult& of = result.workloads.emplace_back(WorkloadResult{.workload = workload, .figures = {}});
    const std::size_t count = workload.contenders.size();
    for (int repetition = 0; repetition < options.repetitions; ++repetition) {
      for (std::size_t i = 0; i < count && !is_interrupted(); ++i) {
        // Another one begins each time, so that none always comes after the same.
        const Contender& contender = workload.contenders[(i + static_cast<std::size_t>(repetition)) % count];
        const auto figures = running.measure(workload, contender, result.failures);
        if (is_interrupted()) { break; }
        of.figures[contender.name].push_back(figures);
        tell(workload, contender, repetition, figures);
      }
    }
  }
  result.is_interrupted = is_interrupted();
  result.seconds = seconds_since(start);
  return result;
}

int measure_one(const OneOptions& options) {
  end_with_parent();
  nlohmann::json answer;
  try {
    std::vector<std::string> stores;
    for (const StoreKind& kind : store_kinds()) {
      if (!kind.is_limit) { stores.push_back(kind.name); }
    }
    const std::vector<Workload> all = workloads(stores);
    const Workload* const workload = find_workload(all, options.workload);
    if (workload == nullptr) { throw Failure("there is no workload " + options.workload); }
    const auto contender = std::ranges::find(workload->contenders, options.contender, &Contender::name);
    if (contender == workload->contenders.end()) {
      throw Failure(options.contender + " does not take part in " + options.workload);
    }
    const StoreKind& kind = *find_store_kind(contender->store);
    const auto store = kind.make();
    const Bench bench{.store = *store,
                      .folder = options.folder,
                      .scale = options.scale,
                      .pool = std::make_shared<const Pool>(options.scale.payload_bytes),
                      .is_checked = !kind.is_limit};
    answer["figures"] = contender->measure(bench);
  } catch (const std::exception& failure) { answer["error"] = failure.what(); }
  std::printf("%s\n", answer.dump().c_str());
  return answer.contains("error") ? 1 : 0;
}

}  // namespace tidemark::compare
