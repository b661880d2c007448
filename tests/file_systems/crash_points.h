// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

#include "tests/file_systems/mounts.h"

// Crashes on real file systems: what a power loss, or a file system that is shut down, leaves of a store.
namespace tidemark::file_systems {

struct Plan {
  Kind kind = Kind::kExt4;
  std::uint64_t points = 0;
  std::uint64_t seed = 1;
  std::filesystem::path keep;  // where the disk of a point that fails is kept; empty: nowhere
};

struct Outcome {
  std::string why_not;       // could not be done at all
  std::string wrong;         // what was found; empty: nothing
  std::uint64_t points = 0;  // crash images, or shutdowns, that were looked at
  std::uint64_t runs = 0;    // stores that were written
  std::uint64_t writes = 0;  // that the disks recorded
  std::uint64_t flushes = 0;
  std::uint64_t half_kept = 0;     // of the points, those that lost some of the unflushed writes and kept others
  std::uint64_t torn = 0;          // and those whose writes were torn into sectors
  std::uint64_t acknowledged = 0;  // batches looked for, over all points
  std::uint64_t in_doubt = 0;      // points at which recovery found frames past what was known durable
  std::uint64_t cut = 0;           // points at which recovery cut a torn end
  std::uint64_t closed = 0;        // points at which the store was closed, or being made

  void add(const Outcome& other);
  // The counts, one "name: number" a line.
  [[nodiscard]] std::string to_text() const;
};

// Several threads append durably to a store on a file system on a recording disk. Then, at random points of the record,
// everything up to the last flush is put on a disk, and of what was written after it each 512-byte sector (or
// 4,096-byte block) by chance; the file system is mounted, and everything acknowledged before that flush must be there.
[[nodiscard]] Outcome run_crash_points(const Plan& plan);

// The same load on ext4 or xfs until the file system is shut down under it, its log not flushed.
[[nodiscard]] Outcome run_shutdowns(const Plan& plan);

// Looks again at a disk that was kept.
[[nodiscard]] Outcome look_again(const std::filesystem::path& kept);

}  // namespace tidemark::file_systems
