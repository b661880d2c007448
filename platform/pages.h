// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <utility>

namespace tidemark::platform {

// Much memory at once from the system, zero at first. What is not touched takes none. The kernel is asked to give it
// two MiB at a time where it can: each fault costs 0.2 to 2 µs, most in virtual machines, and 512 small pages are 512
// faults.
class Pages {
 public:
  static constexpr std::size_t kHugeBytes = std::size_t{2} << 20U;

  // So many bytes or some more. Throws std::bad_alloc.
  explicit Pages(std::size_t bytes);
  ~Pages();
  Pages(Pages&& other) noexcept : data_(std::exchange(other.data_, nullptr)), size_(std::exchange(other.size_, 0)) {}
  Pages& operator=(Pages&& other) noexcept {
    std::swap(data_, other.data_);
    std::swap(size_, other.size_);
    return *this;
  }

  // Begins where a huge page does.
  [[nodiscard]] std::byte* data() const { return data_; }
  [[nodiscard]] std::size_t size() const { return size_; }

 private:
  std::byte* data_;
  std::size_t size_;
};

}  // namespace tidemark::platform
