// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include "tests/file_systems/mounts.h"

// Before there is any thread. Without root each test finds out by itself that it cannot mount.
int main(int argc, char** argv) {
  testing::InitGoogleTest(&argc, argv);
  (void)tidemark::file_systems::enter_own_mounts();
  return RUN_ALL_TESTS();
}
