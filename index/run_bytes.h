// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "index/run_format.h"
#include "platform/file_system.h"
#include "platform/prefetch.h"
#include "tidemark/error.hpp"

namespace tidemark::index {

// The bytes of a run file, each window brought into memory and held against its checksum at the first touch. Safe from
// many threads: two may check one window at the same time, which does no harm.
class RunBytes {
 public:
  // The mapping, if there is one, is of these bytes.
  RunBytes(std::span<const std::byte> bytes, std::unique_ptr<platform::Mapping> mapping, std::filesystem::path path)
      : bytes_(bytes), mapping_(std::move(mapping)), path_(std::move(path)) {}

  // Reads and checks the header and the checksums of the windows. Once, before any view. May throw std::bad_alloc.
  [[nodiscard]] Status open();

  [[nodiscard]] const RunHeader& header() const { return header_; }
  [[nodiscard]] const std::filesystem::path& path() const { return path_; }
  [[nodiscard]] std::uint64_t size() const { return bytes_.size(); }
  // All of them as they are: not checked, and not brought into memory.
  [[nodiscard]] std::span<const std::byte> all() const { return bytes_; }

  // Checked bytes; 8 bytes past them may be read too. kDamaged if they are not all before the checksums.
  [[nodiscard]] Result<const std::byte*> view(std::uint64_t offset, std::uint64_t length) const {
    if (offset > checked_end_ || length > checked_end_ - offset) { return std::unexpected(out_of_bounds(offset)); }
    const std::uint64_t last = std::min(offset + length + kSlackBytes, checked_end_ - 1) / kWindowBytes;
    for (std::uint64_t window = offset / kWindowBytes; window <= last; ++window) {
      if (is_checked(window)) { continue; }
      if (auto checked = check(window); !checked) { return std::unexpected(std::move(checked.error())); }
    }
    return bytes_.data() + offset;
  }

  // The same bytes if they were checked before, else null: for what only foresees, and waits for nothing.
  [[nodiscard]] const std::byte* checked_view(std::uint64_t offset, std::uint64_t length) const {
    if (offset > checked_end_ || length > checked_end_ - offset) { return nullptr; }
    const std::uint64_t last = std::min(offset + length + kSlackBytes, checked_end_ - 1) / kWindowBytes;
    for (std::uint64_t window = offset / kWindowBytes; window <= last; ++window) {
      if (!is_checked(window)) { return nullptr; }
    }
    return bytes_.data() + offset;
  }
  // Asks the processor for bytes that will be needed; any offset goes.
  void prefetch(std::uint64_t offset, std::uint64_t length) const {
    if (offset > bytes_.size() || length > bytes_.size() - offset) { return; }
    platform::prefetch(bytes_.data() + offset, length);
  }

  // kDamaged, with the place in this file.
  [[nodiscard]] Error damaged(std::uint64_t offset, std::string message) const;

 private:
  static constexpr std::uint64_t kSlackBytes = 7;
  static constexpr std::uint64_t kWordBits = 64;

  [[nodiscard]] bool is_checked(std::uint64_t window) const {
    return (checked_[window / kWordBits].load(std::memory_order_relaxed) >> (window % kWordBits) & 1U) != 0;
  }
  [[nodiscard]] Status check(std::uint64_t window) const;
  [[nodiscard]] Status populate(std::uint64_t offset, std::uint64_t length) const;
  [[nodiscard]] Error out_of_bounds(std::uint64_t offset) const;

  const std::span<const std::byte> bytes_;
  const std::unique_ptr<platform::Mapping> mapping_;
  const std::filesystem::path path_;
  RunHeader header_{};
  std::uint64_t checked_end_ = 0;                            // the windows end, the checksums begin
  mutable std::vector<std::atomic<std::uint64_t>> checked_;  // a bit a window; relaxed, it orders nothing
};

}  // namespace tidemark::index
