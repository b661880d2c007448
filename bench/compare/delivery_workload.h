// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "bench/compare/workload.h"

namespace tidemark::compare {

// One thread appends durably, with a pause after each event; so many others follow. From the call of append to the
// event in a follower's hands (W8).
[[nodiscard]] Measure measure_delivery(std::size_t followers);

}  // namespace tidemark::compare
