// SPDX-License-Identifier: Apache-2.0
#include "engine/store/store_core.h"

#include <algorithm>
#include <chrono>
#include <new>
#include <string>
#include <utility>

#include "engine/commit/batch_access.h"
#include "engine/format/names.h"
#include "engine/log/event_finder.h"
#include "engine/log/frame_reader.h"
#include "engine/read/cursor_impl.h"
#include "engine/read/event_access.h"
#include "engine/read/time_search.h"
#include "engine/store/clock_limits.h"
#include "engine/store/ticket_state.h"
#include "engine/subscribe/subscription_impl.h"

namespace tidemark::engine {

namespace {

// Short enough to need no memory itself. Nothing was appended.
Error out_of_memory() { return {ErrorCode::kOutOfMemory, "out of memory"}; }

RecoveryReport report_of(const RecoveryRecord& record) {
  RecoveryReport report;
  report.kind = static_cast<RecoveryKind>(record.kind);
  report.epoch = record.epoch;
  report.frames_kept = record.frames_kept;
  report.events_kept = record.events_kept;
  report.frames_in_doubt = record.frames_in_doubt;
  report.bytes_in_doubt = record.bytes_in_doubt;
  report.bytes_cut = record.bytes_cut;
  report.superblock_lost = record.superblock_lost != 0;
  report.at = RecordedTime(std::chrono::nanoseconds(record.at_ns));
  report.took = std::chrono::nanoseconds(record.took_ns);
  return report;
}

}  // namespace

StoreCore::StoreCore(std::filesystem::path folder, const OpenOptions& options, Environment environment)
    : folder_(std::move(folder)),
      options_(options),
      environment_(environment),
      process_(environment.machine.process()),
      origin_(std::make_unique<OriginFile>(environment_.files, folder_)),
      snapshots_(environment.files, folder_) {}

std::shared_ptr<StoreCore> StoreCore::make(std::filesystem::path folder, const OpenOptions& options,
                                           Environment environment) {
  return {new StoreCore(std::move(folder), options, environment), [](StoreCore* core) {
            if (!core->is_forked()) { delete core; }
          }};
}

StoreCore::~StoreCore() { (void)close(); }

void StoreCore::heal_index(const Lineage& lineage) {
  healer_ = std::make_unique<IndexHealer>(environment_.files, folder_, lineage, catalog_, [this] {
    if (keeper_) { keeper_->healed(); }
  });
  catalog_.heal_with(healer_.get());
}

Status StoreCore::check_process() const {
  if (!is_forked()) { return {}; }
  return std::unexpected(Error(ErrorCode::kForked,
                               "the store belongs to the parent of this forked process: open it here instead, "
                               "read-only or once the parent has closed it"));
}

Status StoreCore::check_open() const {
  if (auto ours = check_process(); !ours) { return ours; }
  if (closed_.load(std::memory_order_acquire)) {
    return std::unexpected(Error(ErrorCode::kClosed, "the store was closed"));
  }
  return {};
}

Status StoreCore::check_writable() const {
  if (auto open = check_open(); !open) { return open; }
  if (!committer_) {
    return std::unexpected(Error(ErrorCode::kReadOnly, "the store was opened read-only: open it for writing to append")
                               .with_path(folder_));
  }
  return {};
}

// A time that a source is said to have recorded at.
Status StoreCore::check_recorded(RecordedTime time) const {
  if (time < RecordedTime()) {
    return std::unexpected(Error(ErrorCode::kInvalidArgument,
                                 "the given recorded time lies before 1970-01-01: recorded times begin there; what is "
                                 "older can be told by the valid time (NewEvent::valid)"));
  }
  const RecordedTime now = environment_.clock.now();
  if (time > now && time - now > kClockReported) {
    const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(time - now).count();
    return std::unexpected(
        Error(ErrorCode::kClock, "the given recorded time is " + std::to_string(seconds) +
                                     " seconds ahead of the machine's clock, and a minute is the most: all that is "
                                     "recorded later would have to follow it; give the time at which the source "
                                     "recorded it, or none"));
  }
  return {};
}

Status StoreCore::check_may_append() const {
  if (auto writable = check_writable(); !writable) { return writable; }
  if (!turns_.is_inside()) { return {}; }
  return std::unexpected(Error(ErrorCode::kInvalidArgument,
                               "a decision on this store cannot append to it or decide on it again: add to the batch "
                               "that it was given, and do the rest after it"));
}

Result<Outcome> StoreCore::begin_append(const Batch& batch, const AppendOptions& options, Committer::Room room,
                                        bool attend) {
  if (auto writable = check_may_append(); !writable) { return std::unexpected(std::move(writable.error())); }
  auto encoded = EncodedBatch::encode(batch, log_id());
  if (!encoded) { return std::unexpected(std::move(encoded.error())); }
  if (options.recorded) {
    if (auto good = check_recorded(*options.recorded); !good) { return std::unexpected(std::move(good.error())); }
    encoded->record_at(*options.recorded);
  }
  const auto conditions = conditions_of(batch);
  if (!conditions) { return std::unexpected(conditions.error()); }
  if (auto good = check_checkpoints(batch); !good) { return std::unexpected(std::move(good.error())); }
  const bool again = BatchAccess::mark_attempted(batch);
  const Level level = level_of(options.durability.value_or(options_.durability));
  return committer_->sequence(std::make_shared<EncodedBatch>(std::move(*encoded)), *conditions, again, level, room,
                              attend, options.stop);
}

Result<Receipt> StoreCore::append(const Batch& batch, const AppendOptions& options) {
  Result<Outcome> outcome = std::unexpected(Error(ErrorCode::kOutOfMemory, {}));
  try {
    outcome = begin_append(batch, options, Committer::Room::kWait, true);
    if (!outcome) { return std::unexpected(std::move(outcome.error())); }
  } catch (const std::bad_alloc&) { return std::unexpected(out_of_memory()); }
  return finish_append(
      *outcome, options.stop,
      "stopped while waiting for the disk: the append has its place in the log and will most likely be "
      "there; append the same batch again to be sure");
}

// From here on the batch may have its place in the log: no error may say that it has not.
Result<Receipt> StoreCore::finish_append(const Outcome& outcome, const std::stop_token& stop,
                                         const char* when_stopped) {
  try {
    auto answer = committer_->wait_for(outcome, true, stop);
    if (!answer && answer.error().code() == ErrorCode::kStopped && outcome.group) {
      return std::unexpected(Error(ErrorCode::kOutcomeUnknown, when_stopped));
    }
    return answer;
  } catch (const std::bad_alloc&) {
    return std::unexpected(
        Error(outcome.group ? ErrorCode::kOutcomeUnknown : ErrorCode::kOutOfMemory, "out of memory"));
  }
}

Result<Ticket> StoreCore::submit(const Batch& batch, const AppendOptions& options, Committer::Room room) {
  try {
    if (auto writable = check_writable(); !writable) { return std::unexpected(std::move(writable.error())); }
    // Made first, so that nothing can fail once the batch has its place.
    auto state = std::make_shared<detail::TicketState>(shared_from_this(), *committer_, completions_);
    auto outcome = begin_append(batch, options, room, false);
    if (!outcome) { return std::unexpected(std::move(outcome.error())); }
    state->set_outcome(std::move(*outcome));
    return Ticket(std::move(state));
  } catch (const std::bad_alloc&) { return std::unexpected(out_of_memory()); }
}

Status StoreCore::apply(EncodedBatch batch, Position first) {
  const RecordedTime recorded = batch.recorded().value_or(RecordedTime::min());
  auto outcome = committer_->sequence(std::make_shared<EncodedBatch>(std::move(batch)), {}, false, Level::kWritten,
                                      Committer::Room::kWait, true, {});
  if (!outcome) { return std::unexpected(std::move(outcome.error())); }
  auto answer = committer_->wait_for(*outcome, true, {});
  if (!answer) { return std::unexpected(std::move(answer.error())); }
  if (answer->first != first || answer->recorded != recorded || answer->already_appended) {
    return std::unexpected(Error(ErrorCode::kDamaged, "the frames do not go on one after the other at position " +
                                                          std::to_string(first.value()))
                               .with_path(folder_));
  }
  return {};
}

Status StoreCore::wait_durable(Position position, const std::stop_token& stop) {
  try {
    if (auto open = check_open(); !open) { return open; }
    if (!committer_) { return wait_to_see(position, stop); }
    const bool last_of_all = position.next() == Position(0);
    return committer_->reach(last_of_all ? position : position.next(), Level::kDurable, stop);
  } catch (const std::bad_alloc&) { return std::unexpected(out_of_memory()); }
}

Status StoreCore::wait_to_see(Position position, const std::stop_token& stop) const {
  for (;;) {
    const std::uint32_t seen = moves();
    if (auto open = check_open(); !open) { return open; }
    const auto live = check_live();  // before the look at the end
    if (position < shown().position) { return {}; }
    if (auto damage = this->damage()) { return std::unexpected(std::move(*damage)); }
    if (!live) { return live; }
    if (stop.stop_requested()) {
      return std::unexpected(Error(ErrorCode::kStopped, "stopped while waiting for the writer"));
    }
    wait_for_move(seen, stop, std::nullopt);
  }
}

std::optional<Error> StoreCore::damage() const {
  if (damage_ || !follower_) { return damage_; }
  return follower_->damage();
}

Position StoreCore::visible_end(const ReadOptions& options) const {
  if (!committer_) { return follower_ ? follower_->end_position() : end_.position; }
  const Visibility usual = options_.durability == Durability::kBuffered ? Visibility::kWritten : Visibility::kDurable;
  const Position written = committer_->written();
  const Position durable = std::min(committer_->durable(), written);
  if (committer_->failed()) { return durable; }  // asked last: what was written before a failure is not shown after it
  if (options.visibility.value_or(usual) == Visibility::kWritten) { return written; }
  // Reading one's own buffered writes shows what is written: a batch is seen whole or not at all.
  return options.at_least && *options.at_least >= durable && *options.at_least < written ? written : durable;
}

Cursor StoreCore::read(const Query& query, const ReadOptions& options) const {
  ReadOptions how = options;
  if (salvaged_) { how.access = Access::kCopied; }
  try {
    return Cursor(std::make_unique<detail::CursorImpl>(shared_from_this(), query, how));
  } catch (const std::bad_alloc&) { return Cursor(nullptr); }  // its status tells
}

Result<Subscription> StoreCore::subscribe(const Query& query, const SubscribeOptions& options) const {
  try {
    if (auto open = check_open(); !open) { return std::unexpected(std::move(open.error())); }
    if (auto good = check_query(query); !good) { return std::unexpected(std::move(good.error())); }
    const int starts = (options.from_position ? 1 : 0) + (options.from_recorded ? 1 : 0) + (options.from_end ? 1 : 0) +
                       (options.from_valid_point ? 1 : 0) + (options.after ? 1 : 0);
    if (starts > 1) {
      return std::unexpected(
          Error(ErrorCode::kInvalidArgument,
                "a subscription begins at one of from_position, from_recorded, from_end, after and from_valid_point"));
    }
    if (options.when_valid && !options.resume.empty()) {
      return std::unexpected(
          Error(ErrorCode::kInvalidArgument,
                "a subscription by valid time is no single position, so it has no stored checkpoint: "
                "keep its valid_point()"));
    }
    if (const auto& point = options.from_valid_point; point && (!options.when_valid || point->lowest > point->read)) {
      return std::unexpected(Error(ErrorCode::kInvalidArgument, options.when_valid
                                                                    ? "from_valid_point is none that valid_point() gave"
                                                                    : "from_valid_point goes with when_valid"));
    }
    SubscribeOptions how = options;
    if (salvaged_) { how.access = Access::kCopied; }
    Position first = options.from_position.value_or(Position());
    if (options.from_valid_point) { first = options.from_valid_point->lowest; }
    OpenedCheckpoint stored;
    if (!options.resume.empty()) {
      auto opened = open_checkpoint(options.resume);
      if (!opened) { return std::unexpected(std::move(opened.error())); }
      stored = std::move(*opened);
    }
    std::optional<Checkpoint> after = options.after;
    if (stored.newest) {
      after = stored.newest;
      how.from_recorded.reset();
      how.from_end = false;
    } else if (after) {
      if (auto good = check_checkpoint(*after); !good) { return std::unexpected(std::move(good.error())); }
    }
    if (after) { first = after->position ? after->position->next() : Position(); }
    if (how.from_end) { first = visible_end({.visibility = Visibility::kDurable}); }
    if (how.from_recorded) {  // what matches is held against the time too: it may lie ahead of all that there is
      const auto found = position_at(*how.from_recorded);
      if (!found) { return std::unexpected(found.error()); }
      first = *found;
    }
    auto made = std::make_unique<detail::SubscriptionImpl>(shared_from_this(), query, how, first);
    made->keep(std::move(stored.file));
    return Subscription(std::move(made));
  } catch (const std::bad_alloc&) { return std::unexpected(out_of_memory()); }
}

// Recorded times rise along the log.
Result<Position> StoreCore::position_at(RecordedTime time) const {
  try {
    if (auto open = check_open(); !open) { return std::unexpected(std::move(open.error())); }
    const Position end = visible_end({.visibility = Visibility::kDurable});
    const auto index = catalog_.view();
    const auto from = first_recorded_from(*this, *index, segments_.snapshot(), time, end, Access::kCopied);
    if (!from) { return from; }
    if (auto damage = *from == end ? this->damage() : std::nullopt) {
      return std::unexpected(std::move(*damage));  // what lies there may be of that time
    }
    return from;
  } catch (const std::bad_alloc&) { return std::unexpected(out_of_memory()); }
}

void StoreCore::wait_for_move(std::uint32_t seen, const std::stop_token& stop,
                              std::optional<platform::SteadyTime> until) const {
  if (committer_) { return committer_->wait_for_move(seen, stop, until); }
  if (follower_) { follower_->wait(seen, stop, until); }
}

std::uint32_t StoreCore::moves() const {
  if (committer_) { return committer_->moves(); }
  return follower_ ? follower_->moves() : 0;
}

Status StoreCore::check_live() const {
  if (ended_.load(std::memory_order_acquire)) {
    return std::unexpected(Error(ErrorCode::kClosed, "the store was closed"));
  }
  if (follower_) { return follower_->trouble(); }
  if (!committer_) {
    return std::unexpected(
        Error(ErrorCode::kReadOnly, "what was salvaged of a store does not go on, and this is its end")
            .with_path(folder_));
  }
  if (committer_->failed()) {
    return std::unexpected(
        Error(ErrorCode::kStoreFailed, "a write or sync failed: nothing more comes before the store is opened again")
            .with_path(folder_));
  }
  return {};
}

Result<std::optional<OwnedEvent>> StoreCore::event_by_id(const EventId& id) const {
  try {
    if (auto open = check_open(); !open) { return std::unexpected(std::move(open.error())); }
    const Position end = visible_end({});
    const auto index = catalog_.view();
    const auto segments = segments_.snapshot();
    const auto position = EventFinder(index, segments).find(id, end);
    if (!position) { return std::unexpected(position.error()); }
    if (!*position) {
      if (auto damage = this->damage()) { return std::unexpected(std::move(*damage)); }
      return std::optional<OwnedEvent>();
    }
    const auto place = index->place(**position);
    if (!place) { return std::unexpected(place.error()); }
    Event event;
    if (place->is_nowhere()) {
      const auto lost = lost_event(**position);
      if (!lost) { return std::unexpected(lost.error()); }
      EventAccess::fill_lost(event, **position, **lost);
      return OwnedEvent(event);
    }
    FrameReader reader(Access::kCopied);  // what is given out is a copy anyway, and this one never ends in a signal
    auto found = reader.read(segments, *place, **position);
    if (!found) { return std::unexpected(std::move(found.error())); }
    std::vector<std::string_view> tags;
    EventAccess::fill(event, **position, *found, tags);
    return OwnedEvent(event);
  } catch (const std::bad_alloc&) { return std::unexpected(out_of_memory()); }
}

Result<std::optional<StreamInfo>> StoreCore::stream(std::string_view name) const {
  try {
    if (auto open = check_open(); !open) { return std::unexpected(std::move(open.error())); }
    const Position end = visible_end({});
    if (auto damage = this->damage()) { return std::unexpected(std::move(*damage)); }
    const auto index = catalog_.view();
    const auto postings = index->postings(index::make_key(index::KeyKind::kStream, name), end);
    if (!postings) { return std::unexpected(postings.error()); }
    if (postings->count() == 0) { return std::optional<StreamInfo>(); }
    Position last;
    if (auto got = postings->positions(postings->count() - 1, {&last, 1}); !got) {
      return std::unexpected(std::move(got.error()));
    }
    return StreamInfo{std::string(name), Version(postings->count() - 1), last};
  } catch (const std::bad_alloc&) { return std::unexpected(out_of_memory()); }
}

Result<std::vector<index::Tiers::Entry>> StoreCore::list(index::KeyKind kind, const ListOptions& options) const {
  if (auto open = check_open(); !open) { return std::unexpected(std::move(open.error())); }
  const Position visible = visible_end({});
  Position end = visible;
  const auto index = catalog_.view();
  if (options.recorded_until) {
    const auto known =
        first_recorded_after(*this, *index, segments_.snapshot(), *options.recorded_until, visible, Access::kCopied);
    if (!known) { return std::unexpected(known.error()); }
    end = *known;
  }
  if (auto damage = end == visible ? this->damage() : std::nullopt) { return std::unexpected(std::move(*damage)); }
  return index->list(kind, {options.prefix, options.after, options.limit}, end);
}

Result<std::vector<StreamInfo>> StoreCore::streams(const ListOptions& options) const {
  try {
    auto entries = list(index::KeyKind::kStream, options);
    if (!entries) { return std::unexpected(std::move(entries.error())); }
    std::vector<StreamInfo> streams;
    for (auto& entry : *entries) { streams.push_back({std::move(entry.name), Version(entry.count - 1), entry.last}); }
    return streams;
  } catch (const std::bad_alloc&) { return std::unexpected(out_of_memory()); }
}

Result<std::vector<NameInfo>> StoreCore::names(index::KeyKind kind, const ListOptions& options) const {
  try {
    auto entries = list(kind, options);
    if (!entries) { return std::unexpected(std::move(entries.error())); }
    std::vector<NameInfo> names;
    for (auto& entry : *entries) { names.push_back({std::move(entry.name), entry.count, entry.last}); }
    return names;
  } catch (const std::bad_alloc&) { return std::unexpected(out_of_memory()); }
}

StoreInfo StoreCore::info() const {
  StoreInfo info;
  if (is_forked()) { return info; }
  const Superblock superblock = superblocks_ ? superblocks_->current() : superblock_;
  info.store_id = superblock.store_id;
  info.log_id = superblock.log_id;
  info.format_major = superblock.start.format_major;
  info.format_minor = superblock.start.format_minor;
  info.epoch = superblock.epoch;
  info.read_only = committer_ == nullptr;
  info.last_recovery = committer_ ? report_ : report_of(superblock.recovery);
  if (committer_) {
    const Committer::Marks marks = committer_->marks();
    info.durable = marks.durable.position;
    info.written = marks.written.position;
    info.sequenced = marks.sequenced.position;
    info.durable_offset = marks.durable.offset;
  } else {
    const LogPoint end = shown();
    info.durable = info.written = info.sequenced = end.position;
    info.durable_offset = end.offset;
    if (follower_) { info.epoch = follower_->epoch(); }
  }
  const Position end = visible_end({});
  info.events = end.value();
  info.streams = catalog_.view()->key_count(index::KeyKind::kStream, end).value_or(0);
  if (auto entries = environment_.files.list(folder_)) {
    for (const auto& entry : *entries) {
      info.bytes += entry.size;
      if (parse_segment_file_name(entry.name)) { ++info.segments; }
    }
  }
  return info;
}

// Twice: then either superblock alone tells that the store was closed, and how far its log goes.
Status StoreCore::seal() {
  const Offset end = committer_->marks().durable.offset;
  Status done;
  for (int copy = 0; copy < 2 && done; ++copy) {
    done = superblocks_->write([&](Superblock& superblock) {
      superblock.state = StoreState::kClosed;
      superblock.durable_end = end.value();
      superblock.write_limit = end.value();
    });
  }
  return done;
}

Status StoreCore::close() {
  try {
    if (auto ours = check_process(); !ours) { return ours; }
  } catch (const std::bad_alloc&) { return std::unexpected(Error(ErrorCode::kForked, "forked")); }
  const std::scoped_lock lock(close_mutex_);
  if (!close_done_) {
    close_done_ = true;
    close_result_ = end();
    closed_.store(true, std::memory_order_release);
    lock_.reset();
  }
  try {
    return close_result_;
  } catch (const std::bad_alloc&) { return std::unexpected(Error(close_result_.error().code(), "out of memory")); }
}

Status StoreCore::end() {
  if (!committer_) {
    ended_.store(true, std::memory_order_release);
    if (follower_) { follower_->interrupt(); }
    return {};
  }
  Status done = committer_->close();
  ended_.store(true, std::memory_order_release);
  committer_->tell_move();  // before the wait for completions: one of them may wait for what will not come
  completions_.drain();
  if (keeper_) {
    if (done) { committer_->close_last_table(environment_.index.close_events); }
    keeper_->finish(done.has_value());
  }
  if (!done) { return done; }
  try {
    return seal();
  } catch (const std::bad_alloc&) { return std::unexpected(out_of_memory()); }
}

}  // namespace tidemark::engine
