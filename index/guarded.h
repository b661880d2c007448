// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <exception>
#include <new>
#include <stdexcept>

#include "tidemark/error.hpp"

namespace tidemark::index {

// What `work` gives, or kOutOfMemory if its memory is not to be had.
template <class Work>
auto guarded(Work work) -> decltype(work()) {
  try {
    return work();
  } catch (const std::bad_alloc&) {
    return std::unexpected(Error(ErrorCode::kOutOfMemory, "out of memory"));
  } catch (const std::length_error&) { return std::unexpected(Error(ErrorCode::kOutOfMemory, "out of memory")); }
}

}  // namespace tidemark::index
