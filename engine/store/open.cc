// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <bit>
#include <cerrno>
#include <chrono>
#include <limits>
#include <new>
#include <optional>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include "engine/recovery/apply.h"
#include "engine/recovery/end_finder.h"
#include "engine/recovery/folder.h"
#include "engine/recovery/index_check.h"
#include "engine/recovery/scan.h"
#include "engine/store/clock_limits.h"
#include "engine/store/store_core.h"
#include "platform/io.h"
#include "tidemark/limits.hpp"

namespace tidemark::engine {

namespace {

// Numbers that no store of ours reaches, with room to count on from whatever is below.
constexpr auto kRecordedMax = RecordedTime::max() - std::chrono::hours(24 * 365);
constexpr std::uint32_t kEpochMax = std::numeric_limits<std::uint32_t>::max() / 2;

Status check_options(const OpenOptions& options) {
  const auto good = [](std::uint64_t size) {
    return std::has_single_bit(size) && size >= limits::kSegmentBytesMin && size <= limits::kSegmentBytesMax;
  };
  if (!good(options.segment_bytes_first) || !good(options.segment_bytes_largest) ||
      options.segment_bytes_first > options.segment_bytes_largest) {
    return std::unexpected(
        Error(ErrorCode::kInvalidArgument,
              "segment sizes must be powers of two from 4 KiB to 1 GiB, the first at most the largest"));
  }
  if (options.sync_interval <= std::chrono::milliseconds(0) || options.sync_interval > std::chrono::hours(24 * 365)) {
    return std::unexpected(
        Error(ErrorCode::kInvalidArgument, "the sync interval must be longer than nothing, and at most a year"));
  }
  return {};
}

}  // namespace

// Opening, step by step; what it finds and makes goes into the core.
class Opener {
 public:
  enum class Index : std::uint8_t { kUse, kRebuild };
  Opener(std::filesystem::path folder, const OpenOptions& options, Environment environment, Index index = Index::kUse)
      : folder_(std::move(folder)),
        options_(options),
        rebuild_index_(index == Index::kRebuild),
        environment_(environment),
        files_(environment.files),
        started_(environment.clock.now()),
        started_steady_(environment.clock.steady()) {}

  Result<std::shared_ptr<StoreCore>> run() {
    if (auto good = check_options(options_); !good) { return std::unexpected(std::move(good.error())); }
    if (auto good = check_file_system(); !good) { return std::unexpected(std::move(good.error())); }
    Status done = options_.read_only ? open_read_only() : open_for_writing();
    if (!done) { return std::unexpected(std::move(done.error())); }
    return std::move(core_);
  }

 private:
  void start_core() {
    core_ = StoreCore::make(folder_, options_, environment_);
    finder_.emplace(environment_, folder_,
                    EndFinder::Options{.read_only = options_.read_only, .rebuild_index = rebuild_index_},
                    core_->catalog_, core_->keeper_);
  }

  // Asks of the folder, or of the nearest one above it that is there, before anything is made.
  Status check_file_system() {
    auto traits = files_.traits(folder_);
    for (auto path = folder_; !traits && traits.error().code() == ErrorCode::kNotFound && path.has_relative_path();) {
      path = path.has_parent_path() ? path.parent_path() : std::filesystem::path(".");
      traits = files_.traits(path);
      if (path == ".") { break; }
    }
    if (!traits) {
      // A folder that is not there is told by what looks for it next.
      return traits.error().code() == ErrorCode::kNotFound ? Status() : std::unexpected(std::move(traits.error()));
    }
    traits_ = std::move(*traits);
    if (traits_.objection.empty() || options_.allow_unsafe_file_system) { return {}; }
    return std::unexpected(
        Error(ErrorCode::kUnsafeFileSystem, "the folder is on " + traits_.name + ": " + traits_.objection +
                                                "; move the store to a local file system, or take the risk "
                                                "(OpenOptions::allow_unsafe_file_system, --allow-unsafe-file-system)")
            .with_path(folder_));
  }

