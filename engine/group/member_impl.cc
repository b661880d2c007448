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
using engine::PartitionFile;
using platform::SteadyTime;

namespace {

// Threads sleep by it, whatever clock the store goes by.
using Steady = std::chrono::steady_clock;

// How often a member looks who else is there, and what was asked of the group.
constexpr std::chrono::milliseconds kLookInterval{250};
// How long what a partition's last member had seen may take to show in this opening, which follows another process.
constexpr std::chrono::seconds kCatchUpPatience{1};
constexpr std::chrono::milliseconds kShortRest{10};

std::chrono::milliseconds back_off(const MemberOptions& options, std::uint32_t tries) {
  auto wait = options.retry_first;
  for (std::uint32_t n = 1; n < tries && wait < options.retry_longest; ++n) { wait *= 2; }
  return std::min(wait, options.retry_longest);
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
  auto state =
      context.files.open(context.store / engine::group_folder_name(context.group.name) / engine::kGroupStateName,
                         platform::OpenMode::kReadWrite);
  if (!state) { return std::unexpected(std::move(state.error())); }
  const auto folder = context.store / engine::group_folder_name(context.group.name);
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
      last_flush_(now()) {}

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
    if (auto gone = let_go_of_leaving(); !gone) { return std::unexpected(std::move(gone.error())); }
    if (now() >= next_look_) {
      auto looked = look_around(stop);
      next_look_ = now() + kLookInterval;  // also if it fails: what else there is goes on meanwhile
      if (!looked) { return std::unexpected(std::move(looked.error())); }
    }
    if (needs_flush() && now() - last_flush_ >= options_.sync_interval) {
      if (auto flushed = flush(); !flushed) { return std::unexpected(std::move(flushed.error())); }
    }
    if (unacked() >= options_.max_unacked) {
      return std::unexpected(Error(ErrorCode::kBusy, std::to_string(unacked()) +
                                                         " events were given to this member and are neither "
                                                         "acknowledged nor refused: ack() or nack() some first, or "
                                                         "raise MemberOptions::max_unacked"));
    }
    auto given = take_turn();
    if (!given || *given) { return given; }
    go_back_for_stalled();
    const SteadyTime wake = when_to_wake(until);
    const bool is_idle = std::ranges::all_of(owned_, [](const auto& owned) { return owned->is_stalled; });
    if (is_idle) {
      sleep(wake, stop);  // no partition, or none that could take an event
    } else {
      auto found = scan(wake, stop);
      if (!found || *found) { return found; }
    }
    // Nothing is said before all was looked at that was there; and what fell due meanwhile is given.
    if (until && Steady::now() >= *until && (is_idle || scan_.read_until() >= goal)) { return take_turn(); }
  }
}

// The soonest of what there is to wait for.
SteadyTime MemberImpl::when_to_wake(std::optional<SteadyTime> until) const {
  SteadyTime due = next_look_;
  for (const auto& owned : owned_) {
    if (owned->is_leaving) { continue; }
    if (const auto next = owned->partition.next_due()) { due = std::min(due, *next); }
  }
  if (needs_flush()) { due = std::min(due, last_flush_ + options_.sync_interval); }
  const SteadyTime wake = Steady::now() + (std::max(due, now()) - now());
  return until ? std::min(*until, wake) : wake;
}

void MemberImpl::sleep(SteadyTime until, const std::stop_token& stop) const {
  std::mutex mutex;
  std::condition_variable_any nothing;
  std::unique_lock lock(mutex);
  nothing.wait_until(lock, stop, until, [] { return false; });
}

// --- which partitions

Status MemberImpl::look_around(const std::stop_token& stop) {
  if (auto ours = seat_.lock->check(); !ours) { return ours; }
  const auto seats = engine::taken_seats(context_.files, folder_);
  if (!seats) { return std::unexpected(seats.error()); }
  const auto members = static_cast<std::uint32_t>(std::max<std::size_t>(seats->size(), 1));
  const auto rank = static_cast<std::uint32_t>(std::ranges::lower_bound(*seats, seat_.number) - seats->begin());
  const std::uint32_t partitions = context_.group.partitions;
  const std::size_t share = partitions / members + (rank < partitions % members ? 1 : 0);

  // More than its share goes to the others, what it took last first; what was to go and need not stays.
  for (std::size_t i = 0; i < owned_.size(); ++i) { owned_[i]->is_leaving = i >= share; }
  for (auto& owned : owned_) {
    if (owned->is_leaving) { owned->is_stalled = true; }
  }
  Status result;
  const std::size_t before = owned_.size();
  const SteadyTime patience = Steady::now() + kCatchUpPatience;
  for (std::uint32_t n = 0; n < partitions && owned_.size() < share; ++n) {
    const std::uint32_t number = (rank * (partitions / members) + n) % partitions;
    if (std::ranges::any_of(owned_, [&](const auto& owned) { return owned->number == number; })) { continue; }
    auto taken = take(number, patience, stop);
    if (!taken && taken.error().code() != ErrorCode::kLocked && result) { result = std::move(taken); }
  }
  if (owned_.size() > before) {  // before a slot is written over that may be the only one on stable storage
    if (auto synced = state_->datasync(); !synced) {
      owned_.resize(before);
      for (auto& owned : owned_) { owned->file.not_synced(); }
      return synced;
    }
    for (std::size_t i = before; i < owned_.size(); ++i) { owned_[i]->file.synced(); }
  }
  const auto requests = engine::replay_requests(context_.files, folder_, context_.group);
  if (!requests) { return result ? std::unexpected(requests.error()) : result; }
  look_for_replays(*requests);
  return result;
}

