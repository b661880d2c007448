// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "index/bits.h"
#include "index/run_format.h"
#include "platform/file_system.h"
#include "tidemark/error.hpp"

namespace tidemark::index {

// Where the bytes of a run go.
class RunSink {
 public:
  virtual ~RunSink() = default;
  [[nodiscard]] virtual Status write(std::uint64_t offset, std::span<const std::byte> bytes) = 0;
};

// Lays a run file down from front to back and keeps the checksums of its windows. All may throw std::bad_alloc.
class RunOutput {
 public:
  explicit RunOutput(RunSink& sink);

  [[nodiscard]] std::uint64_t offset() const { return flushed_ + held_.size(); }
  [[nodiscard]] Status append(std::span<const std::byte> bytes);
  // Zeros up to the next multiple of 8.
  [[nodiscard]] Status pad();
  // Appends the checksums, then writes the header, whose sections are in place but for this last one.
  [[nodiscard]] Status finish(RunHeader& header);

 private:
  void check_windows();
  [[nodiscard]] Status flush();

  static constexpr std::size_t kHeldBytes = 64 * kWindowBytes;

  RunSink& sink_;
  ByteBuffer held_;            // from flushed_ on, a multiple of the window
  std::uint64_t flushed_ = 0;  // bytes
  ByteBuffer checksums_;
};

}  // namespace tidemark::index
