// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "bench/compare/workload.h"

namespace tidemark::compare {

// One thread appends durably, with a pause after each event; another follows. From the call of append to the event in
// the follower's hands (W8).
[[nodiscard]] Measure measure_delivery();

}  // namespace tidemark::compare