  // What the folder holds. If it is unfinished, nothing of it may be anybody's events.
  Result<FolderHolds> look() {
    auto holds = look_at_folder(files_, folder_);
    if (!holds || *holds != FolderHolds::kUnfinished) { return holds; }
    auto empty = check_all_unfinished();
    if (empty) { return holds; }
    // Somebody may have finished it between the two looks, and its first events stand there already.
    auto now = look_at_folder(files_, folder_);
    if (now && *now == FolderHolds::kStore) { return now; }
    return std::unexpected(std::move(empty.error()));
  }

  // --- read-only ---

  Status open_read_only() {
    auto holds = look();
    if (!holds) { return std::unexpected(std::move(holds.error())); }
    if (*holds != FolderHolds::kStore) { return std::unexpected(no_store_error(folder_)); }
    // A living writer may be in the middle of a write that looks like damage: then it looks different a moment later.
    constexpr int kLooks = 20;
    for (int look = 1;; ++look) {
      start_core();
      auto loaded = load_superblocks(files_, folder_);
      if (!loaded) { return std::unexpected(std::move(loaded.error())); }
      if (!*loaded) { return std::unexpected(no_store_error(folder_)); }
      loaded_ = **loaded;
      if (auto done = find_end(); !done) { return done; }
      // A writer that came meanwhile has changed what may be shown.
      auto now = load_superblocks(files_, folder_);
      if (!now) { return std::unexpected(std::move(now.error())); }
      if (*now && (*now)->newest.epoch != loaded_.newest.epoch && look < kLooks) { continue; }
      if (verdict_ != Verdict::kDamaged && verdict_ != Verdict::kSuspect) { break; }
      auto alive = files_.is_locked(folder_ / kLockName);
      if (!alive || !*alive || look == kLooks) { break; }
    }
    core_->keeper_.reset();
    show_read_only();
    if (verdict_ == Verdict::kDamaged) { return {}; }
    core_->follower_ =
        std::make_unique<Follower>(environment_, folder_, core_->superblock_, core_->catalog_, core_->segments_);
    return core_->follower_->start(facts_, core_->end_);
  }

  // Whether the last thing that happened to the log was a close. A superblock of an earlier close does not speak of it.
  [[nodiscard]] bool closed_well() const {
    return loaded_.newest.state == StoreState::kClosed && !loaded_.lost &&
           facts_.end.offset == Offset(loaded_.newest.durable_end);
  }

  void show_read_only() {
    const Superblock& superblock = loaded_.newest;
    core_->superblock_ = superblock;
    // What a writer of this same run of the machine wrote may still be on its way to the disk. After another boot, all
    // that is there came from the disk.
    const FileId boot_id = environment_.machine.boot_id();
    const bool same_boot = boot_id == superblock.boot_id || boot_id == FileId{} || superblock.boot_id == FileId{};
    core_->end_ = same_boot ? facts_.durable : facts_.end;
    if (verdict_ == Verdict::kDamaged) {
      core_->end_ = facts_.end;
      core_->damage_ = tail_error(facts_, verdict_);
    }
    core_->segments_.start_with(facts_.segments);
    switch (verdict_) {
      case Verdict::kDamaged:
        core_->report_.kind = RecoveryKind::kDamaged;
        break;
      case Verdict::kSuspect:
        core_->report_.kind = RecoveryKind::kSuspect;
        break;
      case Verdict::kTornTail:
        core_->report_.kind = RecoveryKind::kTornTail;
        break;
      case Verdict::kCleanEnd:
        core_->report_.kind = closed_well() ? RecoveryKind::kClosedCleanly : RecoveryKind::kCleanEnd;
        break;
    }
    fill_report(superblock.epoch);
  }

  // --- for writing ---

