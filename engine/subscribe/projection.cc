// SPDX-License-Identifier: Apache-2.0
#include "tidemark/projection.hpp"

#include <algorithm>
#include <mutex>
#include <new>
#include <string>
#include <type_traits>
#include <utility>

#include "engine/subscribe/guarded_call.h"
#include "engine/subscribe/part_folder.h"
#include "tidemark/store.hpp"

namespace tidemark {

namespace {

// A part that is large holds up what is merged after it, and the memory of the threads' lead.
constexpr std::uint64_t kPartEventsMin = 1024;
constexpr std::uint64_t kPartEventsMax = std::uint64_t{1} << 20U;

Error out_of_memory() { return {ErrorCode::kOutOfMemory, "out of memory"}; }
Error invalid(const char* why) { return {ErrorCode::kInvalidArgument, why}; }

// The first position that it is not through with.
Position behind(const Checkpoint& checkpoint) { return checkpoint.position ? checkpoint.position->next() : Position(); }

Status check_options(const ProjectionOptions& options) {
  const ProjectionStorage& storage = options.storage;
  const int given =
      (storage.load ? 1 : 0) + (storage.begin ? 1 : 0) + (storage.commit ? 1 : 0) + (storage.roll_back ? 1 : 0);
  if (!options.apply) { return std::unexpected(invalid("a projection needs apply")); }
  if (given != 0 && given != 4) {
    return std::unexpected(invalid("a projection's storage needs load, begin, commit and roll_back"));
  }
  if (given != 0 && (!options.name.empty() || options.restore)) {
    return std::unexpected(invalid("name and restore are for models in memory: with a storage its load() does both"));
  }
  return {};
}

}  // namespace

std::string to_string(const ProjectionPoint& point) {
  std::string text = to_string(point.checkpoint);
  if (point.replay_until) { text += ' ' + to_string(*point.replay_until); }
  return text;
}

Result<ProjectionPoint> parse_projection_point(std::string_view text) {
  const auto unreadable = [] {
    return std::unexpected(Error(ErrorCode::kCheckpointUnknown,
                                 "this is no projection's point, as to_string() gives it: put back the one that was "
                                 "stored with the model, or rebuild the projection"));
  };
  const std::size_t space = text.find(' ');
  const auto checkpoint = parse_checkpoint(text.substr(0, space));
  if (!checkpoint) { return unreadable(); }
  ProjectionPoint point{.checkpoint = *checkpoint};
  if (space == std::string_view::npos) { return point; }
  const auto until = parse_checkpoint(text.substr(space + 1));
  if (!until) { return unreadable(); }
  point.replay_until = *until;
  return point;
}

// The subscription stands where the model does, or is_at_model says that it does not: then the next call finds out
// where that is. A failure of a storage is followed by that, since a rolled back model has gone back. All but what
// progress() reads belongs to the thread that runs the projection.
struct Projection::State {
  State(const Store& of, ProjectionOptions given, Subscription beginning)
      : store(of), options(std::move(given)), origin(std::move(beginning)) {}

  // A transaction of the storage: what is not committed is rolled back. Of a model in memory it is nothing.
  class Transaction {
   public:
    explicit Transaction(State& state) : state_(state) {}
    Transaction(const Transaction&) = delete;
    Transaction& operator=(const Transaction&) = delete;
    ~Transaction() {
      if (!open_) { return; }
      try {
        state_.options.storage.roll_back();
      } catch (...) {}  // what holds, load() says
    }

    [[nodiscard]] bool is_open() const { return open_; }
    Status begin() {
      if (!state_.is_stored()) { return {}; }
      state_.is_at_model = false;
      auto begun = call("the storage's begin()", state_.options.storage.begin);
      open_ = begun.has_value();
      return begun;
    }
    Status commit(const ProjectionPoint& point) {
      auto done = call("the storage's commit()", [&] { return state_.options.storage.commit(point); });
      if (!done) { return done; }
      open_ = false;
      state_.is_at_model = true;
      return {};
    }

   private:
    State& state_;
    bool open_ = false;
  };

  template <class Call>
  static std::invoke_result_t<Call&> call(const char* name, Call&& function) {
    return engine::guarded_call([&] { return name; }, function);
  }

