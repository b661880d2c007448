// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "tidemark/error.hpp"

// The seam to the file system. Everything that the store does to files goes through it, one operating-system call a
// call, so that each can be counted, failed and crashed in a test. The helpers that loop over short counts stand in
// io.h, above the seam.
//
// Errors: kIo (kNoSpace for ENOSPC, EDQUOT and EFBIG; kOutOfMemory for ENOMEM; kNotFound for ENOENT) with the path and
// the errno. No exception leaves this module. One file may be used by several threads at once.
namespace tidemark::platform {

// A file mapped for reading. The view keeps its address until the mapping is destroyed; bytes written to the file
// through File::pwritev show in it.
class Mapping {
 public:
  virtual ~Mapping() = default;
  [[nodiscard]] virtual std::span<const std::byte> bytes() const = 0;
  // Brings a range into memory, so that a medium that fails or a file cut short is an error here and not a signal
  // later. The range is cut to the mapping.
  [[nodiscard]] virtual Status populate(std::uint64_t offset, std::uint64_t length) const = 0;
};

class File {
 public:
  virtual ~File() = default;
  // Reads up to into.size() bytes; fewer at the end of the file (0 past it), or when the system gives fewer.
  [[nodiscard]] virtual Result<std::size_t> pread(std::span<std::byte> into, std::uint64_t offset) = 0;
  // Says that this range is going to be read, so that the system can bring it in meanwhile. Only a wish: it cannot
  // fail.
  virtual void will_read(std::uint64_t offset, std::uint64_t length) = 0;
  // Writes the parts one after the other from offset on. May write fewer bytes than asked: gives how many. At most
  // kPartsMax parts a call.
  [[nodiscard]] virtual Result<std::size_t> pwritev(std::span<const std::span<const std::byte>> parts,
                                                    std::uint64_t offset) = 0;
  static constexpr std::size_t kPartsMax = 1024;
  // fdatasync: the file's bytes and size are on stable storage when this succeeds. Never retried by anyone.
  [[nodiscard]] virtual Status datasync() = 0;
  // Makes the file size bytes long with all its space reserved; what is new reads as zeros. Never shortens. Where the
  // file system cannot reserve, the file is only made long (sparse).
  [[nodiscard]] virtual Status allocate(std::uint64_t size) = 0;
  // Writes zeros over [0, size), past the page cache where that is possible. Not synced.
  [[nodiscard]] virtual Status write_zeros(std::uint64_t size) = 0;
  [[nodiscard]] virtual Result<std::uint64_t> size() = 0;
  // Whether it still stands under the name that it was opened by. If somebody removed or replaced it (kLocked), what is
  // written to it is found by nobody.
  [[nodiscard]] virtual Status check() = 0;
  // Maps the whole file as it is now, read-only.
  [[nodiscard]] virtual Result<std::unique_ptr<Mapping>> map() = 0;
};

// A lock that is held until it is destroyed. Excludes every other holder, in this process and others; the system
// releases it when the process dies.
class FileLock {
 public:
  virtual ~FileLock() = default;
  // Whether the lock's file still stands under its name. If somebody removed or replaced it (kLocked), another process
  // can take a lock of its own there, and this one excludes nobody any more.
  [[nodiscard]] virtual Status check() = 0;
};

struct DirectoryEntry {
  std::string name;
  std::uint64_t size = 0;  // of a file; a symbolic link is neither file nor folder
  bool is_folder = false;
};

enum class OpenMode : std::uint8_t {
  kRead,       // must exist
  kReadWrite,  // must exist
  kCreate,     // for reading and writing; must not exist
};

// What the file system under a folder is like.
struct FileSystemTraits {
  std::string name;        // "ext4", "btrfs", …, or the magic number in hex
  bool zeros_help = true;  // writing zeros ahead makes later commits cheaper (not on copy-on-write, nor in memory)
  std::string objection;   // why no store should live there; empty if nothing speaks against it
};

class FileSystem {
 public:
  virtual ~FileSystem() = default;
  [[nodiscard]] virtual Result<std::unique_ptr<File>> open(const std::filesystem::path& path, OpenMode mode) = 0;
  // Replaces to if it exists. Durable after sync_folder.
  [[nodiscard]] virtual Status rename(const std::filesystem::path& from, const std::filesystem::path& to) = 0;
  // Gives a file a second name, in the same file system; to must not exist. Both names are of the same bytes from then
  // on. Durable after sync_folder. An error of kIo with EXDEV (another file system), EPERM, EOPNOTSUPP (it knows no
  // links) or EMLINK (too many) means that only a copy can be had: see links_are_refused.
  [[nodiscard]] virtual Status link(const std::filesystem::path& from, const std::filesystem::path& to) = 0;
  [[nodiscard]] virtual Status unlink(const std::filesystem::path& path) = 0;
  // The entries of a folder without "." and "..", in the byte order of their names.
  [[nodiscard]] virtual Result<std::vector<DirectoryEntry>> list(const std::filesystem::path& folder) = 0;
  // Makes a folder and those above it. Fine if it exists.
  [[nodiscard]] virtual Status make_folder(const std::filesystem::path& folder) = 0;
  // Makes a folder in one that is there (kNotFound). Fine if it exists.
  [[nodiscard]] virtual Status make_inner_folder(const std::filesystem::path& folder) = 0;
  // Whether this is a folder, and no symbolic link to one. kNotFound; kIo.
  [[nodiscard]] virtual Status check_inner_folder(const std::filesystem::path& folder) = 0;
  // fsync of a folder: the entries made, renamed and removed in it before are on stable storage when this succeeds.
  [[nodiscard]] virtual Status sync_folder(const std::filesystem::path& folder) = 0;
  // Takes the lock in this file, creating the file if need be, and writes who holds it into the file (best effort).
  // kLocked names the holder, as far as the file tells.
  [[nodiscard]] virtual Result<std::unique_ptr<FileLock>> lock(const std::filesystem::path& path) = 0;
  // Whether somebody holds that lock now. Never creates the file.
  [[nodiscard]] virtual Result<bool> is_locked(const std::filesystem::path& path) = 0;
  [[nodiscard]] virtual Result<FileSystemTraits> traits(const std::filesystem::path& folder) = 0;
};

// Whether an error of FileSystem::link says that this file cannot have a name there, and not that something failed.
[[nodiscard]] bool links_are_refused(const Error& error);

// The operating system's file system. Lives as long as the process.
[[nodiscard]] FileSystem& real_file_system();

}  // namespace tidemark::platform
