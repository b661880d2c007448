// SPDX-License-Identifier: Apache-2.0
// Of MemberImpl: which partitions it has.
#include <algorithm>
#include <cerrno>
#include <string>
#include <utility>

#include "engine/group/member_impl.h"

namespace tidemark::detail {

using engine::Partition;
using engine::PartitionFile;
using platform::SteadyTime;

namespace {

// Threads sleep by it, whatever clock the store goes by.
using Steady = std::chrono::steady_clock;

// How often a member looks who else is there, and what was asked of the group.
constexpr std::chrono::milliseconds kLookInterval{250};
constexpr std::chrono::milliseconds kLookIntervalLongest{2000};
constexpr std::uint32_t kMembersLookedAtOften = 32;
// How long what a partition's last member had seen may take to show in this opening, which follows another process.
constexpr std::chrono::seconds kCatchUpPatience{1};
constexpr std::chrono::milliseconds kShortRest{10};

Error with_hint(Error error, std::uint32_t partitions) {
  if (error.system_error() != EMFILE && error.system_error() != ENFILE) { return error; }
  return Error(error.code(), error.message() + ": a member holds a descriptor for each partition that it has, of " +
                                 std::to_string(partitions) +
                                 " here, and needs a few more; raise the process's limit (ulimit -n), or make the "
                                 "group with fewer partitions")
      .with_system_error(error.system_error())
      .with_path(error.path());
}

}  // namespace

Status MemberImpl::look_around(std::optional<SteadyTime> until, const std::stop_token& stop) {
  look_interval_ = kLookInterval;
  if (auto ours = seat_.lock->check(); !ours) { return ours; }
  if (auto stands = state_->check(); !stands) { return stands; }
  const auto seats = engine::taken_seats(context_.files, folder_);
  if (!seats) { return std::unexpected(seats.error()); }
  const auto members = static_cast<std::uint32_t>(std::max<std::size_t>(seats->size(), 1));
  // Each looks at all: where they are many and stay the same, each looks less often.
  look_interval_ = members == members_ ? std::clamp(kLookInterval * members / kMembersLookedAtOften, kLookInterval,
                                                    kLookIntervalLongest)
                                       : kLookInterval;
  members_ = members;
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
  const SteadyTime patience = std::min(Steady::now() + kCatchUpPatience, until.value_or(SteadyTime::max()));
  for (std::uint32_t n = 0; n < partitions && owned_.size() < share; ++n) {
    const std::uint32_t number = (rank * (partitions / members) + n) % partitions;
    if (std::ranges::any_of(owned_, [&](const auto& owned) { return owned->number == number; })) { continue; }
    auto taken = take(number, patience, stop);
    if (taken || taken.error().code() == ErrorCode::kLocked) { continue; }
    if (taken.error().code() == ErrorCode::kBusy) {
      look_interval_ = kShortRest;
    } else if (result) {
      result = std::unexpected(with_hint(std::move(taken.error()), partitions));
    }
  }
  if (owned_.size() > before) {  // before a slot is written over that may be the only one on stable storage
    // Likewise what is parked, and the group itself, may have got their names from a process that was killed then.
    auto synced = state_->datasync();
    if (synced) { synced = engine::sync_group(context_.files, context_.store, context_.group.name); }
    if (!synced) {
      owned_.resize(before);
      for (auto& owned : owned_) { owned->file.not_synced(); }
      return synced;
    }
    for (std::size_t i = before; i < owned_.size(); ++i) { owned_[i]->file.synced(); }
  }
  const auto requests = engine::replay_requests(context_.files, folder_, context_.group);
  if (requests) {
    look_for_replays(*requests);
  } else if (result && !(requests.error().code() == ErrorCode::kDamaged && std::exchange(told_of_replay_, true))) {
    result = std::unexpected(requests.error());  // once: nothing else suffers from it
  }
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
  if (reached > scan_.end()) {
    const SteadyTime since = behind_since_.try_emplace(number, now()).first->second;
    const SteadyTime began = Steady::now();
    const auto is_over = [&] { return now() - since >= kCatchUpPatience || Steady::now() - began >= kCatchUpPatience; };
    while (reached > scan_.end() && Steady::now() < patience && !is_over() && !stop.stop_requested() &&
           source.check_open()) {
      const std::uint32_t seen = source.moves();
      if (reached > scan_.end()) { source.wait_for_move(seen, stop, std::min(patience, Steady::now() + kShortRest)); }
    }
    if (reached > scan_.end() && !is_over()) {
      return std::unexpected(Error(ErrorCode::kBusy, "what the partition's last member had seen does not show yet"));
    }
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
  behind_since_.erase(number);
  if (auto ours = source.check_checkpoint(progress.proof); !ours) { return ours; }
  if (auto again = file.write_again(); !again) { return again; }
  const Checkpoint proof = progress.proof;
  const Position next = progress.next;
  const std::uint64_t replayed = progress.replayed;
  // Who had it before may have refused some events, or died of them: they are not given at once because of that.
  const auto due_of = [options = options_, taken = now(), wall = context_.clock.now()](
                          std::uint32_t tries, std::optional<RecordedTime> due) -> SteadyTime {
    const std::chrono::nanoseconds longest = MemberImpl::back_off(options, tries);
    return taken +
           (due ? std::clamp<std::chrono::nanoseconds>(*due - wall, std::chrono::nanoseconds(0), longest) : longest);
  };
  auto owned =
      std::make_unique<Owned>(Owned{.number = number,
                                    .lock = std::move(*lock),
                                    .file = std::move(file),
                                    .partition = Partition(std::move(progress), std::move(loaded->parked), due_of),
                                    .proof = proof,
                                    .stored_next = next,
                                    .is_stalled = true,
                                    .is_unwritten = true,
                                    .stored_replayed = replayed});
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

}  // namespace tidemark::detail
