// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string_view>
#include <vector>

#include "engine/format/snapshot_file.h"
#include "platform/file_system.h"
#include "tidemark/error.hpp"
#include "tidemark/snapshot.hpp"

namespace tidemark::engine {

// The files of snapshots: one a stream, in a folder of their own within the store's, with the last few of that stream.
//
// They are derived from the log and may be lost, so that nothing here is synced. A file is made whole under a temporary
// name and then renamed: readers see the old one or the new one. A crash may leave either, or a new one of which part
// is missing, or zeros, or another file's old bytes: the directory's checksum and each state's tell, and what they do
// not vouch for counts as not there. What a snapshot says of the log is for the caller to hold against the log.
//
// Any number of threads. Writers of one file take turns by a lock that is held across I/O.
class SnapshotFiles {
 public:
  SnapshotFiles(platform::FileSystem& files, const std::filesystem::path& store_folder)
      : files_(files), folder_(store_folder / kSnapshotFolderName) {}

  // The snapshots of one stream, in a file that stays open: as they were then, whatever is saved meanwhile.
  class Found {
   public:
    [[nodiscard]] const SnapshotDirectory& directory() const { return directory_; }
    // Nothing if the file does not give it, or not as it was written. kOutOfMemory.
    [[nodiscard]] Result<std::optional<std::vector<std::byte>>> state(const SnapshotEntry& entry) const;

   private:
    friend class SnapshotFiles;
    std::unique_ptr<platform::File> file_;
    SnapshotDirectory directory_;
  };
  // Nothing if there is no whole directory of this log and stream. kOutOfMemory.
  [[nodiscard]] Result<std::optional<Found>> find(const FileId& log_id, std::string_view stream) const;

  // Adds a snapshot. Of those there are, the ones with its schema stay that have the highest versions, keep with this
  // one; without one of its own version, and without those above it of which is_true says no. kNoSpace, kIo,
  // kOutOfMemory: then all is as it was.
  struct Saving {
    const FileId& log_id;
    std::string_view stream;
    SnapshotEntry entry;  // all but what follows from the state
    Bytes state;
    std::uint32_t keep;
    const std::function<Result<bool>(const SnapshotEntry&)>& is_true;
  };
  [[nodiscard]] Status save(Saving saving);

  [[nodiscard]] Result<PruneSnapshotsReport> prune(const FileId& log_id, const PruneSnapshotsOptions& options,
                                                   RecordedTime now);

 private:
  // A file's content on its way into another.
  struct Content {
    SnapshotDirectory directory;
    std::vector<std::vector<std::byte>> states;
  };

  [[nodiscard]] std::mutex& lock_of(const platform::Hash128& hash) const { return locks_[hash.low % locks_.size()]; }
  struct Looked {
    std::optional<Found> found = {};  // none: it is not there, or not whole
    bool is_other_version = false;    // a newer program's, that it still has use for
  };
  [[nodiscard]] Result<Looked> look_at(const std::filesystem::path& path) const;
  [[nodiscard]] static Result<Content> take_over(const Found& from, const std::vector<bool>& which);
  [[nodiscard]] Status write(const SnapshotPlace& place, const Content& content, Bytes last_state);
  [[nodiscard]] Status prune_file(const std::filesystem::path& folder, const platform::DirectoryEntry& file,
                                  const FileId& log_id, const PruneSnapshotsOptions& options, RecordedTime now,
                                  PruneSnapshotsReport& report);

  platform::FileSystem& files_;
  const std::filesystem::path folder_;
  mutable std::array<std::mutex, 64> locks_;
};

}  // namespace tidemark::engine
