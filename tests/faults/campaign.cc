// SPDX-License-Identifier: Apache-2.0
#include "tests/faults/campaign.h"

#include <atomic>
#include <fmt/format.h>
#include <mutex>
#include <thread>

namespace tidemark::faults {

namespace {

constexpr std::array<std::string_view, static_cast<std::size_t>(Count::kCount)> kNames = {
    "workloads",
    "seam calls",
    "crash points",
    "crash points in recovery",
    "faults injected",
    "cuts",
    "subsets",
    "power losses",
    "verdicts compared",
    "syncs failed",
    "openings beside the writer",
    "torn tails cut",
    "suspect tails refused",
    "alarms",
};

}  // namespace

void Counts::add(const Counts& other) {
  for (std::size_t i = 0; i < counts_.size(); ++i) { counts_[i] += other.counts_[i]; }
}

std::string Counts::to_text() const {
  std::string text;
  for (std::size_t i = 0; i < counts_.size(); ++i) {
    if (counts_[i] > 0 || static_cast<Count>(i) == Count::kAlarms) {
      text += fmt::format("{}: {}\n", kNames[i], counts_[i]);
    }
  }
  return text;
}

DryRun dry_run(const Workload& workload, const StageOptions& options) {
  DryRun dry;
  Stage stage(options);
  stage.set_watch([&](const platform::SeamCall& call) -> std::optional<platform::SeamFault> {
    dry.calls.push_back({call.kind, call.number, std::string(call.path), call.offset, call.length});
    return std::nullopt;
  });
  workload.run(stage);
  stage.set_watch({});
  dry.last = stage.files().calls();
  if (!stage.wrong()) {
    stage.come_back(Fate::kKilled, 0);
    stage.survive();
  }
  if (stage.wrong()) {
    dry.found = Finding{fmt::format("--workload {} --payload {}", workload.name, to_string(options.payload)),
                        "with nothing made to fail: " + *stage.wrong()};
  }
  return dry;
}

std::vector<Workload> chosen(const Request& request) {
  std::vector<Workload> some;
  for (const Workload& workload : workloads()) {
    if (!request.workload || *request.workload == workload.name) { some.push_back(workload); }
  }
  return some;
}

bool wants(const std::optional<std::uint64_t>& asked, std::uint64_t value) { return !asked || *asked == value; }
bool wants(const std::optional<Fate>& asked, Fate value) { return !asked || *asked == value; }

std::uint64_t mix(std::uint64_t seed, std::uint64_t a, std::uint64_t b) {
  std::uint64_t x = seed * 0x9E37'79B9'7F4A'7C15 + a * 0xBF58'476D'1CE4'E5B9 + b * 0x94D0'49BB'1331'11EB;
  x = (x ^ (x >> 30U)) * 0xBF58'476D'1CE4'E5B9;
  x = (x ^ (x >> 27U)) * 0x94D0'49BB'1331'11EB;
  return x ^ (x >> 31U);
}

Found run_all(const Request& request, const std::vector<Piece>& pieces, Counts& counts) {
  std::atomic<std::size_t> next = 0;
  std::atomic<bool> over = false;
  std::mutex mutex;
  Found first;
  std::vector<std::jthread> workers;
  for (unsigned i = 0; i < request.threads; ++i) {
    workers.emplace_back([&] {
      Counts own;
      while (!over) {
        const std::size_t n = next++;
        if (n >= pieces.size()) { break; }
        if (n % request.every != request.seed % request.every) { continue; }
        if (Found found = pieces[n](own)) {
          over = true;
          const std::scoped_lock lock(mutex);
          if (!first) { first = std::move(found); }
        }
      }
      const std::scoped_lock lock(mutex);
      counts.add(own);
    });
  }
  workers.clear();
  return first;
}

StageOptions stage_options(const Request& request) {
  return {.payload = request.payload.value_or(Payload::kPlain), .seed = request.seed};
}

Found run_workloads(const Request& request, const StageOptions& options, const AddPieces& add, Counts& counts) {
  std::vector<Piece> pieces;
  for (const Workload& workload : chosen(request)) {
    const DryRun dry = dry_run(workload, options);
    if (dry.found) { return dry.found; }
    counts.add(Count::kWorkloads);
    counts.add(Count::kSeamCalls, dry.calls.size());
    add(workload, dry, pieces);
  }
  return run_all(request, pieces, counts);
}

}  // namespace tidemark::faults
