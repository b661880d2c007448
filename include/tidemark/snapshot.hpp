// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <stop_token>
#include <string_view>
#include <vector>

#include "tidemark/types.hpp"

namespace tidemark {

// The state of a stream at a version, kept beside the log so that less of it has to be read. A snapshot can be lost at
// any time, and then what it held is folded again; it is never the truth, which is the events.
struct Snapshot {
  Version version;               // of the last event that is in the state
  std::vector<std::byte> state;  // as it was saved
  RecordedTime taken;            // when it was saved, by the clock of whoever did
};

struct SaveSnapshotOptions {
  // What the bytes are, such as "order/2": only who asks for the same is given them. Change it whenever the state, or
  // the way in which events become state, changes. Up to 255 bytes; looked at during the call alone.
  std::string_view schema = {};
  // So many of the stream and this schema are kept, this one and the highest versions of the others; 1 to
  // limits::kSnapshotsPerStreamMax. With other schemas no more than that limit either: the oldest go.
  std::uint32_t keep = 2;
  // Ends the wait for the event to become durable.
  std::stop_token stop = {};
};

struct FindSnapshotOptions {
  std::string_view schema = {};
  // No later version than this one, inclusive.
  std::optional<Version> until = {};
};

// What to take away. Besides that, what is of no use goes: damaged files, those of another log, unfinished ones.
struct PruneSnapshotsOptions {
  // Of each stream and schema all but the so many highest versions.
  std::optional<std::uint32_t> keep = {};
  // What was taken longer ago than this.
  std::optional<std::chrono::nanoseconds> older_than = {};
};

struct PruneSnapshotsReport {
  std::uint64_t kept = 0;  // snapshots
  std::uint64_t removed = 0;
  std::uint64_t files_removed = 0;
  std::uint64_t bytes_freed = 0;
};

}  // namespace tidemark
