// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "bench/compare/workload.h"

namespace tidemark::compare {

// Asks a store all that the workloads rest on, beside a model in memory; throws Failure at the first wrong answer. Its
// figure is how many answers were right. A store that answers wrongly is not worth measuring.
[[nodiscard]] Measure check_answers();

}  // namespace tidemark::compare
