// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <compare>
#include <cstdint>
#include <deque>
#include <optional>

#include "tidemark/cursor.hpp"
#include "tidemark/types.hpp"

namespace tidemark::engine {

// Positions in the order of their valid times, then of themselves; backward in the reverse order. At most `limit` come
// out, and no more than twice as many are kept: 16 bytes each. Belongs to one thread.
class ValidOrder {
 public:
  ValidOrder(Direction direction, std::uint64_t limit) : backward_(direction == Direction::kBackward), limit_(limit) {}

  void add(ValidTime valid, Position position);
  // After the last add(), once.
  void sort();
  [[nodiscard]] std::optional<Position> next();

 private:
  struct Entry {
    ValidTime valid;
    Position position;
    friend auto operator<=>(const Entry&, const Entry&) = default;
  };
  [[nodiscard]] auto sooner() const {
    return [backward = backward_](const Entry& a, const Entry& b) { return backward ? b < a : a < b; };
  }
  void drop_what_is_over();

  const bool backward_;
  const std::uint64_t limit_;
  std::deque<Entry> entries_;  // in pieces: it grows without a copy
};

}  // namespace tidemark::engine
