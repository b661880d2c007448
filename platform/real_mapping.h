// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <filesystem>
#include <memory>
#include <span>

#include "platform/file_system.h"

namespace tidemark::platform {

// Maps the whole of an open file. `path` is for errors alone: it is the descriptor's file that is mapped, wherever it
// was renamed to. The mapping needs no descriptor.
[[nodiscard]] Result<std::unique_ptr<Mapping>> map_file(int descriptor, const std::filesystem::path& path);

// Brings mapped memory in by having the kernel copy one byte of every page: an error where a plain read would be a
// signal. Slower than MADV_POPULATE_READ, for kernels before 5.14, which do not have it.
[[nodiscard]] Status populate_by_copying(std::span<const std::byte> range, const std::filesystem::path& path);

}  // namespace tidemark::platform