// Whose progress lies past the end of what this opening shows is of a writer that is followed, a moment ahead; or of a
// log that was put back since.
Status MemberImpl::take(std::uint32_t number, SteadyTime patience, const std::stop_token& stop) {
  auto lock = engine::lock_partition(context_.files, folder_, number);
  if (!lock) { return std::unexpected(std::move(lock.error())); }
  PartitionFile file(context_.files, folder_, state_, {.group_id = context_.group.group_id, .partition = number});
  auto loaded = file.load();
  if (!loaded) { return std::unexpected(std::move(loaded.error())); }
  engine::PartitionProgress progress;
  progress.next = context_.group.first;
  progress.proof.log_id = context_.group.log_id;
  if (loaded->progress) { progress = std::move(*loaded->progress); }
  const auto& source = *context_.source;
  Position reached = progress.next > context_.group.first ? progress.next : Position();
  if (progress.proof.position) { reached = std::max(reached, progress.proof.position->next()); }
  while (reached > scan_.end() && Steady::now() < patience && !stop.stop_requested() && source.check_open()) {
    const std::uint32_t seen = source.moves();
    if (reached > scan_.end()) { source.wait_for_move(seen, stop, std::min(patience, Steady::now() + kShortRest)); }
  }
  if (reached > scan_.end()) {
    return std::unexpected(
        Error(
            ErrorCode::kCheckpointUnknown,
            "the group is at position " + std::to_string(reached.value() - 1) +
                ", and no event is known to be durable there: was the store put back to an older copy? Then remove the "
                "group, and make it anew. (After a crash a writer's opening may know more than a read-only one)")
            .with_path(folder_));
  }
  if (auto ours = source.check_checkpoint(progress.proof); !ours) { return ours; }
  if (auto again = file.write_again(); !again) { return again; }
  const Checkpoint proof = progress.proof;
  const Position next = progress.next;
  auto owned = std::make_unique<Owned>(Owned{.number = number,
                                             .lock = std::move(*lock),
                                             .file = std::move(file),
                                             .partition = Partition(std::move(progress), std::move(loaded->parked)),
                                             .proof = proof,
                                             .stored_next = next,
                                             .is_stalled = true,
                                             .is_unwritten = true});
  owned_.push_back(std::move(owned));
  return {};
}

Status MemberImpl::let_go_of_leaving() {
  const auto may_go = [](const auto& owned) { return owned->is_leaving && owned->partition.given() == 0; };
  if (std::ranges::none_of(owned_, may_go)) { return {}; }
  auto flushed = flush();  // what it leaves to the next one; it goes even if that fails
  std::erase_if(owned_, may_go);
  return flushed;
}

