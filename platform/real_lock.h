// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <string_view>

#include "platform/file_system.h"

// Locks on files, by two means at once:
//
//   an open-file-description lock    excludes other processes; the kernel releases it with the process
//   a registry in this process       excludes, and names, a second opening in the same process
//
// The open-file-description lock belongs to the open file and not to the process, so that opening and closing the same
// file elsewhere in the process does not drop it. A forked child neither holds the lock nor can release it: the lock
// goes with FileLock, or the process, that took it, whatever its children still do.
namespace tidemark::platform {

[[nodiscard]] Result<std::unique_ptr<FileLock>> lock_real_file(const std::filesystem::path& path);
[[nodiscard]] Result<bool> is_real_file_locked(const std::filesystem::path& path);
// What the text of a lock file, whoever wrote it, tells of who holds the lock, such as "process 17 on host lab since
// 2024-05-01T10:00:00Z".
[[nodiscard]] std::string holder_of(std::string_view text);

}  // namespace tidemark::platform
