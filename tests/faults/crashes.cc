// SPDX-License-Identifier: Apache-2.0
// Goal: wherever the power goes or the process dies, and wherever it does so again in the recovery, nothing that was
// acknowledged is lost, batches are whole, and the store goes on.
// Method: each workload once for each call that it makes on the seam and each way to lose what was not synced; then
// again for each call of the recovery that follows, but for those that come after one that changed nothing.
#include <fmt/format.h>
#include <utility>

#include "tests/faults/campaign.h"

namespace tidemark::faults {

namespace {

// A crash before a call, and perhaps another one in the recovery.
struct Point {
  std::uint64_t call = 0;  // past the last one: at the workload's end
  Fate fate = Fate::kKeepNone;
  std::uint64_t seed = 0;
  std::optional<std::uint64_t> recovery_call = {};  // from 1
  Fate recovery_fate = Fate::kKeepNone;
};

struct Outcome {
  Found found;
  bool crashed = false;
  std::vector<std::uint64_t> recovery_points;  // calls of the recovery, from 1, before which to crash
  std::vector<RecoveryKind> verdicts;          // from the crash on
};

// Whether a call may change what a crash leaves. A crash after one that does not leaves the same as a crash before it.
bool may_change(const platform::SeamCall& call) {
  using Kind = platform::SeamCall::Kind;
  switch (call.kind) {
    case Kind::kPread:
    case Kind::kSize:
    case Kind::kMap:
    case Kind::kPopulate:
    case Kind::kList:
    case Kind::kIsLocked:
    case Kind::kTraits:
      return false;
    case Kind::kOpen:  // of a file that is being made
      return call.path.ends_with(".tmp") || call.path.find("rejected-") != std::string_view::npos;
    default:
      return true;
  }
}

Outcome run_point(const Workload& workload, const StageOptions& options, const Point& point, Counts& counts) {
  Outcome outcome;
  Stage stage(options);
  stage.set_watch([&](const platform::SeamCall& call) -> std::optional<platform::SeamFault> {
    if (call.number == point.call) { stage.crash(); }
    return std::nullopt;
  });
  workload.run(stage);
  outcome.crashed = stage.is_down() || stage.files().calls() < point.call;
  const std::size_t verdicts_before = stage.verdicts().size();
  if (outcome.crashed && !stage.wrong()) {
    if (point.fate != Fate::kKilled) { counts.add(Count::kPowerLosses); }
    stage.come_back(point.fate, point.seed);
    if (point.recovery_call) {
      const std::uint64_t at = stage.files().calls() + *point.recovery_call;
      stage.set_watch([&stage, at](const platform::SeamCall& call) -> std::optional<platform::SeamFault> {
        if (call.number == at) { stage.crash(); }
        return std::nullopt;
      });
      stage.open();
      if (point.recovery_fate != Fate::kKilled) { counts.add(Count::kPowerLosses); }
      stage.come_back(point.recovery_fate, mix(point.seed, *point.recovery_call));
      stage.survive();
    } else {
      const std::uint64_t before = stage.files().calls();
      bool is_changed = true;
      stage.set_watch([&](const platform::SeamCall& call) -> std::optional<platform::SeamFault> {
        if (std::exchange(is_changed, may_change(call))) { outcome.recovery_points.push_back(call.number - before); }
        return std::nullopt;
      });
      stage.open();
      stage.set_watch({});
      stage.kill();
      stage.survive();
    }
    const auto& verdicts = stage.verdicts();
    outcome.verdicts.assign(verdicts.begin() + static_cast<std::ptrdiff_t>(verdicts_before), verdicts.end());
    for (const RecoveryKind kind : outcome.verdicts) { counts.add(Count::kTornTails, kind == RecoveryKind::kTornTail); }
  }
  counts.add(Count::kAlarms, stage.alarms());
  counts.add(Count::kSuspectsRefused, stage.suspects_accepted());
  if (stage.wrong()) {
    std::string again = fmt::format("--workload {} --payload {} --call {} --fate {}", workload.name,
                                    to_string(options.payload), point.call, to_string(point.fate));
    if (point.recovery_call) {
      again +=
          fmt::format(" --recovery-call {} --recovery-fate {}", *point.recovery_call, to_string(point.recovery_fate));
    }
    outcome.found = Finding{std::move(again), *stage.wrong()};
  }
  return outcome;
}

// How often a fate is thrown.
std::uint64_t throws_of(Fate fate, bool quick) {
  return fate != Fate::kKeepHalf && fate != Fate::kTorn ? 1 : quick ? 1 : 4;
}

// All crashes before one call.
Found crash_at(const Request& request, const Workload& workload, const StageOptions& options, std::uint64_t call,
               Counts& counts) {
  constexpr Fate kFates[] = {Fate::kKilled, Fate::kKeepNone, Fate::kKeepHalf, Fate::kKeepAll, Fate::kTorn};
  for (const Fate fate : kFates) {
    if (!wants(request.fate, fate)) { continue; }
    for (std::uint64_t n = 0; n < throws_of(fate, request.quick); ++n) {
      Point point{.call = call, .fate = fate, .seed = mix(request.seed, call, n)};
      std::vector<std::uint64_t> recovery_points;
      if (!request.recovery_call) {
        const Outcome outcome = run_point(workload, options, point, counts);
        if (outcome.found) { return outcome.found; }
        if (!outcome.crashed) { return std::nullopt; }
        counts.add(Count::kCrashPoints);
        recovery_points = outcome.recovery_points;
      } else {
        recovery_points = {*request.recovery_call};
      }
      // A recovery of each sort is crashed in; for the sorts that are thrown, in the first throw.
      if (n > 0 && !request.recovery_call) { continue; }
      for (std::size_t turn = 0; turn < recovery_points.size(); ++turn) {
        const std::uint64_t in = recovery_points[turn];
        // In the quick run every tenth, and each fate in its turn.
        const bool is_sampled = request.quick && !request.recovery_call;
        if (is_sampled && (turn + call) % 10 != 0) { continue; }
        point.recovery_call = in;
        for (std::size_t i = 0; i < 4; ++i) {
          if (is_sampled && i != (in + call) % 4) { continue; }
          if (!wants(request.recovery_fate, kFates[i])) { continue; }
          point.recovery_fate = kFates[i];
          const Outcome outcome = run_point(workload, options, point, counts);
          if (outcome.found) { return outcome.found; }
          counts.add(Count::kRecoveryCrashPoints);
        }
      }
    }
  }
  return std::nullopt;
}

}  // namespace

Found run_crashes(const Request& request, Counts& counts) {
  const StageOptions options = stage_options(request);
  const auto add_pieces = [&](const Workload& workload, const DryRun& dry, std::vector<Piece>& pieces) {
    const auto add = [&](std::uint64_t call) {
      if (!wants(request.call, call)) { return; }
      pieces.push_back(
          [&request, workload, options, call](Counts& own) { return crash_at(request, workload, options, call, own); });
    };
    for (const DryCall& call : dry.calls) { add(call.number); }
    add(dry.last + 1);
  };
  if (auto found = run_workloads(request, options, add_pieces, counts)) { return found; }
  if (request.is_whole() && (request.every * counts[Count::kCrashPoints] < 3 * counts[Count::kSeamCalls] ||
                             request.every * counts[Count::kRecoveryCrashPoints] < counts[Count::kSeamCalls] ||
                             request.every * counts[Count::kTornTails] < 100)) {
    return Finding{"", "too few crash points were met"};
  }
  return std::nullopt;
}

// Goal: what events hold changes no verdict: not copies of real frames, superblocks and segments, of the same store or
// of another, and not zeros.
// Method: the same crashes with plain payloads and with these, of equal sizes; the recoveries must say the same. Where
// blocks survive by chance a lost sector of zeros cannot be told from one that was written: there, payloads without
// zero sectors are compared, and of the others only that nothing is lost and nothing is called damage.
Found run_lookalikes(const Request& request, Counts& counts) {
  const StageOptions plain{.payload = Payload::kPlain, .seed = request.seed};
  const auto add_pieces = [&](const Workload& workload, const DryRun& dry, std::vector<Piece>& pieces) {
    for (const DryCall& call : dry.calls) {
      // What is read has no part in what is left.
      using Kind = platform::SeamCall::Kind;
      const bool changes = call.kind != Kind::kPread && call.kind != Kind::kMap && call.kind != Kind::kPopulate &&
                           call.kind != Kind::kList && call.kind != Kind::kSize;
      if (!wants(request.call, call.number) || (!changes && !request.call)) { continue; }
      if (request.quick && !request.call && mix(request.seed, call.number) % 3 != 0) { continue; }
      pieces.push_back([&request, workload, plain, number = call.number](Counts& own) -> Found {
        for (const Fate fate : {Fate::kKilled, Fate::kKeepNone, Fate::kKeepHalf, Fate::kKeepAll}) {
          if (!wants(request.fate, fate)) { continue; }
          const Point point{.call = number, .fate = fate, .seed = mix(request.seed, number)};
          const Outcome expected = run_point(workload, plain, point, own);
          if (expected.found) { return expected.found; }
          for (std::size_t i = 1; i < static_cast<std::size_t>(Payload::kCount); ++i) {
            const auto payload = static_cast<Payload>(i);
            if (request.payload && *request.payload != payload) { continue; }
            const Outcome outcome = run_point(workload, {.payload = payload, .seed = plain.seed}, point, own);
            if (outcome.found) { return outcome.found; }
            own.add(Count::kCrashPoints);
            if (fate == Fate::kKeepHalf && !is_dense(payload)) { continue; }
            if (outcome.verdicts != expected.verdicts) {
              return Finding{fmt::format("--workload {} --payload {} --call {} --fate {}", workload.name,
                                         to_string(payload), number, to_string(fate)),
                             "the recoveries say something else than with plain payloads"};
            }
            own.add(Count::kComparedVerdicts, outcome.verdicts.size());
          }
        }
        return std::nullopt;
      });
    }
  };
  if (auto found = run_workloads(request, plain, add_pieces, counts)) { return found; }
  if (request.is_whole() && request.every * counts[Count::kComparedVerdicts] < 5000) {
    return Finding{"", "too few verdicts were compared"};
  }
  return std::nullopt;
}

// Goal: a plain power loss, on a disk that writes sectors whole, is never called damage and never suspect.
// Method: lives of a few workloads one after the other in the same store, at each end a power loss at a random call,
// any part of what was not synced kept, any payload.
Found run_alarms(const Request& request, Counts& counts) {
  constexpr std::uint64_t kLossesALife = 4;
  std::vector<Workload> some = chosen(request);
  std::erase_if(some, [](const Workload& workload) { return workload.needs_new_store; });
  if (some.empty()) { return Finding{"", "there is no such workload"}; }
  std::vector<Piece> pieces;
  for (std::uint64_t life = 0; life * kLossesALife < request.count; ++life) {
    pieces.push_back([&some, seed = request.seed + life](Counts& own) -> Found {
      const Workload* workload = nullptr;
      Stage stage(
          {.payload = static_cast<Payload>(mix(seed, 1) % static_cast<std::uint64_t>(Payload::kCount)), .seed = seed});
      for (std::uint64_t n = 0; n < kLossesALife && !stage.wrong(); ++n) {
        workload = &some[mix(seed, 2, n) % some.size()];
        const std::uint64_t at = stage.files().calls() + 1 + mix(seed, 3, n) % 160;
        stage.set_watch([&stage, at](const platform::SeamCall& call) -> std::optional<platform::SeamFault> {
          if (call.number == at) { stage.crash(); }
          return std::nullopt;
        });
        workload->run(stage);
        const Fate fates[] = {Fate::kKeepNone, Fate::kKeepHalf, Fate::kKeepHalf, Fate::kKeepAll};
        stage.come_back(fates[mix(seed, 4, n) % 4], mix(seed, 5, n));
        own.add(Count::kPowerLosses);
        stage.survive();
      }
      own.add(Count::kAlarms, stage.alarms());
      for (const RecoveryKind kind : stage.verdicts()) { own.add(Count::kTornTails, kind == RecoveryKind::kTornTail); }
      if (!stage.wrong()) { return std::nullopt; }
      return Finding{fmt::format("--seed {} --count 1", seed),
                     fmt::format("in the workload {}: {}", workload->name, *stage.wrong())};
    });
  }
  if (auto found = run_all(request, pieces, counts)) { return found; }
  if (request.is_whole() && request.count >= 1000 && counts[Count::kTornTails] * 50 < request.count) {
    return Finding{"", "too few power losses left a torn tail"};
  }
  return std::nullopt;
}

}  // namespace tidemark::faults
