// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <functional>

#include "platform/file_system.h"
#include "tidemark/dump.hpp"

namespace tidemark::engine {

// tidemark::dump_segment on any file system.
[[nodiscard]] Status dump_segment(platform::FileSystem& files, const std::filesystem::path& file,
                                  const std::function<bool(const SegmentPiece&)>& visit);

}  // namespace tidemark::engine