void MemberImpl::look_for_replays(std::uint64_t requests) {
  for (auto& owned : owned_) {
    if (requests == 0 || owned->partition.replayed() == requests) { continue; }
    owned->partition.replay(requests);
    owned->is_unwritten = owned->is_parked_unwritten = true;
    (void)store(*owned);  // what is not stored now is with the next acknowledgement
  }
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

Result<std::optional<Delivery>> MemberImpl::scan(std::optional<SteadyTime> until, const std::stop_token& stop) {
  auto run = scan_.next(stop, until);
  if (!run) { return std::unexpected(std::move(run.error())); }
  for (auto event = run->begin(); event != run->end(); ++event) {
    const Position position = event->position();
    const std::uint32_t number = engine::partition_of(event->stream(), context_.group.partitions);
    const auto found = std::ranges::find_if(owned_, [&](const auto& owned) { return owned->number == number; });
    if (found == owned_.end()) { continue; }
    Owned& owned = **found;
    if (owned.is_stalled || position < owned.partition.seen()) { continue; }
    if (!owned.partition.has_room(position)) {
      owned.partition.pass(position);
      owned.is_stalled = true;
      continue;
    }
    owned.partition.see(position, event->stream());
    const auto turn = owned.partition.ready(now());
    if (turn && turn->position == position && !is_given_too_often(owned, *turn)) {
      auto given = give(owned, position, *event);
      pass_scanned();
      if (!given) { return std::unexpected(std::move(given.error())); }
      return std::move(*given);
    }
    if (turn) { break; }
  }
  pass_scanned();
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
Result<std::optional<Delivery>> MemberImpl::take_turn() {
  const std::size_t first = turn_;
  for (std::size_t n = 0; n < owned_.size(); ++n) {
    Owned& owned = *owned_[(first + n) % owned_.size()];
    while (!owned.is_leaving) {
      const auto turn = owned.partition.ready(now());
      if (!turn || turn->position >= scan_.end()) { break; }  // or not to be seen yet, in this opening
      turn_ = first + n + 1;
      if (is_given_too_often(owned, *turn)) {  // whoever had it died of it, or fell with the machine
        auto parked = park(owned, turn->position,
                           "given " + std::to_string(turn->tries) + " times, and never acknowledged or refused");
        if (!parked) { return std::unexpected(std::move(parked.error())); }
        continue;
      }
      auto given = read_and_give(owned, turn->position);
      if (!given) { return std::unexpected(std::move(given.error())); }
      return std::move(*given);
    }
  }
  return std::nullopt;
}

Result<Delivery> MemberImpl::read_and_give(Owned& owned, Position position) {
  CursorImpl cursor(
      context_.source, Query::all(),
      {.from_position = position, .limit = 1, .visibility = Visibility::kDurable, .access = context_.access});
  const Event* const event = cursor.next();
  if (event != nullptr && event->position() == position) { return give(owned, position, *event); }
  if (!cursor.status()) { return std::unexpected(cursor.status().error()); }
  return std::unexpected(Error(ErrorCode::kDamaged, "the event at position " + std::to_string(position.value()) +
                                                        " was read before, and is not there any more"));
}

// That it is given is stored first: an event that its member dies of is parked in the end.
Result<Delivery> MemberImpl::give(Owned& owned, Position position, const Event& event) {
  Delivery given{.event = OwnedEvent(event), .replayed = owned.partition.is_replay(position)};
  owned.partition.give(position);
  given.tries = owned.partition.tries(position);
  owned.is_unwritten = true;
  owned.is_parked_unwritten = owned.is_parked_unwritten || given.replayed;
  if (auto stored = store(owned); !stored) {
    owned.partition.take_back(position, now());
    return std::unexpected(std::move(stored.error()));
  }
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
  for (const Position position : sorted) {
    Owned& owned = *owner_of_given(position);
    owned.is_unwritten = true;
    owned.is_parked_unwritten = owned.is_parked_unwritten || owned.partition.is_replay(position);
    owned.partition.done(position);
  }
  Status result;
  for (auto& owned : owned_) {
    if (!owned->is_unwritten) { continue; }
    if (auto stored = store(*owned); !stored && result) { result = std::move(stored); }
  }
  return result;
}

Status MemberImpl::nack(Position position, std::string_view reason, Nack how) {
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
  owned->partition.retry(position, now() + back_off(options_, owned->partition.tries(position)));
  return {};
}

Status MemberImpl::park(Owned& owned, Position position, std::string_view reason) {
  if (!can_park(owned, position)) {
    owned.partition.retry(position, now() + options_.retry_longest);
    return std::unexpected(
        Error(ErrorCode::kLimitExceeded, std::to_string(engine::kParkedEntriesMax) +
                                             " events are parked in partition " + std::to_string(owned.number) +
                                             " of the group, so this one is retried: mend what fails and replay them"));
  }
  owned.partition.park(position, context_.clock.now(), reason.substr(0, engine::kParkedReasonBytesMax));
  owned.is_unwritten = owned.is_parked_unwritten = true;
  return store(owned);
}

// --- what is stored

// What is parked comes first: it counts as dealt with only once it is there to be found.
Status MemberImpl::store(Owned& owned) {
  if (auto ours = owned.lock->check(); !ours) { return ours; }
  if (owned.is_parked_unwritten) {
    if (auto written = owned.file.write_parked(owned.partition.parked()); !written) { return written; }
    owned.is_parked_unwritten = false;
  }
  engine::PartitionProgress progress = owned.partition.progress();
  const Position next = progress.next;
  progress.proof = owned.proof;
  if (auto written = owned.file.write(std::move(progress)); !written) { return written; }
  owned.stored_next = next;
  owned.is_unwritten = false;
  return {};
}

bool MemberImpl::needs_flush() const {
  return std::ranges::any_of(owned_, [](const auto& owned) {
    return owned->is_unwritten || owned->file.needs_sync() || owned->partition.next() != owned->stored_next;
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
  last_flush_ = now();
  Status result;
  for (auto& owned : owned_) {
    // Without a newer proof the older one holds: a store that is closed gives none.
    (void)prove(*owned);
    if (!owned->is_unwritten && !owned->file.needs_write() && owned->partition.next() == owned->stored_next) {
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
