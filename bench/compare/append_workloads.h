// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>

#include "bench/compare/workload.h"

namespace tidemark::compare {

// Each gives what measures one contender; they open the store in an empty folder and close it.

// So many threads, each waits for its own durable append of one event (W1, W2).
[[nodiscard]] Measure measure_waiting(std::size_t threads);
// One thread that commits so many events as one durable group: what group commit can come to (W2).
[[nodiscard]] Measure measure_groups(std::size_t events);
// So many durable appends of one event on their way at any time, and so many threads that give them and take the
// answers (W2).
[[nodiscard]] Measure measure_submitting(std::size_t in_flight, std::size_t threads);
// Batches of so many events for one stream each, every one durable (W3).
[[nodiscard]] Measure measure_batches(std::size_t events);
// The same handed to the system only, with one sync at the end, which is part of the time (W3).
[[nodiscard]] Measure measure_buffered_batches(std::size_t events);
// So many threads append to streams that they share: each looks at the length of one of them, expects it, and tries
// again with the length that it is told (W4).
[[nodiscard]] Measure measure_optimistic(std::size_t threads, std::uint64_t streams);

}  // namespace tidemark::compare
