// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "tidemark/error.hpp"
#include "tidemark/event.hpp"
#include "tidemark/export.hpp"
#include "tidemark/query.hpp"
#include "tidemark/types.hpp"

// Consumer groups: several members, in one process or many, share the events of a query. The streams are spread over
// partitions by a hash of their names; a partition is one member's at a time, so that the events of a stream are dealt
// with strictly one after the other. docs/groups.md.
namespace tidemark {

// What a group is, fixed when it is made. It begins at one of the first three; without them at the beginning of the
// log.
struct GroupOptions {
  std::optional<Position> from_position = {};
  std::optional<RecordedTime> from_recorded = {};  // not ahead of the clock
  bool from_end = false;
  // So many members at most can have work at once; 1 to limits::kGroupPartitionsMax. Each costs 48 KiB in the store's
  // folder, and its member a descriptor.
  std::uint32_t partitions = 16;
};

struct MemberOptions {
  // An event that was given so often and not acknowledged is parked; at least 1. A member that dies has tried all that
  // it had in hand.
  std::uint32_t max_tries = 5;
  // How long after a nack an event is given again, by this member or another: first, then twice as long each time, up
  // to longest. What a member had in hand that died waits as long, from when another one takes its partition.
  std::chrono::milliseconds retry_first{100};
  std::chrono::milliseconds retry_longest{30'000};
  // So many events may be given and not yet acknowledged; at least 1.
  std::uint64_t max_unacked = 256;
  // What was acknowledged outlives the process at once, and a loss of power at the latest after this time.
  std::chrono::milliseconds sync_interval{1000};
};

// An event that a member was given: its own copy, to be kept as long as it likes.
struct Delivery {
  OwnedEvent event;
  // The how-manieth time it is given; 1 is the first.
  std::uint32_t tries = 1;
  // It was parked, and is given again because somebody asked for it: later events of its stream may have been given.
  bool replayed = false;
};

// What becomes of an event that could not be dealt with.
enum class Nack : std::uint8_t {
  kRetry,  // it is given again later, and parked after MemberOptions::max_tries
  kPark,   // it is kept aside, and the next one of its stream is given
  kSkip,   // it counts as dealt with
};

// An event that was kept aside.
struct ParkedEvent {
  Position position;
  std::string stream;
  std::uint32_t tries = 0;
  RecordedTime parked;
  std::string reason;      // what was said to nack()
  bool is_wanted = false;  // somebody asked for it to be given again
};

struct GroupInfo {
  std::string name;
  Query query = Query::all();
  std::uint32_t partitions = 0;
  Position first;             // where it began
  std::uint32_t members = 0;  // that are there now
  // Before this one every event is acknowledged, skipped or parked, as far as is stored: the checkpoint of the whole.
  Position next;
  std::uint64_t parked = 0;
};

namespace detail {
class MemberImpl;
}

// One consumer of a group. It is given the events of the partitions that it has: of each stream in order, one at a
// time; of different streams it may have several. With each event it says what became of it, in whatever order. Members
// share the partitions evenly; when one joins, leaves or dies, the others see it in their next(), a quarter of a second
// later (two seconds, of hundreds), and what it had been given and not acknowledged is given again, to whoever has the
// partition then. So every event is dealt with at least once, and none that was acknowledged comes again (but see
// MemberOptions::sync_interval).
//
//   for (;;) {
//     auto given = member.next(stop);
//     if (!given) {
//       const ErrorCode code = given.error().code();
//       if (code == ErrorCode::kStopped || code == ErrorCode::kClosed) { break; }
//       report(given.error());  // a full disk, a damaged event: the rest goes on, and this is tried again
//       continue;
//     }
//     const Position position = given->event.position;
//     auto done = handle(given->event);
//     auto said = done ? member.ack(position) : member.nack(position, done.error().message());
//     if (!said) { report(said.error()); }
//   }
//
// A member belongs to one thread at a time: let more work go on at once by more members. It looks after its partitions
// in next(): a member that is not asked for long, or never, keeps its share, and so does a process that hangs; one that
// ends, or is killed, does not. Once its store is closed, every call gives kClosed, but for flush() and leave(), which
// still store what was said. A moved-from member can only be assigned to or destroyed.
class TIDEMARK_API Member {
 public:
  Member(Member&& other) noexcept;
  Member& operator=(Member&& other) noexcept;
  Member(const Member&) = delete;
  Member& operator=(const Member&) = delete;
  // Leaves.
  ~Member();

