// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "tidemark/types.hpp"

namespace tidemark::engine {

// An edge between frames: the log offset, and the position of the first event after it.
struct LogPoint {
  Offset offset;
  Position position;

  friend bool operator==(const LogPoint&, const LogPoint&) = default;
};

}  // namespace tidemark::engine
