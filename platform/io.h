// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "platform/file_system.h"
#include "tidemark/error.hpp"

// Whole reads and writes above the seam: these go on after a short count and after EINTR.
namespace tidemark::platform {

// Reads until into is full or the file ends; gives how many bytes were read.
[[nodiscard]] Result<std::size_t> read_up_to(File& file, std::span<std::byte> into, std::uint64_t offset);

// Writes every part, in calls of at most File::kPartsMax parts.
[[nodiscard]] Status write_all(File& file, std::span<const std::span<const std::byte>> parts, std::uint64_t offset);
[[nodiscard]] Status write_all(File& file, std::span<const std::byte> bytes, std::uint64_t offset);

}  // namespace tidemark::platform
