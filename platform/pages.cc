// SPDX-License-Identifier: Apache-2.0
#include "platform/pages.h"

#include <cstdint>
#include <new>
#include <sys/mman.h>

namespace tidemark::platform {

Pages::Pages(std::size_t bytes) {
  if (bytes == 0 || bytes > SIZE_MAX / 2) { throw std::bad_alloc(); }
  size_ = (bytes + kHugeBytes - 1) / kHugeBytes * kHugeBytes;
  // A mapping begins at any page: of a larger one, what lies before the first huge page and behind the last is given
  // back.
  void* const memory =
      ::mmap(nullptr, size_ + kHugeBytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (memory == MAP_FAILED) { throw std::bad_alloc(); }
  auto* const from = static_cast<std::byte*>(memory);
  const std::size_t over = reinterpret_cast<std::uintptr_t>(from) % kHugeBytes;
  const std::size_t before = over == 0 ? 0 : kHugeBytes - over;
  if (before > 0) { (void)::munmap(from, before); }
  data_ = from + before;
  (void)::munmap(data_ + size_, kHugeBytes - before);
  (void)::madvise(data_, size_, MADV_HUGEPAGE);  // where there are none, it takes longer
}

Pages::~Pages() {
  if (data_ != nullptr) { (void)::munmap(data_, size_); }
}

}  // namespace tidemark::platform
