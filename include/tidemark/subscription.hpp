// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>

#include "tidemark/checkpoint.hpp"
#include "tidemark/cursor.hpp"
#include "tidemark/error.hpp"
#include "tidemark/event.hpp"
#include "tidemark/export.hpp"
#include "tidemark/types.hpp"

namespace tidemark {

// How a subscription stands to the end of the log.
enum class SubscriptionState : std::uint8_t {
  kCatchingUp,  // it has not come to the end yet since it began
  kCaughtUp,    // it has, and follows
  kFellBehind,  // it had, and is SubscribeOptions::behind_events or more behind it again
};

// The state's name, such as "caught up".
[[nodiscard]] TIDEMARK_API std::string_view to_string(SubscriptionState state);

// How far a subscription with SubscribeOptions::when_valid has come, to go on from there: of the events before `read`
// every one was given that comes, by due time and position, before (due, position) or is the one there; the others were
// not. Four numbers to store beside what was built; only good for the same log and query.
struct ValidPoint {
  Position lowest = {};              // no event before it is still to be given: reading begins here
  Position read = {};                // all before it was read: given, or held until it is valid
  ValidTime due = ValidTime::min();  // of what was given, the last one by due time and position; this: nothing was
  Position position = {};            // likewise

  friend bool operator==(const ValidPoint&, const ValidPoint&) = default;
};

// Where a subscription begins, at most one of the first five; without them at the beginning of the log.
struct SubscribeOptions {
  // The first position to give, inclusive. It may lie past the end: what comes before it is left out.
  std::optional<Position> from_position = {};
  // The first event that was recorded at this time or later; the time may lie ahead.
  std::optional<RecordedTime> from_recorded = {};
  // Only what becomes durable from now on.
  bool from_end = false;
  // Behind this checkpoint. kCheckpointUnknown if it is not of this log.
  std::optional<Checkpoint> after = {};
  // Where another subscription by valid time of the same query stood; only with when_valid.
  std::optional<ValidPoint> from_valid_point = {};
  // The name of a stored checkpoint, 1 to 255 bytes of UTF-8 without control characters: the subscription begins behind
  // it, whatever else is said here; where nothing is stored by that name yet, as the others say. Until it is destroyed
  // the name is this subscription's alone (kLocked, in every process). commit() stores how far it is, or
  // Store::append(subscription, batch) together with events; what was stored last holds. Not with when_valid.
  std::string resume = {};
  // Holds back an event whose valid time is yet to come, until it has come. An event is due at its valid time, or when
  // it was recorded if that is later; events are given by due time (in microseconds), then by position. One that
  // becomes durable after others that fell due later were given comes at once. The time is the clock's, or that of the
  // last event that was read if it is ahead of the clock. Held events take 16 bytes each, twice that while their list
  // grows, and are read again when they are due. A clock that is set is noticed within a second.
  bool when_valid = false;
  // A run has at most so many events; at least 1.
  std::uint64_t run_events = 256;
  // What does not match is told of by an empty run: when the end is reached, from then on once so many events were
  // passed since the last run, and at the latest a second after the call. 0 is taken as 1.
  std::uint64_t progress_events = 320;
  // How long the end may be looked at without sleeping, before the thread sleeps: shorter waits for processor time.
  std::chrono::nanoseconds spin{0};
  // See SubscriptionState::kFellBehind. At least 1.
  std::uint64_t behind_events = 4096;
  Access access = Access::kMapped;
};

namespace detail {
class SubscriptionImpl;
}

// Some events in order, or none: then it tells how far the subscription has come. Valid until next() or seek() is
// called on its subscription, or that is destroyed or assigned to; and so are its events. What is not taken from it is
// given by the next run.
class TIDEMARK_API Run {
 public:
  // Whether there is no event in it.
  [[nodiscard]] bool empty() const { return first_ == nullptr; }
  [[nodiscard]] SubscriptionState state() const { return state_; }

  class Iterator {
   public:
    using value_type = Event;
    using difference_type = std::ptrdiff_t;
    using reference = const Event&;
    using pointer = const Event*;
    using iterator_category = std::input_iterator_tag;

    Iterator(detail::SubscriptionImpl* subscription, const Event* event) : subscription_(subscription), event_(event) {}
    reference operator*() const { return *event_; }
    pointer operator->() const { return event_; }
    Iterator& operator++();
    void operator++(int) { ++*this; }
    friend bool operator==(const Iterator& i, std::default_sentinel_t) { return i.event_ == nullptr; }

