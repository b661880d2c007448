// SPDX-License-Identifier: Apache-2.0
#include "bench/compare/folder.h"

#include <array>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <fstream>
#include <linux/magic.h>
#include <sys/vfs.h>
#include <system_error>
#include <unistd.h>
#include <utility>

#include "bench/compare/store.h"

namespace tidemark::compare {

namespace {

namespace fs = std::filesystem;

constexpr const char* kMark = "made-by-compare_bench";

long magic_of(const fs::path& folder) {
  struct statfs facts{};
  if (::statfs(folder.c_str(), &facts) != 0) {
    throw Failure("statfs " + folder.string() + ": " + std::strerror(errno));
  }
  return static_cast<long>(facts.f_type);
}

}  // namespace

MarkedFolder::MarkedFolder(const fs::path& inside) {
  std::error_code failed;
  fs::create_directories(inside, failed);
  std::string name = (fs::absolute(inside) / "tidemark-compare-XXXXXX").string();
  if (failed || ::mkdtemp(name.data()) == nullptr) {
    throw Failure("cannot make a folder in " + inside.string() + ": " + std::strerror(errno));
  }
  path_ = name;
  std::ofstream(path_ / kMark) << "compare_bench made this folder, and removes it with all that is in it.\n";
  require_mark();
}

MarkedFolder::~MarkedFolder() {
  std::error_code ignored;
  if (fs::is_regular_file(fs::symlink_status(path_ / kMark, ignored))) { fs::remove_all(path_, ignored); }
}

void MarkedFolder::require_mark() const {
  std::error_code ignored;
  if (!fs::is_regular_file(fs::symlink_status(path_ / kMark, ignored))) {
    throw Failure(path_.string() + " does not have the mark of a folder that compare_bench made");
  }
}

fs::path MarkedFolder::with(const std::string& name) const {
  require_mark();
  fs::create_directories(path_ / name);
  return path_ / name;
}

void MarkedFolder::without(const std::string& name) const {
  require_mark();
  fs::remove_all(path_ / name);
}

std::string file_system_of(const fs::path& folder) {
  static constexpr std::array<std::pair<long, const char*>, 9> kNames = {{{EXT4_SUPER_MAGIC, "ext4"},
                                                                          {XFS_SUPER_MAGIC, "xfs"},
                                                                          {BTRFS_SUPER_MAGIC, "btrfs"},
                                                                          {F2FS_SUPER_MAGIC, "f2fs"},
                                                                          {0x2FC12FC1, "zfs"},
                                                                          {NFS_SUPER_MAGIC, "nfs"},
                                                                          {OVERLAYFS_SUPER_MAGIC, "overlay"},
                                                                          {TMPFS_MAGIC, "tmpfs"},
                                                                          {RAMFS_MAGIC, "ramfs"}}};
  const long magic = magic_of(folder);
  for (const auto& [number, name] : kNames) {
    if (number == magic) { return name; }
  }
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), "%#lx", magic);
  return text.data();
}

bool is_in_memory(const fs::path& folder) {
  const long magic = magic_of(folder);
  return magic == TMPFS_MAGIC || magic == RAMFS_MAGIC;
}

std::uint64_t free_bytes(const fs::path& folder) {
  std::error_code failed;
  const fs::space_info space = fs::space(folder, failed);
  if (failed) { throw Failure("cannot tell how much is free in " + folder.string() + ": " + failed.message()); }
  return space.available;
}

void settle(const fs::path& folder) {
  const int descriptor = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (descriptor < 0) { return; }
  ::syncfs(descriptor);
  ::close(descriptor);
}

}  // namespace tidemark::compare
