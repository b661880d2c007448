// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

namespace tidemark::compare {

// A folder that this program made inside one of the user's, and marked. Nothing outside of it is ever removed. It goes
// with the object.
class MarkedFolder {
 public:
  // Throws Failure.
  explicit MarkedFolder(const std::filesystem::path& inside);
  ~MarkedFolder();
  MarkedFolder(const MarkedFolder&) = delete;
  MarkedFolder& operator=(const MarkedFolder&) = delete;

  [[nodiscard]] const std::filesystem::path& path() const { return path_; }
  // A folder of this name in it, made if it is not there.
  [[nodiscard]] std::filesystem::path with(const std::string& name) const;
  // Removes that again, if it is there.
  void without(const std::string& name) const;

 private:
  void require_mark() const;

  std::filesystem::path path_;
};

// "ext4", "tmpfs" or a number, of the file system below an existing folder.
[[nodiscard]] std::string file_system_of(const std::filesystem::path& folder);
// Whether it has no disk.
[[nodiscard]] bool is_in_memory(const std::filesystem::path& folder);
// Bytes that may still be written to it.
[[nodiscard]] std::uint64_t free_bytes(const std::filesystem::path& folder);
// Has all that is on its way to the disk there, so that nothing of one measurement falls into the next.
void settle(const std::filesystem::path& folder);

}  // namespace tidemark::compare
