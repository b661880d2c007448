// SPDX-License-Identifier: Apache-2.0
// How an open store gives what copies of it are made of.
#include "engine/store/copies.h"

#include <new>
#include <string>
#include <utility>

#include "engine/copy/backup.h"
#include "engine/copy/fork.h"
#include "engine/log/frame_reader.h"
#include "engine/store/store_core.h"

namespace tidemark::engine {

Lineage StoreCore::lineage() const { return Lineage(superblocks_ ? superblocks_->current() : superblock_); }

Result<std::optional<Position>> StoreCore::original_position(Position position) const {
  try {
    if (auto open = check_open(); !open) { return std::unexpected(std::move(open.error())); }
    if (position >= visible_end({.visibility = Visibility::kWritten})) { return std::nullopt; }
    return origin_->original(position);
  } catch (const std::bad_alloc&) { return std::unexpected(Error(ErrorCode::kOutOfMemory, "out of memory")); }
}

LogSource StoreCore::log_source() const {
  LogSource source;
  source.folder = folder_;
  // The end first: the list that is taken after it has all segments up to there.
  source.end = committer_ ? committer_->marks().durable : shown();
  source.superblock = superblocks_ ? superblocks_->current() : superblock_;
  source.segments = segments_.snapshot();
  return source;
}

// An end that nobody has decided on may hold what was acknowledged: a copy of all must not look as if it had all.
Status StoreCore::check_end() const {
  if (salvaged_) {
    return std::unexpected(
        Error(ErrorCode::kInvalidArgument, "what was salvaged is copied by `tidemark repair`").with_path(folder_));
  }
  if (auto damage = this->damage()) { return std::unexpected(std::move(*damage)); }
  const bool is_decided = committer_ || report_.kind != RecoveryKind::kSuspect ||
                          (follower_ && follower_->epoch() > report_.epoch);  // by a writer that came since
  if (is_decided) { return {}; }
  return std::unexpected(Error(ErrorCode::kSuspectTail,
                               "the log's end is neither whole nor plainly torn, and a copy would leave it out: decide "
                               "on it first (`tidemark recover`)")
                             .with_path(folder_));
}

Result<BackupReport> StoreCore::backup(const std::filesystem::path& into, const BackupOptions& options,
                                       const CopyProgress& progress) const {
  try {
    if (auto open = check_open(); !open) { return std::unexpected(std::move(open.error())); }
    if (auto whole = check_end(); !whole) { return std::unexpected(std::move(whole.error())); }
    auto checkpoints = take_checkpoints(environment_.files, folder_);
    if (!checkpoints) { return std::unexpected(checkpoints.error()); }
    LogSource source = log_source();
    source.checkpoints = std::move(*checkpoints);
    return back_up(source, into, options, environment_, progress);
  } catch (const std::bad_alloc&) { return std::unexpected(Error(ErrorCode::kOutOfMemory, "out of memory")); }
}

Result<LogPoint> StoreCore::edge_after(Position position) const {
  if (auto open = check_open(); !open) { return std::unexpected(std::move(open.error())); }
  const Position end = visible_end({.visibility = Visibility::kDurable});
  if (position >= end) {
    if (auto damage = this->damage()) { return std::unexpected(std::move(*damage)); }
    return std::unexpected(
        Error(ErrorCode::kInvalidArgument,
              "there is no event at position " + std::to_string(position.value()) + ": the store " +
                  (end == Position(0) ? "is empty" : "ends with position " + std::to_string(end.value() - 1)))
            .with_path(folder_));
  }
  const auto place = catalog_.view()->place(position);
  if (!place) { return std::unexpected(place.error()); }
  const auto segments = segments_.snapshot();
  FrameReader reader(Access::kCopied);
  auto found = reader.read(segments, *place, position);
  if (!found) { return std::unexpected(std::move(found.error())); }
  const FrameHeader& frame = *found->frame;
  const std::uint64_t last = frame.first_position + frame.event_count - 1;
  if (position != Position(last)) {
    const std::uint64_t before = frame.first_position;
    return std::unexpected(Error(ErrorCode::kInvalidArgument,
                                 "position " + std::to_string(position.value()) + " stands within the batch of the " +
                                     "positions " + std::to_string(before) + " to " + std::to_string(last) +
                                     ", and a batch is whole or not there: name " +
                                     (before == 0 ? std::string() : std::to_string(before - 1) + " or ") +
                                     std::to_string(last))
                               .with_path(folder_));
  }
  const Segment& segment = *find_segment(*segments, Offset(place->frame));
  const std::uint64_t offset = Offset(place->frame) - segment.base();
  const std::uint64_t frame_ends = frame_end(offset, frame.table_bytes, frame.body_bytes);
  return LogPoint{Offset(segment.base().value() + frame_ends), position.next()};
}

Result<ForkReport> fork_store(const std::filesystem::path& folder, const std::filesystem::path& into,
                              const ForkOptions& options, Environment environment, const CopyProgress& progress) {
  try {
    auto core = open_store(
        folder, {.read_only = true, .create = false, .allow_unsafe_file_system = options.allow_unsafe_file_system},
        environment);
    if (!core) { return std::unexpected(std::move(core.error())); }
    std::optional<LogPoint> end;
    if (options.at) {
      auto edge = (*core)->edge_after(*options.at);
      if (!edge) { return std::unexpected(std::move(edge.error())); }
      end = *edge;
    } else if (auto whole = (*core)->check_end(); !whole) {
      return std::unexpected(std::move(whole.error()));
    }
    // After the look at the end, which may have added segments.
    LogSource source = (*core)->log_source();
    source.end = end.value_or(source.end);
    return fork_log(source, into, options, environment, progress);
  } catch (const std::bad_alloc&) { return std::unexpected(Error(ErrorCode::kOutOfMemory, "out of memory")); }
}

}  // namespace tidemark::engine
