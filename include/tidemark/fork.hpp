// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>

#include "tidemark/backup.hpp"
#include "tidemark/error.hpp"
#include "tidemark/export.hpp"
#include "tidemark/types.hpp"

namespace tidemark {

struct ForkOptions {
  // The last position that the fork has, inclusive; the last durable one if not given. It must be the last of its
  // batch: a batch is whole or not there.
  std::optional<Position> at = {};
  // Segments before the one that `at` lies in; that one is copied.
  SealedSegments sealed = SealedSegments::kLinked;
  // Reads every byte of the result and checks it.
  bool verify = true;
  // As in OpenOptions, for the store that is forked.
  bool allow_unsafe_file_system = false;
};

struct ForkReport {
  std::uint64_t events = 0;  // in the fork
  std::uint64_t segments_copied = 0;
  std::uint64_t segments_linked = 0;
  std::uint64_t bytes_copied = 0;             // of segments, without what is zeros
  std::array<std::byte, 16> log_id{};         // of the fork
  std::array<std::byte, 16> parent_log_id{};  // of the store that it was forked from
};

// Makes a new store in `into`, a folder that is empty or not there yet, which has all events of a store up to and with
// the one at options.at, as they are: positions, versions, ids, times. From there on each goes its own way: the fork
// has a store id and a log id of its own, and what is appended to the one is never taken for a part of the other. The
// store may be open for writing meanwhile, and is only read. A fork can be forked again, and backed up like any store.
// kInvalidArgument (no event at that position, or one within a batch: the message says where the batch ends; there is
// something in `into`, or it lies within the store's folder), kLimitExceeded (a fork of a fork of …, 13 deep),
// kNotFound, kNotAStore, kUnsupportedFormat, kDamaged, kSuspectTail (without `at`), kNoSpace, kIo. A fork that was cut
// short leaves a folder with ".unfinished" after its name, and the next attempt clears it.
[[nodiscard]] TIDEMARK_API Result<ForkReport> fork(const std::filesystem::path& folder,
                                                   const std::filesystem::path& into, const ForkOptions& options,
                                                   const CopyProgress& progress = {});

}  // namespace tidemark
