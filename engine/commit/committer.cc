// SPDX-License-Identifier: Apache-2.0
#include "engine/commit/committer.h"

#include <algorithm>
#include <new>
#include <string>
#include <utility>

namespace tidemark::engine {

namespace {

// How long the log must have been idle before the superblock is told how far it is durable.
constexpr auto kIdleTime = std::chrono::milliseconds(50);
// With so much written and not synced, the committer's thread syncs beside the appenders, so that they need not stop
// for it.
constexpr std::uint64_t kSyncBesideBytes = std::uint64_t{8} << 20U;
// How long who leads waits for company at most, and for how many.
constexpr auto kGatherTimeMax = std::chrono::microseconds(100);
constexpr std::size_t kGatherMembersMax = 128;
// How many groups go at once after one that was waited for much too long.
constexpr std::uint32_t kUngatheredGroups = 100;

}  // namespace

Committer::Committer(Environment environment, CommitterOptions options, const LogEnd& end, LogWriter& writer,
                     const SegmentMaker& maker, SuperblockStore& superblocks, Segments& segments, Catalog& catalog,
                     IndexKeeper* keeper)
    : environment_(environment),
      options_(options),
      epoch_(end.epoch),
      writer_(writer),
      superblocks_(superblocks),
      segments_(segments),
      catalog_(catalog),
      keeper_(keeper),
      spare_(maker, environment.threads,
             [this] {
               spare_ready_.add(1);
               spare_ready_.wake_all();
             }),
      tail_segment_(end.segment),
      tail_(end.point),
      recorded_(end.recorded),
      trailer_(end.trailer),
      recent_(end.point.position),
      written_(end.point),
      durable_(end.point),
      write_limit_(superblocks.current().write_limit),
      written_position_(end.point.position.value()),
      durable_position_(end.point.position.value()),
      idle_mark_(end.point),
      superblock_mark_(end.point) {
  if (environment_.threads) {
    thread_ = std::jthread([this](const std::stop_token& stop) { run(stop); });
  }
}

Committer::~Committer() { (void)close(); }

void Committer::put_spare(PreparedSegment spare) {
  const std::scoped_lock lock(mutex_);
  const SegmentPlan plan{spare.segment->number(), spare.segment->base(), spare.segment->size()};
  // Whatever its size, it is the next: a file that is there is used.
  next_size_ = plan.size;
  if (next_segment_plan() != plan) {
    next_size_ = 0;
    return;
  }
  spare_.put(plan, std::move(spare));
}

void Committer::set_written(LogPoint point) {
  if (written_.offset <= durable_.offset) { unsynced_since_ = environment_.clock.steady(); }
  written_ = point;
  written_position_.store(point.position.value(), std::memory_order_release);
}

void Committer::set_durable(LogPoint point) {
  if (point.offset <= durable_.offset) { return; }
  durable_ = point;
  if (written_.offset < point.offset) { written_ = point; }  // a roll moves the end of an empty tail
  durable_position_.store(point.position.value(), std::memory_order_release);
  if (keeper_ != nullptr) { keeper_->durable(point.offset); }
  durable_moved_.add(1);  // tell_durable() once the lock can be let go
  if (dozing_) { wake_thread(); }
}

// Precondition: the lock is held, nobody leads, the store has not failed. It may fail meanwhile, by another thread's
// sync; then fail() has finished the group, and nothing is published any more.
void Committer::lead(Lock& lock, bool sync) {
  leading_ = true;
  gather(lock);
  const bool only_sync = pending_.empty();
  if (only_sync) {
    current_ = stand_in_;
  } else {
    current_ = pending_.front();
    pending_.pop_front();
    lock.unlock();
    Status done = write_group(*current_);
    lock.lock();
    if (!done) { fail(std::move(done.error())); }
    if (!failure_) {
      set_written(current_->end);
      current_->word.add(Group::kWritten);
      if (current_->has_buffered && current_->wants_sync) { current_->word.wake_all(); }
    }
  }
  if (!failure_ && (sync || (!only_sync && current_->wants_sync)) && durable_.offset < written_.offset) {
    sync_log(lock);
  }
  std::vector<std::shared_ptr<const EncodedBatch>> dropped;
  if (!failure_) {
    if (!only_sync) { finish(*current_, std::nullopt); }
    if (!only_sync) { last_members_ = current_->members.size(); }
    dropped = recent_.trim(written_.position);
    const std::uint64_t unsynced = written_.offset - durable_.offset;
    const bool sync_is_due = (dozing_ && unsynced > 0) || (unsynced >= kSyncBesideBytes && !syncing_beside_);
    if (sync_is_due || nears_write_limit()) { wake_thread(); }
  }
  // For those, too, who wait for the leader and not for the group.
  if (failure_ || only_sync) { current_->word.add(Group::kCall); }
  const std::shared_ptr<Group> led = std::move(current_);
  leading_ = false;
  const std::shared_ptr<Group> next = hand_over();
  // Who is woken wants the lock, and to wake many takes long. The next leader first.
  lock.unlock();
  if (next) { next->word.wake_one(); }
  if (led->sleepers.load() > 0) { led->word.wake_all(); }
  dropped.clear();
  lock.lock();
  tell_durable(lock);
  if (keeper_ != nullptr && !environment_.threads) {
    lock.unlock();
    keeper_->work();
    lock.lock();
  }
}

// Who appended in the group before is about to append again, and a sync costs the same for all of them: the leader
// waits for as many, for part of the time that a sync takes. It lets the lock go meanwhile. What gathers alone, or by
// the hundred, goes at once; and where others want the processor, so that waiting takes far longer than it should, it
// is left for a while.
void Committer::gather(Lock& lock) {
  if (!environment_.threads || last_members_ < 2 || last_members_ > kGatherMembersMax) { return; }
  if (pending_.size() != 1 || !pending_.front()->wants_sync || pending_.front()->members.size() >= last_members_) {
    return;
  }
  if (ungathered_ > 0) {
    --ungathered_;
    return;
  }
  const auto wait = std::min<std::chrono::nanoseconds>(sync_time_ / 2, kGatherTimeMax);
  const auto until = environment_.clock.steady() + wait;
  const std::size_t wanted = last_members_;
  current_ = stand_in_;  // for who waits for the leader
  lock.unlock();
  while (gathered_.load(std::memory_order_relaxed) < wanted && environment_.clock.steady() < until) {
    std::this_thread::yield();
  }
  const bool took_long = environment_.clock.steady() > until + kGatherTimeMax;
  lock.lock();
  if (took_long) { ungathered_ = kUngatheredGroups; }
  if (stand_in_->sleepers.load() > 0) {
    stand_in_->word.add(Group::kCall);
    stand_in_->word.wake_all();
  }
}

Status Committer::write_group(Group& group) {
  try {
    // Whoever removed the lock's file may have let another writer in, whose frames or footer these would overwrite.
    if (group.wants_sync || group.roll_to) {
      if (auto ours = superblocks_.check_lock(); !ours) { return ours; }
    }
    if (group.roll_to) {
      if (auto rolled = roll(group); !rolled) { return rolled; }
    }
    if (group.end.offset.value() > write_limit_.load()) {
      if (auto raised = raise_write_limit(group.end.offset, marks().durable.offset); !raised) { return raised; }
    }
    std::vector<Bytes> frames;
    frames.reserve(group.members.size());
    for (const auto& member : group.members) { frames.push_back(member.batch->frame()); }
    if (auto appended = writer_.append(frames); !appended) { return appended; }
    for (const auto& member : group.members) { add_to_catalog(*member.batch, member.frame); }
    if (keeper_ != nullptr && catalog_.newest_events() >= environment_.index.table_events) { close_table(); }
    return {};
  } catch (const std::bad_alloc&) {
    // In few words: nothing may be thrown at who leads.
    return std::unexpected(Error(ErrorCode::kOutOfMemory, "out of memory"));
  }
}

void Committer::add_to_catalog(const EncodedBatch& batch, Offset frame) {
  std::vector<Version> versions;
  versions.reserve(batch.appended_streams());
  for (std::uint32_t i = 0; i < batch.appended_streams(); ++i) { versions.push_back(batch.first_version(i)); }
  constexpr std::size_t kAhead = 8;
  Catalog::Frame adding(catalog_, batch.keys());
  for (std::size_t i = 0; i < batch.events().size(); ++i) {
    if (i + kAhead < batch.events().size()) {
      const EventUse& ahead = batch.events()[i + kAhead];
      catalog_.prefetch(batch.keys().stream(ahead.stream), ahead.id);
    }
    const EventUse& event = batch.events()[i];
    Version& version = versions[event.stream];
    adding.add(batch.names_of(event), event.id, {frame.value(), event.body_offset}, version);
    version = version.next();
  }
}

void Committer::close_table() {
  const SegmentTotals& totals = writer_.totals();
  if (totals.frames == 0) { return; }  // the edge at its end lies in the segment before, which the writer has left
  const Segment& segment = writer_.segment();
  keeper_->close_table({.point = {Offset(segment.base().value() + totals.end), totals.next_position},
                        .segment = segment.number(),
                        .totals = totals,
                        .recorded_ns = totals.last_recorded_ns,
                        .epoch = epoch_});
}

void Committer::close_last_table(std::uint64_t events_min) {
  if (keeper_ == nullptr || catalog_.newest_events() < std::max<std::uint64_t>(events_min, 1)) { return; }
  close_table();
}

// Everything in the segment that is left becomes durable, then the superblock names the next one, and only then does a
// frame go there: recovery rests on this order.
Status Committer::roll(Group& group) {
  const std::shared_ptr<Segment> next = group.roll_to->segment;
  LogPoint start;
  {
    const std::scoped_lock one_at_a_time(sync_mutex_);
    Offset durable;
    {
      const std::scoped_lock lock(mutex_);
      if (failure_) { return std::unexpected(store_failed()); }
      durable = durable_.offset;
    }
    if (auto rolled = writer_.roll(std::move(*group.roll_to), durable, epoch_); !rolled) { return rolled; }
    segments_.add(next);  // before anybody learns of an end that lies in it
    const std::scoped_lock lock(mutex_);
    if (failure_) { return std::unexpected(store_failed()); }
    start = {Offset(next->base().value() + kSegmentHeaderBytes), written_.position};
    set_durable(start);
  }
  auto named = raise_write_limit(group.end.offset, start.offset, next->number());
  if (named) {
    const std::scoped_lock lock(mutex_);
    superblock_mark_ = start;
  }
  return named;
}

// No frame goes past what the superblock lets us write: recovery need not look for one further on. By any thread,
// without the lock.
Status Committer::raise_write_limit(Offset end, Offset durable, SegmentNumber highest) {
  std::uint64_t limit = end.value() + environment_.write_ahead;
  auto told = superblocks_.write([&](Superblock& superblock) {
    limit = std::max(limit, superblock.write_limit);
    superblock.write_limit = limit;
    superblock.durable_end = durable.value();
    superblock.highest_segment = highest.value();
  });
  // What another thread has told since is no less.
  for (std::uint64_t before = write_limit_.load(); told && before < limit;) {
    if (write_limit_.compare_exchange_weak(before, limit)) { break; }
  }
  return told;
}

// With the lock held: whether the thread has to see to it that nobody who leads must wait for a superblock.
bool Committer::nears_write_limit() const {
  return !raising_limit_ && tail_.offset.value() + environment_.write_ahead / 2 > write_limit_.load();
}

// Who calls this wakes the sleepers then.
void Committer::finish(Group& group, std::optional<Error> error) {
  group.error = std::move(error);
  const std::uint32_t seen = group.word.load();
  group.word.add(((seen & Group::kWritten) == 0 && !group.error ? Group::kWritten : 0) + Group::kDone);
}

void Committer::fail(Error cause) {
  if (failure_) { return; }
  failure_ = std::move(cause);
  failed_.store(true, std::memory_order_release);
  const auto end = [&](Group& group, Error error) {
    finish(group, std::move(error));
    if (group.sleepers.load() > 0) { group.word.wake_all(); }
  };
  if (current_ && current_ != stand_in_) { end(*current_, outcome_unknown()); }
  for (const auto& group : pending_) { end(*group, store_failed()); }
  pending_.clear();
  tell_move();
  if (dozing_) { wake_thread(); }
}

// These two tell the failure to waiters even when memory has run out: then in few words.
Error Committer::outcome_unknown() const {
  try {
    std::string message =
        "the append may or may not be found after the store is opened again; repeat it then with the same ids (";
    message += failure_->message() + ")";
    return Error(ErrorCode::kOutcomeUnknown, std::move(message))
        .with_path(failure_->path())
        .with_system_error(failure_->system_error());
  } catch (const std::bad_alloc&) { return {ErrorCode::kOutcomeUnknown, "out of memory"}; }
}

Error Committer::store_failed() const {
  try {
    if (!failure_) { return {ErrorCode::kClosed, "closed"}; }
    std::string message = "the store takes no more appends since an earlier failure; open it again to go on (";
    message += failure_->message() + ")";
    return Error(ErrorCode::kStoreFailed, std::move(message))
        .with_path(failure_->path())
        .with_system_error(failure_->system_error());
  } catch (const std::bad_alloc&) { return {ErrorCode::kStoreFailed, "out of memory"}; }
}

// With the lock held and nobody leading: sees to it that somebody takes the next group. One that sleeps on the group
// that is given is to be woken, best without the lock.
std::shared_ptr<Group> Committer::hand_over() {
  if (pending_.empty() || failure_) { return nullptr; }
  Group& next = *pending_.front();
  if (next.sleepers.load() > 0) {
    next.word.add(Group::kCall);
    return pending_.front();
  }
  if (next.attending == 0) { wake_thread(); }
  return nullptr;  // if not that, a caller is on its way to wait, and will lead
}

Status Committer::wait_for_group(Group& group, Level level, bool attending, const std::stop_token& stop) {
  const auto result = [&]() -> Status {
    // A buffered append stands once it is written, whatever becomes of its group later.
    const std::uint32_t seen = group.word.load();
    if (level == Level::kWritten && (seen & Group::kWritten) != 0) { return {}; }
    return group.error ? Status(std::unexpected(*group.error)) : Status();
  };
  // While somebody leads there is nothing to do but to sleep, and no need of the lock: either who ends leading sees the
  // sleeper, or the sleeper sees that nobody leads. Each changes its own before it looks at the other's, and all of
  // that is seq_cst. The word that is slept on is the one that was looked at: it may change at any moment.
  while (attending) {
    const std::uint32_t seen = group.word.load();
    if (Group::has_reached(seen, level)) { return result(); }
    group.sleepers.fetch_add(1);
    const bool sleeps = leading_.load() && !stop.stop_requested();
    if (sleeps) { group.word.wait(seen, stop); }
    group.sleepers.fetch_sub(1);
    if (!sleeps) { break; }
  }
  Lock lock(mutex_);
  if (!attending) { ++group.attending; }
  while (!group.reached(level)) {
    if (!leading_) {
      lead(lock, false);
      continue;
    }
    if (stop.stop_requested()) {
      --group.attending;
      return std::unexpected(Error(ErrorCode::kStopped, "stopped while waiting for the disk"));
    }
    const std::uint32_t seen = group.word.load();
    group.sleepers.fetch_add(1);
    lock.unlock();
    group.word.wait(seen, stop);
    group.sleepers.fetch_sub(1);
    if (group.reached(level)) { return result(); }  // without the lock: many wake at once
    lock.lock();
  }
  --group.attending;
  lock.unlock();
  return result();
}

// Either who tells sees the waiter, or the waiter sees the word changed: each changes its own before it looks at the
// other's, and all of that is seq_cst.
void Committer::tell_move() {
  durable_moved_.add(1);
  if (position_waiters_.load() > 0) { durable_moved_.wake_all(); }
}

// As many as there are: waking them takes a call of the system for all, and longer the more they are. Then those in
// other processes, who cannot be counted.
void Committer::tell_durable(Lock& lock) {
  const bool has_waiters = position_waiters_.load() > 0;
  const Offset durable = durable_.offset;
  const bool is_news = live_page_ != nullptr && announced_ < durable;
  if (!has_waiters && !is_news) { return; }
  announced_ = std::max(announced_, durable);
  lock.unlock();
  if (has_waiters) { durable_moved_.wake_all(); }
  if (is_news) { live_page_->announce(durable); }
  lock.lock();
}

void Committer::wait_for_move(std::uint32_t seen, const std::stop_token& stop,
                              std::optional<platform::SteadyTime> until) {
  position_waiters_.fetch_add(1);
  durable_moved_.wait(seen, stop, until);
  position_waiters_.fetch_sub(1);
}

Status Committer::reach(Position end, Level level, const std::stop_token& stop) {
  Lock lock(mutex_);
  for (;;) {
    // After a failure, what was written and not synced may go: no answer rests on it any more.
    if ((level == Level::kWritten && !failure_ ? written_ : durable_).position >= end) { return {}; }
    if (failure_) { return std::unexpected(store_failed()); }
    if (stop.stop_requested()) {
      return std::unexpected(Error(ErrorCode::kStopped, "stopped while waiting for the disk"));
    }
    if (end > tail_.position) {
      // Nothing was appended there yet.
      if (closing_) { return std::unexpected(store_failed()); }
      const std::uint32_t seen = durable_moved_.load();
      lock.unlock();
      wait_for_move(seen, stop, std::nullopt);
      lock.lock();
    } else if (!leading_) {
      lead(lock, level == Level::kDurable);
    } else {
      const std::shared_ptr<Group> busy = current_;
      const std::uint32_t seen = busy->word.load();
      busy->sleepers.fetch_add(1);
      lock.unlock();
      busy->word.wait(seen, stop);
      busy->sleepers.fetch_sub(1);
      lock.lock();
    }
  }
}

Result<Receipt> Committer::wait_for(const Outcome& outcome, bool attending, const std::stop_token& stop) {
  Status done = outcome.group ? wait_for_group(*outcome.group, outcome.level, attending, stop)
                              : reach(outcome.rests_on, outcome.level, stop);
  if (!done) { return std::unexpected(std::move(done.error())); }
  return outcome.answer;
}

std::optional<Result<Receipt>> Committer::poll(const Outcome& outcome) {
  if (outcome.group) {
    if (!outcome.group->reached(outcome.level)) { return std::nullopt; }
  } else {
    const Marks now = marks();
    const Position reached = (outcome.level == Level::kWritten ? now.written : now.durable).position;
    if (reached < outcome.rests_on && !now.failed) { return std::nullopt; }
  }
  return wait_for(outcome, false, {});
}

Committer::Marks Committer::marks() const {
  const std::scoped_lock lock(mutex_);
  return {durable_, failure_ ? durable_ : written_, tail_, failure_.has_value()};
}

Status Committer::close() {
  Lock lock(mutex_);
  closing_ = true;
  while (leading_ || (!failure_ && (durable_.position < tail_.position || !pending_.empty()))) {
    if (!leading_) {
      lead(lock, true);
      continue;
    }
    const std::shared_ptr<Group> busy = current_;
    const std::uint32_t seen = busy->word.load();
    busy->sleepers.fetch_add(1);
    lock.unlock();
    busy->word.wait(seen);
    busy->sleepers.fetch_sub(1);
    lock.lock();
  }
  tell_move();  // those who wait for what will never come
  lock.unlock();
  if (thread_.joinable()) {
    thread_.request_stop();
    work_.add(1);
    work_.wake_all();
    thread_.join();
  }
  // Before the store's lock goes: a file that appears later could take the name of another writer's.
  spare_.stop();
  lock.lock();
  return failure_ ? Status(std::unexpected(store_failed())) : Status();
}

void Committer::wake_thread() {
  work_.add(1);
  work_.wake_all();
}

void Committer::run(const std::stop_token& stop) {
  Lock lock(mutex_);
  for (;;) {
    const std::uint32_t seen = work_.load();  // before the look at stop, which comes with a change of the word
    if (stop.stop_requested()) { return; }
    std::optional<std::chrono::nanoseconds> pause;
    try {
      pause = tend(lock);
    } catch (const std::bad_alloc&) {
      if (!lock.owns_lock()) { lock.lock(); }
      fail(Error(ErrorCode::kOutOfMemory, "out of memory"));
    }
    // tend() may have let the lock go: whoever has work since has changed the word.
    dozing_ = !pause.has_value();
    lock.unlock();
    if (pause) {
      work_.wait_until(seen, std::chrono::steady_clock::now() + *pause);
    } else {
      work_.wait(seen);
    }
    lock.lock();
    dozing_ = false;
  }
}

// Does what is due, with the lock held but for I/O. Gives how long nothing more is due; nothing if only a wake-up can
// change that.
std::optional<std::chrono::nanoseconds> Committer::tend(Lock& lock) {
  using std::chrono::nanoseconds;
  constexpr nanoseconds kAtOnce{0};
  if (failure_) { return std::nullopt; }
  const auto now = environment_.clock.steady();
  if (!leading_ && !pending_.empty() && pending_.front()->attending == 0) {
    lead(lock, false);
    return kAtOnce;
  }
  if (nears_write_limit()) {
    raising_limit_ = true;
    const Offset end = tail_.offset;
    const LogPoint told = durable_;
    lock.unlock();
    auto raised = raise_write_limit(end, told.offset);
    lock.lock();
    raising_limit_ = false;
    if (!raised) {
      fail(std::move(raised.error()));
      return std::nullopt;
    }
    if (superblock_mark_.offset < told.offset) { superblock_mark_ = told; }
    return kAtOnce;
  }
  const bool unsynced = durable_.offset < written_.offset;
  const bool overdue = unsynced && now >= unsynced_since_ + options_.sync_interval;
  if (overdue || written_.offset - durable_.offset >= kSyncBesideBytes) {
    syncing_beside_ = true;
    sync_log(lock);
    syncing_beside_ = false;
    tell_durable(lock);
    return kAtOnce;
  }
  std::optional<nanoseconds> pause;
  if (unsynced) { pause = unsynced_since_ + options_.sync_interval - now; }
  if (durable_ != idle_mark_) {
    idle_mark_ = durable_;
    idle_since_ = now;
  }
  if (durable_ == superblock_mark_) { return pause; }
  if (now < idle_since_ + kIdleTime) {
    const nanoseconds left = idle_since_ + kIdleTime - now;
    return pause ? std::min(*pause, left) : left;
  }
  const LogPoint told = durable_;
  lock.unlock();
  auto done = superblocks_.write([&](Superblock& superblock) { superblock.durable_end = told.offset.value(); });
  lock.lock();
  if (!done) {
    fail(std::move(done.error()));
    return std::nullopt;
  }
  superblock_mark_ = told;
  return kAtOnce;
}

// Makes what is written by now durable; lets the lock go meanwhile.
void Committer::sync_log(Lock& lock) {
  lock.unlock();
  const std::scoped_lock one_at_a_time(sync_mutex_);
  lock.lock();
  if (failure_) { return; }
  const LogPoint target = written_;
  if (target.offset <= durable_.offset) { return; }
  unsynced_since_ = environment_.clock.steady();  // of what is written from here on
  const std::shared_ptr<platform::File> file = writer_.active_file();
  const auto begin = unsynced_since_;
  lock.unlock();
  Status done = file->datasync();
  const auto end = environment_.clock.steady();
  lock.lock();
  sync_time_ = end - begin;
  if (!done) { fail(std::move(done.error())); }
  if (!failure_) { set_durable(target); }
}

}  // namespace tidemark::engine
