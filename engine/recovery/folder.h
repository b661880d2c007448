// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <string_view>

#include "platform/file_system.h"
#include "tidemark/error.hpp"

namespace tidemark::engine {

enum class FolderHolds : std::uint8_t {
  kNothing,
  kUnfinished,  // files of ours, and no superblock: a store whose making was cut short
  kStore,
};

// What there is in a folder, by the names in it. kNotFound if it is not there, kNotAStore if it is a file or holds
// something else.
[[nodiscard]] Result<FolderHolds> look_at_folder(platform::FileSystem& files, const std::filesystem::path& folder);

// Whether this is the folder of a store's snapshots, or of a consumer group. It is no file of the log, and nothing is
// known by it.
[[nodiscard]] bool is_side_folder(const platform::DirectoryEntry& entry);

[[nodiscard]] Error no_store_error(const std::filesystem::path& folder);
[[nodiscard]] Error not_a_store_error(const std::filesystem::path& folder, std::string_view foreign_name);

}  // namespace tidemark::engine
