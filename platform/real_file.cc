// SPDX-License-Identifier: Apache-2.0
#include "platform/real_file.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <fcntl.h>
#include <string_view>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include "platform/descriptor.h"
#include "platform/os_error.h"
#include "platform/real_mapping.h"

namespace tidemark::platform {

namespace {

// What O_DIRECT asks of addresses, offsets and lengths: a page suits every device.
constexpr std::size_t kDirectAlignment = 4096;
constexpr std::size_t kZerosSize = std::size_t{1} << 20;
// Never written to. Not const, so that it takes no room in the program's file.
alignas(kDirectAlignment) constinit std::array<std::byte, kZerosSize> zeros = {};

constexpr std::string_view kWritingZeros = "fill the file with zeros";

// How far a run of writes came, and the errno of the write that ended it early, else 0.
struct Progress {
  std::uint64_t end = 0;
  int error = 0;
};

// Writes zeros over [from, to) in pieces of at most 1 MiB.
Progress write_zeros_range(int descriptor, std::uint64_t from, std::uint64_t to) {
  while (from < to) {
    const auto length = static_cast<std::size_t>(std::min<std::uint64_t>(to - from, zeros.size()));
    const ssize_t n = ::pwrite(descriptor, zeros.data(), length, static_cast<off_t>(from));
    if (n > 0) {
      from += static_cast<std::uint64_t>(n);
    } else if (n == 0) {
      return {.end = from, .error = EIO};
    } else if (errno != EINTR) {
      return {.end = from, .error = errno};
    }
  }
  return {.end = from};
}

// Whether a write that failed like this would fail through the page cache just the same.
bool is_final(int number) {
  return number == ENOSPC || number == EDQUOT || number == EFBIG || number == EIO || number == EROFS;
}

class RealFile final : public File {
 public:
  RealFile(Descriptor descriptor, std::filesystem::path path)
      : descriptor_(std::move(descriptor)), path_(std::move(path)) {}

  Result<std::size_t> pread(std::span<std::byte> into, std::uint64_t offset) override {
    const ssize_t n = ::pread(number(), into.data(), into.size(), static_cast<off_t>(offset));
    if (n < 0) return failure(errno, "read the file");
    return static_cast<std::size_t>(n);
  }

  void will_read(std::uint64_t offset, std::uint64_t length) override {
    // Of one wish Linux grants no more than its read-ahead window, or what the disk takes at once.
    constexpr std::uint64_t kWishBytes = std::uint64_t{512} << 10U;
    for (std::uint64_t end = offset + length; offset < end; offset += kWishBytes) {
      const auto some = static_cast<off_t>(std::min(kWishBytes, end - offset));
      if (::posix_fadvise(number(), static_cast<off_t>(offset), some, POSIX_FADV_WILLNEED) != 0) { return; }
    }
  }

  Result<std::size_t> pwritev(std::span<const std::span<const std::byte>> parts, std::uint64_t offset) override {
    std::array<iovec, kPartsMax> list;
    const std::size_t count = std::min(parts.size(), list.size());
    std::transform(parts.begin(), parts.begin() + static_cast<std::ptrdiff_t>(count), list.begin(), [](auto part) {
      return iovec{.iov_base = const_cast<std::byte*>(part.data()), .iov_len = part.size()};
    });
    const ssize_t n = ::pwritev(number(), list.data(), static_cast<int>(count), static_cast<off_t>(offset));
    if (n < 0) return failure(errno, "write to the file");
    return static_cast<std::size_t>(n);
  }

  Status datasync() override {
    if (::fdatasync(number()) != 0) return failure(errno, "sync the file");
    return {};
  }

  Status allocate(std::uint64_t size) override {
    if (size == 0) return {};
    while (::fallocate(number(), 0, 0, static_cast<off_t>(size)) != 0) {
      if (errno == EINTR) continue;
      if (errno == EOPNOTSUPP || errno == ENOSYS) return make_long(size);
      return failure(errno, "reserve space for the file");
    }
    return {};
  }