  [[nodiscard]] bool is_stored() const { return static_cast<bool>(options.storage.load); }
  // The first position that it is not through with.
  [[nodiscard]] Position place() const {
    const auto through = subscription->position();
    return through ? through->next() : Position();
  }
  // Where the next event will stand, of what is durable: origin never moves.
  [[nodiscard]] Position end() const { return Position(origin.lag()); }

  [[nodiscard]] SubscribeOptions how() const {
    SubscribeOptions given;
    given.run_events = options.run_events;
    given.progress_events = options.progress_events;
    given.access = options.access;
    return given;
  }
  [[nodiscard]] Result<Subscription> subscribe_after(const Checkpoint& checkpoint) const {
    SubscribeOptions after = how();
    after.after = checkpoint;
    return store.subscribe(options.query, after);
  }
  // At the last event that is durable now; nothing where there is none.
  [[nodiscard]] Result<std::optional<Checkpoint>> checkpoint_at_end() const {
    SubscribeOptions from_end = how();
    from_end.from_end = true;
    const auto last = store.subscribe(options.query, from_end);
    if (!last) { return std::unexpected(last.error()); }
    if (!last->position()) { return std::nullopt; }
    return last->checkpoint();
  }

  // --- to where the model is ---

  Status connect() {
    if (auto open = origin.checkpoint(); !open) { return std::unexpected(std::move(open.error())); }
    if (subscription && is_at_model) { return {}; }
    if (auto done = is_stored() ? connect_to_storage() : connect_in_memory(); !done) { return done; }
    is_at_model = true;
    publish();
    return {};
  }

  Status connect_to_storage() {
    subscription.reset();
    auto loaded = call("the storage's load()", options.storage.load);
    if (!loaded) { return std::unexpected(std::move(loaded.error())); }
    if (!*loaded) {
      auto made = first_point();
      if (!made) { return std::unexpected(std::move(made.error())); }
      *loaded = std::move(*made);
    }
    const ProjectionPoint& point = **loaded;
    auto at = subscribe_after(point.checkpoint);
    if (!at) { return std::unexpected(std::move(at.error())); }
    if (point.replay_until) {
      // Another log's would call new events replayed.
      if (auto known = subscribe_after(*point.replay_until); !known) {
        return std::unexpected(std::move(known.error()));
      }
    }
    subscription = std::move(*at);
    replay_until = point.replay_until;
    replay_end = replay_until ? behind(*replay_until) : Position();
    return {};
  }

  // Where history counts as replayed, how far it goes is committed before the first event: what comes from now on is
  // never taken for it.
  Result<ProjectionPoint> first_point() {
    auto nowhere = origin.checkpoint();
    if (!nowhere) { return std::unexpected(std::move(nowhere.error())); }
    ProjectionPoint point{.checkpoint = std::move(*nowhere)};
    if (!options.replay_history) { return point; }
    auto last = checkpoint_at_end();
    if (!last) { return std::unexpected(std::move(last.error())); }
    if (!*last) { return point; }
    point.replay_until = std::move(*last);
    Transaction transaction(*this);
    if (auto begun = transaction.begin(); !begun) { return std::unexpected(std::move(begun.error())); }
    if (auto done = transaction.commit(point); !done) { return std::unexpected(std::move(done.error())); }
    return point;
  }

  Status connect_in_memory() {
    if (auto named = connect_to_name(); !named) { return named; }
    Position from;
    if (must_empty) {
      if (auto emptied = call("reset()", options.reset); !emptied) { return emptied; }
      must_empty = false;
    } else if (options.restore) {
      auto restored = call("restore()", options.restore);
      if (!restored) { return std::unexpected(std::move(restored.error())); }
      if (*restored) {
        if (auto known = subscribe_after(**restored); !known) { return std::unexpected(std::move(known.error())); }
        from = behind(**restored);
      }
    }
    subscription->seek(options.name.empty() ? from : std::min(from, replay_end));
    return {};
  }

