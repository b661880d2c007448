// SPDX-License-Identifier: Apache-2.0
#include "engine/group/partition.h"

namespace tidemark::engine {

Partition::Partition(PartitionProgress stored, std::vector<ParkedEntry> parked, std::size_t window)
    : window_(window), seen_(stored.next), replayed_(stored.replayed) {
  for (const PartitionEntry& entry : stored.entries) { known_.emplace(Position(entry.position), entry); }
  for (ParkedEntry& entry : parked) {
    if (entry.wanted) { wanted_.insert(entry.position); }
    parked_.emplace(entry.position, std::move(entry));
  }
  want_parked();
}

// One always goes in, so that a partition cannot be stuck by what it was loaded with.
bool Partition::has_room(Position position) const {
  return known_.contains(position) || entries_.empty() || entries_.size() + known_.size() < window_;
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
  if ((is_done && entries_.empty()) || (is_done && before.done == 0)) {
    want_parked();
    return;
  }
  Entry& added = entries_[position];
  added.tries = before.tries;
  if (is_done) {
    added.state = State::kDone;
  } else {
    enqueue(position, added, stream);
  }
}

void Partition::enqueue(Position position, Entry& entry, std::string_view stream) {
  auto queue = queues_.find(stream);
  if (queue == queues_.end()) { queue = queues_.emplace(stream, std::deque<Position>()).first; }
  entry.queue = queue;
  queue->second.push_back(position);
  if (queue->second.size() == 1) { ready_.emplace(entry.due, position); }
}

// The next of its stream has its turn.
void Partition::leave_queue(Position position, Entry& entry) {
  auto& queue = entry.queue->second;
  queue.pop_front();
  if (queue.empty()) {
    queues_.erase(entry.queue);
  } else {
    ready_.emplace(this->entry(queue.front()).due, queue.front());
  }
  if (entry.state == State::kGiven) { --given_; }
  ready_.erase({entry.due, position});
  entry.state = State::kDone;
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

std::optional<Partition::Turn> Partition::ready(Time now) const {
  if (ready_.empty() || ready_.begin()->first > now) { return std::nullopt; }
  const Position position = ready_.begin()->second;
  return Turn{.position = position, .tries = tries(position)};
}

std::optional<Partition::Time> Partition::next_due() const {
  return ready_.empty() ? std::nullopt : std::optional(ready_.begin()->first);
}

void Partition::give(Position position) {
  Entry& given = entry(position);
  ready_.erase({given.due, position});
  given.state = State::kGiven;
  ++given.tries;
  ++given_;
  if (is_replay(position)) { parked_.at(position).tries = given.tries; }
}

void Partition::take_back(Position position, Time now) {
  Entry& given = entry(position);
  --given.tries;
  if (is_replay(position)) { parked_.at(position).tries = given.tries; }
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
  ready_.erase({given.due, position});
  given.state = State::kWaiting;
  given.due = due;
  ready_.emplace(due, position);
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
    enqueue(parked.position, replay, parked.stream);
  }
}

void Partition::trim() {
  while (!entries_.empty() && entries_.begin()->second.state == State::kDone) { entries_.erase(entries_.begin()); }
  want_parked();
}

Position Partition::next() const { return entries_.empty() ? seen_ : entries_.begin()->first; }

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
