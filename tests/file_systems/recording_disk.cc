// SPDX-License-Identifier: Apache-2.0
#define FUSE_USE_VERSION 312
#include "tests/file_systems/recording_disk.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <fuse_lowlevel.h>
#include <mutex>
#include <string_view>
#include <sys/mman.h>
#include <sys/stat.h>
#include <thread>
#include <unistd.h>
#include <utility>

namespace tidemark::file_systems {

namespace {

constexpr std::string_view kFileName = "disk";
constexpr fuse_ino_t kFileInode = 2;
constexpr double kKnownFor = 3600;  // seconds for which the kernel may believe names and sizes

class FuseDisk final : public RecordingDisk {
 public:
  FuseDisk(std::filesystem::path mount_point, std::uint64_t size) : mount_point_(std::move(mount_point)), size_(size) {}

  // Gives why it cannot.
  std::string start() {
    memory_ = ::memfd_create("flushes", MFD_CLOEXEC);
    if (memory_ < 0 || ::ftruncate(memory_, sizeof(std::uint64_t)) != 0) { return "no shared memory"; }
    void* const at = ::mmap(nullptr, sizeof(std::uint64_t), PROT_READ | PROT_WRITE, MAP_SHARED, memory_, 0);
    if (at == MAP_FAILED) { return "no shared memory"; }
    flushes_ = static_cast<std::uint64_t*>(at);

    fuse_lowlevel_ops calls{};
    calls.lookup = [](fuse_req_t request, fuse_ino_t parent, const char* name) {
      of(request).lookup(request, parent, name);
    };
    calls.getattr = [](fuse_req_t request, fuse_ino_t inode, fuse_file_info*) {
      const struct stat status = of(request).status_of(inode);
      fuse_reply_attr(request, &status, kKnownFor);
    };
    calls.open = [](fuse_req_t request, fuse_ino_t, fuse_file_info* info) {
      info->direct_io = 1;  // no cache between the device and the record
      fuse_reply_open(request, info);
    };
    calls.read = [](fuse_req_t request, fuse_ino_t, std::size_t size, off_t offset, fuse_file_info*) {
      of(request).read(request, size, static_cast<std::uint64_t>(offset));
    };
    calls.write = [](fuse_req_t request, fuse_ino_t, const char* bytes, std::size_t size, off_t offset,
                     fuse_file_info*) {
      of(request).write(request, std::as_bytes(std::span(bytes, size)), static_cast<std::uint64_t>(offset));
    };
    calls.fsync = [](fuse_req_t request, fuse_ino_t, int, fuse_file_info*) { of(request).flush(request); };

    std::string program = "tidemark-disk";
    std::string option = "-osubtype=tidemark";
    std::array<char*, 2> words = {program.data(), option.data()};
    fuse_args arguments = FUSE_ARGS_INIT(static_cast<int>(words.size()), words.data());
    session_ = fuse_session_new(&arguments, &calls, sizeof calls, this);
    fuse_opt_free_args(&arguments);
    if (session_ == nullptr) { return "needs FUSE"; }
    std::error_code ignored;
    std::filesystem::create_directories(mount_point_, ignored);
    if (fuse_session_mount(session_, mount_point_.c_str()) != 0) { return "cannot mount FUSE"; }
    mounted_ = true;
    server_ = std::jthread([this] { (void)fuse_session_loop(session_); });
    return {};
  }

  ~FuseDisk() override {
    if (mounted_) {
      fuse_session_exit(session_);
      fuse_session_unmount(session_);
    }
    if (server_.joinable()) { server_.join(); }
    if (session_ != nullptr) { fuse_session_destroy(session_); }
    if (flushes_ != nullptr) { ::munmap(flushes_, sizeof(std::uint64_t)); }
    if (memory_ >= 0) { ::close(memory_); }
  }
  FuseDisk(const FuseDisk&) = delete;
  FuseDisk& operator=(const FuseDisk&) = delete;

  [[nodiscard]] std::filesystem::path file() const override { return mount_point_ / kFileName; }

  void put(std::span<std::byte> bytes) override {
    const std::scoped_lock lock(mutex_);
    bytes_ = bytes;
  }

