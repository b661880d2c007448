// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <stop_token>
#include <thread>
#include <vector>

#include "engine/commit/conditions.h"
#include "engine/commit/encoded_batch.h"
#include "engine/commit/group.h"
#include "engine/commit/recent.h"
#include "engine/log/catalog.h"
#include "engine/log/environment.h"
#include "engine/log/index_keeper.h"
#include "engine/log/live_page_file.h"
#include "engine/log/log_point.h"
#include "engine/log/log_writer.h"
#include "engine/log/segment.h"
#include "engine/log/segment_maker.h"
#include "engine/log/superblock_store.h"
#include "platform/wait_word.h"
#include "tidemark/batch.hpp"
#include "tidemark/error.hpp"
#include "tidemark/store.hpp"

namespace tidemark::engine {

// Where the log ends when the committer starts, as recovery left it: all of it durable.
struct LogEnd {
  LogPoint point;
  std::shared_ptr<Segment> segment;  // the active one
  RecordedTime recorded;             // of the last frame
  std::uint32_t trailer = 0;         // likewise, the low half
  std::uint32_t epoch = 0;           // of this opening
};

struct CommitterOptions {
  std::chrono::milliseconds sync_interval{1000};
  std::uint64_t segment_bytes_first = 0;
  std::uint64_t segment_bytes_largest = 0;
};

// What an append waits for, and what it then answers.
struct Outcome {
  Result<Receipt> answer;        // if the state that it rests on gets there
  std::shared_ptr<Group> group;  // of an append that was given its place
  Position rests_on;             // of every other answer: all events below this one
  Level level = Level::kDurable;
  std::uint64_t order = 0;  // among all outcomes, as they were sequenced
};

// The sequencer and the group commit.
//
// An append gets its place in the log under one short lock (mutex_); no file, map or callback is touched under it. Its
// frame joins the group that gathers. One thread at a time leads: it takes the oldest group, writes its frames with one
// call, adds them to the catalog, syncs if a member asked for that, moves the watermarks, wakes the members. Whoever
// waits for a group leads if nobody else does, so a lone writer does its own I/O; the committer's own thread leads only
// groups that nobody waits for, syncs what was only buffered, and writes the superblock when the log falls idle.
//
//   durable <= written <= sequenced   always, in log offsets and in positions
//
// A write or sync that fails is final (fail-stop): groups that were being written or synced get kOutcomeUnknown, the
// others kStoreFailed, and so does every later call.
//
// Lock order: sync_mutex_, then mutex_, then the leaf locks of SpareSegment, Segments, LogWriter, SuperblockStore,
// Catalog and IndexKeeper.
class Committer {
 public:
  Committer(Environment environment, CommitterOptions options, const LogEnd& end, LogWriter& writer,
            const SegmentMaker& maker, SuperblockStore& superblocks, Segments& segments, Catalog& catalog,
            IndexKeeper* keeper);
  ~Committer();
  Committer(const Committer&) = delete;
  Committer& operator=(const Committer&) = delete;

  // From now on readers in other processes are told what is durable. Before the first append; the page outlives this.
  void announce_with(LivePageWriter* page) {
    const std::scoped_lock lock(mutex_);
    live_page_ = page;
  }

  // A segment that was made before and never used, as far as is known.
  void put_spare(PreparedSegment spare);

  enum class Room : std::uint8_t { kWait, kBusy };
  // Gives a batch its place, or answers without one (conflict, pure check, known ids). attend: the caller will wait_for
  // the outcome at once. An error is an answer that rests on nothing.
  [[nodiscard]] Result<Outcome> sequence(std::shared_ptr<EncodedBatch> batch, std::span<const Condition> conditions,
                                         bool look_up_made_ids, Level level, Room room, bool attend,
                                         const std::stop_token& stop);
  // Waits for an outcome, leading if need be. A stop gives kStopped; the outcome can be waited for again.
  [[nodiscard]] Result<Receipt> wait_for(const Outcome& outcome, bool attending, const std::stop_token& stop);
  // The answer if it stands already.
  [[nodiscard]] std::optional<Result<Receipt>> poll(const Outcome& outcome);

