// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

namespace tidemark::platform {

using Uuid = std::array<std::byte, 16>;

// The seam to randomness and to what this machine is. Thread-safe.
class Machine {
 public:
  virtual ~Machine() = default;
  // Fills with bytes that nobody can guess.
  virtual void fill_random(std::span<std::byte> into) = 0;
  // Changes with every boot of the machine; all zero if the system does not tell.
  [[nodiscard]] virtual Uuid boot_id() = 0;
  // A mark of this process, never 0. A forked child has another one. Cheap enough to ask at every call.
  [[nodiscard]] virtual std::uint64_t process() = 0;
};

[[nodiscard]] Machine& real_machine();

// A UUID of version 4 from that machine's randomness.
[[nodiscard]] Uuid random_uuid(Machine& machine);

}  // namespace tidemark::platform
