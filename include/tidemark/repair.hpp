// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>

#include "tidemark/error.hpp"
#include "tidemark/export.hpp"
#include "tidemark/store.hpp"
#include "tidemark/verify.hpp"

namespace tidemark {

// What Store::open_salvage gives: everything of a damaged store that is whole.
struct Salvage {
  // Read-only. Where an event is lost stands a placeholder (Event::is_lost()), so that positions and versions are what
  // they were. Shows the log as it was at opening; reads by copying (Access::kCopied), whatever is asked for.
  Store store;
  VerifyReport report;
  std::uint64_t events_lost = 0;
  // Acknowledged events past the last that is shown are lost as well, and nobody can tell how many: there are no
  // placeholders for them.
  bool end_lost = false;
  // What stands behind the last event that is shown is neither whole nor plainly torn (kSuspectTail): events that were
  // acknowledged may be lost there.
  bool end_suspect = false;
};

struct RepairOptions {
  // As in OpenOptions, for the new store.
  bool allow_unsafe_file_system = false;
};

struct RepairReport {
  VerifyReport found;  // in the old store
  std::uint64_t events_copied = 0;
  std::uint64_t events_lost = 0;  // each has a placeholder in the new store
  // Acknowledged events at the end of the old store are lost as well, and nobody can tell how many: the new store has
  // no placeholders for them, and its next events get their positions and versions.
  bool end_lost = false;
  // What stood behind the last event that was copied is neither whole nor plainly torn (kSuspectTail), and was left
  // out: events that were acknowledged may be lost there.
  bool end_suspect = false;

  // As far as anybody can tell.
  [[nodiscard]] bool lost_nothing() const { return events_lost == 0 && !end_lost && !end_suspect; }
};

// Copies all that is whole of a store into a new one in `into`, a folder that is empty or not there, and puts
// placeholders where events are lost: positions, versions, ids, times and content of all others stay. The old store is
// only read. The new one has an identity (log id) of its own: what remembers the old one's must start again. It is made
// beside `into`, in a folder of that name with ".unfinished" after it, read back, verified, and only then given its
// name: a repair that was cut short leaves that folder alone, and the next one clears it. At most 20,000,000 lost
// events are given placeholders; beyond that it is kDamaged. kInvalidArgument (there is something in `into`, or it lies
// within the old store), kNotFound, kNotAStore, kUnsupportedFormat, kDamaged (nothing can be told any more), kNoSpace,
// kIo. progress is told the bytes of the old store that were gone through, and all of them.
[[nodiscard]] TIDEMARK_API Result<RepairReport> repair(
    const std::filesystem::path& folder, const std::filesystem::path& into, const RepairOptions& options = {},
    const std::function<void(std::uint64_t done, std::uint64_t all)>& progress = {});

}  // namespace tidemark