  // Waits for an event. kBusy: max_unacked were given and are neither acknowledged nor refused. kStopped, kClosed,
  // kForked, kReadOnly (the end of what was salvaged), kLocked (somebody removed the group's files), kDamaged,
  // kCheckpointUnknown (the store was put back to an older copy), kNoSpace, kIo, kOutOfMemory, and what a subscription
  // gives. After an error the next call goes on: what failed waits for retry_first (100 ms at least), then twice as
  // long each time, and what it does not concern is given meanwhile. An error that stands is told once for each
  // attempt, and the same one not again within 100 ms, so a loop that goes on after errors does not turn in circles. It
  // ends for good with kStopped, kClosed, kForked, kReadOnly and kStoreFailed.
  [[nodiscard]] Result<Delivery> next(const std::stop_token& stop = {});
  // The same for at most so long: then nothing. Zero or less looks and does not wait.
  [[nodiscard]] Result<std::optional<Delivery>> next_for(std::chrono::nanoseconds timeout,
                                                         const std::stop_token& stop = {});

  // Dealt with. kInvalidArgument: it was not given to this member, or something was said of it already; then none of
  // them counts. After another error (kNoSpace, kIo, …) it counts, and is stored with the next one that can be: if the
  // process dies before, it is given again. Errors of other partitions' files are not told here.
  [[nodiscard]] Status ack(Position position);
  [[nodiscard]] Status ack(std::span<const Position> positions);
  // Not dealt with; the reason, of which 255 bytes are kept, is for people. kLimitExceeded: as much is parked as can
  // be, so it is retried. An event that cannot be parked (kNoSpace, …) is not: it is given again later, or parked then
  // if it was given often enough; its stream waits, and no other. Else as ack().
  [[nodiscard]] Status nack(Position position, std::string_view reason, Nack how = Nack::kRetry);

  // All that was acknowledged outlives a loss of power when this succeeds.
  [[nodiscard]] Status flush();
  // Gives everything back; what was given and not acknowledged comes to other members at once. Twice is fine.
  [[nodiscard]] Status leave();

  // The partitions that it has now, rising.
  [[nodiscard]] std::vector<std::uint32_t> partitions() const;
  // How many events it was given and said nothing of.
  [[nodiscard]] std::uint64_t unacked() const;

  explicit Member(std::unique_ptr<detail::MemberImpl> impl);  // made by Group::join

 private:
  std::unique_ptr<detail::MemberImpl> impl_;
};

namespace engine {
class StoreCore;
struct GroupDefinition;
}  // namespace engine

// A consumer group of a store: from Store::group(). Every call is safe from many threads.
class TIDEMARK_API Group {
 public:
  [[nodiscard]] const std::string& name() const;
  [[nodiscard]] const Query& query() const;

  // kInvalidArgument, kGroupUnknown (it was removed), kLimitExceeded (limits::kGroupMembersMax are there), kClosed,
  // kForked, kNoSpace, kIo.
  [[nodiscard]] Result<Member> join(const MemberOptions& options = {}) const;
  // kGroupUnknown, kDamaged, kIo.
  [[nodiscard]] Result<GroupInfo> info() const;
  // What was parked, by rising positions. kGroupUnknown, kDamaged, kIo.
  [[nodiscard]] Result<std::vector<ParkedEvent>> parked() const;
  // Asks the members to give everything that is parked once more; those that are there see it when they look who else
  // is there. What is acknowledged then is parked no more. kGroupUnknown, kNoSpace, kIo.
  [[nodiscard]] Status replay_parked() const;

  Group(std::shared_ptr<const engine::StoreCore> core, std::shared_ptr<const engine::GroupDefinition> definition);

 private:
  std::shared_ptr<const engine::StoreCore> core_;
  std::shared_ptr<const engine::GroupDefinition> definition_;
};

}  // namespace tidemark