   private:
    detail::SubscriptionImpl* subscription_;
    const Event* event_;
  };
  // Goes on where the last one stopped: an event is valid until the next is asked for, and given once.
  [[nodiscard]] Iterator begin() const;
  [[nodiscard]] std::default_sentinel_t end() const { return {}; }

  Run(detail::SubscriptionImpl* subscription, const Event* first, SubscriptionState state)  // made by a subscription
      : subscription_(subscription), first_(first), state_(state) {}

 private:
  detail::SubscriptionImpl* subscription_;
  const Event* first_;
  SubscriptionState state_;
};

// The events that match a query, those that are there and those to come, each once, in the order of the log, as soon as
// it is durable. Catching up and following are one loop:
//
//   while (auto run = subscription.next(stop)) {
//     for (const Event& event : *run) { apply(event); }
//   }
//
// It belongs to one thread at a time. A slow one delays nobody. Once its store is closed or destroyed, next() gives
// kClosed. A moved-from subscription can only be assigned to or destroyed.
class TIDEMARK_API Subscription {
 public:
  Subscription(Subscription&& other) noexcept;
  Subscription& operator=(Subscription&& other) noexcept;
  Subscription(const Subscription&) = delete;
  Subscription& operator=(const Subscription&) = delete;
  ~Subscription();

  // Waits for events. A run without events says that the end was reached (once each time that it was not before), or
  // that some progress was made past what does not match. kStopped, kClosed, kForked, kStoreFailed (the writer of this
  // process failed: nothing comes any more until the store is opened again), kReadOnly (the end of what was salvaged),
  // kDamaged, kIo, kOutOfMemory. After an error the next call tries again where it stood.
  [[nodiscard]] Result<Run> next(const std::stop_token& stop = {});
  // The same for at most so long: then a run without events. Zero or less looks and does not wait.
  [[nodiscard]] Result<Run> next_for(std::chrono::nanoseconds timeout, const std::stop_token& stop = {});

  // The last position that it is through with: of the last event that was given, or of one behind it that does not
  // match. Nothing before the first one. With when_valid none of the events up to it is held; what lies behind may have
  // been given, so that valid_point() is what to go on from.
  [[nodiscard]] std::optional<Position> position() const;
  // With when_valid: what SubscribeOptions::from_valid_point takes so that each event is given once. Else nothing.
  [[nodiscard]] std::optional<ValidPoint> valid_point() const;
  // How many events were read and wait for their valid time.
  [[nodiscard]] std::uint64_t held() const;
  // Goes on with what stands at this position or behind it, back or forth, as if it had begun there; what is held is
  // held no more.
  void seek(Position position);
  // The same by valid time, from what valid_point() gave; only with when_valid.
  void seek(const ValidPoint& point);

  // position() with a proof that it belongs to this log, to be kept by the consumer. kInvalidArgument with when_valid
  // (see valid_point()), or where no event is durable; kClosed, kForked, kDamaged, kIo.
  [[nodiscard]] Result<Checkpoint> checkpoint() const;
  // Stores that under the name that the subscription was resumed by; it is on stable storage when this succeeds. What
  // was given before counts as dealt with then: commit after you have dealt with it. Where no event is durable yet, as
  // ahead of the log, there is nothing to store. After an error what was committed
  // before holds, or this; commit again. kInvalidArgument without a name, kLocked if the lock's file was removed,
  // kNoSpace, kStoreFailed (a batch that stored a place by this name may be lost), and as checkpoint(). Where events
  // are appended for what was given, Store::append(subscription, batch) stores both at once.
  [[nodiscard]] Status commit();
  // The name of SubscribeOptions::resume; empty without.
  [[nodiscard]] const std::string& name() const;
  // How many events of the log, matching or not, are durable and not read yet: what lies behind position(), but with
  // when_valid behind ValidPoint::read.
  [[nodiscard]] std::uint64_t lag() const;

  explicit Subscription(std::unique_ptr<detail::SubscriptionImpl> impl);  // made by Store::subscribe

 private:
  friend class Store;
  std::unique_ptr<detail::SubscriptionImpl> impl_;
};

}  // namespace tidemark
