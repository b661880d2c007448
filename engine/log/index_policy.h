// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

namespace tidemark::engine {

// When what is known of the log leaves the memory, and in what sizes it is kept.
struct IndexPolicy {
  bool files = true;                   // whether index files are written and used
  std::uint64_t table_events = 16384;  // a table in memory is closed once it has so many, and becomes a file
  std::uint64_t merge_runs = 4;        // so many neighbours of one size become one; 2 at least
  std::uint64_t close_events = 1024;   // closing the store makes a file of what is left if it is so much
};

}  // namespace tidemark::engine
