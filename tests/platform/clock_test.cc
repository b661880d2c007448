// SPDX-License-Identifier: Apache-2.0
// Goal: the real clock is the system's; the clock of the tests does what a test says.
#include "platform/clock.h"

#include <gtest/gtest.h>

#include "platform/sim/sim_file_system.h"

namespace tidemark::platform {
namespace {

using namespace std::chrono_literals;

TEST(RealClock, IsTheSystems) {
  const auto before = std::chrono::system_clock::now();
  const RecordedTime now = real_clock().now();
  EXPECT_GE(now, before);
  EXPECT_LE(now, std::chrono::system_clock::now());
  const SteadyTime first = real_clock().steady();
  EXPECT_LE(first, real_clock().steady());
}

TEST(SimClock, MovesByAMicrosecondAReading) {
  SimClock clock(RecordedTime(5s));
  EXPECT_EQ(clock.now(), RecordedTime(5s + 1us));
  EXPECT_EQ(clock.now(), RecordedTime(5s + 2us));
  EXPECT_EQ(clock.steady(), clock.steady());
}

TEST(SimClock, AdvanceMovesBothAndJumpTheWallClockAlone) {
  SimClock clock(RecordedTime(5s));
  const SteadyTime start = clock.steady();
  clock.advance(3s);
  EXPECT_EQ(clock.steady(), start + 3s);
  EXPECT_EQ(clock.now(), RecordedTime(8s + 1us));
  clock.jump(-6s);
  EXPECT_EQ(clock.steady(), start + 3s);
  EXPECT_EQ(clock.now(), RecordedTime(2s + 2us));
}

}  // namespace
}  // namespace tidemark::platform
