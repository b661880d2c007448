// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>

#include "engine/copy/log_source.h"
#include "engine/log/environment.h"
#include "tidemark/fork.hpp"

namespace tidemark::engine {

// Makes a fork that ends where the source does: tidemark::fork, once the position is found. The segments before the one
// that the end lies in are the source's, linked or copied as they are, and keep its log id; that one's frames are
// written anew with the fork's. See Lineage.
[[nodiscard]] Result<ForkReport> fork_log(const LogSource& source, const std::filesystem::path& into,
                                          const ForkOptions& options, Environment environment,
                                          const CopyProgress& progress);

}  // namespace tidemark::engine