  Status open_for_writing() {
    auto holds = look();
    if (!holds && holds.error().code() == ErrorCode::kNotFound) {
      if (!options_.create) { return std::unexpected(std::move(holds.error())); }
      if (auto made = make_folder(); !made) { return made; }
    } else if (!holds) {
      return std::unexpected(std::move(holds.error()));
    }
    if (holds && *holds != FolderHolds::kStore && !options_.create) { return std::unexpected(no_store_error(folder_)); }
    start_core();
    auto lock = files_.lock(folder_ / kLockName);
    if (!lock) { return std::unexpected(std::move(lock.error())); }
    core_->lock_ = std::move(*lock);
    finder_->guard_with(*core_->lock_);
    // Between the first look and the lock somebody else may have made or changed the store.
    auto loaded = load_superblocks(files_, folder_);
    if (!loaded) { return std::unexpected(std::move(loaded.error())); }
    if (*loaded) {
      loaded_ = **loaded;
      return recover();
    }
    if (!options_.create) { return std::unexpected(no_store_error(folder_)); }
    return create();
  }

  std::filesystem::path parent_of_folder() const {
    auto path = folder_.lexically_normal();
    if (!path.has_filename()) { path = path.parent_path(); }  // "bank/"
    return path.has_parent_path() ? path.parent_path() : ".";
  }

  // The folder and those above it that were not there. Every name but the folder's own becomes durable here.
  Status make_folder() {
    std::vector<std::filesystem::path> made;
    for (auto path = parent_of_folder(); path.has_relative_path() && path != "."; path = path.parent_path()) {
      auto there = files_.list(path);
      if (there || there.error().code() != ErrorCode::kNotFound) { break; }
      made.push_back(path);
    }
    if (auto done = files_.make_folder(folder_); !done) { return done; }
    for (const auto& path : made) {
      const auto parent = path.has_parent_path() ? path.parent_path() : std::filesystem::path(".");
      if (auto done = files_.sync_folder(parent); !done) { return done; }
    }
    return {};
  }

  void make_maker(const FileId& log_id) {
    const bool zeroed = options_.preallocation == Preallocation::kAuto
                            ? traits_.zeros_help
                            : options_.preallocation == Preallocation::kZeroed;
    core_->maker_ = std::make_unique<SegmentMaker>(environment_, folder_, log_id, zeroed);
    core_->maker_->guard_with(*core_->lock_);
  }

  // A crash leaves a folder that counts as empty, until the first superblock has its name.
  Status create() {
    if (auto empty = check_all_unfinished(); !empty) { return empty; }
    auto entries = files_.list(folder_);
    if (!entries) { return std::unexpected(std::move(entries.error())); }
    for (const auto& entry : *entries) {
      if (entry.name == kLockName || entry.name == kUnfinishedName || is_side_folder(entry)) { continue; }
      if (auto gone = files_.unlink(folder_ / entry.name); !gone) { return gone; }
    }
    // Whoever made the folder, and those above it, may have been killed before their names were durable. A folder that
    // was given to us, in one that we may not read, is its giver's to keep.
    const std::filesystem::path parent = parent_of_folder();
    if (auto done = files_.sync_folder(parent); !done && done.error().system_error() != EACCES) { return done; }
    for (auto above = parent; above.has_relative_path() && above.has_parent_path();) {
      above = above.parent_path();
      (void)files_.sync_folder(above);
    }
    const FileId log_id = platform::random_uuid(environment_.machine);
    make_maker(log_id);
    auto first = core_->maker_->make({SegmentNumber(1), Offset(0), options_.segment_bytes_first});
    if (!first) { return std::unexpected(std::move(first.error())); }

    core_->report_.kind = RecoveryKind::kCreated;
    core_->report_.epoch = 1;
    core_->report_.at = started_;
    core_->report_.took = environment_.clock.steady() - started_steady_;
    Superblock superblock{};
    superblock.start.format_major = kFormatMajor;
    superblock.start.format_minor = kFormatMinor;
    superblock.store_id = platform::random_uuid(environment_.machine);
    superblock.log_id = log_id;
    superblock.generation = 1;
    superblock.epoch = 1;
    superblock.state = StoreState::kRunning;
    superblock.boot_id = environment_.machine.boot_id();
    superblock.durable_end = kSegmentHeaderBytes;
    superblock.highest_segment = 1;
    superblock.write_limit = kSegmentHeaderBytes + environment_.write_ahead;
    superblock.recovery = record_of(core_->report_);
    auto superblocks = SuperblockStore::create(files_, folder_, superblock);
    if (!superblocks) { return std::unexpected(std::move(superblocks.error())); }
    core_->superblocks_ = std::move(*superblocks);
    core_->superblocks_->guard_with(*core_->lock_);
    core_->segments_.add(first->segment);
    LogEnd end;
    end.point.offset = Offset(kSegmentHeaderBytes);
    end.epoch = 1;
    if (environment_.index.files) {
      core_->heal_index(log_id);
      finder_->make_keeper(log_id);
    }
    start_committer(end, std::move(*first), SegmentTotals{});
    return {};
  }

