// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <functional>

#include "engine/log/environment.h"
#include "tidemark/repair.hpp"

namespace tidemark::engine {

// Store::open_salvage and repair on any environment.
[[nodiscard]] Result<Salvage> open_salvage(const std::filesystem::path& folder, Environment environment);
[[nodiscard]] Result<RepairReport> repair_store(
    const std::filesystem::path& folder, const std::filesystem::path& into, const RepairOptions& options,
    Environment environment, const std::function<void(std::uint64_t done, std::uint64_t all)>& progress);

}  // namespace tidemark::engine
