// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <string>

namespace tidemark::file_systems {

// Bytes of a disk, in memory that costs nothing until it is written. A copy shares the pages that neither side has
// changed; the original must not change while copies of it are in use.
class DiskBytes {
 public:
  static std::optional<DiskBytes> make(std::uint64_t size);
  [[nodiscard]] std::optional<DiskBytes> copy() const;
  DiskBytes(DiskBytes&& other) noexcept;
  DiskBytes& operator=(DiskBytes&& other) noexcept;
  ~DiskBytes();
  [[nodiscard]] std::span<std::byte> bytes() const { return bytes_; }
  // A name under which this process can open the original as a file.
  [[nodiscard]] std::filesystem::path file() const { return "/proc/self/fd/" + std::to_string(memory_); }

 private:
  DiskBytes(int memory, std::span<std::byte> bytes) : memory_(memory), bytes_(bytes) {}
  int memory_ = -1;  // -1: a copy, or moved from
  std::span<std::byte> bytes_;
};

}  // namespace tidemark::file_systems
