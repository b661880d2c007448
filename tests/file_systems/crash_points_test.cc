// SPDX-License-Identifier: Apache-2.0
// Goal: on ext4, xfs and btrfs everything acknowledged survives a power loss, or a file system that is shut down, and
// no crash is taken for damage. Method: a few points of what file_system_campaign does in the hundreds
// (crash_points.h). Skipped, with the reason, where root, loop devices, FUSE or a maker of file systems are missing.
#include "tests/file_systems/crash_points.h"

#include <cstdio>
#include <gtest/gtest.h>
#include <random>

namespace {

using tidemark::file_systems::Kind;
using tidemark::file_systems::Outcome;
using tidemark::file_systems::Plan;

void judge(const Outcome& outcome, const Plan& plan) {
  if (!outcome.why_not.empty()) { GTEST_SKIP() << outcome.why_not; }
  std::printf("%s", outcome.to_text().c_str());
  EXPECT_EQ(outcome.wrong, "") << "seed " << plan.seed;
  EXPECT_EQ(outcome.points, plan.points);
  EXPECT_GT(outcome.acknowledged, 0U);
}

Plan plan_of(Kind kind, std::uint64_t points) {
  return {.kind = kind, .points = points, .seed = std::random_device{}(), .keep = {}};
}

TEST(CrashPointsTest, Ext4LosesNothingAcknowledged) {
  const Plan plan = plan_of(Kind::kExt4, 10);
  judge(run_crash_points(plan), plan);
}

TEST(CrashPointsTest, XfsLosesNothingAcknowledged) {
  const Plan plan = plan_of(Kind::kXfs, 3);
  judge(run_crash_points(plan), plan);
}

TEST(CrashPointsTest, BtrfsLosesNothingAcknowledged) {
  const Plan plan = plan_of(Kind::kBtrfs, 3);
  judge(run_crash_points(plan), plan);
}

TEST(ShutdownTest, Ext4LosesNothingAcknowledged) {
  const Plan plan = plan_of(Kind::kExt4, 3);
  judge(run_shutdowns(plan), plan);
}

TEST(ShutdownTest, XfsLosesNothingAcknowledged) {
  const Plan plan = plan_of(Kind::kXfs, 2);
  judge(run_shutdowns(plan), plan);
}

}  // namespace
