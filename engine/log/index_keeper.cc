// SPDX-License-Identifier: Apache-2.0
#include "engine/log/index_keeper.h"

#include <algorithm>
#include <functional>
#include <iterator>
#include <utility>

#include "index/guarded.h"
#include "index/merged_run_source.h"
#include "index/run_format.h"
#include "index/table_source.h"

namespace tidemark::engine {

namespace {

using index::Tiers;
using RunPointer = std::shared_ptr<const index::Run>;

bool is_saved(const index::Run& run) { return !run.path().empty(); }

// How often a merge looks whether a table is due.
constexpr std::uint64_t kCallsBetweenLooks = 16;
// Each of them has its pages in memory.
constexpr std::size_t kMergedAtOnce = 64;
// So much a close may merge in all, some tens of milliseconds: four tables, each a batch larger than it should be.
constexpr std::uint64_t kTablesMergedAtClose = 5;

constexpr unsigned kLevels = 64;
constexpr unsigned kNever = kLevels;

// Asks before each of its parts whether to go on; if not, it ends with kStopped.
class InterruptibleSource final : public index::RunSource {
 public:
  InterruptibleSource(index::RunSource& source, std::function<bool()> go_on)
      : source_(source), go_on_(std::move(go_on)) {}

  Position first() const override { return source_.first(); }
  Position end() const override { return source_.end(); }
  std::uint64_t id_count() const override { return source_.id_count(); }
  Status start() override { return source_.start(); }
  Result<bool> next_key(KeyHead& into) override {
    if (!go_on_()) { return std::unexpected(stopped()); }
    return source_.next_key(into);
  }
  Status next_positions(std::span<std::uint32_t> into) override {
    if (!go_on_()) { return std::unexpected(stopped()); }
    return source_.next_positions(into);
  }
  Status rewind_keys() override { return source_.rewind_keys(); }
  Status next_ids(std::span<index::HashedValue> into) override {
    if (!go_on_()) { return std::unexpected(stopped()); }
    return source_.next_ids(into);
  }
  Status next_places(std::span<index::Place> into) override {
    if (!go_on_()) { return std::unexpected(stopped()); }
    return source_.next_places(into);
  }

 private:
  static Error stopped() { return Error(ErrorCode::kStopped, "the store is closing"); }

