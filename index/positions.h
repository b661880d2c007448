// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <optional>

#include "index/key_query.h"
#include "index/tiers.h"
#include "tidemark/error.hpp"
#include "tidemark/types.hpp"

namespace tidemark::index {

enum class Way : std::uint8_t { kUp, kDown };

// The positions that something matches, one after the other in one direction. Belongs to one thread.
class Positions {
 public:
  virtual ~Positions() = default;
  // The first one at `from` or after it (before it, with Way::kDown). From call to call `from` moves in that direction.
  [[nodiscard]] virtual Result<std::optional<Position>> seek(Position from) = 0;
};

// Those of a query below end, out of the postings of its keys: intersected and merged, never scanned for. The index
// must live as long; the query need not, but the names that its keys look at.
[[nodiscard]] Result<std::unique_ptr<Positions>> find_positions(const Tiers& index, const KeyQuery& query, Position end,
                                                                Way way);

}  // namespace tidemark::index
