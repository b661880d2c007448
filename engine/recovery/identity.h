// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <vector>

#include "engine/format/superblock.h"
#include "platform/file_system.h"
#include "tidemark/verify.hpp"

namespace tidemark::engine {

// What a store says of itself, as far as it can still be read.
struct Identity {
  Superblock superblock{};   // if both are gone: what the headers of the segments tell
  unsigned superblocks = 0;  // how many could be read
  bool has_superblock_files = true;
  std::vector<Damage> damages;
};

// For those who read a store however damaged it is. kUnsupportedFormat, kDamaged (nothing tells what it was), kIo.
[[nodiscard]] Result<Identity> identify_store(platform::FileSystem& files, const std::filesystem::path& folder);

}  // namespace tidemark::engine
