// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <memory>

#include "platform/file_system.h"

// Locks on files, by two means at once:
//
//   an open-file-description lock    excludes other processes; the kernel releases it with the process
//   a registry in this process       excludes, and names, a second opening in the same process
//
// The open-file-description lock belongs to the open file and not to the process, so that opening and closing the same
// file elsewhere in the process does not drop it. A forked child shares it: it neither holds the lock nor can release
// it, and the lock goes with FileLock in the process that took it.
namespace tidemark::platform {

[[nodiscard]] Result<std::unique_ptr<FileLock>> lock_real_file(const std::filesystem::path& path);
[[nodiscard]] Result<bool> is_real_file_locked(const std::filesystem::path& path);

}  // namespace tidemark::platform
