// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>

#include "tidemark/checkpoint.hpp"
#include "tidemark/cursor.hpp"
#include "tidemark/error.hpp"
#include "tidemark/event.hpp"
#include "tidemark/export.hpp"
#include "tidemark/query.hpp"
#include "tidemark/subscription.hpp"
#include "tidemark/types.hpp"

namespace tidemark {

class Store;

// How far a projection has come, to be kept with what it built, in the same transaction. A value.
struct ProjectionPoint {
  // Through with everything up to here.
  Checkpoint checkpoint = {};
  // It had been through with everything up to here before it was reset: what comes of that comes again, and is
  // replayed. Nothing: all that comes is new.
  std::optional<Checkpoint> replay_until = {};

  friend bool operator==(const ProjectionPoint&, const ProjectionPoint&) = default;
};

// As a text of at most 193 characters: the checkpoint's, and behind a space that of replay_until if there is one.
[[nodiscard]] TIDEMARK_API std::string to_string(const ProjectionPoint& point);
// What to_string() gave, also of a Checkpoint alone. kCheckpointUnknown for anything else: the
// model is as good as one of another log then, and Projection::rebuild() makes it anew.
[[nodiscard]] TIDEMARK_API Result<ProjectionPoint> parse_projection_point(std::string_view text);

// A place with transactions of its own, such as a database, that keeps a model and beside it its point: so that each
// event has its effect there exactly once, whatever is killed when. All four functions are needed.
struct ProjectionStorage {
  // The point that was committed last; nothing if none was. Called outside of transactions: at first, and again after
  // every failure, since only the storage knows how a commit ended that failed.
  std::function<Result<std::optional<ProjectionPoint>>()> load = {};
  // Begins a transaction. What apply, reset and merge change until its end belongs to it.
  std::function<Status()> begin = {};
  // Stores the point in place of the one before and ends the transaction: all of it holds, or nothing.
  std::function<Status(const ProjectionPoint&)> commit = {};
  // Ends the transaction so that nothing of it holds. After any failure since begin, of commit too.
  std::function<void()> roll_back = {};
};

// A part of a model, folded from a range of the log by itself.
struct ProjectionPart {
  // Folds an event into the part; all that match in the range come in order. On any thread, one at a time.
  std::function<Status(const Event&)> apply = {};
  // Adds the part to the model. Parts are merged one after the other, in the order of the log, on the thread that
  // rebuilds; with a storage in a transaction of its own.
  std::function<Status()> merge = {};
};

// What a projection is. Its functions are called on the thread that runs it (but for ProjectionPart::apply), never two
// at once, and must not call the projection but for progress(). An error that one of them returns ends the call; so
// does an exception (kHandlerFailed with what it says, kOutOfMemory for std::bad_alloc).
struct ProjectionOptions {
  // Which events. Change it and rebuild.
  Query query = Query::all();
  // What an event makes of the model: all, or after an error nothing (with a storage that is the transaction's
  // business). `replaying` says that the projection has been through with this event before: the model needs it
  // again, but what it did to the world (mails, payments) it did then. The view is valid during the call.
  std::function<Status(const Event&, bool replaying)> apply = {};
  // Makes the model empty: nothing is in it. Not the point, which is committed for it. Needed to reset and rebuild.
  std::function<Status()> reset = {};

  // A model that outlives the process has a storage. The others are for models in memory, which begin empty.
  ProjectionStorage storage = {};
  // The name under which the store keeps how far a projection in memory has ever come (SubscribeOptions::resume): the
  // model is folded from the beginning in each process, and what it was through with in an earlier one is replayed.
  // Without it a process knows of no other. The name is this projection's alone, in every process.
  std::string name = {};
  // Fills a model in memory from what was saved of it, such as snapshots, and says how far that is: later events are
  // given. Nothing: it is empty. With a name events may come that it has already, since they are not dealt with by
  // name: those behind the name's checkpoint. Called at first, and again after it failed; not by reset and rebuild.
  std::function<Result<std::optional<Checkpoint>>()> restore = {};
  // A projection that has come nowhere yet counts what is durable when it first runs as replayed: what happened before
  // there was the projection changes its model and nothing else. By default that is new to it, like all that comes.
  bool replay_history = false;

  // Makes an empty part: says that the model can be rebuilt from parts, since it can be told what a range of the log
  // makes of it without knowing what was before. Called on the thread that rebuilds.
  std::function<Result<ProjectionPart>()> part = {};

