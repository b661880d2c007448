// SPDX-License-Identifier: Apache-2.0
#include "tests/faults/group_model.h"

#include <algorithm>
#include <fmt/format.h>

namespace tidemark::faults {

GroupModel::Done GroupModel::done(std::uint64_t position) const {
  const auto found = entries_.find(position);
  return found == entries_.end() ? Done::kNo : found->second.done;
}

std::optional<std::string> GroupModel::given(std::size_t member, const Delivery& delivery, const crash::Model& log) {
  const std::uint64_t position = delivery.event.position.value();
  const auto events = log.events();
  if (position >= events.size() || events[position]->id != delivery.event.id || !is_ours(events[position]->stream)) {
    return fmt::format("a member was given an event at position {} that is not there", position);
  }
  const std::string& stream = events[position]->stream;
  for (const auto& [other, hand] : hands_) {
    for (const std::uint64_t held : hand) {
      if (events[held]->stream == stream) {
        return fmt::format("{} was given while {} of its stream is in hand", position, held);
      }
    }
  }
  const Done before = done(position);
  if (before == Done::kAcked) { return fmt::format("{} was acknowledged, and came again", position); }
  if (before == Done::kParked && !delivery.replayed) { return fmt::format("{} is parked, and came again", position); }
  const auto known = entries_.find(position);
  const bool was_parked = known != entries_.end() && known->second.was_parked;
  if (delivery.replayed && !was_parked) { return fmt::format("{} was not parked, and comes as replayed", position); }
  // Not what is known to be done, nor what may be: that is not to come when a later one has.
  for (std::uint64_t other = 0; other < events.size() && !delivery.replayed; ++other) {
    if (events[other]->stream != stream) { continue; }
    if (other < position && done(other) == Done::kNo) {
      return fmt::format("{} came before {} of its stream", position, other);
    }
    if (other > position && given_.contains(other)) {
      return fmt::format("{} came after {} of its stream", position, other);
    }
  }
  if (!delivery.replayed) { given_.insert(position); }
  // One that was to be parked stays so while it is in hand: if its member dies it may be parked still.
  Entry& entry = entries_[position];
  if (before == Done::kMaybe) { entry.done = delivery.replayed ? Done::kParking : Done::kNo; }
  hands_[member].insert(position);
  return std::nullopt;
}

void GroupModel::acked(std::size_t member, std::uint64_t position, bool is_stored) {
  take_out(member, position);
  Entry& entry = entries_[position];
  entry = {is_stored ? Done::kAcked : Done::kMaybe, false, member, entry.was_parked};
}

void GroupModel::refused(std::size_t member, std::uint64_t position) { take_out(member, position); }

void GroupModel::parked(std::size_t member, std::uint64_t position, bool is_stored) {
  take_out(member, position);
  entries_[position] = {is_stored ? Done::kParked : Done::kParking, false, member, true};
}

void GroupModel::flushed(std::size_t member) {
  for (auto& [position, entry] : entries_) {
    const bool was_said = entry.done == Done::kAcked || entry.done == Done::kMaybe;
    if (was_said && entry.by == member) {
      entry.done = Done::kAcked;
      entry.is_synced = true;
    }
  }
}

void GroupModel::sync_failed() {
  for (auto& [position, entry] : entries_) {
    if (entry.done == Done::kAcked && !entry.is_synced) { entry.done = Done::kMaybe; }
  }
}

void GroupModel::left(std::size_t member) {
  hands_.erase(member);
  for (auto& [position, entry] : entries_) {
    if (entry.by == member) { entry.by = kNobody; }
  }
}

void GroupModel::died(bool with_power) {
  hands_.clear();
  given_.clear();
  for (auto& [position, entry] : entries_) {
    if (with_power && entry.done == Done::kAcked && !entry.is_synced) { entry.done = Done::kMaybe; }
    entry.by = kNobody;
  }
}

std::optional<std::string> GroupModel::cut_to(std::uint64_t events) const {
  if (entries_.empty() || entries_.rbegin()->first < events) { return std::nullopt; }
  return fmt::format("a member was given the event at position {}, and it is gone", entries_.rbegin()->first);
}

std::optional<std::uint64_t> GroupModel::first_lost(const crash::Model& log) const {
  const auto events = log.events();
  for (std::uint64_t position = 0; position < events.size(); ++position) {
    if (!is_ours(events[position]->stream)) { continue; }
    const Done now = done(position);
    if (now != Done::kAcked && now != Done::kMaybe) { return position; }
  }
  return std::nullopt;
}

}  // namespace tidemark::faults
