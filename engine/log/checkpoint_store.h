// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "engine/format/checkpoint_file.h"
#include "platform/file_system.h"
#include "tidemark/checkpoint.hpp"
#include "tidemark/error.hpp"

namespace tidemark::engine {

// kInvalidArgument, kLimitExceeded.
[[nodiscard]] Status check_checkpoint_name(std::string_view name);

// One stored checkpoint in the hands of its consumer, who alone changes it. It lies in a file of its own, so that it is
// no part of the log and a process that only reads the log can have one. Belongs to one thread at a time.
//
// A commit overwrites the older of two slots in place and syncs it: a crash, or an error, leaves the one before.
class CheckpointFile {
 public:
  // Takes the consumer's lock and loads what is stored. kLocked names who has it; kInvalidArgument, kLimitExceeded: a
  // name that cannot be; kDamaged: both slots are unreadable; kUnsupportedFormat, kIo, …
  [[nodiscard]] static Result<std::unique_ptr<CheckpointFile>> open(platform::FileSystem& files,
                                                                    const std::filesystem::path& folder,
                                                                    std::string_view name);

  // What was committed last; nothing if nothing was.
  [[nodiscard]] const std::optional<StoredCheckpoint>& stored() const { return stored_; }
  // On stable storage when this succeeds. After an error the one before holds, or perhaps this one; commit again.
  // `behind`: see StoredCheckpoint, as is nothing for a checkpoint.
  [[nodiscard]] Status commit(const std::optional<Checkpoint>& checkpoint, const std::optional<Checkpoint>& behind);
  // A commit failed, and nobody knows what of it would be found.
  [[nodiscard]] bool is_doubtful() const { return is_doubtful_; }
  // kLocked: the lock's file was removed or replaced, and the name is not this consumer's alone any more.
  [[nodiscard]] Status check_lock() const { return lock_->check(); }

  // The first event of the batch in the log that stored one last, asked for once nobody can store another one.
  using Behind = std::function<Result<std::optional<Checkpoint>>()>;
  // Whether anything was stored by this name, in the file or by that batch. kLocked if a consumer has it.
  [[nodiscard]] static Result<bool> forget(platform::FileSystem& files, const std::filesystem::path& folder,
                                           std::string_view name, const Behind& behind);

 private:
  CheckpointFile(platform::FileSystem& files, std::filesystem::path folder, std::string name,
                 std::unique_ptr<platform::FileLock> lock);
  [[nodiscard]] Status load();
  [[nodiscard]] Result<bool> unlink();
  [[nodiscard]] Status settle();
  [[nodiscard]] Status write_slot(unsigned slot, const StoredCheckpoint& stored);

  platform::FileSystem& files_;
  const std::filesystem::path folder_;
  const std::string name_;
  const std::unique_ptr<platform::FileLock> lock_;
  std::unique_ptr<platform::File> file_;  // none before the first commit
  std::optional<StoredCheckpoint> stored_;
  unsigned next_slot_ = 0;
  bool is_settled_ = false;   // what is stored is on stable storage, under its name
  bool is_doubtful_ = false;  // a commit failed
};

// What is stored by this name, without its lock; nothing if nothing is. kDamaged, kIo, …
[[nodiscard]] Result<std::optional<StoredCheckpoint>> read_checkpoint(platform::FileSystem& files,
                                                                      const std::filesystem::path& folder,
                                                                      std::string_view name);
// All that are stored in a folder, forgotten ones too, in the order of their names. One that cannot be read is left
// out.
[[nodiscard]] Result<std::vector<StoredCheckpoint>> list_checkpoints(platform::FileSystem& files,
                                                                     const std::filesystem::path& folder);
// The files themselves, to be put beside a copy of the log. Taken before the end of that copy is decided on, so that
// no checkpoint lies behind it.
struct CheckpointBytes {
  std::string file_name;
  std::vector<std::byte> bytes;
};
[[nodiscard]] Result<std::vector<CheckpointBytes>> take_checkpoints(platform::FileSystem& files,
                                                                    const std::filesystem::path& folder);
// Durable when this succeeds; those of the same names that are there are replaced.
[[nodiscard]] Status put_checkpoints(platform::FileSystem& files, const std::filesystem::path& folder,
                                     const std::vector<CheckpointBytes>& checkpoints);

}  // namespace tidemark::engine
