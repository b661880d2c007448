// SPDX-License-Identifier: Apache-2.0
#include "engine/copy/backup.h"

#include <algorithm>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "engine/copy/earlier_backup.h"
#include "engine/copy/new_folder.h"
#include "engine/copy/new_log.h"
#include "engine/copy/segment_copier.h"
#include "engine/format/segment.h"
#include "engine/log/origin_file.h"
#include "engine/log/superblock_store.h"
#include "engine/recovery/folder.h"

namespace tidemark::engine {

namespace {

// What there is to go through, once for copying it.
std::uint64_t bytes_of(const LogSource& source) { return source.end.offset.value(); }

class Backup {
 public:
  Backup(const LogSource& source, std::filesystem::path into, const BackupOptions& options, Environment environment,
         const CopyProgress& progress)
      : source_(source),
        into_(std::move(into)),
        options_(options),
        environment_(environment),
        files_(environment.files),
        progress_(progress),
        copier_(environment.files, options.sealed, progress, bytes_of(source) * (options.verify ? 2 : 1)) {}

  Result<BackupReport> run() {
    auto last = last_segment_of(source_);
    if (!last) { return std::unexpected(std::move(last.error())); }
    last_ = *last;
    if (auto outside = check_outside(into_, source_.folder, "a backup"); !outside) {
      return std::unexpected(std::move(outside.error()));
    }
    auto holds = look_at_folder(files_, into_);
    const bool has_store = holds && *holds == FolderHolds::kStore;
    if (has_store && !options_.incremental) {
      return std::unexpected(
          Error(ErrorCode::kInvalidArgument,
                "there is a store in this folder: name one that is empty or not there yet, or go on with an earlier "
                "backup (BackupOptions::incremental, --incremental)")
              .with_path(into_));
    }
    Status done = has_store ? add() : make();
    if (!done) { return std::unexpected(std::move(done.error())); }
    report_.added_to_earlier = has_store;
    report_.events = source_.end.position.value();
    report_.segments_copied = copier_.segments_copied();
    report_.segments_linked = copier_.segments_linked();
    report_.bytes_copied = copier_.bytes_copied();
    return report_;
  }

 private:
  // --- a first backup ---

  Status make() {
    auto folder = NewFolder::prepare(files_, source_.folder, into_, "a backup");
    if (!folder) { return std::unexpected(std::move(folder.error())); }
    if (auto made = folder->make_and_lock(); !made) { return made; }
    Status done = fill(folder->unfinished());
    if (done) { return folder->finish(); }
    (void)folder->clear();  // the disk may be full
    return done;
  }

  Status fill(const std::filesystem::path& folder) {
    std::uint32_t epoch = 0;
    for (const auto& segment : *source_.segments) {
      if (segment->number() > last_->number()) { break; }
      if (auto done = copy(*segment, folder / segment_file_name(segment->number()), epoch); !done) { return done; }
    }
    if (auto put = put_checkpoints(files_, folder, source_.checkpoints); !put) { return put; }
    auto superblocks = SuperblockStore::create(files_, folder, closed_at_end(source_, environment_, epoch));
    if (!superblocks) { return std::unexpected(std::move(superblocks.error())); }
    if (auto done = OriginFile::copy(files_, source_.folder, folder, source_.end.position); !done) { return done; }
    if (auto synced = files_.sync_folder(folder); !synced) { return synced; }
    copy_index_files(source_, folder, environment_, copier_);
    return verify(folder);
  }

  Status copy(const Segment& segment, const std::filesystem::path& to, std::uint32_t& epoch) {
    if (&segment != last_) { return copier_.copy_sealed(segment, to); }
    auto tail = copier_.copy_tail(segment, source_.end.offset - segment.base(), to);
    if (!tail) { return std::unexpected(std::move(tail.error())); }
    epoch = tail->epoch;
    return {};
  }

  // --- on top of an earlier one ---

