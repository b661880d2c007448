// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <iterator>
#include <limits>
#include <memory>
#include <optional>

#include "tidemark/error.hpp"
#include "tidemark/event.hpp"
#include "tidemark/export.hpp"
#include "tidemark/query.hpp"
#include "tidemark/types.hpp"

namespace tidemark {

enum class Direction : std::uint8_t { kForward, kBackward };

// In which order a reader gets events; Direction::kBackward turns it round.
enum class Order : std::uint8_t {
  kPosition,  // as they stand in the log
  kValid,     // by valid time, those of one valid time by position
};

// How much of the log a reader sees.
enum class Visibility : std::uint8_t {
  kDurable,  // only what no crash can take away
  kWritten,  // also what was handed to the operating system and not yet synced; durable after the store failed
};

// Where a reader gets its bytes from.
enum class Access : std::uint8_t {
  kMapped,  // views straight into the mapped segment, no copy. A medium that fails, or a file that somebody else cuts
            // short, after a view was handed out raises SIGBUS when that view is read
  kCopied,  // each frame is read into the cursor's own memory: such a failure is an error and never a signal
};

struct ReadOptions {
  Direction direction = Direction::kForward;
  // The first version to give, inclusive; only with Query::stream. Without it the stream's beginning, or its end when
  // reading backward. A version past the end gives nothing forward, and starts at the end backward.
  std::optional<Version> from_version = {};
  // The first position to give, inclusive; backward the last. Not beside from_version. What matches need not stand
  // there.
  std::optional<Position> from_position = {};
  // At most so many events.
  std::uint64_t limit = std::numeric_limits<std::uint64_t>::max();
  // Only what was recorded at this time or before it, inclusive: the log as it was known then. What comes later is not
  // even looked at: the end of what is read moves down, found by looking at as many events as the number of all has
  // binary digits. Versions count as ever.
  std::optional<RecordedTime> recorded_until = {};
  // Only events whose valid time is this or an earlier one, inclusive: what held in the world by then. Each event that
  // matches is looked at for it.
  std::optional<ValidTime> valid_until = {};
  // kValid: the first next() reads all that matches, keeps its valid times and positions, 16 bytes an event (or for two
  // times `limit` events, if that is less), and sorts them. kOutOfMemory if that is too much.
  Order order = Order::kPosition;
  // Durable, or written in a store whose default durability is buffered, if not given.
  std::optional<Visibility> visibility = {};
  // See at least up to this position, inclusive, if this opening has written it: a read of one's own buffered appends.
  std::optional<Position> at_least = {};
  Access access = Access::kMapped;
};

namespace detail {
class CursorImpl;
}

// Events, one after the other. A cursor shows the log as it was when the read began. It belongs to one thread.
// When next() gives no event, ask status(): the end of what was asked for is not an error, damage is.
// A cursor whose store was closed gives kClosed.
class TIDEMARK_API Cursor {
 public:
  Cursor(Cursor&& other) noexcept;
  Cursor& operator=(Cursor&& other) noexcept;
  Cursor(const Cursor&) = delete;
  Cursor& operator=(const Cursor&) = delete;
  ~Cursor();

  // The next event, valid until the next call; null at the end or on an error.
  [[nodiscard]] const Event* next();
  // Whether the cursor ended well so far.
  [[nodiscard]] Status status() const;

  // The last position that this read could see, whether the event at it matches or not; nothing in an empty store, or
  // if the read was refused. With ReadOptions::recorded_until that is the last one that was known then. A decision that
  // rests on what the cursor gave, read to its end, is guarded by Batch::fail_if_match(the same query, {.after =
  // cursor.last_visible()}).
  [[nodiscard]] std::optional<Position> last_visible() const;

  // Calls visit for every event; stops early if visit returns false (void visits all). Gives status().
  template <class Visit>
  [[nodiscard]] Status for_each(Visit&& visit) {
    while (const Event* event = next()) {
      if constexpr (std::is_void_v<std::invoke_result_t<Visit&, const Event&>>) {
        std::invoke(visit, *event);
      } else {
        if (!std::invoke(visit, *event)) { break; }
      }
    }
    return status();
  }

  class Iterator {
   public:
    using value_type = Event;
    using difference_type = std::ptrdiff_t;
    using reference = const Event&;
    using pointer = const Event*;
    using iterator_category = std::input_iterator_tag;

    explicit Iterator(Cursor* cursor) : cursor_(cursor), event_(cursor->next()) {}
    reference operator*() const { return *event_; }
    pointer operator->() const { return event_; }
    Iterator& operator++() {
      event_ = cursor_->next();
      return *this;
    }
    void operator++(int) { ++*this; }
    friend bool operator==(const Iterator& i, std::default_sentinel_t) { return i.event_ == nullptr; }

   private:
    Cursor* cursor_;
    const Event* event_;
  };
  // For a named cursor only, so that status() can be asked afterwards.
  [[nodiscard]] Iterator begin() & { return Iterator(this); }
  [[nodiscard]] std::default_sentinel_t end() & { return {}; }

  explicit Cursor(std::unique_ptr<detail::CursorImpl> impl);  // made by Store::read

 private:
  std::unique_ptr<detail::CursorImpl> impl_;
};

}  // namespace tidemark
