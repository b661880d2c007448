// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "engine/format/group_file.h"
#include "platform/clock.h"
#include "tidemark/types.hpp"

namespace tidemark::engine {

// How far the work on one partition of a group is: which events wait, which are given, which are done. Touches no file
// and reads no log. Of one stream at most one event is given at a time, the earliest that is not done; what was parked
// and is to be given again waits its turn in the queue of its stream.
class Partition {
 public:
  using Time = platform::SteadyTime;
  // Entries are kept of what lies behind the first event that is not done.
  static constexpr std::size_t kWindow = kPartitionEntriesMax - 1;

  // What to give next.
  struct Turn {
    Position position;
    std::uint32_t tries = 0;  // so often was it given before
  };

  Partition(PartitionProgress stored, std::vector<ParkedEntry> parked, std::size_t window = kWindow);

  // All of the log before it was looked at; only its own events count.
  [[nodiscard]] Position seen() const { return seen_; }
  void pass(Position end);
  // Whether an event that lies ahead can be taken in: no more than the window is kept.
  [[nodiscard]] bool has_room(Position position) const;
  [[nodiscard]] bool is_half_empty() const {
    return entries_.empty() || entries_.size() + known_.size() <= window_ / 2;
  }
  // The partition's next event. It waits from then on, if it is not done.
  void see(Position position, std::string_view stream);

  // The event whose turn it is; of the due ones the one that was due first.
  [[nodiscard]] std::optional<Turn> ready(Time now) const;
  // When the next one is due that waits for its time; nothing if none does.
  [[nodiscard]] std::optional<Time> next_due() const;
  // Counts as a try.
  void give(Position position);
  // It was not given after all.
  void take_back(Position position, Time now);
  // Nor was anything else. Whether there was something.
  bool take_all_back(Time now);
  [[nodiscard]] bool is_given(Position position) const;
  [[nodiscard]] std::uint32_t tries(Position position) const;
  [[nodiscard]] std::size_t given() const { return given_; }
  // Whether it was parked, and waits or is given because somebody asked for it.
  [[nodiscard]] bool is_replay(Position position) const { return replays_.contains(position); }

  // Of what is given, or ready: dealt with; to be given again then; kept aside with its reason. A parked event that is
  // done is parked no more.
  void done(Position position);
  void retry(Position position, Time due);
  void park(const ParkedEntry& entry);
  // What park() would keep of it.
  [[nodiscard]] ParkedEntry to_park(Position position, RecordedTime now, std::string_view reason) const;
  // All that is parked is to be given again, once all before it is done; request: the number of that wish.
  void replay(std::uint64_t request);

  // What is to be stored. Of the partition's events all before this are done.
  [[nodiscard]] Position next() const;
  [[nodiscard]] PartitionProgress progress() const;  // without generation and proof
  // Rising; with this one more, or in its place.
  [[nodiscard]] std::vector<ParkedEntry> parked(const ParkedEntry* more = nullptr) const;
  [[nodiscard]] std::size_t parked_count() const { return parked_.size(); }
  [[nodiscard]] std::uint64_t replayed() const { return replayed_; }

 private:
  enum class State : std::uint8_t { kWaiting, kGiven, kDone };
  using Queues = std::map<std::string, std::deque<Position>, std::less<>>;
  struct Entry {
    State state = State::kWaiting;
    std::uint32_t tries = 0;
    Time due = Time::min();
    Queues::iterator queue;  // unless it is done
  };

  [[nodiscard]] Entry& entry(Position position);
  [[nodiscard]] const Entry* find(Position position) const;
  void enqueue(Position position, Entry& entry, std::string_view stream);
  void leave_queue(Position position, Entry& entry);
  // What is wanted of the parked ones is below next(): what comes of it is no part of progress().
  void want_parked();
  void trim();

  const std::size_t window_;
  Position seen_;
  std::uint64_t replayed_;
  std::map<Position, PartitionEntry> known_;  // as stored, until they are seen again
  std::map<Position, Entry> entries_;         // the first one is not done
  std::map<Position, Entry> replays_;         // parked, and to be given again
  std::map<Position, ParkedEntry> parked_;
  std::set<Position> wanted_;  // of these, until all before them is done
  Queues queues_;              // not done: the first one of each is given or ready
  std::set<std::pair<Time, Position>> ready_;
  std::size_t given_ = 0;
};

}  // namespace tidemark::engine
