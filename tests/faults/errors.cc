// SPDX-License-Identifier: Apache-2.0
// Goal: whatever call fails, in whatever way, the answer is a typed error and nothing is said that is not so; after a
// failed write or sync the store takes no more appends, everybody gets an answer, reads go on; any other failure leaves
// the store usable or not opened; and nothing acknowledged is lost afterwards.
// Method: each workload once for each call, each fault and each of two durations. The steps judge what they are
// answered (stage.h); at the end the process is killed, or the power lost, and the store must survive.
#include <cerrno>
#include <fmt/format.h>
#include <string>

#include "engine/format/layout.h"
#include "tests/faults/campaign.h"

namespace tidemark::faults {

namespace {

using platform::SeamCall;
using platform::SeamFault;
using Kind = SeamCall::Kind;

enum class How : std::uint8_t {
  kFail,             // nothing is done
  kHalf,             // a short count: half
  kOneByte,          // a short count: one byte
  kHalfThenFail,     // half is done, and the call says that it failed
  kSectorsThenFail,  // likewise, up to the edge of a sector
  kHalfFailsNext,    // a short count, and the next call of the kind fails
};

struct Fault {
  const char* name;
  How how;
  int error;
  // For good: from this call on every call fails. What is only to be repeated (EINTR of reads and writes, short counts)
  // then happens at every other call of the kind: for good it would be a system that does nothing at all.
  bool for_good;
};

constexpr Fault kFaults[] = {
    {"eio", How::kFail, EIO, false},
    {"eio-for-good", How::kFail, EIO, true},
    {"enospc", How::kFail, ENOSPC, false},
    {"enospc-for-good", How::kFail, ENOSPC, true},
    {"enomem", How::kFail, ENOMEM, false},
    {"enomem-for-good", How::kFail, ENOMEM, true},
    {"eintr", How::kFail, EINTR, false},
    {"eintr-for-good", How::kFail, EINTR, true},
    {"half", How::kHalf, 0, false},
    {"half-for-good", How::kHalf, 0, true},
    {"one-byte", How::kOneByte, 0, false},
    {"one-byte-for-good", How::kOneByte, 0, true},
    {"half-and-eio", How::kHalfThenFail, EIO, false},
    {"sectors-and-eio", How::kSectorsThenFail, EIO, false},
    {"half-then-eio", How::kHalfFailsNext, EIO, false},
    {"half-then-enospc", How::kHalfFailsNext, ENOSPC, false},
};

bool applies(const Fault& fault, const DryCall& call) {
  const bool counts = call.kind == Kind::kPread || call.kind == Kind::kPwritev;
  return fault.how == How::kFail || (counts && call.length > 1);
}

// About half of it, to the edge of a sector; nothing if there is none.
std::uint64_t half_in_sectors(const SeamCall& call) {
  const std::uint64_t middle = (call.offset + call.length / 2) / engine::kSectorBytes * engine::kSectorBytes;
  const std::uint64_t edge = middle > call.offset ? middle : middle + engine::kSectorBytes;
  return edge > call.offset && edge < call.offset + call.length ? edge - call.offset : 0;
}

// Makes one fault at one call, or from it on.
class Saboteur {
 public:
  Saboteur(const Fault& fault, std::uint64_t call) : fault_(fault), call_(call) {}

  std::optional<SeamFault> operator()(const SeamCall& call) {
    if (call.number < call_) { return std::nullopt; }
    if (call.number == call_) { kind_ = call.kind; }
    const bool at_first = call.number == call_;
    const bool can_repeat = call.kind == Kind::kPread || call.kind == Kind::kPwritev;
    switch (fault_.how) {
      case How::kFail:
        if (at_first) { return made({.error = fault_.error}); }
        if (!fault_.for_good) { return std::nullopt; }
        if (fault_.error == EINTR && can_repeat && !every_other()) { return std::nullopt; }
        return made({.error = fault_.error});
      case How::kHalf:
      case How::kOneByte:
        if (!at_first && (!fault_.for_good || call.kind != kind_ || call.length < 2 || !every_other())) {
          return std::nullopt;
        }
        return made({.only = fault_.how == How::kHalf ? call.length / 2 : 1});
      case How::kHalfThenFail:
        return at_first ? made({.error = fault_.error, .only = call.length / 2}) : std::nullopt;
      case How::kSectorsThenFail:
        return at_first ? made({.error = fault_.error, .only = half_in_sectors(call)}) : std::nullopt;
      case How::kHalfFailsNext:
        if (at_first) { return made({.only = call.length / 2}); }
        if (call.kind != kind_ || failed_next_) { return std::nullopt; }
        failed_next_ = true;
        return made({.error = fault_.error});
    }
    return std::nullopt;
  }

  [[nodiscard]] std::uint64_t made() const { return made_; }

 private:
  std::optional<SeamFault> made(SeamFault fault) {
    ++made_;
    return fault;
  }
  bool every_other() {
    other_ = !other_;
    return !other_;
  }

  const Fault& fault_;
  const std::uint64_t call_;
  Kind kind_ = Kind::kOpen;
  bool failed_next_ = false;
  bool other_ = false;
  std::uint64_t made_ = 0;
};

Found run_fault(const Workload& workload, const StageOptions& options, const Fault& fault, std::uint64_t call,
                Fate fate, std::uint64_t seed, Counts& counts) {
  Stage stage(options);
  Saboteur saboteur(fault, call);
  stage.set_watch([&](const SeamCall& seam_call) { return saboteur(seam_call); });
  workload.run(stage);
  counts.add(Count::kFaults, saboteur.made());
  if (!stage.wrong()) {
    if (fate != Fate::kKilled) { counts.add(Count::kPowerLosses); }
    stage.come_back(fate, seed);
    stage.survive();
  }
  counts.add(Count::kAlarms, stage.alarms());
  if (!stage.wrong() && saboteur.made() > 0) { return std::nullopt; }
  return Finding{fmt::format("--workload {} --payload {} --call {} --fault {} --fate {} --seed {}", workload.name,
                             to_string(options.payload), call, fault.name, to_string(fate), options.seed),
                 stage.wrong().value_or("the call was not made this time")};
}

}  // namespace

Found run_errors(const Request& request, Counts& counts) {
  const StageOptions options = stage_options(request);
  const auto add_pieces = [&](const Workload& workload, const DryRun& dry, std::vector<Piece>& pieces) {
    for (const DryCall& call : dry.calls) {
      if (!wants(request.call, call.number)) { continue; }
      pieces.push_back([&request, workload, options, call](Counts& own) -> Found {
        constexpr Fate kFates[] = {Fate::kKilled, Fate::kKeepNone, Fate::kKeepHalf};
        std::size_t turn = call.number;
        for (const Fault& fault : kFaults) {
          if (!applies(fault, call) || (request.fault && *request.fault != fault.name)) { continue; }
          ++turn;
          for (std::size_t i = 0; i < std::size(kFates); ++i) {
            if (!wants(request.fate, kFates[i])) { continue; }
            // In the quick run each fate in its turn.
            if (request.quick && !request.fate && i != turn % std::size(kFates)) { continue; }
            auto found =
                run_fault(workload, options, fault, call.number, kFates[i], mix(request.seed, call.number), own);
            if (found) { return found; }
          }
        }
        return std::nullopt;
      });
    }
  };
  if (auto found = run_workloads(request, options, add_pieces, counts)) { return found; }
  if (request.is_whole() && request.every * counts[Count::kFaults] < 8 * counts[Count::kSeamCalls]) {
    return Finding{"", "too few faults were made"};
  }
  return std::nullopt;
}

}  // namespace tidemark::faults
