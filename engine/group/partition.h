// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <span>
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
  // Of all streams, and of one.
  static constexpr std::size_t kWaitingMax = 16'384;
  static constexpr std::size_t kStreamWaitingMax = 256;

  // What to give next.
  struct Turn {
    Position position;
    std::uint32_t tries = 0;  // so often was it given before
  };

  // When what was given before is given again to who takes the partition; due: if it was refused since.
  using DueOf = std::function<Time(std::uint32_t tries, std::optional<RecordedTime> due)>;
  Partition(PartitionProgress stored, std::vector<ParkedEntry> parked, DueOf due_of = {}, std::size_t window = kWindow);

  // All of the log before it was looked at; only its own events count.
  [[nodiscard]] Position seen() const { return seen_; }
  void pass(Position end);
  // Whether an event that lies ahead can be taken in.
  [[nodiscard]] bool has_room(Position position) const;
  [[nodiscard]] bool is_half_empty() const {
    return entries_.empty() || (stored() <= window_ / 2 && entries_.size() <= kWaitingMax / 2);
  }
  // The partition's next event. It waits from then on, if it is not done.
  void see(Position position, std::string_view stream);

  // A stream whose queue is empty, and of which events were passed by, from there on.
  struct Shortage {
    std::string stream;
    Position from;
  };
  [[nodiscard]] std::optional<Shortage> shortage(Time now) const;
  // Its next events, before seen(), rising; whether these are all.
  void refill(const std::string& stream, std::span<const Position> more, bool is_all);
  // They cannot be looked up now.
  void refill_later(const std::string& stream, Time due);

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
  // The same, and what is kept of it for the next one who has the partition.
  void refuse(Position position, Time due, RecordedTime when, std::string_view reason);
  // What was said of it last, and whether that was of the last time that it was given.
  struct Said {
    std::string reason;
    bool is_of_last_try = false;
  };
  [[nodiscard]] Said said(Position position) const;
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
  struct Queue {
    std::deque<Position> waiting;
    std::optional<Position> more;  // from there on its events were passed by
    Time refill_at = Time::min();
  };
  using Queues = std::map<std::string, Queue, std::less<>>;
  using Due = std::pair<Time, Position>;
  struct Entry {
    State state = State::kWaiting;
    std::uint32_t tries = 0;
    Time due = Time::min();
    Queues::iterator queue;  // unless it is done
  };

  [[nodiscard]] std::size_t stored() const { return stored_ + known_.size(); }
  [[nodiscard]] static bool is_stored(const Entry& entry) { return entry.state == State::kDone || entry.tries > 0; }
  [[nodiscard]] std::set<Due>& ready_set(Position position, const Entry& entry);
  [[nodiscard]] std::optional<Due> soonest() const;
  void add(Position position, std::string_view stream);
  [[nodiscard]] Time due_of(Position position, std::uint32_t tries) const;
  void pass_by(Queues::iterator queue, Position from);
  [[nodiscard]] Entry& entry(Position position);
  [[nodiscard]] const Entry* find(Position position) const;
  void enqueue(Position position, Entry& entry, std::string_view stream);
  void leave_queue(Position position, Entry& entry);
  // What is wanted of the parked ones is below next(): what comes of it is no part of progress().
  void want_parked();
  void trim();

  struct Note {
    RecordedTime due{};
    std::string reason;
  };

  const std::size_t window_;
  const DueOf due_of_;
  std::map<Position, Note> notes_;  // of events that were given before, seen again or not
  Position seen_;
  std::uint64_t replayed_;
  std::map<Position, PartitionEntry> known_;  // as stored, until they are seen again
  std::map<Position, Entry> entries_;         // the first one is not done, unless events before it were passed by
  std::size_t stored_ = 0;                    // of these, go into the slot
  std::map<Position, Entry> replays_;         // parked, and to be given again
  std::map<Position, ParkedEntry> parked_;
  std::set<Position> wanted_;                       // of these, until all before them is done
  Queues queues_;                                   // not done: the first one of each is given or ready
  std::map<Position, Queues::iterator> passed_by_;  // Queue::more of all that have it
  std::set<std::pair<Time, std::string_view>> short_;
  std::set<Due> ready_;    // that take no more room in the slot
  std::set<Due> untried_;  // that do
  std::size_t given_ = 0;
};

}  // namespace tidemark::engine
