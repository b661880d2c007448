// SPDX-License-Identifier: Apache-2.0
#include "tidemark/subscription.hpp"

#include <algorithm>
#include <new>
#include <utility>

#include "engine/subscribe/subscription_impl.h"
#include "platform/spin.h"

namespace tidemark {

namespace {

// Threads sleep by it, whatever clock the store goes by.
using Steady = std::chrono::steady_clock;

// How long after what was told last something is told of what matched nothing.
constexpr std::chrono::milliseconds kIdleTime{1000};

// Short enough to need no memory itself.
Error out_of_memory() { return {ErrorCode::kOutOfMemory, "out of memory"}; }

}  // namespace

namespace detail {

ReadOptions SubscriptionImpl::options() const {
  return {.from_position = next_, .visibility = Visibility::kDurable, .access = options_.access};
}

// The next event that is visible now, or next_ is past all that is.
Result<SubscriptionImpl::Found> SubscriptionImpl::find() {
  if (found_ != nullptr) { return Found::kEvent; }
  if (!cursor_) {
    if (next_ >= end()) {
      if (auto damage = source_->damage()) { return std::unexpected(std::move(*damage)); }
      return Found::kEnd;
    }
    cursor_ = std::make_unique<CursorImpl>(source_, query_, options());
  }
  found_ = cursor_->next();
  while (found_ != nullptr && not_before_ && found_->recorded() < *not_before_) {
    next_ = found_->position().next();
    found_ = cursor_->next();
  }
  if (found_ != nullptr) {
    not_before_.reset();  // times rise along the log
    return Found::kEvent;
  }
  const std::unique_ptr<CursorImpl> through = std::move(cursor_);
  if (!through->status()) { return std::unexpected(through->status().error()); }
  next_ = std::max(next_, through->end());
  return Found::kEnd;
}

void SubscriptionImpl::look_for_state(Position end) {
  if (next_ >= end) {
    state_ = SubscriptionState::kCaughtUp;
  } else if (state_ == SubscriptionState::kCaughtUp &&
             end - next_ >= std::max<std::uint64_t>(options_.behind_events, 1)) {
    state_ = SubscriptionState::kFellBehind;
    told_end_ = false;
  }
}

Run SubscriptionImpl::run() {
  left_ = std::max<std::uint64_t>(options_.run_events, 1);
  return {this, found_, state_};
}

Run SubscriptionImpl::progress() {
  told_ = next_;
  return {this, nullptr, state_};
}

Result<Run> SubscriptionImpl::next(const std::stop_token& stop, std::optional<platform::SteadyTime> until) {
  left_ = 0;
  const auto idle = Steady::now() + kIdleTime;
  for (;;) {
    const std::uint32_t seen = source_->moves();
    if (auto open = source_->check_open(); !open) { return std::unexpected(std::move(open.error())); }
    if (stop.stop_requested()) {
      return std::unexpected(Error(ErrorCode::kStopped, "stopped while waiting for events"));
    }
    const auto live = source_->check_live();  // before the look at the end
    auto found = find();
    if (!found) { return std::unexpected(std::move(found.error())); }
    const Position end = this->end();
    look_for_state(end);
    if (*found == Found::kEvent) { return run(); }
    if (next_ < end) {
      const auto now = Steady::now();
      const bool is_over = (until && now >= *until) || now >= idle;
      if (is_over || next_ - told_ >= std::max<std::uint64_t>(options_.progress_events, 1)) { return progress(); }
      continue;
    }
    if (!told_end_) {
      told_end_ = true;
      return progress();
    }
    if (next_ > told_ && next_ - told_ >= std::max<std::uint64_t>(options_.progress_events, 1)) { return progress(); }
    if (!live) { return std::unexpected(live.error()); }
    const auto now = Steady::now();
    if (until && now >= *until) { return progress(); }
    std::optional<platform::SteadyTime> wake = until;
    if (next_ > told_) {
      if (now >= idle) { return progress(); }
      wake = wake ? std::min(*wake, idle) : idle;
    }
    wait(seen, stop, wake);
  }
}

void SubscriptionImpl::wait(std::uint32_t seen, const std::stop_token& stop,
                            std::optional<platform::SteadyTime> until) const {
  if (options_.spin > std::chrono::nanoseconds::zero()) {
    const auto now = Steady::now();
    const auto spin_until =
        std::min(now + std::min<std::chrono::nanoseconds>(options_.spin, Steady::time_point::max() - now),
                 until.value_or(Steady::time_point::max()));
    do {
      for (int i = 0; i < platform::kSpinsPerLook; ++i) {
        if (source_->moves() != seen || stop.stop_requested()) { return; }
        platform::spin();
      }
    } while (Steady::now() < spin_until);
  }
  source_->wait_for_move(seen, stop, until);
}

const Event* SubscriptionImpl::give() {
  if (left_ == 0 || (found_ == nullptr && (!cursor_ || (found_ = cursor_->next()) == nullptr))) {
    left_ = 0;
    return nullptr;  // why, next() finds out
  }
  --left_;
  const Event* const event = std::exchange(found_, nullptr);
  next_ = told_ = event->position().next();
  return event;
}

std::optional<Position> SubscriptionImpl::position() const {
  return next_ == Position(0) ? std::nullopt : std::optional(Position(next_.value() - 1));
}

void SubscriptionImpl::seek(Position position) {
  cursor_.reset();
  found_ = nullptr;
  left_ = 0;
  next_ = told_ = position;
  told_end_ = false;
  state_ = SubscriptionState::kCatchingUp;
  not_before_.reset();
}

}  // namespace detail

std::string_view to_string(SubscriptionState state) {
  switch (state) {
    case SubscriptionState::kCatchingUp:
      return "catching up";
    case SubscriptionState::kCaughtUp:
      return "caught up";
    case SubscriptionState::kFellBehind:
      return "fell behind";
  }
  return "unknown";
}

Run::Iterator Run::begin() const { return {subscription_, first_ == nullptr ? nullptr : subscription_->give()}; }

Run::Iterator& Run::Iterator::operator++() {
  event_ = subscription_->give();
  return *this;
}

Subscription::Subscription(std::unique_ptr<detail::SubscriptionImpl> impl) : impl_(std::move(impl)) {}
Subscription::Subscription(Subscription&& other) noexcept = default;
Subscription& Subscription::operator=(Subscription&& other) noexcept = default;
Subscription::~Subscription() = default;

Result<Run> Subscription::next(const std::stop_token& stop) {
  try {
    return impl_->next(stop, std::nullopt);
  } catch (const std::bad_alloc&) { return std::unexpected(out_of_memory()); }
}

Result<Run> Subscription::next_for(std::chrono::nanoseconds timeout, const std::stop_token& stop) {
  try {
    const auto now = Steady::now();
    const auto longest = platform::SteadyTime::max() - now;
    return impl_->next(stop, timeout >= longest ? std::nullopt : std::optional(now + timeout));
  } catch (const std::bad_alloc&) { return std::unexpected(out_of_memory()); }
}

std::optional<Position> Subscription::position() const { return impl_->position(); }

void Subscription::seek(Position position) { impl_->seek(position); }

std::uint64_t Subscription::lag() const {
  const Position end = impl_->end();
  const Position next = impl_->position() ? impl_->position()->next() : Position(0);
  return end > next ? end - next : 0;
}

}  // namespace tidemark
