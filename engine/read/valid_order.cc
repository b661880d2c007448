// SPDX-License-Identifier: Apache-2.0
#include "engine/read/valid_order.h"

#include <algorithm>

namespace tidemark::engine {

void ValidOrder::add(ValidTime valid, Position position) {
  entries_.push_back({valid, position});
  if (entries_.size() / 2 >= limit_) { drop_what_is_over(); }
}

void ValidOrder::drop_what_is_over() {
  if (entries_.size() <= limit_) { return; }
  const auto end = entries_.begin() + static_cast<std::ptrdiff_t>(limit_);
  std::nth_element(entries_.begin(), end, entries_.end(), sooner());
  entries_.erase(end, entries_.end());
}

void ValidOrder::sort() {
  drop_what_is_over();
  std::sort(entries_.begin(), entries_.end(), sooner());
}

std::optional<Position> ValidOrder::next() {
  if (entries_.empty()) { return std::nullopt; }
  const Position position = entries_.front().position;
  entries_.pop_front();
  return position;
}

}  // namespace tidemark::engine
