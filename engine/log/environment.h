// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "engine/log/index_policy.h"
#include "platform/clock.h"
#include "platform/file_system.h"
#include "platform/machine.h"

namespace tidemark::engine {

// How far past what is about to be written a superblock lets the writer go, before it is told again: an opening after a
// crash reads up to so much behind the log's end.
inline constexpr std::uint64_t kWriteAheadBytes = std::uint64_t{16} << 20U;

// What a store stands on. It outlives the store.
struct Environment {
  platform::FileSystem& files;
  platform::Clock& clock;
  platform::Machine& machine;
  // Whether the store has threads of its own. Without them all work is done by the calls that wait for it, in a fixed
  // order, so that a test can replay it: tickets must be waited for, and nothing happens when nobody calls.
  bool threads = true;
  IndexPolicy index = {};
  std::uint64_t write_ahead = kWriteAheadBytes;  // another one for tests
};

}  // namespace tidemark::engine
