// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <new>
#include <string_view>
#include <type_traits>
#include <vector>

namespace tidemark::index {

// Memory that goes all at once, in blocks: what is taken from it stays where it is as long as the arena. Of one thread.
class Arena {
 public:
  Arena() = default;
  Arena(const Arena&) = delete;
  Arena& operator=(const Arena&) = delete;

  // These may throw std::bad_alloc; nothing has changed then.
  template <class T>
  [[nodiscard]] T* array(std::size_t count) {
    static_assert(std::is_trivially_destructible_v<T> && alignof(T) <= __STDCPP_DEFAULT_NEW_ALIGNMENT__);
    void* at = take(count * sizeof(T), alignof(T));
    return new (at) T[count];
  }
  [[nodiscard]] std::string_view copy(std::string_view text) {
    auto* const at = static_cast<char*>(take(text.size(), 1));
    if (!text.empty()) { std::memcpy(at, text.data(), text.size()); }
    return {at, text.size()};
  }

 private:
  static constexpr std::size_t kBlockFirst = 1024;
  static constexpr std::size_t kBlockLargest = std::size_t{256} << 10U;

  void* take(std::size_t bytes, std::size_t alignment) {
    std::size_t from = (used_ + alignment - 1) / alignment * alignment;
    if (blocks_.empty() || from + bytes > size_) {
      const std::size_t usual = blocks_.empty() ? kBlockFirst : std::min(2 * size_, kBlockLargest);
      const std::size_t size = std::max(usual, bytes);
      blocks_.reserve(blocks_.size() + 1);
      blocks_.push_back(std::make_unique_for_overwrite<std::byte[]>(size));
      size_ = size;
      from = 0;
    }
    used_ = from + bytes;
    return blocks_.back().get() + from;
  }

  std::vector<std::unique_ptr<std::byte[]>> blocks_;
  std::size_t size_ = 0;  // of the last block
  std::size_t used_ = 0;  // of it
};

}  // namespace tidemark::index