  Status check_all_unfinished() {
    auto entries = files_.list(folder_);
    if (!entries) { return std::unexpected(std::move(entries.error())); }
    for (const auto& entry : *entries) {
      if (entry.name == kLockName || entry.name == kUnfinishedName || is_side_folder(entry)) { continue; }
      if (auto empty = check_unfinished(entry); !empty) { return empty; }
    }
    return {};
  }

  // A folder without superblocks is only ours to make a store in if no segment in it holds anything.
  Status check_unfinished(const platform::DirectoryEntry& entry) {
    if (!is_store_file_name(entry.name) || entry.is_folder) {
      return std::unexpected(not_a_store_error(folder_, entry.name));
    }
    const auto number = parse_segment_file_name(entry.name);
    const bool kept = !number && !entry.name.ends_with(kTemporarySuffix);
    bool used = kept || (number && *number != SegmentNumber(1));
    if (number && !used) {
      auto file = files_.open(folder_ / entry.name, platform::OpenMode::kRead);
      // Whoever makes a store here now throws away what was left by another.
      if (!file && file.error().code() == ErrorCode::kNotFound) { return {}; }
      if (!file) { return std::unexpected(std::move(file.error())); }
      auto empty = holds_only_a_header(**file, entry.size);
      if (!empty) { return std::unexpected(std::move(empty.error())); }
      used = !*empty;
    }
    if (used) {
      return std::unexpected(Error(ErrorCode::kDamaged, "both superblocks are gone and \"" + entry.name +
                                                            "\" may hold events: put a superblock back from a "
                                                            "copy, or copy what is there into a new store "
                                                            "(`tidemark repair`)")
                                 .with_path(folder_));
    }
    return {};
  }

  // Whether a segment file holds nothing after its header.
  static Result<bool> holds_only_a_header(platform::File& file, std::uint64_t size) {
    std::vector<std::byte> piece(std::size_t{1} << 16U);
    for (std::uint64_t at = kSegmentHeaderBytes; at < size; at += piece.size()) {
      auto read = platform::read_up_to(file, piece, at);
      if (!read) { return std::unexpected(std::move(read.error())); }
      if (!all_zero(Bytes(piece).first(*read))) { return false; }
    }
    return true;
  }

