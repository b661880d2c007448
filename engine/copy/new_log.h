// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <functional>

#include "engine/copy/log_source.h"
#include "engine/copy/segment_copier.h"
#include "engine/format/index_file.h"
#include "engine/log/environment.h"

namespace tidemark::engine {

// The segment that a source's log ends in.
[[nodiscard]] Result<const Segment*> last_segment_of(const LogSource& source);

// What a superblock says of a log that was closed well at the source's end.
[[nodiscard]] Superblock closed_at_end(const LogSource& source, Environment environment, std::uint32_t epoch);

// Brings the source's index files that lie below its end, and that are wanted, into a folder that has all of the log
// up to there, and removes the others from it. They are derived: what cannot be had is left out without a word.
void copy_index_files(const LogSource& source, const std::filesystem::path& into, Environment environment,
                      SegmentCopier& copier, const std::function<bool(const std::filesystem::path&)>& wanted = {});

// Reads all of a copy. kDamaged if it is not whole, or has not all events up to the source's end.
[[nodiscard]] Status verify_copy(const LogSource& source, const std::filesystem::path& folder, Environment environment,
                                 const CopyProgress& progress);

}  // namespace tidemark::engine
