// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>

#include "engine/format/superblock.h"
#include "platform/file_system.h"
#include "tidemark/error.hpp"

namespace tidemark::engine {

// What the two superblock files of a folder hold.
struct LoadedSuperblocks {
  Superblock newest;  // without a write limit if it stands alone: the other may have had a higher one
  unsigned slot = 0;  // which of the two files holds it
  bool lost = false;  // the other one is missing or unreadable
};

// Nothing if the folder has neither file. kUnsupportedFormat, kDamaged (no readable one), kIo and kOutOfMemory
// (likewise, but because the system did not give it).
[[nodiscard]] Result<std::optional<LoadedSuperblocks>> load_superblocks(platform::FileSystem& files,
                                                                        const std::filesystem::path& folder);

// The two superblock files, written in turn: each write overwrites the older one in place and syncs it, so that a crash
// in the middle leaves the other. Safe from many threads.
class SuperblockStore {
 public:
  // Makes both files in a folder that has none. A crash leaves no superblock, one, or both, each whole.
  [[nodiscard]] static Result<std::unique_ptr<SuperblockStore>> create(platform::FileSystem& files,
                                                                       const std::filesystem::path& folder,
                                                                       const Superblock& first);
  // Goes on with files that were loaded; makes a lost one again.
  [[nodiscard]] static Result<std::unique_ptr<SuperblockStore>> open(platform::FileSystem& files,
                                                                     const std::filesystem::path& folder,
                                                                     const LoadedSuperblocks& loaded);

  // Changes the current superblock, writes it as the next generation and syncs it. durable_end and highest_segment
  // never go back, whatever change says. After an error the current superblock is unchanged, the file is not to be
  // trusted.
  [[nodiscard]] Status write(const std::function<void(Superblock&)>& change);
  [[nodiscard]] Superblock current() const;
  // From now on nothing is written once this lock has lost its file. The lock must live as long as this.
  void guard_with(platform::FileLock& lock) { lock_ = &lock; }
  // kLocked if the store's lock has lost its file.
  [[nodiscard]] Status check_lock() const { return lock_ == nullptr ? Status() : lock_->check(); }

 private:
  using SlotFiles = std::array<std::unique_ptr<platform::File>, 2>;
  SuperblockStore(SlotFiles files, const Superblock& current, unsigned slot);

  mutable std::mutex mutex_;
  SlotFiles files_;
  Superblock current_;
  unsigned slot_;  // that holds current_
  platform::FileLock* lock_ = nullptr;
};

}  // namespace tidemark::engine
