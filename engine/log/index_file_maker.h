// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <memory>
#include <vector>

#include "engine/format/layout.h"
#include "engine/log/index_note.h"
#include "index/run.h"
#include "index/run_source.h"
#include "platform/file_system.h"
#include "tidemark/error.hpp"

namespace tidemark::engine {

// Makes and removes index files. A file is written under a temporary name, synced, mapped, renamed; a crash leaves a
// temporary file or a whole run. The folder is not synced then: should a crash take the name, the log still has all
// that the file said, and opening reads that part of it again.
class IndexFileMaker {
 public:
  IndexFileMaker(platform::FileSystem& files, std::filesystem::path folder, const FileId& log_id)
      : files_(files), folder_(std::move(folder)), log_id_(log_id) {}

  // From now on no file gets its name or is removed once this lock has lost its own: another writer's may stand there.
  // The lock must live as long as this.
  void guard_with(platform::FileLock& lock) { lock_ = &lock; }

  // The run that the source gives, as a file. kNoSpace, kIo, kOutOfMemory, kLocked, what the source says; what was
  // begun is removed again.
  [[nodiscard]] Result<std::shared_ptr<const index::Run>> make(index::RunSource& source, const IndexNote& note) const;
  // The same in memory alone; its path is empty. kOutOfMemory, what the source says.
  [[nodiscard]] Result<std::shared_ptr<const index::Run>> build(index::RunSource& source, const IndexNote& note) const;
  // Removes files whose content other ones hold by now, and takes from the list what is gone. First the folder is
  // synced: a power loss must not keep the removal and lose the name of what they have become.
  [[nodiscard]] Status remove(std::vector<std::filesystem::path>& paths) const;

 private:
  [[nodiscard]] Status check_lock() const { return lock_ == nullptr ? Status() : lock_->check(); }
  [[nodiscard]] Result<std::shared_ptr<const index::Run>> write(index::RunSource& source, const IndexNote& note,
                                                                const std::filesystem::path& temporary,
                                                                const std::filesystem::path& path) const;

  platform::FileSystem& files_;
  const std::filesystem::path folder_;
  const FileId log_id_;
  platform::FileLock* lock_ = nullptr;
};

}  // namespace tidemark::engine