  Status recover() {
    if (auto done = find_end(); !done) { return done; }
    const bool accepted = verdict_ == Verdict::kSuspect && options_.accept_suspect_tail;
    if (verdict_ == Verdict::kDamaged || (verdict_ == Verdict::kSuspect && !accepted)) {
      return std::unexpected(tail_error(facts_, verdict_));
    }
    if (auto done = check_clock(); !done) { return done; }
    const std::uint32_t last_epoch = std::max(loaded_.newest.epoch, facts_.epoch);
    if (last_epoch >= kEpochMax) {
      return std::unexpected(
          Error(ErrorCode::kDamaged, "the store's epoch cannot be raised: it is not one of ours").with_path(folder_));
    }
    const std::uint32_t epoch = last_epoch + 1;
    make_maker(loaded_.newest.log_id);
    auto superblocks = SuperblockStore::open(files_, folder_, loaded_);
    if (!superblocks) { return std::unexpected(std::move(superblocks.error())); }
    core_->superblocks_ = std::move(*superblocks);
    core_->superblocks_->guard_with(*core_->lock_);
    auto tail = repair_tail(environment_, folder_, facts_, epoch, *core_->superblocks_);
    if (!tail) { return std::unexpected(std::move(tail.error())); }
    switch (verdict_) {
      case Verdict::kTornTail:
        core_->report_.kind = RecoveryKind::kTornTail;
        break;
      case Verdict::kSuspect:
        core_->report_.kind = RecoveryKind::kSuspectAccepted;
        break;
      default:
        core_->report_.kind = closed_well() ? RecoveryKind::kClosedCleanly : RecoveryKind::kCleanEnd;
    }
    core_->report_.bytes_in_doubt = tail->bytes_rewritten;
    core_->report_.rejected = tail->rejected;
    fill_report(epoch);
    if (auto done = begin_epoch(environment_, facts_, epoch, record_of(core_->report_), *core_->superblocks_); !done) {
      return done;
    }
    core_->segments_.start_with(facts_.segments);
    LogEnd end;
    end.point = facts_.end;
    end.recorded = RecordedTime(std::chrono::nanoseconds(facts_.recorded_ns));
    end.trailer = facts_.totals.last_trailer;
    end.epoch = epoch;
    if (auto done = finder_->clear_index_files(); !done) { return done; }
    start_committer(end, {facts_.segments.back(), tail->file}, facts_.totals);
    if (facts_.spare) {
      auto file = files_.open(facts_.spare->path(), platform::OpenMode::kReadWrite);
      if (file) { core_->committer_->put_spare({facts_.spare, std::move(*file)}); }
    }
    return {};
  }

  Status check_clock() {
    if (facts_.end.position == Position(0)) { return {}; }
    const RecordedTime last_recorded{std::chrono::nanoseconds(facts_.recorded_ns)};
    if (last_recorded <= started_) { return {}; }
    if (last_recorded > kRecordedMax) {
      return std::unexpected(
          Error(ErrorCode::kDamaged, "the last recorded time is close to the last there is").with_path(folder_));
    }
    const auto behind = last_recorded - started_;
    if (behind >= kClockReported) { core_->report_.clock_behind = behind; }
    if (behind < kClockRefused || options_.accept_clock) { return {}; }
    const auto days = std::chrono::duration_cast<std::chrono::days>(behind).count();
    return std::unexpected(
        Error(ErrorCode::kClock, "the machine's clock stands " + std::to_string(days) +
                                     " days or more before the last recorded time: set the clock, or accept that new "
                                     "events are recorded right after the old ones (OpenOptions::accept_clock)")
            .with_path(folder_));
  }

  void start_committer(const LogEnd& end, PreparedSegment active, const SegmentTotals& totals) {
    LogEnd whole = end;
    whole.segment = active.segment;
    core_->superblock_ = core_->superblocks_->current();
    core_->writer_ = std::make_unique<LogWriter>(std::move(active), totals);
    if (core_->keeper_) { core_->keeper_->durable(end.point.offset); }
    core_->committer_ = std::make_unique<Committer>(
        environment_,
        CommitterOptions{options_.sync_interval, options_.segment_bytes_first, options_.segment_bytes_largest}, whole,
        *core_->writer_, *core_->maker_, *core_->superblocks_, core_->segments_, core_->catalog_, core_->keeper_.get());
    if (core_->keeper_) { core_->keeper_->start(); }
    // A store goes without the page where it cannot be had: readers in other processes see more, only later.
    if (auto page = LivePageWriter::open(files_, folder_, core_->superblock_.log_id, environment_.machine.boot_id(),
                                         end.epoch, end.point.offset)) {
      core_->live_page_ = std::move(*page);
      core_->committer_->announce_with(core_->live_page_.get());
    }
  }

