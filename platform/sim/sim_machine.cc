// SPDX-License-Identifier: Apache-2.0
#include "platform/sim/sim_file_system.h"

namespace tidemark::platform {

namespace {

std::byte byte_of(std::uint64_t value, std::size_t index) {
  return static_cast<std::byte>(value >> (8 * index) & 0xFF);
}

}  // namespace

SimMachine::SimMachine(std::uint64_t seed) : random_(seed) {}

void SimMachine::fill_random(std::span<std::byte> into) {
  const std::lock_guard guard(mutex_);
  std::uint64_t value = 0;
  for (std::size_t i = 0; i < into.size(); ++i) {
    if (i % sizeof(value) == 0) value = random_();
    into[i] = byte_of(value, i % sizeof(value));
  }
}

Uuid SimMachine::boot_id() {
  const std::lock_guard guard(mutex_);
  Uuid id{};
  for (std::size_t i = 0; i < sizeof(boot_); ++i) id[i] = byte_of(boot_, i);
  return id;
}

std::uint64_t SimMachine::process() {
  const std::lock_guard guard(mutex_);
  return process_;
}

void SimMachine::fork() {
  const std::lock_guard guard(mutex_);
  ++process_;
}

void SimMachine::leave_child() {
  const std::lock_guard guard(mutex_);
  --process_;
}

void SimMachine::reboot() {
  const std::lock_guard guard(mutex_);
  ++boot_;
}

}  // namespace tidemark::platform
