// SPDX-License-Identifier: Apache-2.0
#include "platform/sim/sim_file.h"

#include <algorithm>
#include <cerrno>
#include <numeric>
#include <utility>

namespace tidemark::platform {

namespace {

using Kind = SeamCall::Kind;

class SimMapping final : public Mapping {
 public:
  // With the disk's mutex held.
  explicit SimMapping(SimHandle handle)
      : handle_(std::move(handle)), memory_(handle_.node->data.memory()), size_(handle_.node->data.size()) {}

  std::span<const std::byte> bytes() const override { return {memory_.get(), static_cast<std::size_t>(size_)}; }

  Status populate(std::uint64_t offset, std::uint64_t length) const override {
    const SimDisk::Site site = {.kind = Kind::kPopulate,
                                .path = handle_.path,
                                .doing = "read a mapped range",
                                .offset = offset,
                                .length = length,
                                .generation = handle_.generation};
    return handle_.disk->call(site, [&](auto&, const SeamFault&) -> Status {
      if (offset >= size_ || length == 0) return {};
      const std::uint64_t end = offset + std::min(length, size_ - offset);
      if (end > handle_.node->data.size()) return os_failure(EFAULT, site.doing, site.path);
      return {};
    });
  }

 private:
  const SimHandle handle_;
  const std::shared_ptr<const std::byte[]> memory_;
  const std::uint64_t size_;
};

class SimFile final : public File {
 public:
  SimFile(SimHandle handle, OpenMode mode) : handle_(std::move(handle)), is_writable_(mode != OpenMode::kRead) {}

  void will_read(std::uint64_t, std::uint64_t) override {}  // memory is there

  Result<std::size_t> pread(std::span<std::byte> into, std::uint64_t offset) override {
    const SimDisk::Site site = at(Kind::kPread, "read the file", offset, into.size());
    return handle_.disk->call(site, [&](auto&, const SeamFault& fault) -> Result<std::size_t> {
      const std::size_t read = data().read(into.first(cut(into.size(), fault)), offset);
      if (fault.error != 0) return os_failure(fault.error, site.doing, site.path);
      return read;
    });
  }

  Result<std::size_t> pwritev(std::span<const std::span<const std::byte>> parts, std::uint64_t offset) override {
    parts = parts.first(std::min(parts.size(), kPartsMax));
    const std::size_t total = std::transform_reduce(parts.begin(), parts.end(), std::size_t{0}, std::plus<>(),
                                                    [](const auto& part) { return part.size(); });
    const SimDisk::Site site = at(Kind::kPwritev, "write to the file", offset, total);
    return handle_.disk->call(site, [&](SimDisk::State& state, const SeamFault& fault) -> Result<std::size_t> {
      if (!is_writable_) return os_failure(EBADF, site.doing, site.path);
      std::size_t left = cut(total, fault);
      // Like a real disk that fills up: what still fits is written, the next write fails.
      if (!state.has_room(data(), offset + left)) {
        const std::uint64_t end = data().size() + state.room();
        if (end <= offset) return os_failure(ENOSPC, site.doing, site.path);
        left = static_cast<std::size_t>(end - offset);
      }
      std::size_t written = 0;
      for (const auto& part : parts) {
        const auto piece = part.first(std::min(part.size(), left - written));
        data().write(piece, offset + written);
        written += piece.size();
      }
      if (fault.error != 0) return os_failure(fault.error, site.doing, site.path);
      return written;
    });
  }

  Status datasync() override {
    return handle_.disk->call(at(Kind::kDatasync, "sync the file"), [&](auto&, const SeamFault& fault) -> Status {
      if (fault.error != 0) {
        data().fail_sync();
        return os_failure(fault.error, "sync the file", handle_.path);
      }
      data().sync();
      return {};
    });
  }

  Status allocate(std::uint64_t size) override {
    return enlarge(at(Kind::kAllocate, "reserve space for the file", 0, size), &SimFileData::grow);
  }

  Status write_zeros(std::uint64_t size) override {
    return enlarge(at(Kind::kWriteZeros, "fill the file with zeros", 0, size), &SimFileData::write_zeros);
  }

  Result<std::uint64_t> size() override {
    return handle_.disk->call(at(Kind::kSize, "look up the file's size"),
                              [&](auto&, const SeamFault&) -> Result<std::uint64_t> { return data().size(); });
  }

  Status check() override {
    return handle_.disk->call(
        at(Kind::kCheckFile, "look for the file"), [&](SimDisk::State& state, const SeamFault&) -> Status {
          const auto node = state.tree.find_file(handle_.path);
          if (node && *node == handle_.node) return {};
          return std::unexpected(
              Error(ErrorCode::kLocked, "the file was removed or replaced while it was open").with_path(handle_.path));
        });
  }

  Result<std::unique_ptr<Mapping>> map() override {
    const SimDisk::Site site = at(Kind::kMap, "map the file");
    return handle_.disk->call(site, [&](auto&, const SeamFault&) -> Result<std::unique_ptr<Mapping>> {
      if (data().size() == 0) return os_failure(EINVAL, site.doing, site.path);
      return std::make_unique<SimMapping>(handle_);
    });
  }

 private:
  [[nodiscard]] SimDisk::Site at(Kind kind, std::string_view doing, std::uint64_t offset = 0,
                                 std::uint64_t length = 0) const {
    return {.kind = kind,
            .path = handle_.path,
            .doing = doing,
            .offset = offset,
            .length = length,
            .generation = handle_.generation};
  }

  [[nodiscard]] SimFileData& data() const { return handle_.node->data; }

  static std::size_t cut(std::size_t size, const SeamFault& fault) {
    return fault.only ? static_cast<std::size_t>(std::min<std::uint64_t>(size, *fault.only)) : size;
  }

  Status enlarge(const SimDisk::Site& site, void (SimFileData::*change)(std::uint64_t)) {
    return handle_.disk->call(site, [&](SimDisk::State& state, const SeamFault&) -> Status {
      if (!is_writable_) return os_failure(EBADF, site.doing, site.path);
      if (!state.has_room(data(), site.length)) return os_failure(ENOSPC, site.doing, site.path);
      (data().*change)(site.length);
      return {};
    });
  }

  const SimHandle handle_;
  const bool is_writable_;
};

class SimLock final : public FileLock {
 public:
  explicit SimLock(SimHandle handle) : handle_(std::move(handle)) {}
  ~SimLock() override {
    handle_.disk->inspect([&](SimDisk::State& state) {
      if (!state.is_off && state.generation == handle_.generation) state.locked.erase(handle_.node->id);
    });
  }

  Status check() override {
    const SimDisk::Site site = {.kind = SeamCall::Kind::kCheckLock,
                                .path = handle_.path,
                                .doing = "look for the lock file",
                                .generation = handle_.generation};
    return handle_.disk->call(site, [&](SimDisk::State& state, const SeamFault&) -> Status {
      const auto node = state.tree.find_file(handle_.path);
      if (node && *node == handle_.node) return {};
      return std::unexpected(Error(ErrorCode::kLocked, "the lock file was removed").with_path(handle_.path));
    });
  }

 private:
  const SimHandle handle_;
};

}  // namespace

std::unique_ptr<File> make_sim_file(SimHandle handle, OpenMode mode) {
  return std::make_unique<SimFile>(std::move(handle), mode);
}

std::unique_ptr<FileLock> make_sim_lock(SimHandle handle) { return std::make_unique<SimLock>(std::move(handle)); }

}  // namespace tidemark::platform