  // Once: it keeps the name. What was committed under that is what is replayed.
  Status connect_to_name() {
    if (subscription) { return {}; }
    SubscribeOptions resume = how();
    resume.resume = options.name;
    auto at = store.subscribe(options.query, resume);
    if (!at) { return std::unexpected(std::move(at.error())); }
    if (!at->position() && options.replay_history) {
      at->seek(end());
      if (!options.name.empty()) {
        if (auto committed = at->commit(); !committed) { return committed; }
      }
    }
    subscription = std::move(*at);
    replay_end = place();
    return {};
  }

  // --- a run ---

  Result<std::uint64_t> next(const std::stop_token& stop, std::optional<std::chrono::nanoseconds> timeout) {
    if (auto connected = connect(); !connected) { return std::unexpected(std::move(connected.error())); }
    if (auto committed = commit_name(); !committed) { return std::unexpected(std::move(committed.error())); }
    const auto run = timeout ? subscription->next_for(*timeout, stop) : subscription->next(stop);
    if (!run) { return std::unexpected(run.error()); }
    auto applied = deal_with(*run, stop);
    if (!applied && split_at) {
      // What stands before the one that failed was rolled back with it: once more, without that.
      if (connect()) {
        if (const auto again = subscription->next_for(std::chrono::nanoseconds(0))) { (void)deal_with(*again, {}); }
      }
    }
    return applied;
  }

  Result<std::uint64_t> deal_with(const Run& run, const std::stop_token& stop) {
    state = run.state();
    Transaction transaction(*this);
    std::uint64_t applied = 0;
    const auto done = apply(run, transaction, applied, stop);
    // In memory what was applied before a failure is in the model.
    if (!done && is_stored()) { return std::unexpected(done.error()); }
    const auto in_place = keep(transaction);
    if (!done) { return std::unexpected(done.error()); }
    if (!in_place) { return std::unexpected(in_place.error()); }
    return applied;
  }

  Status apply(const Run& run, Transaction& transaction, std::uint64_t& applied, const std::stop_token& stop) {
    for (auto event = run.begin(); event != run.end(); ++event) {
      const Position position = event->position();
      if (split_at == position && applied > 0) {
        subscription->seek(position);
        return {};
      }
      if (!transaction.is_open()) {
        if (auto begun = transaction.begin(); !begun) { return begun; }
      }
      if (auto done = apply(*event); !done) {
        subscription->seek(position);
        if (is_stored() && applied > 0) { split_at = position; }
        return done;
      }
      ++applied;
      if (stop.stop_requested()) { return {}; }
    }
    return {};
  }

  Status apply(const Event& event) {
    return engine::guarded_call([&] { return "apply() for position " + std::to_string(event.position().value()); },
                                [&] { return options.apply(event, event.position() < replay_end); });
  }

  // Commits how far it is, if it went on.
  Status keep(Transaction& transaction) {
    if (!is_stored()) {
      publish();
      return commit_name();
    }
    if (!transaction.is_open()) {
      if (place() == kept) { return {}; }
      if (auto begun = transaction.begin(); !begun) { return begun; }
    }
    auto here = subscription->checkpoint();
    if (!here) { return std::unexpected(std::move(here.error())); }
    ProjectionPoint point{.checkpoint = std::move(*here)};
    if (place() < replay_end) { point.replay_until = replay_until; }
    if (auto done = transaction.commit(point); !done) { return done; }
    split_at.reset();
    publish();
    return {};
  }

  // What is replayed was committed under the name before.
  Status commit_name() {
    if (options.name.empty() || place() <= std::max(replay_end, committed_by_name)) { return {}; }
    auto done = subscription->commit();
    if (done) { committed_by_name = place(); }
    return done;
  }

  Status catch_up(const std::stop_token& stop) {
    if (auto connected = connect(); !connected) { return connected; }
    const Position until = end();
    while (place() < until) {
      if (auto done = next(stop, std::chrono::nanoseconds(0)); !done) {
        return std::unexpected(std::move(done.error()));
      }
    }
    if (auto committed = commit_name(); !committed) { return committed; }
    return check_end();
  }

