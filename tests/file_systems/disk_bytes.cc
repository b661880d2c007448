// SPDX-License-Identifier: Apache-2.0
#include "tests/file_systems/disk_bytes.h"

#include <sys/mman.h>
#include <unistd.h>
#include <utility>

namespace tidemark::file_systems {

namespace {

std::optional<std::span<std::byte>> map(int memory, std::size_t size, int flags) {
  void* const at = ::mmap(nullptr, size, PROT_READ | PROT_WRITE, flags | MAP_NORESERVE, memory, 0);
  if (at == MAP_FAILED) { return std::nullopt; }
  return std::span(static_cast<std::byte*>(at), size);
}

}  // namespace

std::optional<DiskBytes> DiskBytes::make(std::uint64_t size) {
  const int memory = ::memfd_create("disk", MFD_CLOEXEC);
  if (memory < 0) { return std::nullopt; }
  if (::ftruncate(memory, static_cast<off_t>(size)) == 0) {
    if (const auto bytes = map(memory, size, MAP_SHARED)) { return DiskBytes(memory, *bytes); }
  }
  ::close(memory);
  return std::nullopt;
}

std::optional<DiskBytes> DiskBytes::copy() const {
  const auto bytes = map(memory_, bytes_.size(), MAP_PRIVATE);
  if (!bytes) { return std::nullopt; }
  return DiskBytes(-1, *bytes);
}

DiskBytes::DiskBytes(DiskBytes&& other) noexcept
    : memory_(std::exchange(other.memory_, -1)), bytes_(std::exchange(other.bytes_, {})) {}

DiskBytes& DiskBytes::operator=(DiskBytes&& other) noexcept {
  std::swap(memory_, other.memory_);
  std::swap(bytes_, other.bytes_);
  return *this;
}

DiskBytes::~DiskBytes() {
  if (!bytes_.empty()) { ::munmap(bytes_.data(), bytes_.size()); }
  if (memory_ >= 0) { ::close(memory_); }
}

}  // namespace tidemark::file_systems
