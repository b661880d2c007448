// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <fcntl.h>
#include <string_view>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <system_error>
#include <unistd.h>

#include "platform/descriptor.h"
#include "platform/file_system.h"
#include "platform/os_error.h"
#include "platform/real_file.h"
#include "platform/real_lock.h"

namespace tidemark::platform {

namespace {

namespace fs = std::filesystem;

struct KnownFileSystem {
  std::string_view name;
  std::uint32_t magic;
  bool zeros_help;
};

// Magic numbers from the kernel's headers and statfs(2). On copy-on-write every write goes to new space, and in memory
// there is nothing to prepare.
constexpr KnownFileSystem kKnownFileSystems[] = {
    {"ext4", 0x0000EF53, true},  // ext2 and ext3 have the same number
    {"xfs", 0x58465342, true},     {"f2fs", 0xF2F52010, true},   {"jfs", 0x3153464A, true},
    {"overlay", 0x794C7630, true}, {"nfs", 0x00006969, true},    {"fuse", 0x65735546, true},
    {"btrfs", 0x9123683E, false},  {"zfs", 0x2FC12FC1, false},   {"bcachefs", 0xCA451A4E, false},
    {"tmpfs", 0x01021994, false},  {"ramfs", 0x858458F6, false},
};

FileSystemTraits traits_of(std::uint32_t magic) {
  const auto* const known = std::ranges::find(kKnownFileSystems, magic, &KnownFileSystem::magic);
  if (known != std::end(kKnownFileSystems)) return {.name = std::string(known->name), .zeros_help = known->zeros_help};
  std::array<char, 16> hex{};
  std::snprintf(hex.data(), hex.size(), "0x%x", magic);
  return {.name = hex.data()};
}

// The folder of a name without one is the current folder.
fs::path folder_or_here(const fs::path& folder) { return folder.empty() ? fs::path(".") : folder; }

class RealFileSystem final : public FileSystem {
 public:
  Result<std::unique_ptr<File>> open(const fs::path& path, OpenMode mode) override {
    return open_real_file(path, mode);
  }

  Status rename(const fs::path& from, const fs::path& to) override {
    if (::rename(from.c_str(), to.c_str()) != 0) return os_failure(errno, "rename the file", from);
    return {};
  }

  Status unlink(const fs::path& path) override {
    if (::unlink(path.c_str()) != 0) return os_failure(errno, "remove the file", path);
    return {};
  }

  Result<std::vector<DirectoryEntry>> list(const fs::path& folder) override {
    return without_exceptions([&] { return list_throwing(folder_or_here(folder)); });
  }

  Status make_folder(const fs::path& folder) override {
    return without_exceptions([&]() -> Status {
      std::error_code error;
      fs::create_directories(folder, error);
      if (error) return os_failure(error.value(), "make the folder", folder);
      return {};
    });
  }

  Status sync_folder(const fs::path& folder) override {
    return without_exceptions([&]() -> Status {
      const Descriptor opened(
          above_standard(::open(folder_or_here(folder).c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)));
      if (!opened || ::fsync(opened.number()) != 0) return os_failure(errno, "sync the folder", folder);
      return {};
    });
  }

  Result<std::unique_ptr<FileLock>> lock(const fs::path& path) override { return lock_real_file(path); }

  Result<bool> is_locked(const fs::path& path) override { return is_real_file_locked(path); }

  Result<FileSystemTraits> traits(const fs::path& folder) override {
    return without_exceptions([&]() -> Result<FileSystemTraits> {
      struct statfs status;
      while (::statfs(folder_or_here(folder).c_str(), &status) != 0) {
        if (errno != EINTR) return os_failure(errno, "ask what file system the folder is on", folder);
      }
      return traits_of(static_cast<std::uint32_t>(status.f_type));
    });
  }

 private:
  static Result<std::vector<DirectoryEntry>> list_throwing(const fs::path& folder) {
    constexpr std::string_view kListing = "list the folder";
    std::vector<DirectoryEntry> entries;
    std::error_code error;
    for (fs::directory_iterator it(folder, error), end; !error && it != end; it.increment(error)) {
      const fs::path& path = it->path();
      struct stat status;
      // A link that leads nowhere is an entry like any other. What is not there at all was removed just now.
      if (::stat(path.c_str(), &status) != 0 && ::lstat(path.c_str(), &status) != 0) {
        if (errno == ENOENT) continue;
        return os_failure(errno, kListing, path);
      }
      entries.push_back({.name = path.filename().string(),
                         .size = S_ISREG(status.st_mode) ? static_cast<std::uint64_t>(status.st_size) : 0,
                         .is_folder = S_ISDIR(status.st_mode)});
    }
    if (error) return os_failure(error.value(), kListing, folder);
    std::ranges::sort(entries, {}, &DirectoryEntry::name);
    return entries;
  }
};

}  // namespace

FileSystem& real_file_system() {
  static RealFileSystem file_system;
  return file_system;
}

}  // namespace tidemark::platform