  // --- both ---

  Status find_end() {
    if (environment_.index.files) { core_->heal_index(Lineage(loaded_.newest)); }
    auto found = finder_->find(loaded_.newest);
    if (!found) { return std::unexpected(std::move(found.error())); }
    facts_ = std::move(found->facts);
    verdict_ = found->verdict;
    return {};
  }

  void fill_report(std::uint32_t epoch) {
    RecoveryReport& report = core_->report_;
    report.epoch = epoch;
    report.frames_kept = facts_.frames;
    report.events_kept = facts_.end.position.value();
    report.frames_in_doubt = facts_.frames_in_doubt;
    report.bytes_cut = facts_.bad_bytes;
    report.superblock_lost = loaded_.lost;
    report.at = started_;
    report.took = environment_.clock.steady() - started_steady_;
  }

  static RecoveryRecord record_of(const RecoveryReport& report) {
    RecoveryRecord record{};
    record.kind = static_cast<std::uint32_t>(report.kind);
    record.epoch = report.epoch;
    record.frames_kept = report.frames_kept;
    record.events_kept = report.events_kept;
    record.frames_in_doubt = report.frames_in_doubt;
    record.bytes_in_doubt = report.bytes_in_doubt;
    record.bytes_cut = report.bytes_cut;
    record.at_ns = report.at.time_since_epoch().count();
    record.took_ns = report.took.count();
    record.superblock_lost = report.superblock_lost ? 1 : 0;
    return record;
  }

  const std::filesystem::path folder_;
  const OpenOptions options_;
  const bool rebuild_index_;
  const Environment environment_;
  platform::FileSystem& files_;
  const RecordedTime started_;
  const platform::SteadyTime started_steady_;
  platform::FileSystemTraits traits_;
  LoadedSuperblocks loaded_{};
  ScanFacts facts_;
  Verdict verdict_ = Verdict::kCleanEnd;
  std::shared_ptr<StoreCore> core_;
  std::optional<EndFinder> finder_;  // of core_
};

namespace {

Result<std::shared_ptr<StoreCore>> open_with(const std::filesystem::path& folder, const OpenOptions& options,
                                             Environment environment, Opener::Index index) {
  // Errors of memory are short and without a path: they need none themselves.
  try {
    return Opener(folder, options, environment, index).run();
  } catch (const std::bad_alloc&) {
    return std::unexpected(Error(ErrorCode::kOutOfMemory, "out of memory"));
  } catch (const std::system_error& error) {
    return std::unexpected(Error(ErrorCode::kOutOfMemory, "no more threads").with_system_error(error.code().value()));
  }
}

}  // namespace

Result<std::shared_ptr<StoreCore>> open_store(const std::filesystem::path& folder, const OpenOptions& options,
                                              Environment environment) {
  return open_with(folder, options, environment, Opener::Index::kUse);
}

Result<IndexReport> rebuild_index_files(const std::filesystem::path& folder, const OpenOptions& options,
                                        Environment environment) {
  OpenOptions how = options;
  how.read_only = how.create = false;
  environment.index.files = true;
  auto core = open_with(folder, how, environment, Opener::Index::kRebuild);
  if (!core) { return std::unexpected(std::move(core.error())); }
  if (auto closed = (*core)->close(); !closed) { return std::unexpected(std::move(closed.error())); }
  auto report = report_index(environment.files, folder, (*core)->lineage());
  if (!report) { return report; }
  // Writing them may have failed once and gone well later.
  const Status index = (*core)->index_status();
  const bool is_short = report->indexed + environment.index.close_events < Position((*core)->info().events);
  if (!index && is_short) { return std::unexpected(index.error()); }
  return report;
}

}  // namespace tidemark::engine
