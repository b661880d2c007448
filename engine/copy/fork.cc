// SPDX-License-Identifier: Apache-2.0
#include "engine/copy/fork.h"

#include <algorithm>
#include <memory>
#include <optional>
#include <utility>

#include "engine/copy/new_folder.h"
#include "engine/copy/new_log.h"
#include "engine/copy/segment_copier.h"
#include "engine/format/lineage.h"
#include "engine/log/index_note.h"
#include "engine/log/origin_file.h"
#include "engine/log/superblock_store.h"
#include "index/run.h"
#include "platform/uuid.h"

namespace tidemark::engine {

namespace {

class Fork {
 public:
  Fork(const LogSource& source, const ForkOptions& options, Environment environment, const CopyProgress& progress)
      : source_(source),
        options_(options),
        environment_(environment),
        progress_(progress),
        copier_(environment.files, options.sealed, progress, bytes() * (options.verify ? 2 : 1)) {}

  Result<ForkReport> run(const std::filesystem::path& into) {
    auto last = last_segment_of(source_);
    if (!last) { return std::unexpected(std::move(last.error())); }
    const Segment& own = **last;
    const Lineage theirs(source_.superblock);
    auto lineage = theirs.fork_at(own.base(), platform::random_uuid(environment_.machine));
    if (!lineage) {
      return std::unexpected(Error(ErrorCode::kLimitExceeded,
                                   "the store is a fork of a fork and so on, 13 deep, and cannot be forked again: "
                                   "extract its events into a new store (`tidemark extract`)")
                                 .with_path(source_.folder));
    }
    auto folder = NewFolder::prepare(environment_.files, source_.folder, into, "a fork");
    if (!folder) { return std::unexpected(std::move(folder.error())); }
    if (auto made = folder->make_and_lock(); !made) { return std::unexpected(std::move(made.error())); }
    Status done = fill(folder->unfinished(), own, *lineage);
    if (!done) {
      (void)folder->clear();  // the disk may be full
      return std::unexpected(std::move(done.error()));
    }
    if (auto named = folder->finish(); !named) { return std::unexpected(std::move(named.error())); }
    return ForkReport{.events = source_.end.position.value(),
                      .segments_copied = copier_.segments_copied(),
                      .segments_linked = copier_.segments_linked(),
                      .bytes_copied = copier_.bytes_copied(),
                      .log_id = lineage->own(),
                      .parent_log_id = theirs.own()};
  }

 private:
  [[nodiscard]] std::uint64_t bytes() const { return source_.end.offset.value(); }

  Status fill(const std::filesystem::path& folder, const Segment& own, const Lineage& lineage) {
    for (const auto& segment : *source_.segments) {
      if (segment->number() >= own.number()) { break; }
      auto done = copier_.copy_sealed(*segment, folder / segment_file_name(segment->number()));
      if (!done) { return done; }
    }
    auto tail = copier_.copy_tail(own, source_.end.offset - own.base(), folder / segment_file_name(own.number()),
                                  lineage.own());
    if (!tail) { return std::unexpected(std::move(tail.error())); }
    Superblock superblock = closed_at_end(source_, environment_, tail->epoch);
    superblock.store_id = platform::random_uuid(environment_.machine);
    superblock.generation = 1;
    superblock.recovery = {};
    lineage.put_into(superblock);
    auto superblocks = SuperblockStore::create(environment_.files, folder, superblock);
    if (!superblocks) { return std::unexpected(std::move(superblocks.error())); }
    if (auto done = OriginFile::copy(environment_.files, source_.folder, folder, source_.end.position); !done) {
      return done;
    }
    if (auto synced = environment_.files.sync_folder(folder); !synced) { return synced; }
    // Those that end in what both logs share.
    copy_index_files(source_, folder, environment_, copier_,
                     [&](const std::filesystem::path& path) { return is_shared(path, lineage, own.base()); });
    if (!options_.verify) { return {}; }
    return verify_copy(source_, folder, environment_, [&](std::uint64_t done, std::uint64_t all) {
      if (progress_) { progress_(bytes() + std::min(done, bytes()), bytes() + std::max(std::min(all, bytes()), done)); }
    });
  }

  bool is_shared(const std::filesystem::path& path, const Lineage& lineage, Offset own_from) const {
    auto file = environment_.files.open(path, platform::OpenMode::kRead);
    if (!file) { return false; }
    const auto run = index::Run::open(**file, path);
    if (!run) { return false; }
    const auto note = decode_index_note((*run)->note());
    return note && note->at_end.point.offset < own_from && lineage.shares((*run)->log_id(), note->at_end.point.offset);
  }

  const LogSource& source_;
  const ForkOptions& options_;
  const Environment environment_;
  const CopyProgress& progress_;
  SegmentCopier copier_;
};

}  // namespace

Result<ForkReport> fork_log(const LogSource& source, const std::filesystem::path& into, const ForkOptions& options,
                            Environment environment, const CopyProgress& progress) {
  return Fork(source, options, environment, progress).run(into);
}

}  // namespace tidemark::engine
