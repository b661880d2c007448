// SPDX-License-Identifier: Apache-2.0
#include "platform/sim/sim_file_system.h"

namespace tidemark::platform {

// The steady clock starts an hour after nothing, so that a test can subtract from it.
SimClock::SimClock(RecordedTime start) : wall_(start), steady_(std::chrono::hours(1)) {}

RecordedTime SimClock::now() {
  const std::lock_guard guard(mutex_);
  wall_ += std::chrono::microseconds(1);
  return wall_;
}

SteadyTime SimClock::steady() {
  const std::lock_guard guard(mutex_);
  return steady_;
}

void SimClock::advance(std::chrono::nanoseconds by) {
  const std::lock_guard guard(mutex_);
  wall_ += by;
  steady_ += std::chrono::duration_cast<SteadyTime::duration>(by);
}

void SimClock::jump(std::chrono::nanoseconds by) {
  const std::lock_guard guard(mutex_);
  wall_ += by;
}

}  // namespace tidemark::platform
