// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <type_traits>
#include <utility>

#include "tidemark/error.hpp"

namespace tidemark {

// Whether something was not as it was expected, so that looking again and doing it again may go well.
[[nodiscard]] inline bool is_conflict(const Error& error) {
  return error.code() == ErrorCode::kVersionConflict || error.code() == ErrorCode::kMatchConflict;
}

// Calls work, which gives a Result or Status, until it gives something else than a conflict, at most so many times (at
// least once). For code that loads, decides and appends by itself, all of it inside work; Store::decide needs no such
// loop. Does not sleep between the attempts.
template <class Work>
[[nodiscard]] std::invoke_result_t<Work&> retry_on_conflict(std::uint32_t attempts, Work&& work) {
  for (;;) {
    auto done = std::invoke(work);
    if (done || attempts <= 1 || !is_conflict(done.error())) { return done; }
    --attempts;
  }
}

}  // namespace tidemark
