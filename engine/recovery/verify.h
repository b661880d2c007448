// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>

#include "engine/format/superblock.h"
#include "engine/log/environment.h"
#include "engine/recovery/walk.h"
#include "tidemark/verify.hpp"

namespace tidemark::engine {

// A store that was gone over from end to end.
struct Walked {
  Superblock superblock{};  // or what the segments tell of one
  VerifyReport report;
  WalkEnd end;
};
// Looks again, and calls again before that, where a living writer may be the reason for what looks like damage.
[[nodiscard]] Result<Walked> walk_store(platform::FileSystem& files, const std::filesystem::path& folder,
                                        const WalkOptions& options, const std::function<void()>& again);

// tidemark::verify on any environment.
[[nodiscard]] Result<VerifyReport> verify_store(
    const std::filesystem::path& folder, Environment environment,
    const std::function<void(std::uint64_t done, std::uint64_t all)>& progress);

}  // namespace tidemark::engine
