// SPDX-License-Identifier: Apache-2.0
// Snapshots of streams: what their files say is held against the log here.
#include <algorithm>
#include <functional>
#include <new>
#include <string>
#include <utility>
#include <vector>

#include "engine/format/names.h"
#include "engine/store/store_core.h"
#include "tidemark/limits.hpp"

namespace tidemark::engine {

namespace {

Status check_schema(std::string_view schema) {
  return schema.empty() ? Status() : check_name("the schema", schema, limits::kSnapshotSchemaBytesMax);
}

Status check_snapshot(std::string_view stream, Bytes state, const SaveSnapshotOptions& options) {
  if (auto good = check_name("the stream", stream, limits::kStreamNameBytesMax); !good) { return good; }
  if (auto good = check_schema(options.schema); !good) { return good; }
  if (options.keep == 0) {
    return std::unexpected(Error(ErrorCode::kInvalidArgument, "at least one snapshot is kept: the one that is saved"));
  }
  if (options.keep > limits::kSnapshotsPerStreamMax) {
    return std::unexpected(
        Error(ErrorCode::kLimitExceeded,
              "at most " + std::to_string(limits::kSnapshotsPerStreamMax) + " snapshots of a stream are kept"));
  }
  if (state.size() > limits::kSnapshotBytesMax) {
    return std::unexpected(Error(ErrorCode::kLimitExceeded, "the state has " + std::to_string(state.size()) +
                                                                " bytes; at most " +
                                                                std::to_string(limits::kSnapshotBytesMax) + " go"));
  }
  return {};
}

}  // namespace

FileId StoreCore::log_id() const { return superblocks_ ? superblocks_->current().log_id : superblock_.log_id; }

// The event that a snapshot of this version rests on, as an entry has it; nothing if the stream has none.
Result<std::optional<SnapshotEntry>> StoreCore::event_at(std::string_view stream, Version version) const {
  // A copied event can be looked at without fear of a signal.
  Cursor cursor =
      read(Query::stream(stream),
           {.from_version = version, .limit = 1, .visibility = Visibility::kWritten, .access = Access::kCopied});
  const Event* const event = cursor.next();
  if (event == nullptr) {
    if (auto read = cursor.status(); !read) { return std::unexpected(std::move(read.error())); }
    return std::nullopt;
  }
  SnapshotEntry entry;
  entry.version = version;
  entry.position = event->position();
  entry.recorded = event->recorded();
  entry.event_id = event->id();
  return entry;
}

// The id alone would not do: whoever gives ids may have given this one again after other events than before. No two
// events have the id, the place and the time.
Result<bool> StoreCore::is_of_this_log(std::string_view stream, const SnapshotEntry& snapshot) const {
  const auto event = event_at(stream, snapshot.version);
  if (!event) { return std::unexpected(event.error()); }
  return event->has_value() && (*event)->event_id == snapshot.event_id && (*event)->position == snapshot.position &&
         (*event)->recorded == snapshot.recorded;
}

Status StoreCore::save_snapshot(std::string_view stream, Version version, Bytes state,
                                const SaveSnapshotOptions& options) {
  try {
    if (auto open = check_open(); !open) { return open; }
    if (!committer_) {
      return std::unexpected(
          Error(ErrorCode::kReadOnly, "the store was opened read-only: open it for writing to save snapshots")
              .with_path(folder_));
    }
    if (auto good = check_snapshot(stream, state, options); !good) { return good; }
    auto entry = event_at(stream, version);
    if (!entry) { return std::unexpected(std::move(entry.error())); }
    if (!*entry) {
      return std::unexpected(
          Error(ErrorCode::kInvalidArgument,
                "stream \"" + std::string(stream) + "\" has no event of version " + std::to_string(version.value())));
    }
    // What a crash could take away must not come back as a state.
    if (auto stands = committer_->reach((*entry)->position.next(), Level::kDurable, options.stop); !stands) {
      return stands;
    }
    (*entry)->schema = options.schema;
    (*entry)->taken = environment_.clock.now();
    const FileId log = log_id();
    const std::function<Result<bool>(const SnapshotEntry&)> is_true = [&](const SnapshotEntry& other) {
      return is_of_this_log(stream, other);
    };
    return snapshots_.save({.log_id = log,
                            .stream = stream,
                            .entry = std::move(**entry),
                            .state = state,
                            .keep = options.keep,
                            .is_true = is_true});
  } catch (const std::bad_alloc&) { return std::unexpected(Error(ErrorCode::kOutOfMemory, "out of memory")); }
}

Result<std::optional<Snapshot>> StoreCore::snapshot(std::string_view stream, const FindSnapshotOptions& options) const {
  try {
    if (auto open = check_open(); !open) { return std::unexpected(std::move(open.error())); }
    if (auto good = check_name("the stream", stream, limits::kStreamNameBytesMax); !good) {
      return std::unexpected(std::move(good.error()));
    }
    if (auto good = check_schema(options.schema); !good) { return std::unexpected(std::move(good.error())); }
    const auto found = snapshots_.find(log_id(), stream);
    if (!found) { return std::unexpected(found.error()); }
    if (!*found) { return std::nullopt; }
    std::vector<const SnapshotEntry*> candidates;
    for (const SnapshotEntry& entry : (*found)->directory().entries) {
      if (entry.schema == options.schema && (!options.until || entry.version <= *options.until)) {
        candidates.push_back(&entry);
      }
    }
    std::ranges::sort(candidates, std::ranges::greater{}, [](const SnapshotEntry* entry) { return entry->version; });
    for (const SnapshotEntry* const entry : candidates) {
      const auto is_true = is_of_this_log(stream, *entry);
      if (!is_true) { return std::unexpected(is_true.error()); }
      if (!*is_true) { continue; }
      auto state = (*found)->state(*entry);
      if (!state) { return std::unexpected(std::move(state.error())); }
      if (*state) { return Snapshot{entry->version, std::move(**state), entry->taken}; }
    }
    return std::nullopt;
  } catch (const std::bad_alloc&) { return std::unexpected(Error(ErrorCode::kOutOfMemory, "out of memory")); }
}

Result<PruneSnapshotsReport> StoreCore::prune_snapshots(const PruneSnapshotsOptions& options) {
  try {
    if (auto open = check_open(); !open) { return std::unexpected(std::move(open.error())); }
    if (!committer_) {
      return std::unexpected(
          Error(ErrorCode::kReadOnly, "the store was opened read-only: open it for writing to prune snapshots")
              .with_path(folder_));
    }
    return snapshots_.prune(log_id(), options, environment_.clock.now());
  } catch (const std::bad_alloc&) { return std::unexpected(Error(ErrorCode::kOutOfMemory, "out of memory")); }
}

}  // namespace tidemark::engine
