// SPDX-License-Identifier: Apache-2.0
#include "engine/subscribe/held_events.h"

#include <algorithm>
#include <functional>

namespace tidemark::engine {

HeldEvents::HeldEvents(const ValidPoint& point) : known_until_(point.read) {
  if (point.due != ValidTime::min()) { last_ = DueKey{point.due, point.position}; }
}

void HeldEvents::hold(const DueKey& key) {
  heap_.push_back(key);
  std::ranges::push_heap(heap_, std::greater());
  if (lowest_) { lowest_ = std::min(*lowest_, key.position); }
}

void HeldEvents::give_first() {
  const DueKey key = heap_.front();
  std::ranges::pop_heap(heap_, std::greater());
  heap_.pop_back();
  if (lowest_ == key.position) { lowest_.reset(); }
  give(key);
}

void HeldEvents::give(const DueKey& key) {
  if (!comes_late(key)) { last_ = key; }
}

Position HeldEvents::lowest(Position read) {
  if (heap_.empty()) { return read; }
  if (!lowest_) { lowest_ = std::ranges::min_element(heap_, {}, &DueKey::position)->position; }
  return std::min(*lowest_, read);
}

ValidPoint HeldEvents::point(Position read) {
  // While what was read once is read again, that which is left of it counts as read, and is where reading begins.
  ValidPoint point{
      .lowest = lowest(read), .read = std::max(read, known_until_), .due = ValidTime::min(), .position = {}};
  if (last_) {
    point.due = last_->due;
    point.position = last_->position;
  }
  return point;
}

}  // namespace tidemark::engine
