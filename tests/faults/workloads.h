// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>
#include <string_view>

#include "tests/faults/stage.h"

namespace tidemark::faults {

// A scripted life of a store: the same calls on the seam each time.
struct Workload {
  std::string_view name;
  void (*run)(Stage& stage);
  bool needs_new_store = false;  // cannot go on in a store that holds something
  bool does_damage = false;      // takes a superblock away, and with it what that one alone knew to be durable
};

[[nodiscard]] std::span<const Workload> workloads();

}  // namespace tidemark::faults