  // Waits until everything before the position has reached the level. kStoreFailed, kStopped, kClosed (closed before it
  // was reached).
  [[nodiscard]] Status reach(Position end, Level level, const std::stop_token& stop);

  // For who waits for what is to come: a number that changes whenever durable() has moved, and when it never will
  // again.
  [[nodiscard]] std::uint32_t moves() const { return durable_moved_.load(); }
  // Sleeps while it is still `seen`, until that moment. May return early for no reason.
  void wait_for_move(std::uint32_t seen, const std::stop_token& stop, std::optional<platform::SteadyTime> until);
  // Wakes all of these. By any thread; best without the lock.
  void tell_move();

  // After close(), if all went well: the events that no index file has become a table that one is made of, if there are
  // so many.
  void close_last_table(std::uint64_t events_min);

  // No appends from now on; everything sequenced is made durable; the threads end. Gives why not, if not.
  [[nodiscard]] Status close();

  // The positions below these are durable, written. Readable at any time.
  [[nodiscard]] Position durable() const { return Position(durable_position_.load(std::memory_order_acquire)); }
  [[nodiscard]] Position written() const { return Position(written_position_.load(std::memory_order_acquire)); }
  // After a failure what was written and not synced is not to be shown.
  [[nodiscard]] bool failed() const { return failed_.load(std::memory_order_acquire); }
  struct Marks {
    LogPoint durable;
    LogPoint written;
    LogPoint sequenced;
    bool failed = false;
  };
  [[nodiscard]] Marks marks() const;

 private:
  using Lock = std::unique_lock<std::mutex>;

  // What a batch's streams, conditions and ids are at some position.
  struct Heads {
    // Of events, a stream of the batch: as of the log's end, and what the index says of those that were missing.
    std::vector<std::uint64_t> counts;
    std::vector<std::optional<std::uint64_t>> recent;
    std::vector<std::optional<std::uint64_t>> found;
    std::vector<std::uint32_t> missing;  // the streams that recent_ did not know, at one time or another

    // What was looked up in the index, if anything was.
    std::shared_ptr<const index::Tiers> index;
    Position as_of;
    std::vector<std::optional<Position>> matches;   // the first, a condition
    std::vector<std::optional<Position>> id_found;  // an event of the batch
    std::size_t ids_found = 0;
  };
  enum class Step : std::uint8_t { kGoOn, kWaited };  // kWaited: the lock was let go, look again

  // Sequencing.
  // The missing streams, the conditions, the ids. Goes on from what an older look found of conditions.
  [[nodiscard]] Status look_up(const EncodedBatch& batch, std::span<const Condition> conditions, bool look_up_made_ids,
                               Heads& heads) const;
  [[nodiscard]] Result<Receipt> answer_known(const EncodedBatch& batch, const Heads& heads) const;
  // False if a stream has to be looked up: it is missing then.
  [[nodiscard]] bool overlay_counts(const EncodedBatch& batch, Heads& heads) const;
  [[nodiscard]] Status overlay_matches(Heads& heads, std::span<const Condition> conditions);
  [[nodiscard]] bool uses_recent_id(const EncodedBatch& batch) const;
  [[nodiscard]] Result<Step> make_room(Lock& lock, const EncodedBatch& batch, Room room, const std::stop_token& stop);
  [[nodiscard]] Result<Step> make_space(Lock& lock, const EncodedBatch& batch, Room room, bool& asked,
                                        const std::stop_token& stop);
  [[nodiscard]] Outcome assign(const std::shared_ptr<EncodedBatch>& batch, const Heads& heads, Level level, bool attend,
                               std::vector<StreamReceipt>& streams);
  [[nodiscard]] SegmentPlan next_segment_plan() const;
  void prepare_ahead();

