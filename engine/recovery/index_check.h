// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>

#include "engine/format/lineage.h"
#include "engine/log/environment.h"
#include "platform/file_system.h"
#include "tidemark/error.hpp"
#include "tidemark/index_files.hpp"

namespace tidemark::engine {

// The index files in a folder as an opening would find them: those that it would use are not looked into.
[[nodiscard]] Result<IndexReport> report_index(platform::FileSystem& files, const std::filesystem::path& folder,
                                               const Lineage& lineage);

// tidemark::check_index on any environment.
[[nodiscard]] Result<IndexReport> check_index_files(
    const std::filesystem::path& folder, Environment environment,
    const std::function<void(std::uint64_t done, std::uint64_t all)>& progress);

}  // namespace tidemark::engine
