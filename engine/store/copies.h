// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>

#include "engine/log/environment.h"
#include "tidemark/fork.hpp"

namespace tidemark::engine {

// tidemark::fork on any environment.
[[nodiscard]] Result<ForkReport> fork_store(const std::filesystem::path& folder, const std::filesystem::path& into,
                                            const ForkOptions& options, Environment environment,
                                            const CopyProgress& progress);

}  // namespace tidemark::engine
