// SPDX-License-Identifier: Apache-2.0
#include "bench/compare/runner.h"

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <tuple>
#include <utility>

#include "bench/compare/closed_loop.h"
#include "bench/compare/folder.h"
#include "bench/compare/process.h"
#include "bench/compare/stores.h"

namespace tidemark::compare {

namespace {

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
                                     "--events-max",
                                     std::to_string(scale.events_max),
                                     "--gather-us",
                                     std::to_string(scale.gather.count())};
  if (scale.allow_unsafe_file_system) { arguments.emplace_back("--allow-unsafe-file-system"); }
  return arguments;
}

// The figures in what a process printed; throws Failure if there are none.
Figures figures_in(const Ended& ended) {
  if (ended.is_late) { throw Failure("took too long"); }
  if (ended.signal != 0) { throw Failure("ended by signal " + std::to_string(ended.signal)); }
  const auto answer = nlohmann::json::parse(ended.output, nullptr, false);
  if (answer.is_discarded() || !answer.is_object()) { throw Failure("gave no figures"); }
  if (answer.contains("error")) { throw Failure(answer["error"].get<std::string>()); }
  return answer.at("figures").get<Figures>();
}

class Running {
 public:
  explicit Running(const RunOptions& options, const std::vector<Workload>& all)
      : options_(options),
        load_(*find_workload(all, kLoadWorkload)),
        at_most_(180 + std::max(options.scale.events, options.scale.events_max) / 5000),
        folder_(options.folder) {}

  [[nodiscard]] std::optional<Figures> measure(const Workload& workload, const Contender& contender) {
    if (wrong_.contains(contender.store)) { return std::nullopt; }
    try {
      const Figures figures = measure_or_throw(workload, contender);
      return figures;
    } catch (const Failure& failure) {
      if (workload.family == kCheckWorkload) { wrong_.insert(contender.store); }
      if (!is_interrupted()) { failures_.push_back(workload.name + ", " + contender.name + ": " + failure.what()); }
      return std::nullopt;
    }
  }
  [[nodiscard]] const std::vector<std::string>& failures() const { return failures_; }

 private:
  Figures measure_or_throw(const Workload& workload, const Contender& contender) {
    const StoreKind& kind = *find_store_kind(contender.store);
    if (workload.place == Place::kLoaded && !kind.is_in_memory) { require_loaded(kind); }
    const bool is_loaded =
        (workload.place == Place::kLoading || workload.place == Place::kLoaded) && !kind.is_in_memory;
    const bool is_recycled = workload.place == Place::kEmpty && kind.recycles;
    const bool is_new = !is_loaded && !is_recycled;
    const std::string name = (is_loaded ? "loaded-" : is_recycled ? "recycled-" : "new-") + kind.name;
    if (workload.place == Place::kLoading || is_new) { folder_.without(name); }
    const std::filesystem::path folder = folder_.with(name);
    auto arguments = arguments_of(workload, contender, folder, options_.scale);
    if (workload.before) {
      arguments.emplace_back("--before");
      const Ended ended = run_self(arguments, at_most_);
      if (ended.signal != SIGKILL || ended.is_late) { figures_in(ended); }
      arguments.pop_back();
    }
    settle(folder);
    const Figures figures = figures_in(run_self(arguments, at_most_));
    if (workload.place == Place::kLoading) { loaded_.insert(kind.name); }
    if (is_new) { folder_.without(name); }
    return figures;
  }

  void require_loaded(const StoreKind& kind) {
    if (loaded_.contains(kind.name)) { return; }
    const auto loader = std::ranges::find(load_.contenders, kind.name, &Contender::store);
    std::fprintf(stderr, "loading %s\n", kind.name.c_str());
    measure_or_throw(load_, *loader);
  }

  const RunOptions& options_;
  const Workload& load_;
  const std::chrono::seconds at_most_;
  MarkedFolder folder_;
  std::set<std::string> loaded_;
  std::set<std::string> wrong_;  // stores that gave wrong answers: not measured
  std::vector<std::string> failures_;
};

