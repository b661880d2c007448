// SPDX-License-Identifier: Apache-2.0
#include "platform/real_mapping.h"

#include <algorithm>
#include <array>
#include <boost/interprocess/file_mapping.hpp>
#include <boost/interprocess/mapped_region.hpp>
#include <cerrno>
#include <string>
#include <sys/mman.h>
#include <sys/uio.h>
#include <unistd.h>

#include "platform/os_error.h"

namespace tidemark::platform {

namespace {

namespace bi = boost::interprocess;

// MADV_POPULATE_READ; the C library's headers may be older than the kernel.
constexpr int kPopulateRead = 22;

constexpr std::string_view kPopulating =
    "read a mapped range (the medium may have failed, or somebody may have cut the file short)";

class RealMapping final : public Mapping {
 public:
  RealMapping(bi::mapped_region region, std::filesystem::path path)
      : region_(std::move(region)), path_(std::move(path)) {}

  std::span<const std::byte> bytes() const override {
    return {static_cast<const std::byte*>(region_.get_address()), region_.get_size()};
  }

  Status populate(std::uint64_t offset, std::uint64_t length) const override {
    const std::span all = bytes();
    if (offset >= all.size() || length == 0) return {};
    const std::size_t in_page = offset % bi::mapped_region::get_page_size();
    const std::size_t begin = static_cast<std::size_t>(offset) - in_page;
    const std::size_t end = static_cast<std::size_t>(offset + std::min<std::uint64_t>(length, all.size() - offset));
    const std::span range = all.subspan(begin, end - begin);

    // The kernel asks for an address to change, but changes nothing there.
    while (::madvise(const_cast<std::byte*>(range.data()), range.size(), kPopulateRead) != 0) {
      if (errno == EINTR || errno == EAGAIN) continue;
      if (errno == EINVAL) return populate_by_copying(range, path_);
      return os_failure(errno, kPopulating, path_);
    }
    return {};
  }

 private:
  bi::mapped_region region_;
  std::filesystem::path path_;
};

}  // namespace

Result<std::unique_ptr<Mapping>> map_file(int descriptor, const std::filesystem::path& path) {
  constexpr std::string_view kMapping = "map the file";
  try {
    // Through the descriptor, since the file may have another name by now. This opens it a second time, until the end
    // of this scope.
    const bi::file_mapping file(("/proc/self/fd/" + std::to_string(descriptor)).c_str(), bi::read_only);
    return std::make_unique<RealMapping>(bi::mapped_region(file, bi::read_only), path);
  } catch (const bi::interprocess_exception& thrown) {
    // Boost has errors without an errno too, such as the one for an empty file.
    const int number = thrown.get_native_error();
    return os_failure(number != 0 ? number : EINVAL, kMapping, path);
  } catch (const std::bad_alloc&) { return std::unexpected(no_memory()); }
}

Status populate_by_copying(std::span<const std::byte> range, const std::filesystem::path& path) {
  const std::size_t page = bi::mapped_region::get_page_size();
  std::byte sink{};
  for (std::size_t at = 0; at < range.size(); at += page) {
    const iovec to = {.iov_base = &sink, .iov_len = 1};
    const iovec from = {.iov_base = const_cast<std::byte*>(range.data() + at), .iov_len = 1};
    while (::process_vm_readv(::getpid(), &to, 1, &from, 1, 0) != 1) {
      if (errno == EINTR) continue;
      // A sandbox may forbid the call, or the kernel lack it. Then a bad page shows when it is read.
      if (errno == EPERM || errno == ENOSYS) return {};
      return os_failure(errno, kPopulating, path);
    }
  }
  return {};
}

}  // namespace tidemark::platform
