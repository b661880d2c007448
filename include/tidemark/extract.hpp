// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>

#include "tidemark/backup.hpp"
#include "tidemark/error.hpp"
#include "tidemark/export.hpp"
#include "tidemark/query.hpp"

namespace tidemark {

struct ExtractOptions {
  // As in OpenOptions, for both stores.
  bool allow_unsafe_file_system = false;
};

struct ExtractReport {
  std::uint64_t streams = 0;
  std::uint64_t events = 0;
  std::uint64_t batches = 0;
};

// Makes a new store in `into`, a folder that is empty or not there yet, with all streams of which an event matches the
// query. Each stream comes whole, so that its events keep their versions; events keep their ids, types, data, metadata,
// tags and times, and their order. Positions go 0, 1, 2, … as in any store; Store::original_position tells those in the
// store they come from. A batch stays one batch, without the events of streams that do not come along. The new store
// has a store id and a log id of its own. The old one may be open for writing meanwhile, and is only read: what is
// durable then is looked at. Takes eight bytes of memory an event. kInvalidArgument (no event matches; there is
// something in `into`, or it lies within the store's folder; a query that is refused), kNotFound, kNotAStore,
// kUnsupportedFormat, kDamaged, kSuspectTail, kNoSpace, kIo. Cut short it leaves a folder with ".unfinished" after its
// name, which the next attempt clears. progress is told events.
[[nodiscard]] TIDEMARK_API Result<ExtractReport> extract(const std::filesystem::path& folder, const Query& query,
                                                         const std::filesystem::path& into,
                                                         const ExtractOptions& options = {},
                                                         const CopyProgress& progress = {});

}  // namespace tidemark
