// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <vector>

#include "engine/format/group_file.h"
#include "platform/file_system.h"
#include "tidemark/error.hpp"

namespace tidemark::engine {

// Where the progress of one partition is stored: three slots in the file that all partitions of the group share, and a
// file with what is parked, if anything is. Who holds the partition's lock alone writes; anybody may look.
//
// A write goes into a slot that is neither the newest nor the newest that is known to be on stable storage. So a
// process that is killed leaves its last write or the one before it, and a machine that loses power at least what was
// synced.
class PartitionFile {
 public:
  PartitionFile(platform::FileSystem& files, const std::filesystem::path& folder, std::shared_ptr<platform::File> state,
                const PartitionName& name)
      : files_(files), folder_(folder), state_(std::move(state)), name_(name) {}

  struct Loaded {
    std::optional<PartitionProgress> progress;  // none: nothing was written yet
    std::vector<ParkedEntry> parked;
    bool is_torn = false;  // a slot is not readable: left by a crash, or written at this moment
  };
  // kDamaged: no slot is readable, or what is parked is not; kUnsupportedFormat, kIo, …
  [[nodiscard]] Result<Loaded> load();

  // Writes what was loaded in its place once more. It may have been left by a process that was killed, or whose sync
  // failed: then it shows, and is on no disk, and is to be synced before another slot is written.
  [[nodiscard]] Status write_again();
  // Gives it the next generation. Not synced: the caller syncs the file for all partitions at once, and says so by one
  // of the two after it. After an error what was there before stands.
  [[nodiscard]] Status write(PartitionProgress progress);
  void synced() { synced_ = newest_; }
  // The newest may be on no disk, and never come there: it takes another write.
  void not_synced() { is_doubtful_ = true; }
  // Whether the newest is not on stable storage, as far as is known.
  [[nodiscard]] bool needs_sync() const { return is_doubtful_ || newest_ != synced_; }
  [[nodiscard]] bool needs_write() const { return is_doubtful_; }

  // Replaces all of them; on stable storage when it succeeds. After an error the ones there before stand, or these if
  // the list is in doubt.
  [[nodiscard]] Status write_parked(const std::vector<ParkedEntry>& parked);
  [[nodiscard]] bool is_parked_doubtful() const { return is_parked_doubtful_; }

 private:
  [[nodiscard]] Result<std::vector<ParkedEntry>> load_parked();
  [[nodiscard]] std::filesystem::path parked_path() const;
  [[nodiscard]] unsigned free_slot() const;

  platform::FileSystem& files_;
  const std::filesystem::path& folder_;
  const std::shared_ptr<platform::File> state_;
  const PartitionName name_;
  std::vector<std::byte> loaded_;  // the newest, as it stood
  std::uint64_t generation_ = 0;
  std::optional<unsigned> newest_;
  std::optional<unsigned> synced_;
  bool is_doubtful_ = false;
  bool is_parked_doubtful_ = false;
};

// The file of a group's progress. kDamaged: it is not there, though the group is.
[[nodiscard]] Result<std::unique_ptr<platform::File>> open_state(platform::FileSystem& files,
                                                                 const std::filesystem::path& folder,
                                                                 platform::OpenMode mode);
// kDamaged: the file of a group's progress is shorter than it was made.
[[nodiscard]] Status check_state_size(platform::File& state, std::uint32_t partitions,
                                      const std::filesystem::path& folder);

// Puts a file with these bytes in the place of the one of this name, or there if there is none; on stable storage, name
// and all, when it succeeds. After an error the one before stands, or this if `replaced` says so.
[[nodiscard]] Status replace_file(platform::FileSystem& files, const std::filesystem::path& path,
                                  std::span<const std::byte> bytes, bool* replaced = nullptr);
// All of a file; nothing if there is none. kDamaged if it has more bytes.
[[nodiscard]] Result<std::optional<std::vector<std::byte>>> read_file(platform::FileSystem& files,
                                                                      const std::filesystem::path& path,
                                                                      std::size_t bytes_max);

}  // namespace tidemark::engine
