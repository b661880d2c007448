// SPDX-License-Identifier: Apache-2.0
#include "engine/commit/turns.h"

#include <algorithm>

namespace tidemark::engine {

Result<Turns::Turn> Turns::take(std::uint64_t hash, const std::stop_token& stop) {
  Place& place = places_[hash % places_.size()];
  Waiter self;
  std::unique_lock lock(place.mutex);
  if (!place.taken) {
    place.taken = true;
    return Turn(*this, place);
  }
  place.waiting.push_back(&self);
  for (;;) {
    const std::uint32_t seen = self.word.load();
    if (self.called) { return Turn(*this, place); }
    if (stop.stop_requested()) {
      std::erase(place.waiting, &self);
      return std::unexpected(
          Error(ErrorCode::kStopped, "stopped while another decision on the same had its turn; nothing was appended"));
    }
    lock.unlock();
    self.word.wait(seen, stop);
    lock.lock();
  }
}

// The turn goes straight to who has waited longest, so that nobody who comes later gets in between.
void Turns::Turn::give_back() {
  if (place_ == nullptr) { return; }
  Place& place = *place_;
  place_ = nullptr;
  const std::scoped_lock lock(place.mutex);
  if (place.waiting.empty()) {
    place.taken = false;
    return;
  }
  Waiter& next = *place.waiting.front();
  place.waiting.pop_front();
  next.called = true;
  next.word.add(1);
  next.word.wake_one();  // under the lock: the waiter is there until it has had the lock again
}

Turns::Inside::Inside(Turn& turn) : turn_(turn) {
  turn_.place_->inside.store(std::this_thread::get_id(), std::memory_order_relaxed);
  turn_.turns_->inside_.fetch_add(1, std::memory_order_relaxed);
}

Turns::Inside::~Inside() {
  turn_.turns_->inside_.fetch_sub(1, std::memory_order_relaxed);
  turn_.place_->inside.store({}, std::memory_order_relaxed);
}

bool Turns::is_inside() const {
  if (inside_.load(std::memory_order_relaxed) == 0) { return false; }
  const auto self = std::this_thread::get_id();
  return std::ranges::any_of(places_,
                             [&](const Place& place) { return place.inside.load(std::memory_order_relaxed) == self; });
}

}  // namespace tidemark::engine
