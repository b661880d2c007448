// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "tests/file_systems/disk_bytes.h"
#include "tests/temporary_folder.h"

// Folders, loop devices, file systems and programs of a test's own, gone with the object. Where something cannot be
// had, "why" says so in a few words.
namespace tidemark::file_systems {

// From here on this process mounts in a namespace of its own: whatever becomes of it, no mount is left behind. To be
// called before any thread is started. Gives why it cannot be; empty if it is done.
[[nodiscard]] std::string enter_own_mounts();

// A folder for disks and for where they are mounted. Nothing may be mounted in it when it ends.
struct OwnFolder : test::TemporaryFolder {
  OwnFolder() : TemporaryFolder("disk") {}
};

// A block device over a file. The kernel lets go of the file once the device is closed here and mounted nowhere.
class LoopDevice {
 public:
  static std::optional<LoopDevice> attach(const std::filesystem::path& file, std::string& why);
  LoopDevice(LoopDevice&& other) noexcept;
  LoopDevice& operator=(LoopDevice&& other) noexcept;
  ~LoopDevice();
  [[nodiscard]] const std::string& name() const { return name_; }

 private:
  LoopDevice(int device, std::string name) : device_(device), name_(std::move(name)) {}
  int device_ = -1;
  std::string name_;
};

enum class Kind : std::uint8_t { kExt4, kXfs, kBtrfs };
[[nodiscard]] std::string_view to_string(Kind kind);
// The smallest disk that its maker takes without being asked twice.
[[nodiscard]] std::uint64_t disk_bytes(Kind kind);
// Makes a file system. Gives why it cannot; empty if it is done. Nothing is left for the file system to do later.
[[nodiscard]] std::string make_file_system(Kind kind, const std::string& device);

// A file system that is mounted.
class Mount {
 public:
  static std::optional<Mount> make(Kind kind, const std::string& device, const std::filesystem::path& at,
                                   std::string& why, bool read_only = false);
  Mount(Mount&& other) noexcept;
  Mount& operator=(Mount&& other) noexcept;
  ~Mount();
  [[nodiscard]] const std::filesystem::path& path() const { return at_; }
  // Makes it read-only or writable again. Gives why it cannot.
  [[nodiscard]] std::string remount(bool read_only);

 private:
  Mount(Kind kind, std::filesystem::path at) : kind_(kind), at_(std::move(at)) {}
  Kind kind_;
  std::filesystem::path at_;  // empty: moved from
};

// A disk in memory, with an empty file system that is not mounted yet.
class PlainDisk {
 public:
  static std::unique_ptr<PlainDisk> make(Kind kind, std::uint64_t size, std::string& why);
  [[nodiscard]] const DiskBytes& disk() const { return disk_; }
  // Mounts it, until unmount(). Gives why it cannot.
  [[nodiscard]] std::string mount(bool read_only = false);
  void unmount();
  // Where it is mounted.
  [[nodiscard]] std::filesystem::path path() const { return folder_.path() / "mount"; }
  [[nodiscard]] std::string remount(bool read_only) { return mount_->remount(read_only); }

 private:
  PlainDisk(Kind kind, DiskBytes disk) : kind_(kind), disk_(std::move(disk)) {}
  const Kind kind_;
  const DiskBytes disk_;
  OwnFolder folder_;
  std::optional<LoopDevice> device_;
  std::optional<Mount> mount_;  // last, so that it goes before the device
};

struct Ended {
  int exit_code = -1;  // -1 if a signal ended it
  int signal = 0;
  std::string said;  // its standard output
};
// A number of the parent's that the program finds open as kGivenDescriptor.
inline constexpr int kGivenDescriptor = 3;
// Runs a program to its end. meanwhile is called, if given, once it was started, with its process id.
[[nodiscard]] Ended run_program(const std::vector<std::string>& arguments, int given = -1,
                                const std::function<void(int process)>& meanwhile = {});

}  // namespace tidemark::file_systems