  // At most so many events in one transaction, or between two commits of a name; at least 1.
  std::uint64_t run_events = 1024;
  // What does not match is committed once so many events were passed, when the end is reached, and at the latest after
  // a second.
  std::uint64_t progress_events = 4096;
  Access access = Access::kMapped;
};

struct RebuildOptions {
  // So many fold parts of what is replayed at the same time, if ProjectionOptions::part allows it. 0 is taken as 1,
  // which means: no parts.
  unsigned threads = 1;
  // So many positions make a part; 0: a quarter of a thread's share, so that the threads end together, but not fewer
  // than 1,024 nor more than 1,048,576. Twice as many parts as threads are held at a time.
  std::uint64_t part_events = 0;
  // Ends it after the event or part that it is at: kStopped. catch_up() goes on.
  std::stop_token stop = {};
};

// How far a projection is, as of the last commit.
struct ProjectionProgress {
  // Through with everything up to here. Nothing: with nothing, or it has not run yet.
  std::optional<Position> position = {};
  // How many events of the log, matching or not, are durable and behind that.
  std::uint64_t lag = 0;
  SubscriptionState state = SubscriptionState::kCatchingUp;
  // Whether what comes next was there before, and up to which position, inclusive.
  bool replaying = false;
  std::optional<Position> replay_until = {};
};

// A read model that follows the log: a subscription, with a model's transactions around its runs.
//
//   auto projection = Projection::open(store, {.query = …, .apply = …, .reset = …, .storage = …});
//   Status ended = projection->follow(stop);
//
// Where the model is kept by a storage, each event has its effect on it exactly once. A model in memory is folded from
// the beginning (or what restore gives) in each process.
//
// Replayed is an event at a position that the projection was through with once, before a reset or in an earlier
// process: ProjectionPoint::replay_until or the name's checkpoint, which a crash in the middle of a rebuild leaves as
// it was. Every other event is new. An effect on the world that a new event has, outside of the storage, may come twice
// if the process dies after it and before the commit; kept in the storage's transaction (an outbox) it comes once.
//
// After an error the projection stays usable: with a storage what was not committed was rolled back, and the next call
// loads the point again; in memory it goes on with the event that was not dealt with. What stands in a transaction
// before an event that cannot be applied is applied again, without that, and committed before the error is given; the
// next call begins with it. Whether it is left out is up to apply, which can deal with it by doing nothing.
//
// Runs in the thread that calls it, one at a time; progress() may be asked by any. The store must outlive it, and not
// be moved meanwhile; once it is closed every call gives kClosed. A moved-from projection can only be assigned to or
// destroyed. Two projections into one storage at a time are for the storage to refuse.
class TIDEMARK_API Projection {
 public:
  // Looks at the options, not yet at the storage, the name or what was saved: the first run does. kInvalidArgument if
  // something is missing or does not go together; kClosed, kForked, kLimitExceeded, kOutOfMemory.
  [[nodiscard]] static Result<Projection> open(const Store& store, ProjectionOptions options);

  Projection(Projection&& other) noexcept;
  Projection& operator=(Projection&& other) noexcept;
  Projection(const Projection&) = delete;
  Projection& operator=(const Projection&) = delete;
  ~Projection();

  // Waits for events, applies at most run_events of them and commits; gives how many. 0: the end was reached, or some
  // progress was made past what does not match. Errors of all these: those of Subscription::next() and of the given
  // functions, kHandlerFailed; kCheckpointUnknown if a checkpoint that was loaded or restored is another log's, or past
  // the end: rebuild(), or open the right store. With a name also those of SubscribeOptions::resume and
  // Subscription::commit(); a name's checkpoint that is unknown has to be removed (Store::remove_checkpoint).
  [[nodiscard]] Result<std::uint64_t> next(const std::stop_token& stop = {});
  // The same for at most so long. Zero or less looks and does not wait.
  [[nodiscard]] Result<std::uint64_t> next_for(std::chrono::nanoseconds timeout, const std::stop_token& stop = {});
  // Deals with all that is durable when it is called. kDamaged, kSuspectTail after that, if what can be read ends
  // before what was appended.
  [[nodiscard]] Status catch_up(const std::stop_token& stop = {});
  // Deals with what is there and what comes until an error ends it, such as kStopped, which it gives.
  [[nodiscard]] Status follow(const std::stop_token& stop = {});

  // Empties the model, so that it goes on from the beginning of the log. What it was through with before is replayed
  // then; where a storage's point is unknown here (kCheckpointUnknown) all that is durable now. kInvalidArgument
  // without ProjectionOptions::reset.
  [[nodiscard]] Status reset();
  // reset() and catch_up(); on several threads, if asked for and ProjectionOptions::part is given, as far as events are
  // replayed. A crash in between leaves a model that goes on from where it is, and still knows what is replayed.
  [[nodiscard]] Status rebuild(const RebuildOptions& options = {});

  // Never fails: of a closed store the lag is 0.
  [[nodiscard]] ProjectionProgress progress() const;

 private:
  struct State;
  explicit Projection(std::unique_ptr<State> state);

  std::unique_ptr<State> state_;
};

}  // namespace tidemark
