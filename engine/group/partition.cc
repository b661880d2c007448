// SPDX-License-Identifier: Apache-2.0
#include "engine/group/partition.h"

#include <algorithm>
#include <utility>

namespace tidemark::engine {

Partition::Partition(PartitionProgress stored, std::vector<ParkedEntry> parked, DueOf due_of, std::size_t window)
    : window_(window), due_of_(std::move(due_of)), seen_(stored.next), replayed_(stored.replayed) {
  for (const PartitionEntry& entry : stored.entries) { known_.emplace(Position(entry.position), entry); }
  for (PartitionNote& note : stored.notes) {
    notes_.emplace(Position(note.position), Note{.due = note.due, .reason = std::move(note.reason)});
  }
  for (ParkedEntry& entry : parked) {
    if (entry.wanted) { wanted_.insert(entry.position); }
    parked_.emplace(entry.position, std::move(entry));
  }
  want_parked();
}

// One always goes in, so that a partition cannot be stuck by what it was loaded with.
bool Partition::has_room(Position position) const {
  return known_.contains(position) || entries_.empty() || (stored() < window_ && entries_.size() < kWaitingMax);
}

void Partition::pass(Position end) {
  if (end <= seen_) { return; }
  seen_ = end;
  want_parked();
}

void Partition::see(Position position, std::string_view stream) {
  seen_ = position.next();
  PartitionEntry before;
  if (const auto known = known_.find(position); known != known_.end()) { before = known->second; }
  known_.erase(known_.begin(), known_.upper_bound(position));
  // Parked before a crash: its list says so, whether the rest was stored or not.
  const bool is_done = before.done != 0 || parked_.contains(position);
  if (is_done) {
    const bool is_first = entries_.empty() && passed_by_.empty();
    if (!is_first && before.done != 0) {
      entries_[position].state = State::kDone;
      ++stored_;
    }
    want_parked();
    return;
  }
  const auto queue = queues_.find(stream);
  if (queue != queues_.end()) {
    if (queue->second.more) { return; }
    // Where many streams wait, few of each do.
    const std::size_t most = entries_.size() < kWaitingMax / 2 ? kStreamWaitingMax : 1;
    if (before.tries == 0 && queue->second.waiting.size() >= most) {
      pass_by(queue, position);
      return;
    }
  }
  Entry& added = entries_[position];
  added.tries = before.tries;
  if (added.tries > 0) {
    ++stored_;
    added.due = due_of(position, added.tries);
  }
  enqueue(position, added, stream);
}

Partition::Time Partition::due_of(Position position, std::uint32_t tries) const {
  if (!due_of_) { return Time::min(); }
  const auto note = notes_.find(position);
  const bool is_refused = note != notes_.end() && note->second.due != RecordedTime();
  return due_of_(tries, is_refused ? std::optional(note->second.due) : std::nullopt);
}

void Partition::pass_by(Queues::iterator queue, Position from) {
  queue->second.more = from;
  passed_by_.emplace(from, queue);
}

std::optional<Partition::Shortage> Partition::shortage(Time now) const {
  if (short_.empty() || short_.begin()->first > now) { return std::nullopt; }
  const auto queue = queues_.find(short_.begin()->second);
  return Shortage{.stream = queue->first, .from = *queue->second.more};
}

void Partition::refill(const std::string& stream, std::span<const Position> more, bool is_all) {
  const auto queue = queues_.find(stream);
  const Position from = *queue->second.more;
  short_.erase({queue->second.refill_at, queue->first});
  passed_by_.erase(from);
  queue->second.more.reset();
  for (const Position position : more) {
    // What is done already was stored by who had the partition before.
    if (entries_.contains(position) || parked_.contains(position)) { continue; }
    enqueue(position, entries_[position], stream);
  }
  if (!is_all) { pass_by(queue, more.empty() ? from : more.back().next()); }
  if (queue->second.waiting.empty()) {
    if (is_all) {
      queues_.erase(queue);
    } else {
      short_.emplace(queue->second.refill_at, queue->first);
    }
  }
  trim();
}

void Partition::refill_later(const std::string& stream, Time due) {
  const auto queue = queues_.find(stream);
  short_.erase({queue->second.refill_at, queue->first});
  queue->second.refill_at = due;
  short_.emplace(due, queue->first);
}

std::set<Partition::Due>& Partition::ready_set(Position position, const Entry& entry) {
  return entry.tries > 0 || is_replay(position) ? ready_ : untried_;
}

void Partition::enqueue(Position position, Entry& entry, std::string_view stream) {
  auto queue = queues_.find(stream);
  if (queue == queues_.end()) { queue = queues_.emplace(stream, Queue()).first; }
  entry.queue = queue;
  queue->second.waiting.push_back(position);
  if (queue->second.waiting.size() == 1) { ready_set(position, entry).emplace(entry.due, position); }
}

// The next of its stream has its turn.
void Partition::leave_queue(Position position, Entry& entry) {
  ready_set(position, entry).erase({entry.due, position});
  if (entry.state == State::kGiven) { --given_; }
  if (!is_replay(position) && !is_stored(entry)) { ++stored_; }
  entry.state = State::kDone;
  notes_.erase(position);
  Queue& queue = entry.queue->second;
  queue.waiting.pop_front();
  if (!queue.waiting.empty()) {
    const Position next = queue.waiting.front();
    const Entry& turn = this->entry(next);
    ready_set(next, turn).emplace(turn.due, next);
  } else if (queue.more) {
    short_.emplace(queue.refill_at, entry.queue->first);
  } else {
    queues_.erase(entry.queue);
  }
}

Partition::Entry& Partition::entry(Position position) {
  const auto replay = replays_.find(position);
  return replay != replays_.end() ? replay->second : entries_.at(position);
}

const Partition::Entry* Partition::find(Position position) const {
  if (const auto replay = replays_.find(position); replay != replays_.end()) { return &replay->second; }
  const auto found = entries_.find(position);
  return found == entries_.end() ? nullptr : &found->second;
}

// Where the slot is full, of what was never given only the first of all goes on: it makes room.
std::optional<Partition::Due> Partition::soonest() const {
  std::optional<Due> soonest;
  if (!ready_.empty()) { soonest = *ready_.begin(); }
  if (untried_.empty()) { return soonest; }
  Due untried = *untried_.begin();
  if (stored() >= window_) {
    const auto first = entries_.find(next());
    if (first == entries_.end()) { return soonest; }
    untried = {first->second.due, first->first};
    if (!untried_.contains(untried)) { return soonest; }
  }
  return soonest ? std::min(*soonest, untried) : untried;
}

std::optional<Partition::Turn> Partition::ready(Time now) const {
  const auto due = soonest();
  if (!due || due->first > now) { return std::nullopt; }
  return Turn{.position = due->second, .tries = tries(due->second)};
}

std::optional<Partition::Time> Partition::next_due() const {
  std::optional<Time> due;
  if (const auto next = soonest()) { due = next->first; }
  if (!short_.empty()) { due = std::min(due.value_or(Time::max()), short_.begin()->first); }
  return due;
}

void Partition::give(Position position) {
  Entry& given = entry(position);
  ready_set(position, given).erase({given.due, position});
  if (!is_replay(position) && !is_stored(given)) { ++stored_; }
  given.state = State::kGiven;
  ++given.tries;
  ++given_;
  if (is_replay(position)) { parked_.at(position).tries = given.tries; }
  if (const auto note = notes_.find(position); note != notes_.end()) { note->second.due = {}; }
}

void Partition::take_back(Position position, Time now) {
  Entry& given = entry(position);
  --given.tries;
  if (is_replay(position)) {
    parked_.at(position).tries = given.tries;
  } else if (given.tries == 0) {
    --stored_;
    notes_.erase(position);
  } else {
    notes_[position].due = RecordedTime(std::chrono::nanoseconds(1));  // it has waited already
  }
  retry(position, now);
}

bool Partition::take_all_back(Time now) {
  std::vector<Position> given;
  for (const auto* const entries : {&entries_, &replays_}) {
    for (const auto& [position, entry] : *entries) {
      if (entry.state == State::kGiven) { given.push_back(position); }
    }
  }
  for (const Position position : given) { take_back(position, now); }
  return !given.empty();
}

void Partition::refuse(Position position, Time due, RecordedTime when, std::string_view reason) {
  if (is_replay(position)) {
    parked_.at(position).reason = reason;
  } else {
    notes_.insert_or_assign(position, Note{.due = when, .reason = std::string(reason)});
  }
  retry(position, due);
}

Partition::Said Partition::said(Position position) const {
  if (is_replay(position)) { return {.reason = parked_.at(position).reason}; }
  const auto note = notes_.find(position);
  if (note == notes_.end()) { return {}; }
  return {.reason = note->second.reason, .is_of_last_try = note->second.due != RecordedTime()};
}

bool Partition::is_given(Position position) const {
  const Entry* const found = find(position);
  return found != nullptr && found->state == State::kGiven;
}

std::uint32_t Partition::tries(Position position) const {
  const Entry* const found = find(position);
  return found == nullptr ? 0 : found->tries;
}

void Partition::done(Position position) {
  leave_queue(position, entry(position));
  if (replays_.erase(position) != 0) { parked_.erase(position); }
  trim();
}

void Partition::retry(Position position, Time due) {
  Entry& given = entry(position);
  if (given.state == State::kGiven) { --given_; }
  ready_set(position, given).erase({given.due, position});
  given.state = State::kWaiting;
  given.due = due;
  ready_set(position, given).emplace(due, position);
}

ParkedEntry Partition::to_park(Position position, RecordedTime now, std::string_view reason) const {
  const Entry& given = *find(position);
  return {.position = position,
          .parked = now,
          .tries = given.tries,
          .wanted = false,
          .stream = given.queue->first,
          .reason = std::string(reason)};
}

void Partition::park(const ParkedEntry& entry) {
  parked_.insert_or_assign(entry.position, entry);
  leave_queue(entry.position, this->entry(entry.position));
  replays_.erase(entry.position);
  trim();
}

void Partition::replay(std::uint64_t request) {
  for (auto& [position, parked] : parked_) {
    if (replays_.contains(position) || !wanted_.insert(position).second) { continue; }
    parked.wanted = true;
    parked.tries = 0;
  }
  replayed_ = request;
  want_parked();
}

void Partition::want_parked() {
  while (!wanted_.empty() && *wanted_.begin() < next()) {
    const ParkedEntry& parked = parked_.at(*wanted_.begin());
    wanted_.erase(wanted_.begin());
    Entry& replay = replays_[parked.position];
    replay.tries = parked.tries;
    if (replay.tries > 0) { replay.due = due_of(parked.position, replay.tries); }
    enqueue(parked.position, replay, parked.stream);
  }
}

void Partition::trim() {
  while (!entries_.empty() && entries_.begin()->second.state == State::kDone && next() == entries_.begin()->first) {
    entries_.erase(entries_.begin());
    --stored_;
  }
  want_parked();
}

Position Partition::next() const {
  const Position first = entries_.empty() ? seen_ : entries_.begin()->first;
  return passed_by_.empty() ? first : std::min(first, passed_by_.begin()->first);
}

PartitionProgress Partition::progress() const {
  PartitionProgress progress;
  progress.replayed = replayed_;
  progress.next = next();
  for (const auto& [position, entry] : entries_) {
    if (entry.state == State::kDone || entry.tries > 0) {
      progress.entries.push_back(
          {.position = position.value(), .tries = entry.tries, .done = entry.state == State::kDone ? 1U : 0U});
    }
  }
  for (const auto& [position, entry] : known_) {
    if (position >= seen_) { progress.entries.push_back(entry); }
  }
  for (auto note = notes_.lower_bound(progress.next); note != notes_.end(); ++note) {
    progress.notes.push_back({.position = note->first.value(), .due = note->second.due, .reason = note->second.reason});
  }
  return progress;
}

std::vector<ParkedEntry> Partition::parked(const ParkedEntry* more) const {
  std::vector<ParkedEntry> all;
  all.reserve(parked_.size() + 1);
  for (const auto& [position, entry] : parked_) {
    if (more != nullptr && more->position <= position) {
      all.push_back(*std::exchange(more, nullptr));
      if (all.back().position == position) { continue; }
    }
    all.push_back(entry);
  }
  if (more != nullptr) { all.push_back(*more); }
  return all;
}

}  // namespace tidemark::engine
