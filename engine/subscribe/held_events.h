// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <chrono>
#include <compare>
#include <cstdint>
#include <optional>
#include <vector>

#include "tidemark/event.hpp"
#include "tidemark/subscription.hpp"
#include "tidemark/types.hpp"

namespace tidemark::engine {

// When an event is to be given: its due time, and among those of one due time its position.
struct DueKey {
  ValidTime due;
  Position position;
  friend auto operator<=>(const DueKey&, const DueKey&) = default;
};

// What a subscription by valid time knows of the events that it has read: which of them were given.
//
// The log is read on in position order. Of the events that were read those with a key up to last_ were given, and the
// others are held: this one sentence is true at every moment, so that last_, how far was read, and the lowest held
// position say all there is to know (point()): the held ones can be found again by reading from the lowest on.
//
// For that an event with a key up to last_, which became durable too late for its turn, must be given before anything
// is read behind it; and held events are given by their keys, none while one of a lower key may stand unread.
//
// Events that are not held back never enter the heap. Belongs to one thread; changes nothing when it throws.
class HeldEvents {
 public:
  HeldEvents() = default;
  explicit HeldEvents(const ValidPoint& point);

  [[nodiscard]] static ValidTime recorded_of(const Event& event) {
    return std::chrono::floor<std::chrono::microseconds>(event.recorded());
  }
  [[nodiscard]] static DueKey key_of(const Event& event) {
    return {std::max(event.valid(), recorded_of(event)), event.position()};
  }

  [[nodiscard]] std::uint64_t count() const { return heap_.size(); }
  // The one to be given first.
  [[nodiscard]] std::optional<DueKey> first() const {
    return heap_.empty() ? std::nullopt : std::optional(heap_.front());
  }
  // Whether an event that is met now was given before: by who came to the point that this one began at.
  [[nodiscard]] bool was_given(const DueKey& key) const { return key.position < known_until_ && comes_late(key); }
  // Whether others that come after it were given already.
  [[nodiscard]] bool comes_late(const DueKey& key) const { return last_ && key <= *last_; }
  // Whether every event before this position that is to be held is: not while what was read once is read again.
  [[nodiscard]] bool knows_all(Position read) const { return read >= known_until_; }

  // What was read is not given yet.
  void hold(const DueKey& key);
  // The first one is given.
  void give_first();
  // One is given that is not held.
  void give(const DueKey& key);

  // Where it stands when all before `read` was read.
  [[nodiscard]] ValidPoint point(Position read);
  // No event before it is to be given any more.
  [[nodiscard]] Position lowest(Position read);

 private:
  std::vector<DueKey> heap_;        // the lowest key first
  std::optional<DueKey> last_;      // the highest key that was given
  Position known_until_;            // before it, what was given is told by last_
  std::optional<Position> lowest_;  // of the heap; none: to be looked for
};

}  // namespace tidemark::engine