  // All that is new lies ready under temporary names before the first gets its own. Then the names come from front to
  // back, each durable before the next: at any moment the folder holds a log that goes on without a hole, and the
  // earlier superblocks are right about what they say of it. The new ones come last.
  Status add() {
    auto lock = files_.lock(into_ / kLockName);
    if (!lock) { return std::unexpected(std::move(lock.error())); }
    auto earlier = EarlierBackup::look(files_, into_, source_, *last_);
    if (!earlier) { return std::unexpected(std::move(earlier.error())); }
    std::uint32_t epoch = earlier->superblock().epoch;
    std::vector<const Segment*> fresh;
    Status done = prepare(*earlier, fresh, epoch);
    if (done) { done = (*lock)->check(); }
    for (auto next = fresh.begin(); done && next != fresh.end(); ++next) {
      if (options_.sealed == SealedSegments::kLinked && *next != last_) { done = put_blank_after(**next, *earlier); }
      if (done) { done = give_name(temporary(into_ / segment_file_name((*next)->number())), **next); }
    }
    if (done) { done = put_checkpoints(files_, into_, source_.checkpoints); }
    if (done) {
      Superblock superblock = closed_at_end(source_, environment_, epoch);
      superblock.generation = std::max(superblock.generation, earlier->superblock().generation) + 1;
      auto superblocks = SuperblockStore::create(files_, into_, superblock);
      if (!superblocks) { done = std::unexpected(std::move(superblocks.error())); }
    }
    if (!done) {
      for (const Segment* segment : fresh) {
        (void)files_.unlink(temporary(into_ / segment_file_name(segment->number())));
      }
      return done;
    }
    for (const auto& path : earlier->useless()) { (void)files_.unlink(path); }
    copy_index_files(source_, into_, environment_, copier_);
    return verify(into_);
  }

  Status prepare(const EarlierBackup& earlier, std::vector<const Segment*>& fresh, std::uint32_t& epoch) {
    for (const auto& segment : *source_.segments) {
      if (segment->number() > last_->number()) { break; }
      if (earlier.has(segment->number())) {
        ++report_.segments_kept;
        copier_.pass(std::min(segment->size(), source_.end.offset - segment->base()));
        continue;
      }
      const auto to = temporary(into_ / segment_file_name(segment->number()));
      if (auto gone = files_.unlink(to); !gone && gone.error().code() != ErrorCode::kNotFound) { return gone; }
      fresh.push_back(segment.get());
      // Before a name changes: what is damaged must not take the place of an earlier backup that is not.
      if (options_.verify && segment.get() != last_) {
        if (auto whole = SegmentCopier::check_sealed(*segment); !whole) { return whole; }
      }
      std::uint32_t found = 0;
      if (auto done = copy(*segment, to, found); !done) { return done; }
      epoch = std::max(epoch, found);
    }
    return {};
  }

  Status give_name(const std::filesystem::path& from, const Segment& segment) {
    if (auto named = files_.rename(from, into_ / segment_file_name(segment.number())); !named) { return named; }
    return files_.sync_folder(into_);
  }

  // Were a linked segment ever the last one in the folder, whoever opened it for writing would go on in it, and take
  // its footer away from the store itself. So an empty one stands behind it first.
  Status put_blank_after(const Segment& segment, const EarlierBackup& earlier) {
    const Segment& next = *(*source_.segments)[segment.number().value()];
    if (earlier.begins(next.number())) { return {}; }
    const auto blank = into_ / (segment_file_name(next.number()) + ".blank" + std::string(kTemporarySuffix));
    if (auto gone = files_.unlink(blank); !gone && gone.error().code() != ErrorCode::kNotFound) { return gone; }
    Status done = copier_.make_blank(next, blank);
    if (done) { done = give_name(blank, next); }
    if (!done) { (void)files_.unlink(blank); }
    return done;
  }

  static std::filesystem::path temporary(const std::filesystem::path& path) {
    return path.string() + std::string(kTemporarySuffix);
  }

  // --- both ---

  Status verify(const std::filesystem::path& folder) {
    if (!options_.verify) { return {}; }
    const std::uint64_t copied = bytes_of(source_);
    return verify_copy(source_, folder, environment_, [&](std::uint64_t done, std::uint64_t all) {
      if (progress_) { progress_(copied + std::min(done, copied), copied + std::max(std::min(all, copied), done)); }
    });
  }

  const LogSource& source_;
  const std::filesystem::path into_;
  const BackupOptions& options_;
  const Environment environment_;
  platform::FileSystem& files_;
  const CopyProgress& progress_;
  SegmentCopier copier_;
  const Segment* last_ = nullptr;
  BackupReport report_;
};

}  // namespace

Result<BackupReport> back_up(const LogSource& source, const std::filesystem::path& into, const BackupOptions& options,
                             Environment environment, const CopyProgress& progress) {
  return Backup(source, with_name(into), options, environment, progress).run();
}

}  // namespace tidemark::engine
