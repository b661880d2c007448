// SPDX-License-Identifier: Apache-2.0
// Goal: random bytes differ, the boot id is the kernel's; the machine of the tests repeats itself by its seed.
#include "platform/machine.h"

#include <algorithm>
#include <fstream>
#include <gtest/gtest.h>
#include <set>
#include <string>
#include <sys/wait.h>
#include <unistd.h>
#include <vector>

#include "platform/sim/sim_file_system.h"

namespace tidemark::platform {
namespace {

std::string hex(const Uuid& uuid) {
  std::string text;
  for (const std::byte byte : uuid) {
    text += "0123456789abcdef"[std::to_integer<int>(byte >> 4)];
    text += "0123456789abcdef"[std::to_integer<int>(byte & std::byte{15})];
  }
  return text;
}

TEST(RealMachine, RandomBytesDiffer) {
  std::vector<std::byte> one(5000);
  std::vector<std::byte> other(5000);
  real_machine().fill_random(one);
  real_machine().fill_random(other);
  EXPECT_NE(one, other);
  // 5,000 random bytes lack a given value with a chance of 3 in a billion.
  EXPECT_GT(std::set<std::byte>(one.begin(), one.end()).size(), 250u);
  EXPECT_GT(std::set<std::byte>(one.end() - 1000, one.end()).size(), 200u);
}

TEST(RealMachine, BootIdIsTheKernels) {
  std::string expected;
  std::ifstream("/proc/sys/kernel/random/boot_id") >> expected;
  std::erase(expected, '-');
  if (expected.empty()) GTEST_SKIP() << "this system does not tell";
  EXPECT_EQ(hex(real_machine().boot_id()), expected);
}

TEST(RealMachine, AForkedChildIsAnotherProcess) {
  const std::uint64_t mark = real_machine().process();
  EXPECT_NE(mark, 0U);
  EXPECT_EQ(real_machine().process(), mark);
  const pid_t child = ::fork();
  if (child == 0) {
    const std::uint64_t own = real_machine().process();
    ::_exit(own != mark && own != 0 && own == real_machine().process() ? 0 : 1);
  }
  int status = -1;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
  EXPECT_EQ(real_machine().process(), mark);
}

TEST(Machine, RandomUuidIsOfVersion4) {
  std::set<Uuid> seen;
  for (int i = 0; i < 200; ++i) {
    const Uuid uuid = random_uuid(real_machine());
    EXPECT_EQ(uuid[6] >> 4, std::byte{4});
    EXPECT_EQ(uuid[8] >> 6, std::byte{2});
    EXPECT_TRUE(seen.insert(uuid).second);
  }
}

TEST(SimMachine, RepeatsBySeed) {
  SimMachine one(7);
  SimMachine same(7);
  SimMachine other(8);
  const Uuid first = random_uuid(one);
  EXPECT_EQ(first, random_uuid(same));
  EXPECT_NE(first, random_uuid(other));
  EXPECT_NE(first, random_uuid(one));
}

TEST(SimMachine, BootIdChangesWithAReboot) {
  SimMachine machine(7);
  const Uuid before = machine.boot_id();
  EXPECT_NE(before, Uuid{});
  EXPECT_EQ(machine.boot_id(), before);
  machine.reboot();
  EXPECT_NE(machine.boot_id(), before);
}

}  // namespace
}  // namespace tidemark::platform