  void start_recording() override {
    const std::scoped_lock lock(mutex_);
    record_.clear();
    recording_ = true;
    std::atomic_ref(*flushes_).store(0, std::memory_order_release);
  }

  std::vector<DiskCall> stop_recording() override {
    const std::scoped_lock lock(mutex_);
    recording_ = false;
    return std::exchange(record_, {});
  }

  [[nodiscard]] int flush_count_memory() const override { return memory_; }

  void fail_reads(std::vector<Range> ranges) override {
    const std::scoped_lock lock(mutex_);
    failing_ = std::move(ranges);
    failed_reads_ = 0;
  }

  [[nodiscard]] std::uint64_t failed_reads() const override {
    const std::scoped_lock lock(mutex_);
    return failed_reads_;
  }

 private:
  static FuseDisk& of(fuse_req_t request) { return *static_cast<FuseDisk*>(fuse_req_userdata(request)); }

  [[nodiscard]] struct stat status_of(fuse_ino_t inode) const {
    struct stat status{};
    status.st_ino = inode;
    status.st_mode = inode == kFileInode ? S_IFREG | 0600 : S_IFDIR | 0700;
    status.st_nlink = 1;
    status.st_size = inode == kFileInode ? static_cast<off_t>(size_) : 0;
    return status;
  }

  void lookup(fuse_req_t request, fuse_ino_t parent, std::string_view name) const {
    if (parent != FUSE_ROOT_ID || name != kFileName) {
      fuse_reply_err(request, ENOENT);
      return;
    }
    fuse_entry_param entry{};
    entry.ino = kFileInode;
    entry.attr = status_of(kFileInode);
    entry.attr_timeout = kKnownFor;
    entry.entry_timeout = kKnownFor;
    fuse_reply_entry(request, &entry);
  }

  void read(fuse_req_t request, std::size_t size, std::uint64_t offset) {
    const std::scoped_lock lock(mutex_);
    const std::uint64_t begin = std::min<std::uint64_t>(offset, bytes_.size());
    const std::uint64_t end = std::min<std::uint64_t>(begin + size, bytes_.size());
    if (std::ranges::any_of(failing_, [&](const Range& bad) { return begin < bad.end && bad.begin < end; })) {
      ++failed_reads_;
      fuse_reply_err(request, EIO);
      return;
    }
    fuse_reply_buf(request, reinterpret_cast<const char*>(bytes_.data() + begin), end - begin);
  }

  void write(fuse_req_t request, std::span<const std::byte> bytes, std::uint64_t offset) {
    const std::scoped_lock lock(mutex_);
    if (offset + bytes.size() > bytes_.size()) {
      fuse_reply_err(request, ENOSPC);
      return;
    }
    std::ranges::copy(bytes, bytes_.begin() + static_cast<std::ptrdiff_t>(offset));
    if (recording_ && !bytes.empty()) { record_.push_back({offset, {bytes.begin(), bytes.end()}}); }
    fuse_reply_write(request, bytes.size());
  }

  void flush(fuse_req_t request) {
    const std::scoped_lock lock(mutex_);
    if (recording_) {
      record_.emplace_back();
      std::atomic_ref(*flushes_).fetch_add(1, std::memory_order_release);
    }
    fuse_reply_err(request, 0);
  }

  const std::filesystem::path mount_point_;
  const std::uint64_t size_;
  int memory_ = -1;
  std::uint64_t* flushes_ = nullptr;  // in memory_
  fuse_session* session_ = nullptr;
  bool mounted_ = false;

  mutable std::mutex mutex_;
  std::span<std::byte> bytes_;  // guarded by mutex_, like all below
  bool recording_ = false;
  std::vector<DiskCall> record_;
  std::vector<Range> failing_;
  std::uint64_t failed_reads_ = 0;

  std::jthread server_;
};

}  // namespace

std::unique_ptr<RecordingDisk> RecordingDisk::make(const std::filesystem::path& mount_point, std::uint64_t size,
                                                   std::string& why) {
  auto disk = std::make_unique<FuseDisk>(mount_point, size);
  why = disk->start();
  if (!why.empty()) { return nullptr; }
  return disk;
}

}  // namespace tidemark::file_systems
