// SPDX-License-Identifier: Apache-2.0
// Goal: nobody is ever shown what a later recovery takes away: not by a read-only opening beside the writer, at
// whatever moment, and not by the writer's own reads; also when a sync of the writer fails, and after its death.
// Method: each workload once for each sync that it makes, which fails. A read-only opening looks in at every call on
// the seam; the writer's reads are judged by the steps (stage.h). Then the process is killed, or the power lost, and
// what is recovered must hold at least what was shown.
#include <algorithm>
#include <cerrno>
#include <fmt/format.h>

#include "tests/faults/campaign.h"

namespace tidemark::faults {

namespace {

using platform::SeamCall;
using platform::SeamFault;

struct Sync {
  DryCall call;
  bool is_once;  // or all from this one on
};

Found run_sync(const Workload& workload, const StageOptions& options, const Sync& sync, Fate fate, bool looks_always,
               Counts& counts) {
  Stage stage(options);
  std::uint64_t seam_calls = 0;  // of the workload, without those of the reader
  std::uint64_t kept_at_least = 0;
  bool is_looking = false;
  bool has_failed = false;
  stage.set_watch([&](const SeamCall& call) -> std::optional<SeamFault> {
    if (is_looking) { return std::nullopt; }
    ++seam_calls;
    if (looks_always || has_failed) {
      is_looking = true;
      const std::uint64_t shown = stage.look();
      is_looking = false;
      counts.add(Count::kReadersBeside);
      if (shown < kept_at_least && !workload.does_damage) {
        stage.fail(fmt::format("a reader was shown {} events, and {} before", shown, kept_at_least));
      }
      kept_at_least = std::max(kept_at_least, shown);
    }
    if (call.kind != SeamCall::Kind::kDatasync) { return std::nullopt; }
    if (seam_calls != sync.call.number && (!has_failed || sync.is_once)) { return std::nullopt; }
    has_failed = true;
    return SeamFault{.error = EIO};
  });
  workload.run(stage);
  stage.set_watch({});
  if (!stage.wrong() && has_failed) {
    counts.add(Count::kSyncsFailed);
    // What the writer itself shows, and a last look before it dies.
    if (stage.has_store()) { kept_at_least = std::max(kept_at_least, stage.store().info().events); }
    kept_at_least = std::max(kept_at_least, stage.look());
    if (fate != Fate::kKilled) { counts.add(Count::kPowerLosses); }
    stage.come_back(fate, mix(options.seed, sync.call.number));
    const std::uint64_t shown = stage.look();
    counts.add(Count::kReadersBeside);
    stage.open();
    const std::uint64_t kept = stage.model().event_count();
    if (!stage.wrong() && kept < std::max(shown, kept_at_least)) {
      stage.fail(
          fmt::format("readers were shown {} events, the recovery kept {}", std::max(shown, kept_at_least), kept));
    }
    stage.kill();
    stage.survive();
  }
  counts.add(Count::kAlarms, stage.alarms());
  if (!stage.wrong() && has_failed) { return std::nullopt; }
  return Finding{fmt::format("--workload {} --payload {} --call {} --fault {} --fate {} --seed {}", workload.name,
                             to_string(options.payload), sync.call.number, sync.is_once ? "once" : "for-good",
                             to_string(fate), options.seed),
                 stage.wrong().value_or("the sync was not made this time")};
}

}  // namespace

Found run_readers(const Request& request, Counts& counts) {
  const StageOptions options = stage_options(request);
  const auto add_pieces = [&](const Workload& workload, const DryRun& dry, std::vector<Piece>& pieces) {
    // Numbered without what a dying process tries: the reader's calls shift the numbers of the file system.
    for (std::size_t n = 0; n < dry.calls.size(); ++n) {
      if (dry.calls[n].kind != SeamCall::Kind::kDatasync || !wants(request.call, n + 1)) { continue; }
      for (const bool is_once : {true, false}) {
        if (request.fault && (*request.fault == "once") != is_once) { continue; }
        Sync sync{dry.calls[n], is_once};
        sync.call.number = n + 1;
        pieces.push_back([&request, workload, options, sync](Counts& own) -> Found {
          for (const Fate fate : {Fate::kKilled, Fate::kKeepNone, Fate::kKeepHalf, Fate::kKeepAll}) {
            if (!wants(request.fate, fate)) { continue; }
            const bool looks_always = !request.quick || fate == Fate::kKeepNone;
            if (auto found = run_sync(workload, options, sync, fate, looks_always, own)) { return found; }
          }
          return std::nullopt;
        });
      }
    }
  };
  if (auto found = run_workloads(request, options, add_pieces, counts)) { return found; }
  if (request.is_whole() && (request.every * counts[Count::kSyncsFailed] < 2000 ||
                             counts[Count::kReadersBeside] < 10 * counts[Count::kSyncsFailed])) {
    return Finding{"", "too few syncs were made to fail"};
  }
  return std::nullopt;
}

}  // namespace tidemark::faults
