// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "engine/commit/encoded_batch.h"
#include "index/key_query.h"
#include "tidemark/error.hpp"
#include "tidemark/query.hpp"

namespace tidemark::engine {

// What a batch lets its append fail on: no event from a position on may match.
struct Condition {
  const Query* query;
  index::KeyQuery keys;
  std::optional<Position> after;

  [[nodiscard]] Position from() const { return after ? after->next() : Position(0); }
};
// Of a batch, which must live as long. kInvalidArgument, kLimitExceeded.
[[nodiscard]] Result<std::vector<Condition>> conditions_of(const Batch& batch);

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

// What a batch asks for and how things stand: counts has one entry a stream, matches the first match of each condition.
struct Standing {
  std::span<const StreamUse> streams;
  std::span<const std::uint64_t> counts;
  std::span<const Condition> conditions;
  std::span<const std::optional<Position>> matches;
};
[[nodiscard]] bool all_met(const Standing& standing);
// kVersionConflict if an expectation failed, else kMatchConflict: with everything that failed.
[[nodiscard]] Error conflict(const Standing& standing);

}  // namespace tidemark::engine
