// SPDX-License-Identifier: Apache-2.0
#include "platform/clock.h"

namespace tidemark::platform {

namespace {

class RealClock final : public Clock {
 public:
  RecordedTime now() override {
    return std::chrono::time_point_cast<std::chrono::nanoseconds>(std::chrono::system_clock::now());
  }
  SteadyTime steady() override { return std::chrono::steady_clock::now(); }
};

}  // namespace

Clock& real_clock() {
  static RealClock clock;
  return clock;
}

}  // namespace tidemark::platform