  // What is visible ends before a damage: it is all that there is to apply, and not all that was appended.
  Status check_end() {
    if (place() < end()) { return {}; }
    const auto look = subscription->next_for(std::chrono::nanoseconds(0));  // what it finds is given by the next one
    if (look) { return {}; }
    const ErrorCode code = look.error().code();
    const bool is_cut_short = code == ErrorCode::kDamaged || code == ErrorCode::kSuspectTail || code == ErrorCode::kIo;
    return is_cut_short ? std::unexpected(look.error()) : Status();
  }

  // --- from the beginning ---

  Status reset() {
    if (!options.reset) { return std::unexpected(invalid("a projection without reset() cannot be built again")); }
    return is_stored() ? reset_stored() : reset_in_memory();
  }

  Status reset_stored() {
    std::optional<Checkpoint> until;
    if (auto connected = connect()) {
      auto known = place() < replay_end ? Result<Checkpoint>(*replay_until) : subscription->checkpoint();
      if (!known) { return std::unexpected(std::move(known.error())); }
      if (known->position) { until = std::move(*known); }
    } else if (connected.error().code() == ErrorCode::kCheckpointUnknown) {
      auto last = checkpoint_at_end();
      if (!last) { return std::unexpected(std::move(last.error())); }
      until = std::move(*last);
    } else {
      return connected;
    }
    auto nowhere = origin.checkpoint();
    if (!nowhere) { return std::unexpected(std::move(nowhere.error())); }
    Transaction transaction(*this);
    if (auto begun = transaction.begin(); !begun) { return begun; }
    if (auto emptied = call("reset()", options.reset); !emptied) { return emptied; }
    if (auto done = transaction.commit({std::move(*nowhere), std::move(until)}); !done) { return done; }
    is_at_model = false;
    return connect();
  }

  Status reset_in_memory() {
    if (auto named = connect_to_name(); !named) { return named; }
    if (auto committed = commit_name(); !committed) { return committed; }
    replay_end = std::max(replay_end, place());
    must_empty = true;
    is_at_model = false;
    return connect();
  }

  Status rebuild(const RebuildOptions& how) {
    if (auto emptied = reset(); !emptied) { return emptied; }
    if (how.threads > 1 && options.part) {
      if (auto folded = fold_parts(how); !folded) { return folded; }
    }
    return catch_up(how.stop);
  }

  Status fold_parts(const RebuildOptions& how) {
    const Position last = replay_end;
    Position first = place();
    if (first >= last) { return {}; }
    const std::uint64_t share = (last - first) / (std::uint64_t{4} * how.threads) + 1;
    const std::uint64_t size =
        how.part_events != 0 ? how.part_events : std::clamp(share, kPartEventsMin, kPartEventsMax);
    auto folder = engine::PartFolder::start(
        how.threads, [this](const engine::RangePart& part, const std::stop_token& stop) { return fold(part, stop); });
    if (!folder) { return std::unexpected(std::move(folder.error())); }
    const std::stop_callback stopping(how.stop, [&] { (*folder)->request_stop(); });
    while (place() < last) {
      while (first < last && (*folder)->held() < std::size_t{2} * how.threads) {
        auto part = call("part()", options.part);
        if (!part) { return std::unexpected(std::move(part.error())); }
        if (!part->apply || !part->merge) { return std::unexpected(invalid("a part needs apply and merge")); }
        const Position behind_it = last - first > size ? first + size : last;
        (*folder)->give({first, behind_it, std::move(*part)});
        first = behind_it;
      }
      auto folded = (*folder)->take();
      if (!folded) { return std::unexpected(std::move(folded.error())); }
      if (auto merged = merge(*folded); !merged) { return merged; }
    }
    return {};
  }

  // On a thread of the folder.
  Status fold(const engine::RangePart& range, const std::stop_token& stop) const {
    try {
      Cursor events = store.read(options.query, {.from_position = range.first,
                                                 .limit = range.end - range.first,
                                                 .visibility = Visibility::kDurable,
                                                 .access = options.access});
      while (const Event* const event = events.next()) {
        if (event->position() >= range.end) { return {}; }
        if (stop.stop_requested()) { return std::unexpected(Error(ErrorCode::kStopped, "the rebuild was stopped")); }
        auto done = engine::guarded_call(
            [&] { return "a part's apply() for position " + std::to_string(event->position().value()); },
            [&] { return range.part.apply(*event); });
        if (!done) { return done; }
      }
      return events.status();
    } catch (const std::bad_alloc&) { return std::unexpected(out_of_memory()); }
  }

