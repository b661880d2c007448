// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>

#include "platform/file_system.h"
#include "platform/sim/sim_disk.h"

namespace tidemark::platform {

// A file of the SimFileSystem, as one opening sees it.
struct SimHandle {
  std::shared_ptr<SimDisk> disk;
  SimNodePtr node;
  std::filesystem::path path;
  std::uint64_t generation = 0;  // of the disk, when this was opened
};

[[nodiscard]] std::unique_ptr<File> make_sim_file(SimHandle handle, OpenMode mode);
// The node is in the disk's set of locked ones; this takes it out.
[[nodiscard]] std::unique_ptr<FileLock> make_sim_lock(SimHandle handle);

}  // namespace tidemark::platform
