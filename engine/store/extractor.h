// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>

#include "engine/log/environment.h"
#include "tidemark/extract.hpp"

namespace tidemark::engine {

// tidemark::extract on any environment.
[[nodiscard]] Result<ExtractReport> extract_streams(const std::filesystem::path& folder, const Query& query,
                                                    const std::filesystem::path& into, const ExtractOptions& options,
                                                    Environment environment, const CopyProgress& progress);

}  // namespace tidemark::engine
