// SPDX-License-Identifier: Apache-2.0
// How an open store gives what copies of it are made of.
#include <new>
#include <utility>

#include "engine/copy/backup.h"
#include "engine/store/store_core.h"

namespace tidemark::engine {

LogSource StoreCore::log_source() const {
  LogSource source;
  source.folder = folder_;
  // The end first: the list that is taken after it has all segments up to there.
  source.end = committer_ ? committer_->marks().durable : end_;
  source.superblock = superblocks_ ? superblocks_->current() : superblock_;
  source.segments = segments_.snapshot();
  return source;
}

Result<BackupReport> StoreCore::backup(const std::filesystem::path& into, const BackupOptions& options,
                                       const CopyProgress& progress) const {
  try {
    if (auto open = check_open(); !open) { return std::unexpected(std::move(open.error())); }
    if (salvaged_) {
      return std::unexpected(Error(ErrorCode::kInvalidArgument,
                                   "what was salvaged is not copied by a backup: copy it by `tidemark repair`")
                                 .with_path(folder_));
    }
    // An end that nobody has decided on may hold what was acknowledged: a backup must not look as if it had all.
    if (damage_) { return std::unexpected(*damage_); }
    if (!committer_ && report_.kind == RecoveryKind::kSuspect) {
      return std::unexpected(Error(ErrorCode::kSuspectTail,
                                   "the log's end is neither whole nor plainly torn, and a backup would leave it out: "
                                   "decide on it first (`tidemark recover`)")
                                 .with_path(folder_));
    }
    return back_up(log_source(), into, options, environment_, progress);
  } catch (const std::bad_alloc&) { return std::unexpected(Error(ErrorCode::kOutOfMemory, "out of memory")); }
}

}  // namespace tidemark::engine
