// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

// Memory that runs out when a test says so: a program that is linked with failing_new.cc has all forms of operator new
// replaced by ones that can fail.
namespace tidemark::damage {

enum class Failing : std::uint8_t {
  kOnce,      // the n-th allocation alone
  kFromThen,  // the n-th and all later ones
};

// From now on the allocations of all threads are counted, and fail as told. n counts from 1.
void arm_memory(std::uint64_t n, Failing how);
// Memory is back. Gives how many allocations have failed.
std::uint64_t disarm_memory();
// All allocations that failed since the program began.
[[nodiscard]] std::uint64_t allocations_failed();

// As long as one lives, allocations of its thread neither count nor fail.
class Sheltered {
 public:
  Sheltered();
  ~Sheltered();
  Sheltered(const Sheltered&) = delete;
  Sheltered& operator=(const Sheltered&) = delete;
};

}  // namespace tidemark::damage
