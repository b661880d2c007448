// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>

namespace tidemark::platform {

// What other processes wrote before the bytes that were just read of a shared file is read after this. ThreadSanitizer
// knows no fences, which GCC says in a warning: of what other processes write it knows nothing anyway.
inline void acquire_fence() {
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wtsan"
#endif
  std::atomic_thread_fence(std::memory_order_acquire);
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic pop
#endif
}

}  // namespace tidemark::platform
