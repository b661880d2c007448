// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "tests/faults/stage.h"
#include "tests/faults/workloads.h"

namespace tidemark::faults {

// What a run is asked for. What is not given is all of it.
struct Request {
  std::optional<std::string> workload;
  std::optional<std::uint64_t> call;           // on the seam
  std::optional<std::uint64_t> recovery_call;  // on the seam, of the recovery after the crash
  std::optional<Fate> fate;
  std::optional<Fate> recovery_fate;
  std::optional<std::string> fault;    // errors: a name of its list
  std::optional<std::uint64_t> bytes;  // cuts: so many of the write; or the subset's bits
  std::optional<Payload> payload;
  std::uint64_t seed = 1;
  std::uint64_t count = 0;  // alarms: how many
  unsigned threads = 2;
  bool quick = false;
  std::uint64_t every = 1;  // only every so many-th piece of work: for builds that run slowly

  // Nothing was left out by name: then a run must have covered enough.
  [[nodiscard]] bool is_whole() const {
    return !workload && !call && !recovery_call && !fate && !recovery_fate && !fault && !bytes && !payload;
  }
};

// What a run came by.
enum class Count : std::uint8_t {
  kWorkloads,
  kSeamCalls,
  kCrashPoints,
  kRecoveryCrashPoints,
  kFaults,
  kCuts,
  kSubsets,
  kPowerLosses,
  kComparedVerdicts,
  kSyncsFailed,
  kReadersBeside,
  kTornTails,
  kSuspectsRefused,
  kAlarms,
  kCount,
};

class Counts {
 public:
  void add(Count count, std::uint64_t n = 1) { counts_[static_cast<std::size_t>(count)] += n; }
  void add(const Counts& other);
  [[nodiscard]] std::uint64_t operator[](Count count) const { return counts_[static_cast<std::size_t>(count)]; }
  // One `name: number` a line: those that are not zero, and the alarms.
  [[nodiscard]] std::string to_text() const;

 private:
  std::array<std::uint64_t, static_cast<std::size_t>(Count::kCount)> counts_{};
};

// The first thing that was wrong, with the arguments that show it again.
struct Finding {
  std::string again;
  std::string what;
};
using Found = std::optional<Finding>;

// One call on the seam that a workload made.
struct DryCall {
  platform::SeamCall::Kind kind;
  std::uint64_t number;
  std::string path;
  std::uint64_t offset;
  std::uint64_t length;
};
// The calls of a whole workload in which nothing fails, in order; what a dying process tries is not among them. The
// workload itself must go well.
struct DryRun {
  std::vector<DryCall> calls;
  std::uint64_t last = 0;
  Found found;
};
[[nodiscard]] DryRun dry_run(const Workload& workload, const StageOptions& options);

// The workloads that were asked for.
[[nodiscard]] std::vector<Workload> chosen(const Request& request);
[[nodiscard]] bool wants(const std::optional<std::uint64_t>& asked, std::uint64_t value);
[[nodiscard]] bool wants(const std::optional<Fate>& asked, Fate value);
// A number that looks like chance, the same for the same three.
[[nodiscard]] std::uint64_t mix(std::uint64_t seed, std::uint64_t a, std::uint64_t b = 0);

// Runs the pieces that were asked for on some threads, until one finds something. A piece counts what it does.
using Piece = std::function<Found(Counts&)>;
[[nodiscard]] Found run_all(const Request& request, const std::vector<Piece>& pieces, Counts& counts);

// For each workload that was asked for, after a run of it in which nothing fails: adds what there is to do; then runs
// all of it.
using AddPieces = std::function<void(const Workload&, const DryRun&, std::vector<Piece>&)>;
[[nodiscard]] Found run_workloads(const Request& request, const StageOptions& options, const AddPieces& add,
                                  Counts& counts);
// What the events of a run hold, and its seed.
[[nodiscard]] StageOptions stage_options(const Request& request);

// The subcommands. Each gives what is wrong, and fails itself if it covered less than it should.
[[nodiscard]] Found run_crashes(const Request& request, Counts& counts);
[[nodiscard]] Found run_errors(const Request& request, Counts& counts);
[[nodiscard]] Found run_cuts(const Request& request, Counts& counts);
[[nodiscard]] Found run_alarms(const Request& request, Counts& counts);
[[nodiscard]] Found run_lookalikes(const Request& request, Counts& counts);
[[nodiscard]] Found run_readers(const Request& request, Counts& counts);

}  // namespace tidemark::faults
