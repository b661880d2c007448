// SPDX-License-Identifier: Apache-2.0
#include "engine/copy/new_folder.h"

#include <algorithm>
#include <cerrno>
#include <string>
#include <utility>

#include "engine/format/segment.h"
#include "engine/recovery/folder.h"

namespace tidemark::engine {

namespace {

// Whether the folder can take a new store.
Status check_empty(platform::FileSystem& files, const std::filesystem::path& into, std::string_view what) {
  auto holds = look_at_folder(files, into);
  if (!holds && holds.error().code() == ErrorCode::kNotFound) { return {}; }
  if (!holds && holds.error().code() != ErrorCode::kNotAStore) { return std::unexpected(std::move(holds.error())); }
  if (holds && *holds == FolderHolds::kNothing) { return {}; }
  return std::unexpected(
      Error(ErrorCode::kInvalidArgument,
            std::string(what) + " goes into a new store: name a folder that is empty or not there yet")
          .with_path(into));
}

bool lies_within(const std::filesystem::path& path, const std::filesystem::path& folder) {
  const auto [end, ignored] = std::mismatch(folder.begin(), folder.end(), path.begin(), path.end());
  return end == folder.end();
}

}  // namespace

std::filesystem::path with_name(const std::filesystem::path& path) {
  auto plain = path.lexically_normal();
  return plain.has_filename() ? plain : plain.parent_path();
}

Status check_outside(const std::filesystem::path& path, const std::filesystem::path& folder, std::string_view what) {
  if (!lies_within(with_name(path), with_name(folder))) { return {}; }
  return std::unexpected(Error(ErrorCode::kInvalidArgument,
                               std::string(what) + " goes into a folder of its own, and not into the old store's")
                             .with_path(path));
}

NewFolder::NewFolder(platform::FileSystem& files, std::filesystem::path target)
    : files_(&files), target_(std::move(target)), unfinished_(target_.string() + ".unfinished") {}

Result<NewFolder> NewFolder::prepare(platform::FileSystem& files, const std::filesystem::path& from,
                                     const std::filesystem::path& into, std::string_view what) {
  auto target = with_name(into);
  if (auto empty = check_empty(files, target, what); !empty) { return std::unexpected(std::move(empty.error())); }
  if (auto outside = check_outside(target, from, what); !outside) {
    return std::unexpected(std::move(outside.error()));
  }
  return NewFolder(files, std::move(target));
}

// Of what a copy puts into a folder of a group; other folders in it are not a copy's.
Status NewFolder::empty(const std::filesystem::path& folder) const {
  auto entries = files_->list(folder);
  if (!entries) { return std::unexpected(std::move(entries.error())); }
  for (const auto& entry : *entries) {
    if (entry.is_folder) { return std::unexpected(not_a_store_error(folder, entry.name)); }
    if (auto gone = files_->unlink(folder / entry.name); !gone) { return gone; }
  }
  return {};
}

Status NewFolder::clear() const {
  auto entries = files_->list(unfinished_);
  if (!entries && entries.error().code() == ErrorCode::kNotFound) { return {}; }
  if (!entries) { return std::unexpected(std::move(entries.error())); }
  for (const auto& entry : *entries) {
    if (entry.name == kUnfinishedName || is_side_folder(entry)) { continue; }
    if (!is_store_file_name(entry.name) || entry.is_folder) {
      return std::unexpected(not_a_store_error(unfinished_, entry.name));
    }
  }
  for (const auto& entry : *entries) {
    if ((lock_ && entry.name == kLockName) || entry.name == kUnfinishedName) { continue; }
    if (is_side_folder(entry)) {  // emptied: the copy puts its own there, or leaves nothing in it
      if (auto emptied = empty(unfinished_ / entry.name); !emptied) { return emptied; }
      continue;
    }
    if (auto gone = files_->unlink(unfinished_ / entry.name); !gone) { return gone; }
  }
  return {};
}

// What stands under that name is cleared away only if it was begun here: it may be somebody's store.
Status NewFolder::mark() const {
  auto entries = files_->list(unfinished_);
  if (!entries) { return std::unexpected(std::move(entries.error())); }
  const bool is_marked =
      std::ranges::find(*entries, kUnfinishedName, &platform::DirectoryEntry::name) != entries->end();
  if (is_marked) { return {}; }
  if (!entries->empty()) {
    return std::unexpected(
        Error(ErrorCode::kInvalidArgument,
              "the new store is made in this folder first, and it holds something that no copy left there (\"" +
                  entries->front().name + "\"): move it away, or name another folder for the new store")
            .with_path(unfinished_));
  }
  auto made = files_->open(unfinished_ / kUnfinishedName, platform::OpenMode::kCreate);
  if (!made && made.error().system_error() != EEXIST) { return std::unexpected(std::move(made.error())); }
  return files_->sync_folder(unfinished_);  // before anything else can be found there
}

Status NewFolder::make() const {
  if (auto made = files_->make_folder(unfinished_); !made) { return made; }
  if (auto marked = mark(); !marked) { return marked; }
  return clear();
}

Status NewFolder::make_and_lock() {
  if (auto made = files_->make_folder(unfinished_); !made) { return made; }
  if (auto marked = mark(); !marked) { return marked; }
  // Folders above that were made just now must not vanish with the new store in them. One that was given to us, in one
  // that we may not read, is its giver's to keep.
  for (auto above = target_; above.has_relative_path() && above.has_parent_path();) {
    above = above.parent_path();
    (void)files_->sync_folder(above);
  }
  auto lock = files_->lock(unfinished_ / kLockName);
  if (!lock) { return std::unexpected(std::move(lock.error())); }
  lock_ = std::move(*lock);
  return clear();
}

Status NewFolder::finish() {
  // Whoever did the same beside this without our lock may have put something there.
  if (lock_) {
    if (auto ours = lock_->check(); !ours) { return ours; }
  }
  if (auto named = files_->rename(unfinished_, target_); !named) { return named; }
  const auto parent = target_.has_parent_path() ? target_.parent_path() : std::filesystem::path(".");
  auto synced = files_->sync_folder(parent);
  // One that a crash leaves does no harm there.
  if (synced) { (void)files_->unlink(target_ / kUnfinishedName); }
  return synced;
}

}  // namespace tidemark::engine
