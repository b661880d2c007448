// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "engine/commit/encoded_batch.h"
#include "tidemark/error.hpp"

namespace tidemark::engine {

// Whether a stream with so many events is as expected.
[[nodiscard]] constexpr bool meets(Expect expect, std::uint64_t events) {
  switch (expect.kind()) {
    case Expect::Kind::kAny:
      return true;
    case Expect::Kind::kNoStream:
      return events == 0;
    case Expect::Kind::kStreamExists:
      return events > 0;
    case Expect::Kind::kExactly:
      return events > 0 && events - 1 == expect.version().value();
  }
  return false;
}

// Whether every stream of a batch is as expected. counts has one entry a stream.
[[nodiscard]] bool all_met(std::span<const StreamUse> streams, std::span<const std::uint64_t> counts);
// kVersionConflict with every expectation that failed.
[[nodiscard]] Error version_conflict(std::span<const StreamUse> streams, std::span<const std::uint64_t> counts);

}  // namespace tidemark::engine
