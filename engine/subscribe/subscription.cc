// SPDX-License-Identifier: Apache-2.0
#include "tidemark/subscription.hpp"

#include <algorithm>
#include <new>
#include <string>
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

// What comes next by due time. Every event that is not read yet has been recorded when the one found was, or later, and
// so is due then at the earliest: what is held and due before that comes first.
Result<SubscriptionImpl::Found> SubscriptionImpl::find_due() {
  if (due_ != nullptr) { return Found::kEvent; }
  for (;;) {
    auto found = find();
    if (!found) { return found; }
    const auto first = held_->first();
    if (*found == Found::kEnd) {
      const auto now = std::chrono::floor<std::chrono::microseconds>(source_->now());
      if (!first || first->due > now || !held_->knows_all(next_)) { return Found::kEnd; }
      return read_held(*first);
    }
    const auto key = engine::HeldEvents::key_of(*found_);
    const auto recorded = engine::HeldEvents::recorded_of(*found_);
    if (first && first->due <= recorded && *first < key) { return read_held(*first); }
    if (!held_->was_given(key)) {
      if (key.due <= recorded || held_->comes_late(key)) {
        due_ = found_;
        return Found::kEvent;
      }
      held_->hold(key);
    }
    next_ = key.position.next();
    found_ = nullptr;
  }
}

Result<SubscriptionImpl::Found> SubscriptionImpl::read_held(const engine::DueKey& key) {
  ReadOptions one = options();
  one.from_position = key.position;
  one.limit = 1;
  held_cursor_ = std::make_unique<CursorImpl>(source_, Query::all(), one);
  due_ = held_cursor_->next();
  if (due_ != nullptr) { return Found::kEvent; }
  if (!held_cursor_->status()) { return std::unexpected(held_cursor_->status().error()); }
  return std::unexpected(Error(ErrorCode::kDamaged, "the event at position " + std::to_string(key.position.value()) +
                                                        " was read before, and is not there any more"));
}

const Event* SubscriptionImpl::give_due() {
  try {
    if (left_ != 0 && find_due() != Found::kEvent) { left_ = 0; }
  } catch (const std::bad_alloc&) { left_ = 0; }
  if (left_ == 0) { return nullptr; }  // why, next() finds out
  --left_;
  const Event* const event = std::exchange(due_, nullptr);
  if (event == found_) {
    held_->give(engine::HeldEvents::key_of(*event));
    found_ = nullptr;
    next_ = event->position().next();
  } else {
    held_->give_first();
  }
  told_ = next_;
  return event;
}

// When to look again for what is held. The clock may be set while a thread sleeps by the steady one.
std::optional<platform::SteadyTime> SubscriptionImpl::next_due() const {
  if (!held_ || held_->count() == 0 || !held_->knows_all(next_)) { return std::nullopt; }
  const auto now = std::chrono::floor<std::chrono::microseconds>(source_->now());
  return Steady::now() + (std::clamp<ValidTime>(held_->first()->due, now, now + kIdleTime) - now);
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
  return {this, held_ ? due_ : found_, state_};
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
    auto found = held_ ? find_due() : find();
    if (!found) { return std::unexpected(std::move(found.error())); }
    const Position end = this->end();
    look_for_state(end);
    if (*found == Found::kEvent) { return run(); }
    if (next_ < end) {
      const auto now = Steady::now();
      // Not before something was passed: what came since the end was looked at is there to be given.
      const bool is_over = next_ > told_ && ((until && now >= *until) || now >= idle);
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
    if (const auto due = next_due(); due && (!wake || *due < *wake)) { wake = due; }
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
  if (held_) { return give_due(); }
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
  const Position through = held_ ? held_->lowest(next_) : next_;
  return through == Position(0) ? std::nullopt : std::optional(Position(through.value() - 1));
}

std::optional<ValidPoint> SubscriptionImpl::valid_point() const {
  return held_ ? std::optional(held_->point(next_)) : std::nullopt;
}

void SubscriptionImpl::seek(Position position) {
  cursor_.reset();
  found_ = due_ = nullptr;
  held_cursor_.reset();
  if (held_) { held_.emplace(); }
  left_ = 0;
  next_ = told_ = position;
  told_end_ = false;
  state_ = SubscriptionState::kCatchingUp;
  not_before_.reset();
}

void SubscriptionImpl::seek(const ValidPoint& point) {
  seek(point.lowest);
  if (held_) { held_.emplace(point); }
}

Result<Checkpoint> SubscriptionImpl::checkpoint() const {
  if (held_) {
    return std::unexpected(Error(ErrorCode::kInvalidArgument,
                                 "a subscription by valid time is no single position: keep its valid_point()"));
  }
  return source_->checkpoint_at(position());
}

Status SubscriptionImpl::commit() {
  if (!file_) {
    return std::unexpected(Error(ErrorCode::kInvalidArgument,
                                 "the subscription has no name to commit under: subscribe with "
                                 "SubscribeOptions::resume, or keep its checkpoint() yourself"));
  }
  // One that began ahead of the log has dealt with nothing yet.
  if (position() && *position() >= end()) { return {}; }
  const auto now = checkpoint();
  if (!now) { return std::unexpected(now.error()); }
  // What a batch stored last is older than what is committed now, and remembered as such; it may be the same.
  auto logged = source_->logged_checkpoint(name(), logged_);
  if (!logged) { return std::unexpected(std::move(logged.error())); }
  logged_ = std::move(*logged);
  if (!logged_) { return file_->commit(*now, std::nullopt); }
  const auto& alone = file_->stored();
  const bool is_newer = !alone || !alone->behind || alone->behind->position < logged_->batch.position;
  const bool is_same = logged_->stored.log_id == decltype(now->log_id){} && logged_->stored.position == now->position;
  return is_newer && is_same && !file_->is_doubtful() ? Status() : file_->commit(*now, logged_->batch);
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

std::optional<ValidPoint> Subscription::valid_point() const { return impl_->valid_point(); }

std::uint64_t Subscription::held() const { return impl_->held(); }

void Subscription::seek(Position position) { impl_->seek(position); }

void Subscription::seek(const ValidPoint& point) { impl_->seek(point); }

Result<Checkpoint> Subscription::checkpoint() const {
  try {
    return impl_->checkpoint();
  } catch (const std::bad_alloc&) { return std::unexpected(out_of_memory()); }
}

Status Subscription::commit() {
  try {
    return impl_->commit();
  } catch (const std::bad_alloc&) { return std::unexpected(out_of_memory()); }
}

const std::string& Subscription::name() const { return impl_->name(); }

std::uint64_t Subscription::lag() const {
  try {
    const Position end = impl_->is_open() ? impl_->end() : Position();
    const Position next = impl_->read_until();
    return end > next ? end - next : 0;
  } catch (const std::bad_alloc&) { return 0; }
}

}  // namespace tidemark