  index::RunSource& source_;
  const std::function<bool()> go_on_;
};

}  // namespace

IndexKeeper::IndexKeeper(const Environment& environment, const std::filesystem::path& folder, const FileId& log_id,
                         Catalog& catalog, const Options& options)
    : policy_(environment.index),
      threads_(environment.threads),
      files_(options.files),
      catalog_(catalog),
      maker_(environment.files, folder, log_id),
      trailer_before_(options.trailer_before),
      merge_from_(options.merge_found ? Position(0) : catalog.end()) {}

IndexKeeper::~IndexKeeper() { finish(false); }

void IndexKeeper::keep_files() {
  files_ = true;
  healed();  // they are in memory alone, as a healed one is
}

void IndexKeeper::start() {
  merge_from_ = Position(0);
  if (!threads_) { return; }
  wanted_ = true;
  thread_ = std::jthread([this](const std::stop_token& stop) { run(stop); });
}

void IndexKeeper::run(const std::stop_token& stop) {
  std::unique_lock lock(mutex_);
  while (changed_.wait(lock, stop, [this] { return wanted_; }) && !stop.stop_requested()) {
    wanted_ = false;
    lock.unlock();
    work();
    lock.lock();
  }
}

// Room is made first: what was closed cannot be opened again.
bool IndexKeeper::close_table(const ResumePoint& at_end) {
  try {
    {
      const std::scoped_lock lock(mutex_);
      if (closed_.size() == closed_.capacity()) { closed_.reserve(2 * closed_.size() + 4); }
    }
    auto table = catalog_.close_table();
    {
      const std::scoped_lock lock(mutex_);
      closed_.push_back({std::move(table), {.at_end = at_end, .trailer_before = trailer_before_}});
      trailer_before_ = at_end.totals.last_trailer;
      if (at_end.point.offset > durable_) { return true; }
      wanted_ = true;
    }
    changed_.notify_one();
    return true;
  } catch (const std::bad_alloc&) { return false; }
}

void IndexKeeper::durable(Offset end) {
  {
    const std::scoped_lock lock(mutex_);
    if (end <= durable_) { return; }
    const Offset before = std::exchange(durable_, end);
    const bool more = std::ranges::any_of(closed_, [&](const Closed& closed) {
      const Offset at = closed.note.at_end.point.offset;
      return at > before && at <= end;
    });
    if (!more) { return; }
    wanted_ = true;
  }
  changed_.notify_one();
}

void IndexKeeper::healed() {
  {
    const std::scoped_lock lock(mutex_);
    healed_ = wanted_ = true;
  }
  changed_.notify_one();
}

void IndexKeeper::work() {
  bool some_healed = false;
  {
    const std::scoped_lock lock(mutex_);
    some_healed = std::exchange(healed_, false);
  }
  bool well = !some_healed || save_unsaved();
  while (!stopping_.load(std::memory_order_relaxed)) {
    const auto closed = oldest_due();
    if (!closed) { break; }
    well = save_unsaved() && well;
    const auto failures = counters().failures;
    if (!replace_table(*closed, true)) { return; }
    well = well && counters().failures == failures;
  }
  // A disk that does not take a table takes no merge: trying would only keep it full for others.
  if (well) { merge(); }
}

void IndexKeeper::finish(bool clean) {
  stopping_.store(true, std::memory_order_relaxed);
  if (thread_.joinable()) {
    thread_.request_stop();
    thread_.join();
  }
  if (!clean || !save_unsaved()) { return; }
  while (const auto closed = oldest_due()) {
    if (!replace_table(*closed, false)) { return; }
  }
  // Writers that live shortly would leave file after file, and never come to merging them.
  if (files_) { merge_some(kTablesMergedAtClose * policy_.table_events); }
  remove_superseded();
}

std::optional<IndexKeeper::Closed> IndexKeeper::oldest_due() const {
  const std::scoped_lock lock(mutex_);
  if (closed_.empty() || closed_.front().note.at_end.point.offset > durable_) { return std::nullopt; }
  return closed_.front();
}

// --- Tables ---

bool IndexKeeper::replace_table(const Closed& closed, bool also_in_memory) {
  return attempt([&] {
    const auto view = catalog_.view();
    // Only if closing one has failed half-way: then it and those after it stay as they are.
    if (view->tables().front() != closed.table) { return false; }
    index::TableSource source(closed.table,
                              [&](auto keys, auto into) { return view->counts(keys, closed.table->first, into); });
    auto made = make(source, closed.note);
    if (!made) {
      failed(std::move(made.error()));
      if (!also_in_memory) { return false; }
      made = maker_.build(source, closed.note);
    }
    if (!made) { return failed(std::move(made.error())); }
    catalog_.replace_oldest_table(*made);
    const std::scoped_lock lock(mutex_);
    closed_.erase(closed_.begin());
    if (is_saved(**made)) {
      ++counters_.tables_written;
      counters_.bytes_written += (*made)->file_size();
    } else {
      ++counters_.tables_kept_in_memory;
    }
    return true;
  });
}

Result<RunPointer> IndexKeeper::make(index::RunSource& source, const IndexNote& note) const {
  return files_ ? maker_.make(source, note) : maker_.build(source, note);
}

bool IndexKeeper::save_unsaved() {
  if (!files_) { return true; }
  return attempt([&] {
    const auto view = catalog_.view();
    const Tiers::Runs& runs = view->runs();
    for (std::size_t n = 0; n < runs.size(); ++n) {
      if (is_saved(*runs[n])) { continue; }
      if (replace_runs(runs, {.first = n, .count = 1}, Merging::kOneAlone) != Replaced::kDone) { return false; }
      const std::scoped_lock lock(mutex_);
      ++counters_.saved_later;
    }
    return true;
  });
}

// --- Merging ---

void IndexKeeper::merge() {
  (void)attempt([&] {
    while (!stopping_.load(std::memory_order_relaxed)) {
      const auto view = catalog_.view();
      const auto group = due_group(view->runs(), index::kRunEventsMax);
      if (!group) { return true; }
      const Replaced replaced = replace_runs(view->runs(), *group, Merging::kInTheBackground);
      if (replaced == Replaced::kFailed) { return true; }
      if (replaced == Replaced::kHealed) { continue; }
      {
        const std::scoped_lock lock(mutex_);
        ++counters_.merges;
      }
      remove_superseded();
    }
    return true;
  });
}

void IndexKeeper::merge_some(std::uint64_t events) {
  (void)attempt([&] {
    for (;;) {
      const auto view = catalog_.view();
      const Tiers::Runs& runs = view->runs();
      const auto group = due_group(runs, events);
      if (!group || replace_runs(runs, *group, Merging::kAtTheEnd) != Replaced::kDone) { return true; }
      events -= runs[group->first + group->count - 1]->end() - runs[group->first]->first();
      const std::scoped_lock lock(mutex_);
      ++counters_.merges;
    }
  });
}

// Neighbours of one level, of the lowest that has enough of them, the newest ones. One that is smaller than what comes
// after it counts with that, otherwise it would keep its neighbours apart for ever. Who makes no files leaves those
// that there are.
std::optional<IndexKeeper::Group> IndexKeeper::due_group(const Tiers::Runs& runs, std::uint64_t events_max) const {
  std::vector<unsigned> levels;
  for (const auto& run : runs) {
    const bool is_ours = run->first() >= merge_from_ && (files_ || !is_saved(*run));
    levels.push_back(is_ours ? level_of(*run) : kNever);
  }
  const std::size_t enough = std::max<std::uint64_t>(policy_.merge_runs, 2);
  for (unsigned level = 0; level < kLevels; ++level) {
    for (std::size_t end = runs.size(); end > 0;) {
      if (levels[end - 1] != level) {
        --end;
        continue;
      }
      std::size_t first = end;
      const auto fits = [&](const index::Run& run) {
        return end - first < kMergedAtOnce && runs[end - 1]->end() - run.first() <= events_max;
      };
      while (first > 0 && levels[first - 1] <= level && fits(*runs[first - 1])) { --first; }
      if (end - first >= enough) { return Group{.first = first, .count = end - first}; }
      --end;
    }
  }
  return std::nullopt;
}

unsigned IndexKeeper::level_of(const index::Run& run) const {
  const std::uint64_t factor = std::max<std::uint64_t>(policy_.merge_runs, 2);
  const std::uint64_t tables = (run.end() - run.first()) / std::max<std::uint64_t>(policy_.table_events, 1);
  unsigned level = 0;
  for (std::uint64_t n = tables; n >= factor; n /= factor) { ++level; }
  return level;
}

IndexKeeper::Replaced IndexKeeper::replace_runs(const Tiers::Runs& all, const Group& group, Merging how) {
  const auto begin = all.begin() + static_cast<std::ptrdiff_t>(group.first);
  const Tiers::Runs inputs(begin, begin + static_cast<std::ptrdiff_t>(group.count));
  auto made = write_runs(inputs, how == Merging::kInTheBackground);
  if (!made) {
    if (made.error().code() == ErrorCode::kStopped) { return Replaced::kFailed; }
    // That may take long: at the end it is left to the next opening.
    if (how != Merging::kAtTheEnd && heal(inputs, made.error())) { return Replaced::kHealed; }
    if (made.error().code() == ErrorCode::kDamaged) { merge_from_ = inputs.back()->end(); }
    failed(std::move(made.error()));
    return Replaced::kFailed;
  }
  std::vector<std::filesystem::path> merged;
  for (const RunPointer& run : inputs) {
    if (is_saved(*run)) { merged.push_back(run->path()); }
  }
  superseded_.reserve(superseded_.size() + merged.size());
  catalog_.replace_runs(group.first, group.count, *made);
  std::ranges::move(merged, std::back_inserter(superseded_));
  const std::scoped_lock lock(mutex_);
  counters_.bytes_written += (*made)->file_size();
  return Replaced::kDone;
}

// Whether the error is of one of the files, and that one is healed now.
bool IndexKeeper::heal(const Tiers::Runs& inputs, const Error& error) {
  if (catalog_.healer() == nullptr || !index::is_healable(error)) { return false; }
  const auto damaged = std::ranges::find_if(
      inputs, [&](const RunPointer& run) { return is_saved(*run) && run->path() == error.path(); });
  return damaged != inputs.end() && catalog_.healer()->heal(*damaged).has_value();
}

Result<RunPointer> IndexKeeper::write_runs(const Tiers::Runs& inputs, bool may_stop) {
  const auto first = decode_index_note(inputs.front()->note());
  const auto last = decode_index_note(inputs.back()->note());
  if (!first || !last) {
    return std::unexpected(Error(ErrorCode::kDamaged, "the note of an index run makes no sense")
                               .with_path((first ? inputs.back() : inputs.front())->path()));
  }
  auto merged = index::MergedRunSource::make(inputs);
  if (!merged) { return std::unexpected(std::move(merged.error())); }
  const IndexNote note{.at_end = last->at_end, .trailer_before = first->trailer_before};
  if (!may_stop) { return make(**merged, note); }
  // A large merge takes long. A store that closes must not wait for it, and tables must not gather in memory
  // meanwhile: their runs come behind those that are merged, which keep their place in the list.
  std::uint64_t calls = 0;
  bool tables_go = true;
  InterruptibleSource source(**merged, [&] {
    while (tables_go && calls % kCallsBetweenLooks == 0) {
      const auto closed = oldest_due();
      if (!closed) { break; }
      tables_go = replace_table(*closed, true);
    }
    ++calls;
    return !stopping_.load(std::memory_order_relaxed);
  });
  return make(source, note);
}

void IndexKeeper::remove_superseded() {
  auto done = maker_.remove(superseded_);
  if (!done) { failed(std::move(done.error())); }
}

// --- What happened ---

// False, so that it can be returned.
bool IndexKeeper::failed(Error error) {
  const std::scoped_lock lock(mutex_);
  ++counters_.failures;
  last_error_ = std::move(error);
  return false;
}

// What the work gives, false if memory ran out.
template <class Work>
bool IndexKeeper::attempt(Work work) {
  auto done = index::guarded([&]() -> Result<bool> { return work(); });
  return done ? *done : failed(std::move(done.error()));
}

Status IndexKeeper::last_error() const {
  const std::scoped_lock lock(mutex_);
  return last_error_ ? Status(std::unexpected(*last_error_)) : Status();
}

IndexKeeper::Counters IndexKeeper::counters() const {
  const std::scoped_lock lock(mutex_);
  return counters_;
}

}  // namespace tidemark::engine
