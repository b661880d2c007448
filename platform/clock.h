// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>

#include "tidemark/types.hpp"

namespace tidemark::platform {

using SteadyTime = std::chrono::steady_clock::time_point;

// The seam to time. Thread-safe.
class Clock {
 public:
  virtual ~Clock() = default;
  // The wall clock; may jump.
  [[nodiscard]] virtual RecordedTime now() = 0;
  // Never goes back.
  [[nodiscard]] virtual SteadyTime steady() = 0;
};

[[nodiscard]] Clock& real_clock();

}  // namespace tidemark::platform
