// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "bench/compare/workload.h"

namespace tidemark::compare {

// So many events over so many streams in turn, in commits of about 1,000 that nobody waits for, then one sync; closed
// and opened again; the whole log read and held against what was appended; the first events of streams at random, and
// durable appends of one event to streams at random. What has no index is only loaded, opened and read.
[[nodiscard]] Measure measure_grown(std::uint64_t events, std::uint64_t streams, bool has_index);

}  // namespace tidemark::compare
