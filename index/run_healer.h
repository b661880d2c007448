// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>

#include "index/run.h"
#include "tidemark/error.hpp"

namespace tidemark::index {

// Whether an error is of the file: asked of the same run built again, the question has an answer.
[[nodiscard]] inline bool is_healable(const Error& error) {
  return error.code() == ErrorCode::kDamaged || error.code() == ErrorCode::kIo;
}

// Builds runs again that turned out to be damaged, or unreadable, when they were asked. Safe from many threads.
class RunHealer {
 public:
  virtual ~RunHealer() = default;
  // A run that says what this one should have said.
  [[nodiscard]] virtual Result<std::shared_ptr<const Run>> heal(const std::shared_ptr<const Run>& damaged) = 0;
};

}  // namespace tidemark::index