  // Leading.
  void lead(Lock& lock, bool sync);
  void gather(Lock& lock);
  [[nodiscard]] Status write_group(Group& group);
  [[nodiscard]] Status roll(Group& group);
  [[nodiscard]] Status raise_write_limit(Offset end, Offset durable, SegmentNumber highest = {});
  void add_to_catalog(const EncodedBatch& batch, Offset frame);
  void close_table();
  void sync_log(Lock& lock);
  void finish(Group& group, std::optional<Error> error);
  void fail(Error cause);
  [[nodiscard]] std::shared_ptr<Group> hand_over();
  void tell_durable(Lock& lock);
  [[nodiscard]] Status wait_for_group(Group& group, Level level, bool attending, const std::stop_token& stop);
  void set_written(LogPoint point);
  void set_durable(LogPoint point);
  [[nodiscard]] Error outcome_unknown() const;
  [[nodiscard]] Error store_failed() const;

  // The committer's own thread.
  void run(const std::stop_token& stop);
  [[nodiscard]] std::optional<std::chrono::nanoseconds> tend(Lock& lock);
  void wake_thread();
  [[nodiscard]] bool nears_write_limit() const;

  // Constant.
  Environment environment_;
  const CommitterOptions options_;
  const std::uint32_t epoch_;
  LogWriter& writer_;  // of the thread that leads
  SuperblockStore& superblocks_;
  Segments& segments_;
  Catalog& catalog_;           // added to by the thread that leads
  IndexKeeper* const keeper_;  // none if there are no index files
  SpareSegment spare_;

  // Held around every sync of the log, until its outcome stands in durable_ or failure_: the system tells an error to
  // one caller alone, so that of two syncs at a time the wrong one might learn of it.
  std::mutex sync_mutex_;
  mutable std::mutex mutex_;
  // Guarded by mutex_: the end of what is sequenced …
  std::shared_ptr<Segment> tail_segment_;
  LogPoint tail_;
  RecordedTime recorded_;
  std::uint32_t trailer_;
  std::uint64_t next_size_ = 0;  // of the next segment, if more than its turn is needed
  bool spare_wanted_ = false;
  Recent recent_;
  // … what is on its way …
  std::deque<std::shared_ptr<Group>> pending_;
  std::shared_ptr<Group> current_;  // being led; stand_in_ while only a sync runs
  const std::shared_ptr<Group> stand_in_ = std::make_shared<Group>();
  std::atomic<bool> leading_ = false;      // changed under the lock
  std::size_t last_members_ = 0;           // of the group that was led last
  std::chrono::nanoseconds sync_time_{0};  // of the last sync
  std::uint32_t ungathered_ = 0;           // so many groups are not waited for
  std::atomic<std::size_t> gathered_ = 0;  // members of the group that gathers; written under the lock
  LogPoint written_;
  LogPoint durable_;
  LivePageWriter* live_page_ = nullptr;  // none if it could not be made
  Offset announced_;                     // by it
  bool syncing_beside_ = false;
  bool raising_limit_ = false;
  // … and how it ends.
  bool closing_ = false;
  std::optional<Error> failure_;

  // As the superblock has it. Goes up alone: raised by the thread that leads, and ahead of that by the committer's own.
  std::atomic<std::uint64_t> write_limit_;
  // Atomic: published with release after what they count is readable, read with acquire by readers.
  std::atomic<std::uint64_t> written_position_;
  std::atomic<std::uint64_t> durable_position_;
  std::atomic<bool> failed_ = false;           // mirrors failure_
  std::atomic<std::uint64_t> next_order_ = 0;  // taken under mutex_ by what has a place in the log

  platform::WaitWord spare_ready_;    // counts attempts at the next segment
  platform::WaitWord durable_moved_;  // counts moves of durable_, and failures, for waiters on positions to come
  std::atomic<std::uint32_t> position_waiters_ = 0;

  // The thread's: guarded by mutex_.
  platform::WaitWord work_;
  bool dozing_ = false;                  // it sleeps without a deadline
  LogPoint idle_mark_;                   // durable_ as it last saw it …
  platform::SteadyTime idle_since_;      // … first at this time
  LogPoint superblock_mark_;             // durable_ as the superblock has it
  platform::SteadyTime unsynced_since_;  // while written_ is past durable_: of the oldest such write
  std::jthread thread_;                  // last, so that it ends before what it uses
};

}  // namespace tidemark::engine
