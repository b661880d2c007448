// SPDX-License-Identifier: Apache-2.0
#include "tests/damage/sheltered_files.h"

#include <utility>

#include "tests/damage/failing_new.h"

namespace tidemark::damage {

namespace {

namespace fs = std::filesystem;
using namespace platform;

class ShelteredMapping final : public Mapping {
 public:
  explicit ShelteredMapping(std::unique_ptr<Mapping> inner) : inner_(std::move(inner)) {}
  std::span<const std::byte> bytes() const override { return inner_->bytes(); }
  Status populate(std::uint64_t offset, std::uint64_t length) const override {
    const Sheltered here;
    return inner_->populate(offset, length);
  }

 private:
  std::unique_ptr<Mapping> inner_;
};

class ShelteredFile final : public File {
 public:
  explicit ShelteredFile(std::unique_ptr<File> inner) : inner_(std::move(inner)) {}
  void will_read(std::uint64_t offset, std::uint64_t length) override { inner_->will_read(offset, length); }
  Result<std::size_t> pread(std::span<std::byte> into, std::uint64_t offset) override {
    const Sheltered here;
    return inner_->pread(into, offset);
  }
  Result<std::size_t> pwritev(std::span<const std::span<const std::byte>> parts, std::uint64_t offset) override {
    const Sheltered here;
    return inner_->pwritev(parts, offset);
  }
  Status datasync() override {
    const Sheltered here;
    return inner_->datasync();
  }
  Status allocate(std::uint64_t size) override {
    const Sheltered here;
    return inner_->allocate(size);
  }
  Status write_zeros(std::uint64_t size) override {
    const Sheltered here;
    return inner_->write_zeros(size);
  }
  Result<std::uint64_t> size() override {
    const Sheltered here;
    return inner_->size();
  }
  Status check() override {
    const Sheltered here;
    return inner_->check();
  }
  Result<std::unique_ptr<Mapping>> map() override {
    const Sheltered here;
    auto mapping = inner_->map();
    if (!mapping) { return mapping; }
    return std::make_unique<ShelteredMapping>(std::move(*mapping));
  }

 private:
  std::unique_ptr<File> inner_;
};

class ShelteredFiles final : public FileSystem {
 public:
  explicit ShelteredFiles(FileSystem& inner) : inner_(inner) {}
  Result<std::unique_ptr<File>> open(const fs::path& path, OpenMode mode) override {
    const Sheltered here;
    auto file = inner_.open(path, mode);
    if (!file) { return file; }
    return std::make_unique<ShelteredFile>(std::move(*file));
  }
  Status rename(const fs::path& from, const fs::path& to) override {
    const Sheltered here;
    return inner_.rename(from, to);
  }
  Status link(const fs::path& from, const fs::path& to) override {
    const Sheltered here;
    return inner_.link(from, to);
  }
  Status unlink(const fs::path& path) override {
    const Sheltered here;
    return inner_.unlink(path);
  }
  Result<std::vector<DirectoryEntry>> list(const fs::path& folder) override {
    const Sheltered here;
    return inner_.list(folder);
  }
  Status make_folder(const fs::path& folder) override {
    const Sheltered here;
    return inner_.make_folder(folder);
  }
  Status make_inner_folder(const fs::path& folder) override {
    const Sheltered here;
    return inner_.make_inner_folder(folder);
  }
  Status check_inner_folder(const fs::path& folder) override {
    const Sheltered here;
    return inner_.check_inner_folder(folder);
  }
  Status sync_folder(const fs::path& folder) override {
    const Sheltered here;
    return inner_.sync_folder(folder);
  }
  Result<std::unique_ptr<FileLock>> lock(const fs::path& path) override {
    const Sheltered here;
    return inner_.lock(path);
  }
  Result<bool> is_locked(const fs::path& path) override {
    const Sheltered here;
    return inner_.is_locked(path);
  }
  Result<FileSystemTraits> traits(const fs::path& folder) override {
    const Sheltered here;
    return inner_.traits(folder);
  }

 private:
  FileSystem& inner_;
};

}  // namespace

std::unique_ptr<FileSystem> make_sheltered(FileSystem& inner) { return std::make_unique<ShelteredFiles>(inner); }

}  // namespace tidemark::damage