  Status merge(const engine::RangePart& folded) {
    Transaction transaction(*this);
    if (auto begun = transaction.begin(); !begun) { return begun; }
    if (auto merged = call("a part's merge()", folded.part.merge); !merged) {
      if (!is_stored()) {
        // Nobody knows what of it is in the model.
        must_empty = true;
        is_at_model = false;
      }
      return merged;
    }
    subscription->seek(folded.end);
    return keep(transaction);
  }

  // --- what anybody may ask ---

  void publish() {
    kept = place();
    if (kept >= end()) { state = SubscriptionState::kCaughtUp; }
    const std::scoped_lock lock(mutex);
    published_place = kept;
    published_replay_end = replay_end;
    published_state = state;
  }

  ProjectionProgress progress() const {
    const Position until = end();
    const std::scoped_lock lock(mutex);
    ProjectionProgress now{.state = published_state, .replaying = published_place < published_replay_end};
    if (published_place > Position()) { now.position = Position(published_place.value() - 1); }
    if (now.replaying) { now.replay_until = Position(published_replay_end.value() - 1); }
    now.lag = until > published_place ? until - published_place : 0;
    return now;
  }

  const Store& store;
  const ProjectionOptions options;
  const Subscription origin;  // at the beginning of the log, always

  std::optional<Subscription> subscription;
  bool is_at_model = false;
  bool must_empty = false;                 // in memory: the model is to be emptied before anything else
  std::optional<Checkpoint> replay_until;  // with a storage, as it was committed
  Position replay_end;                     // what stands before it is replayed
  Position kept;                           // place() at the last commit
  Position committed_by_name;              // likewise; not before the first commit of this process
  std::optional<Position> split_at;        // with a storage: before this event a transaction ends
  SubscriptionState state = SubscriptionState::kCatchingUp;

  mutable std::mutex mutex;  // a leaf
  Position published_place;  // guarded by mutex, as the two below
  Position published_replay_end;
  SubscriptionState published_state = SubscriptionState::kCatchingUp;
};

Projection::Projection(std::unique_ptr<State> state) : state_(std::move(state)) {}
Projection::Projection(Projection&& other) noexcept = default;
Projection& Projection::operator=(Projection&& other) noexcept = default;
Projection::~Projection() = default;

Result<Projection> Projection::open(const Store& store, ProjectionOptions options) {
  try {
    if (auto good = check_options(options); !good) { return std::unexpected(std::move(good.error())); }
    auto origin = store.subscribe(options.query);
    if (!origin) { return std::unexpected(std::move(origin.error())); }
    return Projection(std::make_unique<State>(store, std::move(options), std::move(*origin)));
  } catch (const std::bad_alloc&) { return std::unexpected(out_of_memory()); }
}

Result<std::uint64_t> Projection::next(const std::stop_token& stop) {
  try {
    return state_->next(stop, std::nullopt);
  } catch (const std::bad_alloc&) { return std::unexpected(out_of_memory()); }
}

Result<std::uint64_t> Projection::next_for(std::chrono::nanoseconds timeout, const std::stop_token& stop) {
  try {
    return state_->next(stop, timeout);
  } catch (const std::bad_alloc&) { return std::unexpected(out_of_memory()); }
}

Status Projection::catch_up(const std::stop_token& stop) {
  try {
    return state_->catch_up(stop);
  } catch (const std::bad_alloc&) { return std::unexpected(out_of_memory()); }
}

Status Projection::follow(const std::stop_token& stop) {
  for (;;) {
    if (auto done = next(stop); !done) { return std::unexpected(std::move(done.error())); }
  }
}

Status Projection::reset() {
  try {
    return state_->reset();
  } catch (const std::bad_alloc&) { return std::unexpected(out_of_memory()); }
}

Status Projection::rebuild(const RebuildOptions& options) {
  try {
    return state_->rebuild(options);
  } catch (const std::bad_alloc&) { return std::unexpected(out_of_memory()); }
}

ProjectionProgress Projection::progress() const { return state_->progress(); }

}  // namespace tidemark
