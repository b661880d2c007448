// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <memory>

#include "platform/file_system.h"

namespace tidemark::platform {

// Opens a regular file of the operating system.
[[nodiscard]] Result<std::unique_ptr<File>> open_real_file(const std::filesystem::path& path, OpenMode mode);

}  // namespace tidemark::platform
