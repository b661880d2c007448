// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <new>
#include <string_view>
#include <type_traits>
#include <vector>

#include "platform/pages.h"
#include "platform/prefetch.h"

namespace tidemark::index {

// Memory that goes all at once: what is taken from it stays where it is as long as the arena. Little of it comes in
// small blocks, much in regions of pages, so that what many arrays take beside each other lies in few huge ones. Of one
// thread.
class Arena {
 public:
  Arena() = default;
  Arena(const Arena&) = delete;
  Arena& operator=(const Arena&) = delete;

  // These may throw std::bad_alloc; nothing has changed then. Memory for so many, where nothing was made yet:
  template <class T>
  [[nodiscard]] T* room(std::size_t count) {
    static_assert(std::is_trivially_destructible_v<T> && alignof(T) <= alignof(Line));
    if (count > SIZE_MAX / sizeof(T)) { throw std::bad_alloc(); }
    return static_cast<T*>(take(count * sizeof(T), alignof(T)));
  }
  template <class T>
  [[nodiscard]] T* array(std::size_t count) {
    return new (room<T>(count)) T[count]();
  }
  [[nodiscard]] std::string_view copy(std::string_view text) {
    auto* const at = room<char>(text.size());
    if (!text.empty()) { std::memcpy(at, text.data(), text.size()); }
    return {at, text.size()};
  }

 private:
  struct alignas(platform::kCacheLineBytes) Line {
    std::array<std::byte, platform::kCacheLineBytes> bytes;
  };
  static constexpr std::size_t kBlockFirst = 1024;
  static constexpr std::size_t kBlockLargest = std::size_t{256} << 10U;
  static constexpr std::size_t kRegion = std::size_t{16} << 20U;

  void* take(std::size_t bytes, std::size_t alignment) {
    std::size_t from = (used_ + alignment - 1) / alignment * alignment;
    if (current_ == nullptr || from > size_ || bytes > size_ - from) {
      add(bytes);
      from = 0;
    }
    used_ = from + bytes;
    return current_ + from;
  }
  void add(std::size_t bytes) {
    if (bytes > SIZE_MAX / 2) { throw std::bad_alloc(); }
    const std::size_t usual = current_ == nullptr ? kBlockFirst : 2 * size_;
    const std::size_t size = std::max(usual, (bytes + sizeof(Line) - 1) / sizeof(Line) * sizeof(Line));
    if (regions_.empty() && size <= kBlockLargest) {
      blocks_.reserve(blocks_.size() + 1);
      blocks_.push_back(std::make_unique_for_overwrite<Line[]>(size / sizeof(Line)));
      current_ = reinterpret_cast<std::byte*>(blocks_.back().get());
      size_ = size;
    } else {
      regions_.reserve(regions_.size() + 1);
      regions_.emplace_back(std::max(kRegion, bytes));
      current_ = regions_.back().data();
      size_ = regions_.back().size();
    }
  }

  std::vector<std::unique_ptr<Line[]>> blocks_;
  std::vector<platform::Pages> regions_;
  std::byte* current_ = nullptr;  // the block or region that was added last
  std::size_t size_ = 0;          // of it
  std::size_t used_ = 0;          // of it
};

}  // namespace tidemark::index