  Status write_zeros(std::uint64_t size) override {
    const Progress direct = write_zeros_directly(size - size % kDirectAlignment);
    if (is_final(direct.error)) return failure(direct.error, kWritingZeros);
    const Progress cached = write_zeros_range(number(), direct.end, size);
    if (cached.error != 0) return failure(cached.error, kWritingZeros);
    return {};
  }

  Result<std::uint64_t> size() override {
    struct stat status;
    if (::fstat(number(), &status) != 0) return failure(errno, "look up the file's size");
    return static_cast<std::uint64_t>(status.st_size);
  }

  Status check() override {
    struct stat open = {};
    struct stat named = {};
    if (::fstat(number(), &open) != 0) return failure(errno, "look for the file");
    if (::stat(path_.c_str(), &named) != 0) {
      if (errno != ENOENT) return failure(errno, "look for the file");
    } else if (named.st_dev == open.st_dev && named.st_ino == open.st_ino) {
      return {};
    }
    return without_exceptions([&]() -> Status {
      return std::unexpected(
          Error(ErrorCode::kLocked, "the file was removed or replaced while it was open").with_path(path_));
    });
  }

  Result<std::unique_ptr<Mapping>> map() override { return map_file(number(), path_); }

 private:
  [[nodiscard]] int number() const { return descriptor_.number(); }

  [[nodiscard]] std::unexpected<Error> failure(int error, std::string_view doing) const {
    return os_failure(error, doing, path_);
  }

  // Never shortens: the file may be mapped.
  Status make_long(std::uint64_t wanted) {
    const Result<std::uint64_t> now = size();
    if (!now) return std::unexpected(now.error());
    if (*now < wanted && ::ftruncate(number(), static_cast<off_t>(wanted)) != 0) {
      return failure(errno, "make the file longer");
    }
    return {};
  }

  // Past the page cache: a segment's zeros are not worth the memory, nor the wait for their write-back at the sync.
  // Not everywhere possible. A second descriptor has the flag, so that other threads can use the first meanwhile.
  [[nodiscard]] Progress write_zeros_directly(std::uint64_t size) const {
    std::array<char, 32> name{};
    std::snprintf(name.data(), name.size(), "/proc/self/fd/%d", number());
    const Descriptor direct(above_standard(::open(name.data(), O_WRONLY | O_DIRECT | O_CLOEXEC)));
    return direct ? write_zeros_range(direct.number(), 0, size) : Progress{};
  }

  const Descriptor descriptor_;
  const std::filesystem::path path_;
};

int flags_of(OpenMode mode) {
  switch (mode) {
    case OpenMode::kRead:
      return O_RDONLY;
    case OpenMode::kReadWrite:
      return O_RDWR;
    case OpenMode::kCreate:
      return O_RDWR | O_CREAT | O_EXCL;
  }
  return O_RDONLY;
}

}  // namespace

Result<std::unique_ptr<File>> open_real_file(const std::filesystem::path& path, OpenMode mode) {
  const std::string_view doing = mode == OpenMode::kCreate ? "create the file" : "open the file";
  // O_NONBLOCK: a pipe under the name of a file must not make us wait for its other end. O_NOFOLLOW: nor must a link
  // make us write into a file that is none of ours.
  Descriptor descriptor(
      above_standard(::open(path.c_str(), flags_of(mode) | O_NOFOLLOW | O_CLOEXEC | O_NOCTTY | O_NONBLOCK, 0644)));
  if (!descriptor) return os_failure(errno, doing, path);
  struct stat status;
  if (::fstat(descriptor.number(), &status) != 0) return os_failure(errno, doing, path);
  if (!S_ISREG(status.st_mode)) return os_failure(S_ISDIR(status.st_mode) ? EISDIR : EINVAL, doing, path);
  return without_exceptions(
      [&]() -> Result<std::unique_ptr<File>> { return std::make_unique<RealFile>(std::move(descriptor), path); });
}

}  // namespace tidemark::platform
