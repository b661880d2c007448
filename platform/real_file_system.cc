// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <dirent.h>
#include <fcntl.h>
#include <memory>
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

constexpr std::string_view kNetwork =
    "on a network file system the lock may not hold, maps may show old bytes, and a sync may end at the next machine";
constexpr std::string_view kUserSpace =
    "a file system in user space may keep neither locks nor syncs, and its maps may show old bytes";
constexpr std::string_view kOverlay =
    "a layer may show a process the file below while another writes its copy above, and keep no sync (containers: use "
    "a "
    "volume)";

struct KnownFileSystem {
  std::string_view name;
  std::uint32_t magic;
  bool zeros_help;
  std::string_view objection = {};
};

// Magic numbers from the kernel's headers and statfs(2). On copy-on-write every write goes to new space, and in memory
// there is nothing to prepare.
constexpr KnownFileSystem kKnownFileSystems[] = {
    {"ext4", 0x0000EF53, true},  // ext2 and ext3 have the same number
    {"xfs", 0x58465342, true},
    {"f2fs", 0xF2F52010, true},
    {"jfs", 0x3153464A, true},
    {"btrfs", 0x9123683E, false},
    {"zfs", 0x2FC12FC1, false},
    {"bcachefs", 0xCA451A4E, false},
    {"tmpfs", 0x01021994, false},
    {"ramfs", 0x858458F6, false},
    {"overlay", 0x794C7630, true, kOverlay},
    {"ecryptfs", 0x0000F15F, true, kOverlay},
    {"fuse", 0x65735546, true, kUserSpace},
    {"vboxsf", 0x786F4256, true, kNetwork},
    {"nfs", 0x00006969, true, kNetwork},
    {"smb", 0x0000517B, true, kNetwork},
    {"cifs", 0xFF534D42, true, kNetwork},
    {"smb2", 0xFE534D42, true, kNetwork},
    {"9p", 0x01021997, true, kNetwork},
    {"afs", 0x5346414F, true, kNetwork},
    {"afs", 0x6B414653, true, kNetwork},
    {"coda", 0x73757245, true, kNetwork},
    {"ceph", 0x00C36400, true, kNetwork},
    {"gfs2", 0x01161970, true, kNetwork},
    {"ocfs2", 0x7461636F, true, kNetwork},
    {"lustre", 0x0BD00BD0, true, kNetwork},
    {"gpfs", 0x47504653, true, kNetwork},
};

FileSystemTraits traits_of(std::uint32_t magic) {
  const auto* const known = std::ranges::find(kKnownFileSystems, magic, &KnownFileSystem::magic);
  if (known != std::end(kKnownFileSystems)) {
    return {
        .name = std::string(known->name), .zeros_help = known->zeros_help, .objection = std::string(known->objection)};
  }
  std::array<char, 16> hex{};
  std::snprintf(hex.data(), hex.size(), "0x%x", magic);
  return {.name = hex.data(), .zeros_help = true, .objection = {}};
}

// The folder of a name without one is the current folder.
fs::path folder_or_here(const fs::path& folder) { return folder.empty() ? fs::path(".") : folder; }

struct CloseFolder {
  void operator()(DIR* stream) const { ::closedir(stream); }
};

class RealFileSystem final : public FileSystem {
 public:
  Result<std::unique_ptr<File>> open(const fs::path& path, OpenMode mode) override {
    return open_real_file(path, mode);
  }

  Status rename(const fs::path& from, const fs::path& to) override {
    if (::rename(from.c_str(), to.c_str()) != 0) return os_failure(errno, "rename the file", from);
    return {};
  }

  Status link(const fs::path& from, const fs::path& to) override {
    if (::link(from.c_str(), to.c_str()) != 0) return os_failure(errno, "link the file", from);
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

  Status make_inner_folder(const fs::path& folder) override {
    return without_exceptions([&]() -> Status {
      constexpr mode_t kAll = 0777;  // less what the process's mask says
      if (::mkdir(folder.c_str(), kAll) == 0) return {};
      if (errno != EEXIST) return os_failure(errno, "make the folder", folder);
      return check_inner_folder(folder);
    });
  }

  Status check_inner_folder(const fs::path& folder) override {
    return without_exceptions([&]() -> Status {
      struct stat status;
      if (::lstat(folder.c_str(), &status) != 0) return os_failure(errno, "look at the folder", folder);
      if (S_ISDIR(status.st_mode)) return {};
      return os_failure(S_ISLNK(status.st_mode) ? ELOOP : ENOTDIR, "use the folder", folder);
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
  // Not by the library's directory_iterator: that ends the process when memory runs out while it is made.
  static Result<std::vector<DirectoryEntry>> list_throwing(const fs::path& folder) {
    constexpr std::string_view kListing = "list the folder";
    const Descriptor opened(above_standard(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)));
    if (!opened) return os_failure(errno, kListing, folder);
    // The stream closes a descriptor of its own.
    const int own = above_standard(::fcntl(opened.number(), F_DUPFD_CLOEXEC, 0));
    if (own < 0) return os_failure(errno, kListing, folder);
    const std::unique_ptr<DIR, CloseFolder> stream(::fdopendir(own));
    if (!stream) {
      const int number = errno;
      ::close(own);
      return os_failure(number, kListing, folder);
    }
    std::vector<DirectoryEntry> entries;
    for (;;) {
      errno = 0;
      const dirent* const found = ::readdir(stream.get());
      if (found == nullptr && errno != 0) return os_failure(errno, kListing, folder);
      if (found == nullptr) break;
      const char* const name = found->d_name;
      if (std::string_view(name) == "." || std::string_view(name) == "..") continue;
      struct stat status;
      // What a link leads to is nobody's of ours. What is not there at all was removed just now.
      if (::fstatat(opened.number(), name, &status, AT_SYMLINK_NOFOLLOW) != 0) {
        if (errno == ENOENT) continue;
        const int number = errno;  // before the path is made
        return os_failure(number, kListing, folder / name);
      }
      entries.push_back({.name = name,
                         .size = S_ISREG(status.st_mode) ? static_cast<std::uint64_t>(status.st_size) : 0,
                         .is_folder = S_ISDIR(status.st_mode)});
    }
    std::ranges::sort(entries, {}, &DirectoryEntry::name);
    return entries;
  }
};

}  // namespace

bool links_are_refused(const Error& error) {
  const int number = error.system_error();
  return number == EXDEV || number == EPERM || number == EMLINK || number == EOPNOTSUPP || number == ENOSYS;
}

FileSystem& real_file_system() {
  static RealFileSystem file_system;
  return file_system;
}

}  // namespace tidemark::platform
