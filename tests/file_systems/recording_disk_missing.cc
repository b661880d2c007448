// SPDX-License-Identifier: Apache-2.0
// In place of recording_disk.cc where libfuse3 was not found.
#include "tests/file_systems/recording_disk.h"

namespace tidemark::file_systems {

std::unique_ptr<RecordingDisk> RecordingDisk::make(const std::filesystem::path& /*mount_point*/, std::uint64_t /*size*/,
                                                   std::string& why) {
  why = "built without libfuse3 (Debian: libfuse3-dev)";
  return nullptr;
}

}  // namespace tidemark::file_systems
