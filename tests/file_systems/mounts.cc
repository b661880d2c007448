// SPDX-License-Identifier: Apache-2.0
#include "tests/file_systems/mounts.h"

#include <array>
#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <linux/loop.h>
#include <sched.h>
#include <spawn.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>
#include <utility>

extern char** environ;

namespace tidemark::file_systems {

namespace {

std::string because(std::string_view what) { return std::string(what) + ": " + std::strerror(errno); }

// Unmounting waits for those who close their files at this moment.
void unmount(const std::filesystem::path& at) {
  constexpr int kTries = 200;
  for (int i = 0; i < kTries; ++i) {
    if (::umount2(at.c_str(), 0) == 0 || errno != EBUSY) { return; }
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  ::umount2(at.c_str(), MNT_DETACH);
}

}  // namespace

std::string enter_own_mounts() {
  if (::geteuid() != 0) { return "needs root"; }
  if (::unshare(CLONE_NEWNS) != 0) { return because("needs mounts of its own"); }
  if (::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0) { return because("needs mounts of its own"); }
  return {};
}

std::optional<LoopDevice> LoopDevice::attach(const std::filesystem::path& file, std::string& why) {
  const int control = ::open("/dev/loop-control", O_RDWR | O_CLOEXEC);
  if (control < 0) {
    why = because("needs loop devices");
    return std::nullopt;
  }
  const int backing = ::open(file.c_str(), O_RDWR | O_CLOEXEC);
  if (backing < 0) {
    why = because("cannot open " + file.string());
    ::close(control);
    return std::nullopt;
  }
  std::optional<LoopDevice> made;
  why = "needs a free loop device";
  // Somebody else may take the same free one first.
  for (int tries = 0; tries < 100 && !made; ++tries) {
    const int number = ::ioctl(control, LOOP_CTL_GET_FREE);
    if (number < 0) { break; }
    std::string name = "/dev/loop" + std::to_string(number);
    const int device = ::open(name.c_str(), O_RDWR | O_CLOEXEC);
    if (device < 0) {
      why = because("cannot open " + name);
      break;
    }
    loop_config config{};
    config.fd = static_cast<__u32>(backing);
    config.block_size = 512;
    config.info.lo_flags = LO_FLAGS_AUTOCLEAR;
    if (::ioctl(device, LOOP_CONFIGURE, &config) == 0) {
      made = LoopDevice(device, std::move(name));
      why.clear();
    } else {
      why = because("cannot set up " + name);
      ::close(device);
    }
  }
  ::close(backing);
  ::close(control);
  return made;
}

LoopDevice::LoopDevice(LoopDevice&& other) noexcept
    : device_(std::exchange(other.device_, -1)), name_(std::move(other.name_)) {}

LoopDevice& LoopDevice::operator=(LoopDevice&& other) noexcept {
  std::swap(device_, other.device_);
  std::swap(name_, other.name_);
  return *this;
}

LoopDevice::~LoopDevice() {
  if (device_ >= 0) { ::close(device_); }
}

std::string_view to_string(Kind kind) {
  switch (kind) {
    case Kind::kExt4:
      return "ext4";
    case Kind::kXfs:
      return "xfs";
    case Kind::kBtrfs:
      return "btrfs";
  }
  return "?";
}

std::uint64_t disk_bytes(Kind kind) {
  constexpr std::uint64_t kMebibyte = std::uint64_t{1} << 20U;
  switch (kind) {
    case Kind::kExt4:
      return 64 * kMebibyte;
    case Kind::kXfs:
      return 320 * kMebibyte;
    case Kind::kBtrfs:
      return 160 * kMebibyte;
  }
  return 0;
}

std::string make_file_system(Kind kind, const std::string& device) {
  std::vector<std::string> command;
  switch (kind) {
    case Kind::kExt4:
      command = {"mkfs.ext4", "-q", "-F", "-J", "size=8", "-E", "nodiscard,lazy_itable_init=0,lazy_journal_init=0"};
      break;
    case Kind::kXfs:
      command = {"mkfs.xfs", "-q", "-f", "-K"};
      break;
    case Kind::kBtrfs:
      command = {"mkfs.btrfs", "-q", "-f", "-K"};
      break;
  }
  command.push_back(device);
  std::string line = "PATH=$PATH:/sbin:/usr/sbin exec";
  for (const auto& word : command) { line += " " + word; }
  if (run_program({"/bin/sh", "-c", line + " >/dev/null 2>&1"}).exit_code == 0) { return {}; }
  return "needs " + command.front();
}

std::optional<Mount> Mount::make(Kind kind, const std::string& device, const std::filesystem::path& at,
                                 std::string& why, bool read_only) {
  std::error_code ignored;
  std::filesystem::create_directories(at, ignored);
  const std::string name(to_string(kind));
  if (::mount(device.c_str(), at.c_str(), name.c_str(), read_only ? static_cast<unsigned long>(MS_RDONLY) : 0UL,
              nullptr) != 0) {
    why = because("cannot mount " + name);
    return std::nullopt;
  }
  why.clear();
  return Mount(kind, at);
}

Mount::Mount(Mount&& other) noexcept : kind_(other.kind_), at_(std::exchange(other.at_, {})) {}

Mount& Mount::operator=(Mount&& other) noexcept {
  std::swap(kind_, other.kind_);
  std::swap(at_, other.at_);
  return *this;
}

Mount::~Mount() {
  if (!at_.empty()) { unmount(at_); }
}

std::string Mount::remount(bool read_only) {
  const std::string name(to_string(kind_));
  const unsigned long flags = MS_REMOUNT | (read_only ? static_cast<unsigned long>(MS_RDONLY) : 0UL);
  if (::mount("none", at_.c_str(), name.c_str(), flags, nullptr) != 0) { return because("cannot remount " + name); }
  return {};
}

std::unique_ptr<PlainDisk> PlainDisk::make(Kind kind, std::uint64_t size, std::string& why) {
  auto bytes = DiskBytes::make(size);
  if (!bytes) {
    why = "not enough memory for a disk";
    return nullptr;
  }
  std::unique_ptr<PlainDisk> disk(new PlainDisk(kind, std::move(*bytes)));
  const auto device = LoopDevice::attach(disk->disk_.file(), why);
  if (!device) { return nullptr; }
  why = make_file_system(kind, device->name());
  if (!why.empty()) { return nullptr; }
  return disk;
}

std::string PlainDisk::mount(bool read_only) {
  std::string why;
  device_ = LoopDevice::attach(disk_.file(), why);
  if (device_) { mount_ = Mount::make(kind_, device_->name(), path(), why, read_only); }
  return why;
}

void PlainDisk::unmount() {
  mount_.reset();
  device_.reset();
}

Ended run_program(const std::vector<std::string>& arguments, int given,
                  const std::function<void(int process)>& meanwhile) {
  Ended ended;
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) { return ended; }
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
  if (given >= 0) { posix_spawn_file_actions_adddup2(&actions, given, kGivenDescriptor); }
  std::vector<std::string> words = arguments;
  std::vector<char*> list;
  for (auto& word : words) { list.push_back(word.data()); }
  list.push_back(nullptr);
  pid_t child = -1;
  const int failed = ::posix_spawn(&child, list.front(), &actions, nullptr, list.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  ::close(ends[1]);
  if (failed == 0) {
    std::jthread beside;
    if (meanwhile) {
      beside = std::jthread([&] { meanwhile(child); });
    }
    std::array<char, 65536> piece{};
    for (ssize_t n = 0; (n = ::read(ends[0], piece.data(), piece.size())) > 0;) {
      ended.said.append(piece.data(), static_cast<std::size_t>(n));
    }
    if (beside.joinable()) { beside.join(); }
    int status = 0;
    if (::waitpid(child, &status, 0) == child) {
      if (WIFEXITED(status)) { ended.exit_code = WEXITSTATUS(status); }
      if (WIFSIGNALED(status)) { ended.signal = WTERMSIG(status); }
    }
  }
  ::close(ends[0]);
  return ended;
}

}  // namespace tidemark::file_systems
