// SPDX-License-Identifier: Apache-2.0
#include "engine/group/member_impl.h"

#include <algorithm>
#include <condition_variable>
#include <mutex>
#include <new>
#include <string>
#include <utility>

#include "engine/read/cursor_impl.h"

namespace tidemark::detail {

using engine::Partition;
using platform::SteadyTime;

namespace {

// Threads sleep by it, whatever clock the store goes by.
using Steady = std::chrono::steady_clock;

// What failed is not tried again before.
constexpr std::chrono::milliseconds kShortestPause{100};

// As much of a reason as is kept, with no character of UTF-8 cut.
std::string_view kept_of(std::string_view reason) {
  if (reason.size() <= engine::kParkedReasonBytesMax) { return reason; }
  const auto goes_on = [&](std::size_t at) { return (static_cast<unsigned char>(reason[at]) & 0xC0U) == 0x80U; };
  std::size_t end = engine::kParkedReasonBytesMax;
  while (end > engine::kParkedReasonBytesMax - 4 && goes_on(end)) { --end; }
  return reason.substr(0, goes_on(end) ? engine::kParkedReasonBytesMax : end);
}

// Of what is parked without a word of who had it last.
std::string reason_of(const Partition::Said& said, std::uint32_t tries) {
  if (said.is_of_last_try) { return said.reason; }
  std::string reason = "given " + std::to_string(tries) + " times, ";
  if (said.reason.empty()) { return reason + "and never acknowledged or refused"; }
  return reason + "the last time never acknowledged or refused; said before: " + said.reason;
}

// Errors after which there is nothing to try again.
bool is_final(const Error& error) {
  switch (error.code()) {
    case ErrorCode::kStopped:
    case ErrorCode::kClosed:
    case ErrorCode::kForked:
    case ErrorCode::kReadOnly:
    case ErrorCode::kStoreFailed:
      return true;
    default:
      return false;
  }
}

}  // namespace

Result<std::unique_ptr<MemberImpl>> MemberImpl::join(engine::GroupContext context, const MemberOptions& options) {
  const bool sound = options.max_tries > 0 && options.max_unacked > 0 && options.retry_first.count() >= 0 &&
                     options.retry_longest >= options.retry_first &&
                     options.retry_longest <= std::chrono::hours(24 * 365) && options.sync_interval.count() >= 0 &&
                     options.sync_interval <= std::chrono::hours(24 * 365);
  if (!sound) {
    return std::unexpected(Error(ErrorCode::kInvalidArgument,
                                 "MemberOptions make no sense: max_tries and max_unacked are at least 1, times are not "
                                 "negative and at most a year, retry_longest is at least retry_first"));
  }
  auto seat = engine::take_seat(context.files, context.store, context.group);
  if (!seat) { return std::unexpected(std::move(seat.error())); }
  const auto folder = context.store / engine::group_folder_name(context.group.name);
  auto state = engine::open_state(context.files, folder, platform::OpenMode::kReadWrite);
  if (!state) { return std::unexpected(std::move(state.error())); }
  if (auto whole = engine::check_state_size(**state, context.group.partitions, folder); !whole) {
    return std::unexpected(std::move(whole.error()));
  }
  return std::unique_ptr<MemberImpl>(new MemberImpl(std::move(context), options, std::move(*seat), std::move(*state)));
}

MemberImpl::MemberImpl(engine::GroupContext context, const MemberOptions& options, engine::GroupSeat seat,
                       std::shared_ptr<platform::File> state)
    : context_(std::move(context)),
      options_(options),
      folder_(context_.store / engine::group_folder_name(context_.group.name)),
      seat_(std::move(seat)),
      state_(std::move(state)),
      scan_(context_.source, context_.group.query, SubscribeOptions{.access = context_.access}, context_.group.first),
      next_look_(now()),
      next_flush_(now() + options.sync_interval) {}

MemberImpl::~MemberImpl() {
  try {
    (void)leave();
  } catch (const std::bad_alloc&) {}  // as if the process had died: what is stored holds
}

Status MemberImpl::check_usable() const {
  if (has_left_) { return std::unexpected(Error(ErrorCode::kClosed, "the member has left its group")); }
  return context_.source->check_open();
}

Result<std::optional<Delivery>> MemberImpl::next(std::optional<SteadyTime> until, const std::stop_token& stop) {
  if (auto usable = check_usable(); !usable) { return std::unexpected(std::move(usable.error())); }
  const Position goal = scan_.end();
  for (;;) {
    if (auto usable = check_usable(); !usable) { return std::unexpected(std::move(usable.error())); }
    if (stop.stop_requested()) {
      return std::unexpected(Error(ErrorCode::kStopped, "stopped while waiting for events"));
    }
    if (untold_ && now() >= tell_after_ && is_to_be_told(*untold_)) { return std::unexpected(*told_); }
    if (auto kept = keep_up(until, stop); !kept && is_to_be_told(kept.error())) { return std::unexpected(*told_); }
    if (unacked() >= options_.max_unacked) {
      return std::unexpected(Error(ErrorCode::kBusy, std::to_string(unacked()) +
                                                         " events were given to this member and are neither "
                                                         "acknowledged nor refused: ack() or nack() some first, or "
                                                         "raise MemberOptions::max_unacked"));
    }
    auto given = take_turn();
    if (given ? given->has_value() : is_to_be_told(given.error())) { return given; }
    go_back_for_stalled();
    const SteadyTime wake = when_to_wake(until);
    const bool is_idle =
        now() < scan_after_ || std::ranges::all_of(owned_, [](const auto& owned) { return owned->is_stalled; });
    if (is_idle) {
      sleep(wake, stop);  // no partition, or none that could take an event
    } else {
      auto found = scan(wake, stop);
      if (found ? found->has_value() : is_to_be_told(found.error())) { return found; }
    }
    // Nothing is said before all was looked at that was there; and what fell due meanwhile is given.
    if (until && Steady::now() >= *until && (is_idle || now() < scan_after_ || scan_.read_until() >= goal)) {
      auto last = take_turn();
      if (last || is_to_be_told(last.error())) { return last; }
      return std::nullopt;
    }
  }
}

// One thing that fails keeps nothing else from being done.
Status MemberImpl::keep_up(std::optional<SteadyTime> until, const std::stop_token& stop) {
  Status result = let_go_of_leaving();
  if (now() >= next_look_) {
    auto looked = look_around(until, stop);
    next_look_ = now() + look_interval_;
    if (result) { result = std::move(looked); }
  }
  if (now() >= next_flush_ && needs_flush()) {
    auto flushed = flush();
    if (result) { result = std::move(flushed); }
  }
  return result;
}

std::chrono::milliseconds MemberImpl::back_off(const MemberOptions& options, std::uint32_t tries) {
  auto wait = options.retry_first;
  for (std::uint32_t n = 1; n < tries && wait < options.retry_longest; ++n) { wait *= 2; }
  return std::min(wait, options.retry_longest);
}

SteadyTime MemberImpl::pause_after(unsigned failures) const {
  return now() + std::max(kShortestPause, back_off(options_, failures));
}

bool MemberImpl::is_to_be_told(const Error& error) {
  const bool is_same = told_ && told_->code() == error.code() && told_->system_error() == error.system_error();
  if (is_same && !is_final(error) && now() < tell_after_) {
    untold_ = error;
    return false;
  }
  told_ = error;
  untold_.reset();
  tell_after_ = now() + kShortestPause;
  return true;
}

// The soonest of what there is to wait for.
SteadyTime MemberImpl::when_to_wake(std::optional<SteadyTime> until) const {
  SteadyTime due = next_look_;
  for (const auto& owned : owned_) {
    if (owned->is_leaving) { continue; }
    if (const auto next = owned->partition.next_due()) { due = std::min(due, std::max(*next, owned->held_until)); }
  }
  if (needs_flush()) { due = std::min(due, next_flush_); }
  if (now() < scan_after_) { due = std::min(due, scan_after_); }
  if (untold_) { due = std::min(due, tell_after_); }
  const SteadyTime wake = Steady::now() + (std::max(due, now()) - now());
  return until ? std::min(*until, wake) : wake;
}

void MemberImpl::sleep(SteadyTime until, const std::stop_token& stop) const {
  std::mutex mutex;
  std::condition_variable_any nothing;
  std::unique_lock lock(mutex);
  nothing.wait_until(lock, stop, until, [] { return false; });
}

// --- the log

void MemberImpl::pass_scanned() {
  for (auto& owned : owned_) {
    if (!owned->is_stalled) { owned->partition.pass(scan_.read_until()); }
  }
}

void MemberImpl::go_back_for_stalled() {
  Position first = scan_.read_until();
  for (auto& owned : owned_) {
    if (!owned->is_stalled || owned->is_leaving || !owned->partition.is_half_empty()) { continue; }
    owned->is_stalled = false;
    first = std::min(first, owned->partition.seen());
  }
  if (first < scan_.read_until()) { scan_.seek(first); }  // the others leave out what they have seen
}

void MemberImpl::skip_what_was_seen() {
  std::optional<Position> first;
  for (const auto& owned : owned_) {
    if (!owned->is_stalled) { first = std::min(first.value_or(owned->partition.seen()), owned->partition.seen()); }
  }
  if (first && *first > scan_.read_until()) { scan_.seek(*first); }
}

Status MemberImpl::refill(Owned& owned) {
  while (const auto shortage = owned.partition.shortage(now())) {
    auto query = Query::stream(shortage->stream);
    if (const auto& items = context_.group.query.items(); !items.empty()) { query = query.any_of(items); }
    CursorImpl cursor(context_.source, query,
                      {.from_position = shortage->from,
                       .limit = Partition::kStreamWaitingMax,
                       .visibility = Visibility::kDurable,
                       .access = context_.access});
    std::vector<Position> more;
    const Event* event = cursor.next();
    for (; event != nullptr && event->position() < owned.partition.seen(); event = cursor.next()) {
      more.push_back(event->position());
    }
    const bool is_all = cursor.status() && more.size() < Partition::kStreamWaitingMax;
    if (!cursor.status() && more.empty()) {
      owned.partition.refill_later(shortage->stream, pause_after(++owned.failures));
      return cursor.status();
    }
    owned.partition.refill(shortage->stream, more, is_all);
  }
  return {};
}

Result<std::optional<Delivery>> MemberImpl::scan(std::optional<SteadyTime> until, const std::stop_token& stop) {
  auto run = scan_.next(stop, until);
  if (!run) {
    if (!is_final(run.error())) { scan_after_ = pause_after(++scan_failures_); }
    return std::unexpected(std::move(run.error()));
  }
  scan_failures_ = 0;
  bool is_one_stalled = false;
  for (auto event = run->begin(); event != run->end(); ++event) {
    const Position position = event->position();
    const std::uint32_t number = engine::partition_of(event->stream(), context_.group.partitions);
    const auto found = std::ranges::find_if(owned_, [&](const auto& owned) { return owned->number == number; });
    if (found == owned_.end()) { continue; }
    Owned& owned = **found;
    if (owned.is_stalled || position < owned.partition.seen()) { continue; }
    if (!owned.partition.has_room(position)) {
      owned.partition.pass(position);
      owned.is_stalled = is_one_stalled = true;
      continue;
    }
    owned.partition.see(position, event->stream());
    if (is_held(owned)) { continue; }
    const auto turn = owned.partition.ready(now());
    if (turn && turn->position == position && !is_given_too_often(owned, *turn)) {
      auto given = give(owned, position, *event);
      pass_scanned();
      if (is_one_stalled) { skip_what_was_seen(); }
      if (!given) { return std::unexpected(std::move(given.error())); }
      return std::move(*given);
    }
    if (turn) { break; }
  }
  pass_scanned();
  if (is_one_stalled) { skip_what_was_seen(); }
  return std::nullopt;
}

// --- giving

// Where no more can be parked it is given all the same.
bool MemberImpl::is_given_too_often(const Owned& owned, const Partition::Turn& turn) const {
  return turn.tries >= options_.max_tries && can_park(owned, turn.position);
}

bool MemberImpl::can_park(const Owned& owned, Position position) {
  return owned.partition.is_replay(position) || owned.partition.parked_count() < engine::kParkedEntriesMax;
}

// Of what waits: for a retry, behind an event of its stream, parked and asked for again, or left by another member.
// What fails waits, and keeps nothing else from being given.
Result<std::optional<Delivery>> MemberImpl::take_turn() {
  Status result;
  const std::size_t first = turn_;
  for (std::size_t n = 0; n < owned_.size(); ++n) {
    Owned& owned = *owned_[(first + n) % owned_.size()];
    if (auto filled = owned.is_leaving ? Status() : refill(owned); !filled && result) { result = std::move(filled); }
    while (!owned.is_leaving && !is_held(owned)) {
      const auto turn = owned.partition.ready(now());
      if (!turn || turn->position >= scan_.end()) { break; }  // or not to be seen yet, in this opening
      turn_ = first + n + 1;
      if (is_given_too_often(owned, *turn)) {  // whoever had it died of it, or fell with the machine
        auto parked = park(owned, turn->position, reason_of(owned.partition.said(turn->position), turn->tries));
        if (!parked && result) { result = std::move(parked); }
        continue;
      }
      auto given = read_and_give(owned, turn->position);
      if (given) {
        if (!result) { untold_ = std::move(result.error()); }
        return std::move(*given);
      }
      if (is_final(given.error())) { return std::unexpected(std::move(given.error())); }
      if (result) { result = std::unexpected(std::move(given.error())); }
    }
  }
  if (!result) { return std::unexpected(std::move(result.error())); }
  return std::nullopt;
}

Result<Delivery> MemberImpl::read_and_give(Owned& owned, Position position) {
  CursorImpl cursor(
      context_.source, Query::all(),
      {.from_position = position, .limit = 1, .visibility = Visibility::kDurable, .access = context_.access});
  const Event* const event = cursor.next();
  if (event != nullptr && event->position() == position) { return give(owned, position, *event); }
  owned.partition.retry(position, pause_after(++owned.failures));
  if (!cursor.status()) { return std::unexpected(cursor.status().error()); }
  return std::unexpected(Error(ErrorCode::kDamaged, "the event at position " + std::to_string(position.value()) +
                                                        " was read before, and is not there any more"));
}

// That it is given is stored first: an event that its member dies of is parked in the end.
Result<Delivery> MemberImpl::give(Owned& owned, Position position, const Event& event) {
  Delivery given{.event = OwnedEvent(event), .replayed = owned.partition.is_replay(position)};
  owned.partition.give(position);
  given.tries = owned.partition.tries(position);
  owned.is_unwritten = owned.is_unwritten || !given.replayed;
  auto stored = given.replayed ? store_parked(owned) : store_progress(owned);
  if (!stored) {
    const SteadyTime again = pause_after(++owned.failures);
    owned.partition.take_back(position, again);
    if (!given.replayed) { owned.held_until = again; }  // what is parked stands in a file of its own
    return std::unexpected(std::move(stored.error()));
  }
  owned.failures = 0;
  return given;
}

// --- what became of it

MemberImpl::Owned* MemberImpl::owner_of_given(Position position) {
  const auto found =
      std::ranges::find_if(owned_, [&](const auto& owned) { return owned->partition.is_given(position); });
  return found == owned_.end() ? nullptr : found->get();
}

Status MemberImpl::ack(std::span<const Position> positions) {
  if (auto usable = check_usable(); !usable) { return usable; }
  std::vector<Position> sorted(positions.begin(), positions.end());
  std::ranges::sort(sorted);
  const bool twice = std::ranges::adjacent_find(sorted) != sorted.end();
  const auto strange = std::ranges::find_if(sorted, [&](Position p) { return owner_of_given(p) == nullptr; });
  if (twice || strange != sorted.end()) {
    return std::unexpected(Error(ErrorCode::kInvalidArgument,
                                 twice ? "a position is acknowledged twice"
                                       : "the event at position " + std::to_string(strange->value()) +
                                             " was not given to this member, or something was said of it already"));
  }
  const auto stands = state_->check();
  for (const Position position : sorted) {
    Owned& owned = *owner_of_given(position);
    (owned.partition.is_replay(position) ? owned.is_parked_touched : owned.is_touched) = true;
    owned.partition.done(position);
  }
  Status result = stands;
  for (auto& owned : owned_) {
    const bool is_parked_touched = std::exchange(owned->is_parked_touched, false);
    const bool is_touched = std::exchange(owned->is_touched, false);
    owned->is_parked_unwritten = owned->is_parked_unwritten || is_parked_touched;
    owned->is_unwritten = owned->is_unwritten || is_touched;
    auto parked = is_parked_touched ? store_parked(*owned) : Status();
    auto progress = is_touched ? store_progress(*owned) : Status();
    if (!parked && result) { result = std::move(parked); }
    if (!progress && result) { result = std::move(progress); }
  }
  return result;
}

Status MemberImpl::nack(Position position, std::string_view reason, Nack how) {
  if (how != Nack::kRetry && how != Nack::kPark && how != Nack::kSkip) {
    return std::unexpected(Error(ErrorCode::kInvalidArgument, "there is no such Nack"));
  }
  if (how == Nack::kSkip) { return ack({&position, 1}); }
  if (auto usable = check_usable(); !usable) { return usable; }
  Owned* const owned = owner_of_given(position);
  if (owned == nullptr) {
    return std::unexpected(
        Error(ErrorCode::kInvalidArgument, "the event at position " + std::to_string(position.value()) +
                                               " was not given to this member, or something was said of it already"));
  }
  if (how == Nack::kPark || owned->partition.tries(position) >= options_.max_tries) {
    return park(*owned, position, reason);
  }
  const auto wait = back_off(options_, owned->partition.tries(position));
  (owned->partition.is_replay(position) ? owned->is_parked_unwritten : owned->is_unwritten) = true;
  owned->partition.refuse(position, now() + wait, context_.clock.now() + wait, kept_of(reason));
  return owned->is_unwritten ? store_progress(*owned) : Status();
}

Status MemberImpl::park(Owned& owned, Position position, std::string_view reason) {
  if (!can_park(owned, position)) {
    owned.partition.retry(position, now() + options_.retry_longest);
    return std::unexpected(
        Error(ErrorCode::kLimitExceeded, std::to_string(engine::kParkedEntriesMax) +
                                             " events are parked in partition " + std::to_string(owned.number) +
                                             " of the group, so this one is retried: mend what fails and replay them"));
  }
  // What is parked is there to be found before the event counts as dealt with. If that fails it is an event that waits,
  // so that the others of its partition go on.
  const auto entry = owned.partition.to_park(position, context_.clock.now(), kept_of(reason));
  if (auto parked = store_parked(owned, &entry); !parked) {
    const SteadyTime again = pause_after(++owned.failures);
    owned.partition.refuse(position, again, entry.parked + (again - now()), entry.reason);
    return parked;
  }
  owned.failures = 0;
  owned.partition.park(entry);
  owned.is_unwritten = true;
  return store_progress(owned);
}

// --- what is stored

Status MemberImpl::store_parked(Owned& owned, const engine::ParkedEntry* more) {
  if (auto ours = owned.lock->check(); !ours) { return ours; }
  if (auto written = owned.file.write_parked(owned.partition.parked(more)); !written) {
    owned.is_parked_unwritten = owned.is_parked_unwritten || owned.file.is_parked_doubtful();
    return written;
  }
  owned.is_parked_unwritten = false;
  owned.stored_replayed = owned.partition.replayed();
  return {};
}

Status MemberImpl::store_progress(Owned& owned) {
  if (auto ours = owned.lock->check(); !ours) { return ours; }
  engine::PartitionProgress progress = owned.partition.progress();
  const Position next = progress.next;
  progress.proof = owned.proof;
  progress.replayed = owned.stored_replayed;  // a wish was followed once the list of what is parked says so
  if (auto written = owned.file.write(std::move(progress)); !written) { return written; }
  owned.stored_next = next;
  owned.is_unwritten = owned.stored_replayed != owned.partition.replayed();
  return {};
}

// What is parked comes first: its file says more than the slot if only one of them can be written.
Status MemberImpl::store(Owned& owned) {
  auto parked = owned.is_parked_unwritten ? store_parked(owned) : Status();
  auto progress = store_progress(owned);
  return parked ? progress : parked;
}

bool MemberImpl::needs_flush() const {
  return std::ranges::any_of(owned_, [](const auto& owned) {
    return owned->is_unwritten || owned->is_parked_unwritten || owned->file.needs_sync() ||
           owned->partition.next() != owned->stored_next;
  });
}

// Of the event before the first one that is not done, if that is there already.
Status MemberImpl::prove(Owned& owned) {
  const Position next = owned.partition.next();
  if (next == Position() || next > scan_.end()) { return {}; }
  const Position last(next.value() - 1);
  if (owned.proof.position == last) { return {}; }
  auto proof = context_.source->checkpoint_at(last);
  if (!proof) { return std::unexpected(std::move(proof.error())); }
  owned.proof = *proof;
  return {};
}

Status MemberImpl::flush() {
  if (has_left_) { return std::unexpected(Error(ErrorCode::kClosed, "the member has left its group")); }
  if (auto open = context_.source->check_open(); !open && open.error().code() == ErrorCode::kForked) { return open; }
  auto flushed = flush_all();
  flush_failures_ = flushed ? 0 : flush_failures_ + 1;
  next_flush_ = now() + options_.sync_interval;
  if (!flushed) { next_flush_ = std::max(next_flush_, pause_after(flush_failures_)); }
  return flushed;
}

Status MemberImpl::flush_all() {
  Status result = state_->check();
  for (auto& owned : owned_) {
    // Without a newer proof the older one holds: a store that is closed gives none.
    (void)prove(*owned);
    if (!owned->is_unwritten && !owned->is_parked_unwritten && !owned->file.needs_write() &&
        owned->partition.next() == owned->stored_next) {
      continue;
    }
    if (auto stored = store(*owned); !stored && result) { result = std::move(stored); }
  }
  if (std::ranges::none_of(owned_, [](const auto& owned) { return owned->file.needs_sync(); })) { return result; }
  auto synced = state_->datasync();
  for (auto& owned : owned_) {
    if (synced) {
      owned->file.synced();
    } else {
      owned->file.not_synced();
    }
  }
  return result ? synced : result;
}

Status MemberImpl::leave() {
  if (has_left_) { return {}; }
  for (auto& owned : owned_) {
    if (!owned->partition.take_all_back(now())) { continue; }
    owned->is_unwritten = true;
    owned->is_parked_unwritten = owned->is_parked_unwritten || owned->partition.parked_count() > 0;
  }
  auto flushed = flush();
  has_left_ = true;
  owned_.clear();
  seat_.lock.reset();
  state_.reset();
  return flushed;
}

std::vector<std::uint32_t> MemberImpl::partitions() const {
  std::vector<std::uint32_t> numbers;
  for (const auto& owned : owned_) { numbers.push_back(owned->number); }
  std::ranges::sort(numbers);
  return numbers;
}

std::uint64_t MemberImpl::unacked() const {
  std::uint64_t given = 0;
  for (const auto& owned : owned_) { given += owned->partition.given(); }
  return given;
}

}  // namespace tidemark::detail
