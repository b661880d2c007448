// SPDX-License-Identifier: Apache-2.0
#include "engine/follow/follower.h"

#include <algorithm>
#include <chrono>
#include <functional>
#include <new>
#include <utility>

#include "engine/format/segment.h"
#include "engine/log/index_note.h"
#include "engine/log/superblock_store.h"
#include "engine/recovery/catalog_builder.h"

namespace tidemark::engine {

namespace {

// Threads sleep by it, whatever clock the store goes by.
using Steady = std::chrono::steady_clock;

// How often the files themselves are looked at, by who reads or waits: seldom if the page is the living writer's.
constexpr std::chrono::milliseconds kLookEvery{1000};
constexpr std::chrono::milliseconds kLookWithoutPage{50};
// How long a mark that makes no sense is left to its writer.
constexpr std::chrono::milliseconds kUnreadWait{1};
// With so many tables in memory, index files are looked for that could take their place.
constexpr std::size_t kTablesMax = 5;
// With so much to take in, index files are looked for first.
constexpr std::uint64_t kFarBehindBytes = std::uint64_t{16} << 20U;

std::int64_t nanoseconds_of(platform::SteadyTime time) {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(time.time_since_epoch()).count();
}

}  // namespace

Follower::Follower(const Environment& environment, std::filesystem::path folder, const Superblock& superblock,
                   Catalog& catalog, Segments& segments)
    : environment_(environment),
      folder_(std::move(folder)),
      boot_id_(environment.machine.boot_id()),
      superblock_(superblock),
      catalog_(catalog),
      segments_(segments),
      epoch_(superblock.epoch) {}

Status Follower::start(const ScanFacts& facts, LogPoint shown) {
  ResumePoint edge = beginning_of_log();
  if (shown == facts.end && !facts.segments.empty()) {
    edge.point = facts.end;
    edge.segment = facts.segments.back()->number();
    edge.totals = facts.totals;
    if (facts.end.position > Position(0)) { edge.recorded_ns = facts.recorded_ns; }
    edge.epoch = facts.epoch;
  } else if (facts.durable_edge && facts.durable_edge->point == shown) {
    // What lies behind may be cut off and written anew. The catalog knows of it: mend_catalog() before anything is
    // added.
    edge = *facts.durable_edge;
  } else if (shown.position > Position(0)) {
    auto built = build_catalog(catalog_.view()->runs(), shown.position);
    if (!built) { return std::unexpected(std::move(built.error())); }
    edge = *built;
  }
  const std::scoped_lock lock(mutex_);
  tail_.emplace(environment_.files, folder_, Lineage(superblock_), segments_, edge);
  durable_ = edge.point.offset;
  log_end_ = facts.end.offset;
  publish();
  open_page();
  set_next_look(environment_.clock.steady());
  return {};
}

// A page that says nothing now is of no use: one that will is found by the next look. Nor is one that leads further
// than the log did when it was looked at, if there is no writer: what it speaks of a recovery may not find.
void Follower::open_page() {
  auto page = LivePageReader::open(environment_.files, folder_);
  if (!page) { return; }
  const auto mark = (*page)->mark(superblock_.log_id, boot_id_);
  if (!mark || mark->epoch != superblock_.epoch) { return; }
  if (mark->durable > std::max(tail_->edge().point.offset, log_end_)) {
    const auto has_writer = environment_.files.is_locked(folder_ / kLockName);
    if (!has_writer || !*has_writer) { return; }
  }
  pages_.push_back(std::move(*page));
  seen_.store(mark->word - 1, std::memory_order_relaxed);  // so that it is read
  page_.store(pages_.back().get(), std::memory_order_release);
}

void Follower::publish() {
  // With end_position(): what is below can be read.
  end_position_.store(tail_->edge().point.position.value(), std::memory_order_release);
  is_behind_.store(tail_->edge().point.offset < durable_, std::memory_order_relaxed);
}

Position Follower::end_position() {
  look();
  return Position(end_position_.load(std::memory_order_acquire));
}

LogPoint Follower::end() {
  look();
  const std::scoped_lock lock(mutex_);
  return tail_->edge().point;
}

std::optional<Error> Follower::damage() const {
  if (!is_damaged_.load(std::memory_order_acquire)) { return std::nullopt; }
  const std::scoped_lock lock(mutex_);
  return damage_;
}

Status Follower::trouble() const {
  if (!is_troubled_.load(std::memory_order_acquire)) { return {}; }
  const std::scoped_lock lock(mutex_);
  return trouble_;
}

std::uint32_t Follower::moves() const {
  const LivePageReader* const page = page_.load(std::memory_order_acquire);
  return page == nullptr ? 0 : page->moves();
}

bool Follower::is_due(platform::SteadyTime now) const {
  return nanoseconds_of(now) >= next_look_ns_.load(std::memory_order_relaxed);
}

// With the lock, or before anybody reads.
void Follower::set_next_look(platform::SteadyTime now) {
  const LivePageReader* const page = page_.load(std::memory_order_relaxed);
  const auto mark = page == nullptr ? std::nullopt : page->mark(superblock_.log_id, boot_id_);
  const bool page_is_right = mark && mark->epoch >= superblock_.epoch;
  look_every_.store(page_is_right ? kLookEvery : kLookWithoutPage, std::memory_order_relaxed);
  next_look_ns_.store(nanoseconds_of(now + look_every_.load(std::memory_order_relaxed)), std::memory_order_relaxed);
}

// Most calls find that nothing has changed, and take no lock.
void Follower::look() {
  if (is_damaged_.load(std::memory_order_acquire)) { return; }
  const LivePageReader* const page = page_.load(std::memory_order_acquire);
  const bool has_moved = page != nullptr && page->moves() != seen_.load(std::memory_order_relaxed);
  const auto now = environment_.clock.steady();
  if (!has_moved && !is_due(now) && !is_behind_.load(std::memory_order_relaxed)) { return; }
  const std::scoped_lock lock(mutex_);
  if (damage_) { return; }
  const bool has_news = look_at_page();
  if (!has_news || is_due(now)) {
    look_at_store();
    (void)look_at_page();
    set_next_look(now);
  }
  take_in();
}

// Whether it is the page of a writer that is known. A mark of an epoch that is over is as true as ever: what was
// durable stays. One of an epoch that no superblock tells of is another time's: somebody put the store back.
bool Follower::look_at_page() {
  const LivePageReader* const page = page_.load(std::memory_order_relaxed);
  if (page == nullptr) { return true; }
  const auto mark = page->mark(superblock_.log_id, boot_id_);
  if (!mark) { return true; }  // it is being written
  if (mark->epoch > superblock_.epoch) { return false; }
  seen_.store(mark->word, std::memory_order_relaxed);
  durable_ = std::max(durable_, mark->durable);
  return true;
}

void Follower::look_at_store() {
  auto loaded = load_superblocks(environment_.files, folder_);
  if (!loaded || !*loaded) { return; }  // as long as it cannot be read, what is known stays
  const Superblock& now = (*loaded)->newest;
  if (now.log_id != superblock_.log_id || now.store_id != superblock_.store_id) {
    set_damage(Error(ErrorCode::kDamaged, "another store stands in the folder now: open it again").with_path(folder_));
    return;
  }
  if (now.epoch < superblock_.epoch) {
    set_damage(Error(ErrorCode::kDamaged, "the store was put back to an older copy: open it again").with_path(folder_));
    return;
  }
  superblock_ = now;
  durable_ = std::max(durable_, Offset(now.durable_end));
  epoch_.store(now.epoch, std::memory_order_release);
  look_at_log();
  const LivePageReader* const page = page_.load(std::memory_order_relaxed);
  const auto mark = page == nullptr ? std::nullopt : page->mark(now.log_id, boot_id_);
  if (mark && mark->epoch == now.epoch) { return; }
  // There is no page, or somebody put another one in its place.
  if (now.state == StoreState::kRunning) { open_page(); }
}

// Without a page frames tell how far what stands before them was durable when they were written.
void Follower::look_at_log() {
  const ResumePoint& edge = tail_->edge();
  const auto list = segments_.snapshot();
  const auto segment = std::ranges::find(*list, edge.segment, &Segment::number);
  if (segment == list->end()) { return; }
  const std::uint64_t size = (*segment)->size();
  for (std::uint64_t offset = edge.totals.end; offset + kFrameHeaderBytes + kSegmentFooterBytes <= size;) {
    const auto start = (*segment)->view(offset, kFrameHeaderBytes);
    FrameHeader header{};
    const FramePlace place{(*segment)->log_id(), edge.segment.value(), offset};
    if (!start || !read_frame_header(*start, place, size, header)) { return; }
    durable_ = std::max(durable_, Offset(header.durable));
    offset = frame_end(offset, header.table_bytes, header.body_bytes);
  }
}

// In steps, where there is much: index files are looked for in between, so that memory does not grow with what came.
void Follower::take_in() {
  const auto remember = [&](Status status) {
    trouble_ = std::move(status);
    is_troubled_.store(!trouble_.has_value(), std::memory_order_release);
  };
  if (damage_) { return; }
  if (durable_ <= tail_->edge().point.offset) { return remember({}); }
  try {
    if (auto whole = mend_catalog(); !whole) { return remember(std::move(whole)); }
    if (durable_ - tail_->edge().point.offset > kFarBehindBytes) { use_files(); }
    CatalogBuilder builder(catalog_, nullptr, environment_.index.table_events, CatalogBuilder::Trust::kFrames);
    const FrameVisitor visit = [&](const ScannedFrame& frame) {
      if (!builder(frame)) { return false; }
      if (catalog_.newest_events() >= environment_.index.table_events) { (void)catalog_.close_table(); }
      return true;
    };
    const std::uint64_t events_max = kTablesMax * environment_.index.table_events;
    Status done;
    do {
      done = tail_->read_to(durable_, visit, events_max);
      if (!done && done.error().code() == ErrorCode::kDamaged && builder.status()) {
        done = tail_->read_to(durable_, visit, events_max);  // once more, before anybody is told
      }
      if (catalog_.view()->tables().size() >= kTablesMax) { use_files(); }
      publish();
    } while (done && tail_->edge().point.offset < durable_);
    if (done || !builder.status()) { return remember(builder.status()); }
    if (done.error().code() == ErrorCode::kDamaged) { return set_damage(std::move(done.error())); }
    remember(std::move(done));
  } catch (const std::bad_alloc&) {
    publish();
    remember(std::unexpected(Error(ErrorCode::kOutOfMemory, "out of memory")));
  }
}

// An opening's catalog may hold more than what is durable; and where memory ran out in the middle of a frame, a part of
// it.
Status Follower::mend_catalog() {
  const Position known = tail_->edge().point.position;
  if (catalog_.end() == known) { return {}; }
  if (known == Position(0)) {
    catalog_.start_with({});
    return {};
  }
  auto built = build_catalog(catalog_.view()->runs(), known);
  return built ? Status() : std::unexpected(std::move(built.error()));
}

// What the writer's index files cover need not stay in memory; where they lead further than what was read so far, it
// need not be read: nothing is indexed before it is durable. If it does not work out, all stays as it is.
void Follower::use_files() {
  const auto view = catalog_.view();
  if (!environment_.index.files || view->tables().size() == tables_) { return; }
  tables_ = view->tables().size();
  const Position known = view->runs().empty() ? Position(0) : view->runs().back()->end();
  auto found = find_index(environment_.files, folder_, Lineage(superblock_));
  if (!found || !found->end || found->end->point.position <= known) { return; }
  const ResumePoint& end = *found->end;
  if (end.point.position <= tail_->edge().point.position) {
    if (build_catalog(std::move(found->runs), tail_->edge().point.position)) { tables_ = 0; }
    return;
  }
  if (!tail_->jump(end)) { return; }
  durable_ = std::max(durable_, end.point.offset);
  Catalog fresh;
  fresh.heal_with(catalog_.healer());
  fresh.start_with(std::move(found->runs));
  catalog_.take(std::move(fresh));
  tables_ = 0;
}

// A catalog of these runs, as far as they do not lead further than that, and of what the log holds behind them takes
// the place of the one that is there.
Result<ResumePoint> Follower::build_catalog(index::Tiers::Runs runs, Position until) {
  while (!runs.empty() && runs.back()->end() > until) { runs.pop_back(); }
  std::optional<ResumePoint> last;
  if (!runs.empty()) {
    const auto note = decode_index_note(runs.back()->note());
    if (note) {
      last = note->at_end;
    } else {
      runs.clear();
    }
  }
  const std::optional<ResumePoint> start = last;
  Catalog fresh;
  fresh.heal_with(catalog_.healer());
  fresh.start_with(std::move(runs));
  if (!last || last->point.position < until) {
    CatalogBuilder builder(fresh, nullptr, environment_.index.table_events,
                           start ? CatalogBuilder::Trust::kFrames : CatalogBuilder::Trust::kNothing);
    auto facts =
        scan_log(environment_.files, folder_, superblock_, std::ref(builder),
                 {.start = start, .until = until, .passed = [&](const ResumePoint& edge, Offset) { last = edge; }});
    if (!facts) { return std::unexpected(std::move(facts.error())); }
    if (!builder.status()) { return std::unexpected(builder.status().error()); }
    if (!last || last->point.position != until) { return std::unexpected(tail_error(*facts, Verdict::kDamaged)); }
  }
  catalog_.take(std::move(fresh));
  return *last;
}

void Follower::set_damage(Error error) {
  damage_ = std::move(error);
  is_damaged_.store(true, std::memory_order_release);
}

void Follower::wait(std::uint32_t seen, const std::stop_token& stop, std::optional<platform::SteadyTime> until) {
  // Somebody has to look at the files now and then, and to see a page that comes.
  const platform::SteadyTime look = Steady::now() + look_every_.load(std::memory_order_relaxed);
  const platform::SteadyTime deadline = until ? std::min(*until, look) : look;
  std::stop_source over;
  const std::stop_callback stopped(stop, [&] { over.request_stop(); });
  const std::stop_callback ended(ending_.get_token(), [&] { over.request_stop(); });
  const LivePageReader* const page = page_.load(std::memory_order_acquire);
  if (page != nullptr) {
    // A mark that could not be read is being written; or nobody will ever finish it.
    const bool is_unread =
        seen_.load(std::memory_order_relaxed) != seen && look_every_.load(std::memory_order_relaxed) == kLookEvery;
    return page->wait(seen, over.get_token(), is_unread ? std::min(deadline, Steady::now() + kUnreadWait) : deadline);
  }
  const platform::WaitWord nothing(seen);
  nothing.wait(seen, over.get_token(), deadline);
}

}  // namespace tidemark::engine
