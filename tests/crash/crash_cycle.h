// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "tests/crash/histogram.h"

namespace tidemark::crash {

// One cycle: a store in the in-memory twin lives through several crashes. What the seed decides: the work, the call at
// which the power goes, what of the unsynced blocks and entries survives, damage done on purpose. Gives what went
// wrong, if anything did.
[[nodiscard]] std::optional<std::string> run_cycle(std::uint64_t seed, Histogram& histogram);

}  // namespace tidemark::crash
