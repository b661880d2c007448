// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>

namespace tidemark::engine {

// How far the clock may stand behind the last recorded time: from the first on an opening for writing says so, and no
// append may name a time that is further ahead than that; from the second on an opening is refused.
inline constexpr std::chrono::nanoseconds kClockReported = std::chrono::minutes(1);
inline constexpr std::chrono::nanoseconds kClockRefused = std::chrono::hours(24);

}  // namespace tidemark::engine
