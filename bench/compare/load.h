// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "bench/compare/workload.h"

namespace tidemark::compare {

constexpr std::uint64_t kEventsOfStream = 10;

// The store that reads and openings are measured with: ten events in each stream, all streams in turn, in commits of
// 1,000 streams, none waited for; then one sync. So many streams as make about Scale::events events.
[[nodiscard]] std::uint64_t streams_of_load(const Scale& scale);
[[nodiscard]] Opening opening_of_load(const Bench& bench);
// Appends rounds of one event for each stream: 10 for a load, more to a store that is loaded. The same round appends
// the same events.
Tally append_rounds(const Bench& bench, std::uint64_t first_round, std::uint64_t rounds);
// What such rounds append, without appending it; what a load appends.
[[nodiscard]] Tally tally_of_rounds(const Bench& bench, std::uint64_t first_round, std::uint64_t rounds);
[[nodiscard]] Tally tally_of_load(const Bench& bench);

// Loads and closes: how fast, and what it takes on the disk and in writes (W9). The store stays.
[[nodiscard]] Measure measure_load();

}  // namespace tidemark::compare
