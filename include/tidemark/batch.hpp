// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "tidemark/checkpoint.hpp"
#include "tidemark/error.hpp"
#include "tidemark/event.hpp"
#include "tidemark/expect.hpp"
#include "tidemark/export.hpp"
#include "tidemark/query.hpp"
#include "tidemark/types.hpp"

namespace tidemark {

// When an append is answered.
enum class Durability : std::uint8_t {
  kDurable,   // once its bytes are on stable storage
  kBuffered,  // once its bytes were handed to the operating system: a crash of the machine may take them away
};

// What one append writes: events for any number of streams, streams that are only checked, and conditions over queries.
// It is committed as a whole or not at all. Everything added is copied. A batch and its copies belong to one thread at
// a time.
//
// Append the same batch again after ErrorCode::kOutcomeUnknown: its events keep their ids, so that nothing is doubled.
// An append of a batch without events is a pure check of its expectations and conditions.
//
// Adding to a batch throws std::bad_alloc when memory runs out; the batch is then as it was.
class TIDEMARK_API Batch {
 public:
  // One stream of a batch; valid as long as the batch is and has not been moved from.
  class Stream {
   public:
    // Adds an event at the end of the stream. Events take their positions in the order in which they are added to
    // the batch. Limits are checked when the batch is appended.
    Stream& add(const NewEvent& event);

   private:
    friend class Batch;
    Stream(Batch& batch, std::uint32_t index) : batch_(&batch), index_(index) {}
    Batch* batch_;
    std::uint32_t index_;
  };

  // Names a stream to append to. Naming it twice with two different expectations other than `any` makes the
  // append fail with kInvalidArgument.
  Stream to(std::string_view stream, Expect expect = Expect::any());
  // Names a stream that only has to meet the expectation.
  Batch& check(std::string_view stream, Expect expect);

  // Lets the append fail (kMatchConflict) if an event of the store matches the query, after options.after. The events
  // of the batch itself do not count. Up to limits::kConditionsMax go together, and beside expected versions: all must
  // hold. kInvalidArgument at the append for a query that is refused, and if there is no event at options.after.
  Batch& fail_if_match(const Query& query, const MatchOptions& options = {});

  // Stores, together with the events, how far a consumer is: after a crash both are there or neither. What a
  // subscription with SubscribeOptions::resume of this name begins behind next time; take the names of those alone that
  // this consumer holds. Store::append(consumer, batch) says the same in one word. The position is of the store that
  // the batch is appended to (kInvalidArgument if it has no event there), and nothing means: through with nothing yet.
  // What is said again of a name takes the place of what was said before. Goes with events only (kInvalidArgument), up
  // to limits::kCheckpointsPerBatchMax. It is no part of what makes a batch the same batch: one that was appended
  // before stores nothing again.
  Batch& checkpoint(std::string_view name, std::optional<Position> position);
  // The same of any store: a consumer that reads another store and appends here keeps its place here, goes on from
  // Store::checkpoint(name) with SubscribeOptions::after, and so takes each event in once. kCheckpointUnknown at the
  // append if it says to be of this store's log and is not. (A backup has its store's log: it cannot take in from it.)
  Batch& checkpoint(std::string_view name, const Checkpoint& checkpoint);

  // What an append of this batch would be refused for whatever the store holds: kInvalidArgument, kLimitExceeded.
  [[nodiscard]] Status validate() const;

  [[nodiscard]] std::size_t event_count() const { return events_.size(); }
  [[nodiscard]] bool empty() const { return events_.empty(); }
  // Everything gone, for the next use of the same memory.
  void clear();

 private:
  friend class BatchAccess;  // how the engine reads one

  struct StreamEntry {
    std::string name;
    Expect expect = Expect::any();
    bool contradictory = false;  // named again with another expectation
  };
  struct EventEntry {
    std::uint32_t stream = 0;
    bool id_given = false;
    EventId id;
    std::optional<ValidTime> valid;
    std::string type;
    std::vector<std::string> tags;
    std::vector<std::byte> data;
    std::vector<std::byte> metadata;
  };

  struct ConditionEntry {
    Query query;
    std::optional<Position> after;
  };

  struct CheckpointEntry {
    std::string name;
    Checkpoint checkpoint;  // with a log id of zeros: of the store that the batch is appended to
  };

  std::uint32_t stream_index(std::string_view name, Expect expect);

  std::vector<StreamEntry> streams_;
  std::vector<std::uint32_t> stream_table_;  // a hash table over streams_, once there are many
  std::vector<EventEntry> events_;
  std::vector<ConditionEntry> conditions_;
  std::vector<CheckpointEntry> checkpoints_;
  std::shared_ptr<std::atomic<bool>> attempted_;  // it or a copy was appended before: its own ids may be in the log
};

struct AppendOptions {
  // The store's default if not given.
  std::optional<Durability> durability = {};
  // Ends the wait. Before the batch has its place in the log: kStopped, nothing was appended. After: kOutcomeUnknown.
  std::stop_token stop = {};
  // For loading history: when the source recorded the batch. It is recorded at this time, or right after the batch
  // before it (1 ns later) where that has a later one, since recorded times rise along the log. No time before
  // 1970-01-01 (kInvalidArgument), and none more than a minute ahead of the clock (kClock): one wrong time would hold
  // up the time of all that follow. Without it the time is the clock's. No part of what makes a batch the same batch.
  std::optional<RecordedTime> recorded = {};
};

// What became of the events that one append put into one stream.
struct StreamReceipt {
  std::string stream;
  Version first;
  Version last;

  friend bool operator==(const StreamReceipt&, const StreamReceipt&) = default;
};

// The answer to an append that succeeded.
struct Receipt {
  // The batch's events have the positions first, first + 1, … first + count - 1. For a pure check count is 0 and
  // first has no meaning.
  Position first;
  std::uint64_t count = 0;
  RecordedTime recorded;
  // The streams that were appended to, in the order in which the batch first added to them.
  std::vector<StreamReceipt> streams;
  // The same batch had been appended before: this is the original receipt and nothing was written.
  bool already_appended = false;

  // The position of the last event; only with count > 0.
  [[nodiscard]] Position last() const { return Position(first.value() + count - 1); }
};

}  // namespace tidemark
