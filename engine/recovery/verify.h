// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>

#include "engine/log/environment.h"
#include "tidemark/verify.hpp"

namespace tidemark::engine {

// tidemark::verify on any environment.
[[nodiscard]] Result<VerifyReport> verify_store(
    const std::filesystem::path& folder, Environment environment,
    const std::function<void(std::uint64_t done, std::uint64_t all)>& progress);

}  // namespace tidemark::engine
