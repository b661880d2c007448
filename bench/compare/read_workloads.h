// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "bench/compare/workload.h"

namespace tidemark::compare {

// Each gives what measures one contender on a loaded store.

// The whole log, every byte of every payload added up: the first pass of a process, and those after it (W5).
[[nodiscard]] Measure measure_read_all();
// Whole streams at random, so many threads, after a pass over all (W6).
[[nodiscard]] Measure measure_read_streams(std::size_t threads);
// From nothing to open, to a stream that was read and to a durable append (W7).
[[nodiscard]] Measure measure_opening();
// For it: appends one more event to each stream and ends this process as if it were killed from outside.
[[nodiscard]] Measure die_while_appending();

}  // namespace tidemark::compare
