// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "tidemark/error.hpp"
#include "tidemark/export.hpp"
#include "tidemark/store.hpp"
#include "tidemark/types.hpp"

// The index files of a store. Nobody needs these calls for a store to work: what is damaged is built again from the log
// by itself, where it is met. They are for those who want to know, or have the time for it now.
namespace tidemark {

struct IndexFile {
  std::filesystem::path path;
  Position first;  // the events that it is about: from this position …
  Position end;    // … to before this one
  std::uint64_t bytes = 0;
  std::string problem;  // why it is of no use, or not what the log says; empty if it is well
};

struct IndexReport {
  std::vector<IndexFile> files;  // those in use, by position; then those of no use
  Position indexed;              // what those in use are about: all events below this position

  [[nodiscard]] bool whole() const {
    for (const IndexFile& file : files) {
      if (!file.problem.empty()) { return false; }
    }
    return true;
  }
};

// Builds each index file of a store again in memory, from the log, and compares it byte by byte. Never writes; works
// beside a writer. Takes about as long as building it did, and up to 40 bytes of memory for each event of the largest
// file. An error only if it could not be done. progress is told the events done and the events in all, now and then.
[[nodiscard]] TIDEMARK_API Result<IndexReport> check_index(
    const std::filesystem::path& folder,
    const std::function<void(std::uint64_t done, std::uint64_t all)>& progress = {});

// Opens the store for writing, as Store::open does, throws its index files away and builds them again from the log.
// Gives what there is then. Cut short, it leaves a store that has lost index files: the next writer goes on from there.
// Errors: those of Store::open, kLocked among them; `create` and `read_only` are not asked for.
[[nodiscard]] TIDEMARK_API Result<IndexReport> rebuild_index(const std::filesystem::path& folder,
                                                             const OpenOptions& options = {});

}  // namespace tidemark
