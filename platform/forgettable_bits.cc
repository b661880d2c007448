// SPDX-License-Identifier: Apache-2.0
#include "platform/forgettable_bits.h"

#include <new>
#include <sys/mman.h>

namespace tidemark::platform {

ForgettableBits::ForgettableBits(std::uint64_t bits)
    : bytes_(static_cast<std::size_t>(bits / kBitsPerPage + 1) * kPageBytes) {
  void* const memory =
      ::mmap(nullptr, bytes_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (memory == MAP_FAILED) { throw std::bad_alloc(); }
  words_ = static_cast<std::uint64_t*>(memory);
}

ForgettableBits::~ForgettableBits() { (void)::munmap(words_, bytes_); }

void ForgettableBits::forget() const { (void)::madvise(words_, bytes_, MADV_DONTNEED); }

}  // namespace tidemark::platform