// Shares the time among the workloads: what one leaves over, those after it have.
class Budget {
 public:
  Budget(const std::vector<Workload>& workloads, double minutes) : end_seconds_(minutes * 60) {
    for (const Workload& workload : workloads) { cost_left_ += cost_of(workload); }
  }

  void begin(const Workload& workload) {
    const double now_seconds = seconds_since(start_);
    const double cost = cost_of(workload);
    begun_seconds_ = now_seconds;
    share_seconds_ = cost_left_ > 0 ? (end_seconds_ - now_seconds) * cost / cost_left_ : 0;
    cost_left_ -= cost;
  }
  // Whether one more fits in, if it takes as long as those before.
  [[nodiscard]] bool has_room(int repetitions_done) const {
    if (end_seconds_ <= 0 || repetitions_done == 0) { return true; }
    return (seconds_since(start_) - begun_seconds_) * (repetitions_done + 1) / repetitions_done <= share_seconds_;
  }

 private:
  static double cost_of(const Workload& workload) {
    const double repetitions = workload.repetitions_max == 1 ? 0.5 : 1;
    return static_cast<double>(workload.contenders.size()) * workload.cost * repetitions;
  }

  const Nanoseconds start_ = now();
  const double end_seconds_;
  double cost_left_ = 0;
  double begun_seconds_ = 0;
  double share_seconds_ = 0;
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

RunResult run(const std::vector<Workload>& workloads, const std::vector<Workload>& all, const RunOptions& options) {
  note_interrupts();
  const Nanoseconds start = now();
  RunResult result;
  Running running(options, all);
  Budget budget(workloads, options.minutes);
  // Loads come late and are reported by their name. Curves are reported last.
  std::map<std::tuple<bool, std::string, std::size_t>, WorkloadResult> in_order;
  for (const Workload& workload : workloads) {
    WorkloadResult& of = in_order[{workload.point.has_value(), workload.family, in_order.size()}];
    of.workload = workload;
    const std::size_t count = workload.contenders.size();
    budget.begin(workload);
    const int repetitions = std::min(options.repetitions, workload.repetitions_max);
    for (int repetition = 0; repetition < repetitions && budget.has_room(repetition); ++repetition) {
      for (std::size_t i = 0; i < count && !is_interrupted(); ++i) {
        // Another one begins each time, so that none always comes after the same.
        const Contender& contender = workload.contenders[(i + static_cast<std::size_t>(repetition)) % count];
        const auto figures = running.measure(workload, contender);
        if (is_interrupted()) { break; }
        of.figures[contender.name].push_back(figures);
        tell(workload, contender, repetition, figures);
      }
    }
  }
  for (auto& [place, one] : in_order) { result.workloads.push_back(std::move(one)); }
  result.failures = running.failures();
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
    const std::vector<Workload> all = workloads(stores, options.scale.events_max);
    const Workload* const workload = find_workload(all, options.workload);
    if (workload == nullptr) { throw Failure("there is no workload " + options.workload); }
    const auto contender = std::ranges::find(workload->contenders, options.contender, &Contender::name);
    if (contender == workload->contenders.end()) {
      throw Failure(options.contender + " does not take part in " + options.workload);
    }
    const StoreKind& kind = *find_store_kind(contender->store);
    const auto store = kind.make();
    Scale scale = options.scale;
    if (workload->payload_bytes != 0) { scale.payload_bytes = workload->payload_bytes; }
    const Bench bench{.store = *store,
                      .folder = options.folder,
                      .scale = scale,
                      .pool = std::make_shared<const Pool>(scale.payload_bytes),
                      .is_checked = !kind.is_limit,
                      .is_in_memory = kind.is_in_memory};
    answer["figures"] = options.before ? workload->before(bench) : contender->measure(bench);
  } catch (const std::exception& failure) { answer["error"] = failure.what(); }
  std::printf("%s\n", answer.dump().c_str());
  return answer.contains("error") ? 1 : 0;
}

}  // namespace tidemark::compare
