// SPDX-License-Identifier: Apache-2.0
#include "engine/log/checkpoint_store.h"

#include <algorithm>
#include <array>
#include <iterator>
#include <set>
#include <string>
#include <utility>

#include "engine/format/group_file.h"
#include "engine/format/names.h"
#include "platform/io.h"
#include "tidemark/limits.hpp"

namespace tidemark::engine {

namespace {

struct LoadedSlots {
  std::optional<StoredCheckpoint> newest;
  unsigned slot = 0;           // that holds it
  bool is_unreadable = false;  // something stands there, and it is no checkpoint
};

Result<LoadedSlots> load_slots(platform::File& file) {
  LoadedSlots loaded;
  unsigned unreadable = 0;
  for (unsigned slot = 0; slot < 2; ++slot) {
    std::array<std::byte, kSectorBytes> sector{};
    auto read = platform::read_up_to(file, sector, slot * kCheckpointSlotBytes);
    if (!read) { return std::unexpected(std::move(read.error())); }
    StoredCheckpoint stored;
    switch (decode_checkpoint_slot(sector, stored)) {
      case BlockState::kGood:
        if (!loaded.newest || stored.generation > loaded.newest->generation) {
          loaded.newest = std::move(stored);
          loaded.slot = slot;
        }
        break;
      case BlockState::kNewerFormat:
        return std::unexpected(Error(ErrorCode::kUnsupportedFormat,
                                     "the checkpoint was written in a newer format than this library knows: use a "
                                     "newer version of Tidemark"));
      case BlockState::kBad:
        ++unreadable;
        break;
      case BlockState::kEmpty:
        break;
    }
  }
  // One alone is what a crash leaves of the first commit, which nobody was told of; but the whole file was there
  // before. One that is too short and holds nothing but zeros never came to be whole: the disk was full, or the power
  // went, in the middle of its making.
  const auto size = file.size();
  if (!size) { return std::unexpected(size.error()); }
  const bool is_cut = *size < kCheckpointSlotBytes + kSectorBytes;
  loaded.is_unreadable = !loaded.newest && (unreadable == 2 || (unreadable == 1 && is_cut));
  return loaded;
}

Error unreadable(std::string_view name, const std::filesystem::path& path) {
  return Error(ErrorCode::kDamaged, "both copies of the checkpoint \"" + std::string(name) +
                                        "\" are unreadable: remove the checkpoint (Store::remove_checkpoint, `tidemark "
                                        "checkpoints remove`) to begin anew, or put one in its place")
      .with_path(path);
}

bool is_checkpoint_file(const platform::DirectoryEntry& entry) {
  return !entry.is_folder && is_checkpoint_file_name(entry.name) && !entry.name.ends_with(".lock");
}

bool is_group_folder(const platform::DirectoryEntry& entry) {
  return entry.is_folder && is_group_folder_name(entry.name);
}

bool is_group_file(const platform::DirectoryEntry& entry) { return !entry.is_folder && is_group_file_name(entry.name); }

// Whether the definition among these files is the one that is there.
bool is_still(platform::FileSystem& files, const std::filesystem::path& folder,
              const std::vector<CheckpointBytes>& taken) {
  const auto definition = std::ranges::find_if(
      taken, [](const auto& one) { return one.file_name.ends_with("/" + std::string(kGroupDefinitionName)); });
  auto file = files.open(folder / definition->file_name, platform::OpenMode::kRead);
  if (!file) { return false; }
  std::vector<std::byte> bytes(definition->bytes.size());
  const auto read = platform::read_up_to(**file, bytes, 0);
  return read && *read == bytes.size() && bytes == definition->bytes;
}

// Nothing of it if it is removed at this moment. What is parked is read after the state, which says that it is done.
Status take_group(platform::FileSystem& files, const std::filesystem::path& folder, const std::string& name,
                  std::vector<CheckpointBytes>& all) {
  std::vector<CheckpointBytes> taken;
  const auto take = [&](std::string_view file_name) -> Result<bool> {
    auto file = files.open(folder / name / file_name, platform::OpenMode::kRead);
    if (!file && file.error().code() == ErrorCode::kNotFound) { return false; }
    if (!file) { return std::unexpected(std::move(file.error())); }
    const auto size = (*file)->size();
    if (!size) { return std::unexpected(size.error()); }
    CheckpointBytes one{name + "/" + std::string(file_name), std::vector<std::byte>(static_cast<std::size_t>(*size))};
    if (auto read = platform::read_up_to(**file, one.bytes, 0); !read) {
      return std::unexpected(std::move(read.error()));
    }
    taken.push_back(std::move(one));
    return true;
  };
  if (auto state = take(kGroupStateName); !state || !*state) {
    return state ? Status() : std::unexpected(std::move(state.error()));
  }
  // Listed behind the state: the first that a partition parks makes a file.
  const auto entries = files.list(folder / name);
  if (!entries) { return std::unexpected(entries.error()); }
  bool is_there = false;
  for (const auto& entry : *entries) {
    if (!is_group_file(entry) || entry.name == kGroupStateName) { continue; }
    const auto found = take(entry.name);
    if (!found) { return std::unexpected(found.error()); }
    if (!*found) { return {}; }
    is_there = is_there || entry.name == kGroupDefinitionName;
  }
  // One that was made anew under its name meanwhile is another one.
  if (!is_there || !is_still(files, folder, taken)) { return {}; }
  std::ranges::move(taken, std::back_inserter(all));
  return {};
}

// Puts the group there in place of the one of that name. All is written beside it first, so that a full disk leaves the
// one before; then what says that it is there goes first and comes last, so that it is never half of each.
Status put_group(platform::FileSystem& files, const std::filesystem::path& folder, const std::string& name,
                 const std::vector<CheckpointBytes>& all) {
  const auto at = folder / name;
  const auto with_suffix = [&](const std::string& file) {
    return folder / (file + std::string(kGroupTemporarySuffix));
  };
  if (auto made = files.make_inner_folder(at); !made) { return made; }
  std::vector<std::string> own;  // the definition last
  for (const auto& one : all) {
    if (!one.file_name.starts_with(name + "/")) { continue; }
    own.push_back(one.file_name);
    if (auto gone = files.unlink(with_suffix(own.back())); !gone && gone.error().code() != ErrorCode::kNotFound) {
      return gone;
    }
    auto file = files.open(with_suffix(own.back()), platform::OpenMode::kCreate);
    if (!file) { return std::unexpected(std::move(file.error())); }
    if (auto done = platform::write_all(**file, one.bytes, 0); !done) { return done; }
    if (auto done = (*file)->datasync(); !done) { return done; }
  }
  const std::string definition = name + "/" + std::string(kGroupDefinitionName);
  std::ranges::partition(own, [&](const auto& file) { return file != definition; });
  auto entries = files.list(at);
  if (!entries) { return std::unexpected(std::move(entries.error())); }
  std::ranges::partition(*entries, [](const auto& entry) { return entry.name == kGroupDefinitionName; });
  for (const auto& entry : *entries) {
    if (!is_group_file(entry)) { continue; }
    if (auto gone = files.unlink(at / entry.name); !gone) { return gone; }
    if (auto synced = files.sync_folder(at); !synced) { return synced; }
  }
  for (const std::string& file : own) {
    if (auto named = files.rename(with_suffix(file), folder / file); !named) { return named; }
    if (auto synced = files.sync_folder(at); !synced) { return synced; }
  }
  return {};
}

}  // namespace

Status check_checkpoint_name(std::string_view name) {
  return check_name("a checkpoint's name", name, limits::kCheckpointNameBytesMax);
}

CheckpointFile::CheckpointFile(platform::FileSystem& files, std::filesystem::path folder, std::string name,
                               std::unique_ptr<platform::FileLock> lock)
    : files_(files), folder_(std::move(folder)), name_(std::move(name)), lock_(std::move(lock)) {}

Result<std::unique_ptr<CheckpointFile>> CheckpointFile::open(platform::FileSystem& files,
                                                             const std::filesystem::path& folder,
                                                             std::string_view name) {
  if (auto good = check_checkpoint_name(name); !good) { return std::unexpected(std::move(good.error())); }
  auto lock = files.lock(folder / checkpoint_lock_name(name));
  if (!lock) { return std::unexpected(std::move(lock.error())); }
  std::unique_ptr<CheckpointFile> made(new CheckpointFile(files, folder, std::string(name), std::move(*lock)));
  if (auto done = made->load(); !done) { return std::unexpected(std::move(done.error())); }
  return made;
}

Status CheckpointFile::load() {
  const auto path = folder_ / checkpoint_file_name(name_);
  auto file = files_.open(path, platform::OpenMode::kReadWrite);
  if (!file && file.error().code() == ErrorCode::kNotFound) { return {}; }
  if (!file) { return std::unexpected(std::move(file.error())); }
  auto loaded = load_slots(**file);
  if (!loaded) { return std::unexpected(std::move(loaded.error()).with_path(path)); }
  if (loaded->is_unreadable) { return std::unexpected(unreadable(name_, path)); }
  if (loaded->newest && loaded->newest->name != name_) {
    return std::unexpected(Error(ErrorCode::kInvalidArgument, "another checkpoint's name has the same hash as \"" +
                                                                  name_ + "\": choose another name")
                               .with_path(path));
  }
  if (loaded->newest) {
    stored_ = std::move(loaded->newest);
    next_slot_ = 1 - loaded->slot;
  }
  file_ = std::move(*file);
  return {};
}

// What was found may have been left by a process that was killed before it had synced, or after a sync that failed:
// then it shows, and is on no disk. So it is written again before anything rests on it, the file's name included. A new
// file, or one in which nothing was committed, is full of zeros then.
Status CheckpointFile::settle() {
  const auto path = folder_ / checkpoint_file_name(name_);
  if (!file_) {
    auto file = files_.open(path, platform::OpenMode::kReadWrite);
    if (!file && file.error().code() == ErrorCode::kNotFound) { file = files_.open(path, platform::OpenMode::kCreate); }
    if (!file) { return std::unexpected(std::move(file.error())); }
    file_ = std::move(*file);
  }
  const std::vector<std::byte> zeros(2 * kCheckpointSlotBytes);
  Status done = stored_ ? write_slot(1 - next_slot_, *stored_) : platform::write_all(*file_, zeros, 0);
  if (done) { done = file_->datasync(); }
  if (done) { done = files_.sync_folder(folder_); }
  is_settled_ = done.has_value();
  return done;
}

Status CheckpointFile::write_slot(unsigned slot, const StoredCheckpoint& stored) {
  return platform::write_all(*file_, encode_checkpoint_slot(stored), slot * kCheckpointSlotBytes);
}

Status CheckpointFile::commit(const std::optional<Checkpoint>& checkpoint, const std::optional<Checkpoint>& behind) {
  if (auto ours = lock_->check(); !ours) { return ours; }
  if (!is_settled_) {
    if (auto settled = settle(); !settled) { return settled; }
  }
  const bool is_first = !stored_;
  StoredCheckpoint next{name_, is_first ? 0 : stored_->generation, checkpoint, behind};
  if (stored_ == next && !is_doubtful_) { return {}; }
  ++next.generation;
  is_doubtful_ = true;  // from here on another one may be found than the one in stored_
  // After an error the same slot again: the other one is whole. What a failed sync left is written once more.
  if (auto done = write_slot(next_slot_, next); !done) { return done; }
  if (auto done = file_->datasync(); !done) { return done; }
  if (is_first) {  // in both, so that a damage to one of them is never all that there is
    if (auto done = write_slot(1 - next_slot_, next); !done) { return done; }
    if (auto done = file_->datasync(); !done) { return done; }
  }
  is_doubtful_ = false;
  next_slot_ = 1 - next_slot_;
  stored_ = std::move(next);
  return {};
}

Result<bool> CheckpointFile::unlink() {
  auto gone = files_.unlink(folder_ / checkpoint_file_name(name_));
  if (!gone && gone.error().code() == ErrorCode::kNotFound) { return false; }
  if (!gone) { return std::unexpected(std::move(gone.error())); }
  if (auto done = files_.sync_folder(folder_); !done) { return std::unexpected(std::move(done.error())); }
  return true;
}

// What a batch stored stays in the log: that it does not count any more stands in the file.
Result<bool> CheckpointFile::forget(platform::FileSystem& files, const std::filesystem::path& folder,
                                    std::string_view name, const Behind& behind) {
  if (auto good = check_checkpoint_name(name); !good) { return std::unexpected(std::move(good.error())); }
  auto lock = files.lock(folder / checkpoint_lock_name(name));
  if (!lock) { return std::unexpected(std::move(lock.error())); }
  CheckpointFile file(files, folder, std::string(name), std::move(*lock));
  const auto newest = behind();
  if (!newest) { return std::unexpected(newest.error()); }
  if (!*newest) { return file.unlink(); }
  auto loaded = file.load();
  if (!loaded && loaded.error().code() != ErrorCode::kDamaged) { return std::unexpected(std::move(loaded.error())); }
  if (!loaded) {
    if (auto gone = file.unlink(); !gone) { return gone; }
  }
  const bool was_there = !file.stored_ || file.stored_->checkpoint || file.stored_->behind != *newest;
  auto done = file.commit(std::nullopt, *newest);
  return done ? Result<bool>(was_there) : std::unexpected(std::move(done.error()));
}

Result<std::optional<StoredCheckpoint>> read_checkpoint(platform::FileSystem& files,
                                                        const std::filesystem::path& folder, std::string_view name) {
  if (auto good = check_checkpoint_name(name); !good) { return std::unexpected(std::move(good.error())); }
  const auto path = folder / checkpoint_file_name(name);
  auto file = files.open(path, platform::OpenMode::kRead);
  if (!file && file.error().code() == ErrorCode::kNotFound) { return std::nullopt; }
  if (!file) { return std::unexpected(std::move(file.error())); }
  auto loaded = load_slots(**file);
  if (!loaded) { return std::unexpected(std::move(loaded.error()).with_path(path)); }
  if (loaded->is_unreadable) { return std::unexpected(unreadable(name, path)); }
  if (loaded->newest && loaded->newest->name != name) { return std::nullopt; }
  return std::move(loaded->newest);
}

Result<std::vector<StoredCheckpoint>> list_checkpoints(platform::FileSystem& files,
                                                       const std::filesystem::path& folder) {
  auto entries = files.list(folder);
  if (!entries) { return std::unexpected(std::move(entries.error())); }
  std::vector<StoredCheckpoint> all;
  for (const auto& entry : *entries) {
    if (!is_checkpoint_file(entry)) { continue; }
    auto file = files.open(folder / entry.name, platform::OpenMode::kRead);
    if (!file) { continue; }
    auto loaded = load_slots(**file);
    if (loaded && loaded->newest) { all.push_back(std::move(*loaded->newest)); }
  }
  std::ranges::sort(all, {}, &StoredCheckpoint::name);
  return all;
}

Result<std::vector<CheckpointBytes>> take_checkpoints(platform::FileSystem& files,
                                                      const std::filesystem::path& folder) {
  auto entries = files.list(folder);
  if (!entries) { return std::unexpected(std::move(entries.error())); }
  std::vector<CheckpointBytes> all;
  for (const auto& entry : *entries) {
    if (!is_checkpoint_file(entry)) { continue; }
    auto file = files.open(folder / entry.name, platform::OpenMode::kRead);
    if (!file && file.error().code() == ErrorCode::kNotFound) { continue; }
    if (!file) { return std::unexpected(std::move(file.error())); }
    CheckpointBytes taken{entry.name, std::vector<std::byte>(2 * kCheckpointSlotBytes)};
    if (auto read = platform::read_up_to(**file, taken.bytes, 0); !read) {
      return std::unexpected(std::move(read.error()));
    }
    all.push_back(std::move(taken));
  }
  for (const auto& entry : *entries) {
    if (!is_group_folder(entry)) { continue; }
    if (auto taken = take_group(files, folder, entry.name, all); !taken) {
      return std::unexpected(std::move(taken.error()));
    }
  }
  return all;
}

Status put_checkpoints(platform::FileSystem& files, const std::filesystem::path& folder,
                       const std::vector<CheckpointBytes>& checkpoints) {
  auto entries = files.list(folder);
  if (!entries) { return std::unexpected(std::move(entries.error())); }
  for (const auto& entry : *entries) {
    const bool is_old = is_checkpoint_file(entry) &&
                        std::ranges::find(checkpoints, entry.name, &CheckpointBytes::file_name) == checkpoints.end();
    if (!is_old) { continue; }
    if (auto gone = files.unlink(folder / entry.name); !gone) { return gone; }
  }
  std::set<std::string> groups;
  for (const auto& entry : *entries) {
    if (is_group_folder(entry)) { groups.insert(entry.name); }
  }
  for (const CheckpointBytes& one : checkpoints) {
    if (const auto slash = one.file_name.find('/'); slash != std::string::npos) {
      groups.insert(one.file_name.substr(0, slash));
    }
  }
  for (const std::string& group : groups) {
    if (auto put = put_group(files, folder, group, checkpoints); !put) { return put; }
  }
  for (const CheckpointBytes& one : checkpoints) {
    if (one.file_name.find('/') != std::string::npos) { continue; }
    const auto path = folder / one.file_name;
    auto file = files.open(path, platform::OpenMode::kReadWrite);
    if (!file && file.error().code() == ErrorCode::kNotFound) { file = files.open(path, platform::OpenMode::kCreate); }
    if (!file) { return std::unexpected(std::move(file.error())); }
    if (auto done = platform::write_all(**file, one.bytes, 0); !done) { return done; }
    if (auto done = (*file)->datasync(); !done) { return done; }
  }
  return checkpoints.empty() ? Status() : files.sync_folder(folder);
}

}  // namespace tidemark::engine
