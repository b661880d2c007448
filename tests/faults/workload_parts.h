// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>

#include "tests/faults/stage.h"
#include "tests/faults/workloads.h"

// What the files of workloads share.
namespace tidemark::faults {

inline constexpr Durability kBuffered = Durability::kBuffered;

void open_with_segments(Stage& s, std::uint64_t first, std::uint64_t largest);
// What is left of the last group is its first sector alone.
void lose_all_but_the_first_sector(Stage& s);
// For so many bytes more than there are now.
void leave_room(Stage& s, std::uint64_t bytes);

[[nodiscard]] std::span<const Workload> log_workloads();
[[nodiscard]] std::span<const Workload> index_workloads();
[[nodiscard]] std::span<const Workload> aggregate_workloads();
[[nodiscard]] std::span<const Workload> consumer_workloads();

}  // namespace tidemark::faults
