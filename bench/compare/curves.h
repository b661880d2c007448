// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "bench/compare/workload.h"

namespace tidemark::compare {

// What curves there are: how cost goes as work grows.
[[nodiscard]] const std::vector<std::string>& curve_names();
// Their points, each a workload of its own; none with a store of more events than asked for.
[[nodiscard]] std::vector<Workload> curves(const std::vector<std::string>& stores, std::uint64_t events_max);

}  // namespace tidemark::compare
