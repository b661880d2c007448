// SPDX-License-Identifier: Apache-2.0
#include "engine/log/superblock_store.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <limits>
#include <string>
#include <utility>

#include "engine/format/segment.h"
#include "platform/io.h"

namespace tidemark::engine {

namespace {

constexpr std::uint64_t kGenerationMax = std::numeric_limits<std::uint64_t>::max() / 2;

struct Slot {
  bool exists = false;
  BlockState state = BlockState::kBad;
  Superblock superblock{};
  std::optional<Error> unread = {};  // why the system did not give it
};

Result<Slot> read_slot(platform::FileSystem& files, const std::filesystem::path& path) {
  Slot slot;
  auto file = files.open(path, platform::OpenMode::kRead);
  if (!file) {
    if (file.error().code() == ErrorCode::kNotFound) { return slot; }
    if (file.error().system_error() == EIO) {
      slot.exists = true;
      slot.unread = std::move(file.error());
      return slot;
    }
    return std::unexpected(std::move(file.error()));
  }
  slot.exists = true;
  SuperblockImage image{};
  auto read = platform::read_up_to(**file, image, 0);
  if (!read) {
    // A superblock that the medium does not give back is lost like a damaged one: the other may serve.
    slot.unread = std::move(read.error());
    return slot;
  }
  slot.state = *read == image.size() ? decode_superblock(image, slot.superblock) : BlockState::kBad;
  // A generation that others could not follow is not one of ours.
  if (slot.superblock.generation > kGenerationMax) { slot.state = BlockState::kBad; }
  return slot;
}

Result<std::array<Slot, 2>> read_slots(platform::FileSystem& files, const std::filesystem::path& folder) {
  std::array<Slot, 2> slots;
  for (unsigned i = 0; i < 2; ++i) {
    auto slot = read_slot(files, folder / kSuperblockNames[i]);
    if (!slot) { return std::unexpected(std::move(slot.error())); }
    slots[i] = *slot;
  }
  return slots;
}

Result<std::unique_ptr<platform::File>> make_file(platform::FileSystem& files, const std::filesystem::path& path,
                                                  const SuperblockImage& image) {
  const std::filesystem::path temporary = path.string() + std::string(kTemporarySuffix);
  if (auto gone = files.unlink(temporary); !gone && gone.error().code() != ErrorCode::kNotFound) {
    return std::unexpected(std::move(gone.error()));
  }
  auto file = files.open(temporary, platform::OpenMode::kCreate);
  if (!file) { return std::unexpected(std::move(file.error())); }
  Status done = platform::write_all(**file, image, 0);
  if (done) { done = (*file)->datasync(); }
  if (done) { done = files.rename(temporary, path); }
  if (!done) {
    (void)files.unlink(temporary);
    return std::unexpected(std::move(done.error()));
  }
  return std::move(*file);
}

}  // namespace

Result<std::optional<LoadedSuperblocks>> load_superblocks(platform::FileSystem& files,
                                                          const std::filesystem::path& folder) {
  // A reader may catch a living writer in the middle of overwriting one: then a second look finds it whole.
  constexpr int kLooks = 4;
  for (int look = 1;; ++look) {
    auto slots = read_slots(files, folder);
    if (!slots) { return std::unexpected(std::move(slots.error())); }
    const Slot& a = (*slots)[0];
    const Slot& b = (*slots)[1];
    if (!a.exists && !b.exists) { return std::optional<LoadedSuperblocks>(); }
    for (unsigned i = 0; i < 2; ++i) {
      if ((*slots)[i].state == BlockState::kNewerFormat) {
        return std::unexpected(
            Error(ErrorCode::kUnsupportedFormat,
                  "the store was written in a newer format than this library knows: use a newer version of Tidemark")
                .with_path(folder / kSuperblockNames[i]));
      }
    }
    const bool a_good = a.state == BlockState::kGood;
    const bool b_good = b.state == BlockState::kGood;
    if (a_good && b_good) {
      if (a.superblock.store_id != b.superblock.store_id) {
        return std::unexpected(Error(ErrorCode::kDamaged,
                                     "the two superblocks belong to different stores: "
                                     "somebody put a file of another store here")
                                   .with_path(folder));
      }
      const unsigned slot = b.superblock.generation > a.superblock.generation ? 1 : 0;
      Superblock newest = (*slots)[slot].superblock;
      // One that was made again after a loss does not know the limit: the lost one may have had a higher.
      if (a.superblock.generation == b.superblock.generation) {
        newest.write_limit = std::min(a.superblock.write_limit, b.superblock.write_limit);
      }
      return LoadedSuperblocks{newest, slot, false};
    }
    if (look < kLooks) { continue; }
    if (!a_good && !b_good) {
      // What was not read is not known to be damaged.
      for (Slot& slot : *slots) {
        if (slot.unread) { return std::unexpected(std::move(*slot.unread)); }
      }
      return std::unexpected(
          Error(ErrorCode::kDamaged, "no superblock can be read: the store's identity and durable end are unknown")
              .with_path(folder));
    }
    const unsigned slot = a_good ? 0 : 1;
    // A crash while the store was made may leave the first generation alone: nothing was lost then.
    const bool half_made = (*slots)[slot].superblock.generation == 1 && !(*slots)[1 - slot].exists;
    Superblock alone = (*slots)[slot].superblock;
    alone.write_limit = 0;
    return LoadedSuperblocks{alone, slot, !half_made};
  }
}

SuperblockStore::SuperblockStore(SlotFiles files, const Superblock& current, unsigned slot)
    : files_(std::move(files)), current_(current), slot_(slot) {}

Result<std::unique_ptr<SuperblockStore>> SuperblockStore::create(platform::FileSystem& files,
                                                                 const std::filesystem::path& folder,
                                                                 const Superblock& first) {
  const SuperblockImage image = encode_superblock(first);
  SlotFiles slots;
  for (unsigned i = 0; i < 2; ++i) {
    auto file = make_file(files, folder / kSuperblockNames[i], image);
    if (!file) { return std::unexpected(std::move(file.error())); }
    slots[i] = std::move(*file);
  }
  if (auto synced = files.sync_folder(folder); !synced) { return std::unexpected(std::move(synced.error())); }
  return std::unique_ptr<SuperblockStore>(new SuperblockStore(std::move(slots), first, 0));
}

Result<std::unique_ptr<SuperblockStore>> SuperblockStore::open(platform::FileSystem& files,
                                                               const std::filesystem::path& folder,
                                                               const LoadedSuperblocks& loaded) {
  SlotFiles slots;
  for (unsigned i = 0; i < 2; ++i) {
    const std::filesystem::path path = folder / kSuperblockNames[i];
    auto file = files.open(path, platform::OpenMode::kReadWrite);
    if (!file && file.error().code() == ErrorCode::kNotFound) {
      file = make_file(files, path, encode_superblock(loaded.newest));
      if (file) {
        if (auto synced = files.sync_folder(folder); !synced) { return std::unexpected(std::move(synced.error())); }
      }
    }
    if (!file) { return std::unexpected(std::move(file.error())); }
    slots[i] = std::move(*file);
  }
  return std::unique_ptr<SuperblockStore>(new SuperblockStore(std::move(slots), loaded.newest, loaded.slot));
}

Status SuperblockStore::write(const std::function<void(Superblock&)>& change) {
  const std::scoped_lock lock(mutex_);
  Superblock next = current_;
  change(next);
  next.generation = current_.generation + 1;
  next.durable_end = std::max(next.durable_end, current_.durable_end);
  next.highest_segment = std::max(next.highest_segment, current_.highest_segment);
  const unsigned slot = 1 - slot_;
  if (auto ours = check_lock(); !ours) { return ours; }
  if (auto written = platform::write_all(*files_[slot], encode_superblock(next), 0); !written) { return written; }
  if (auto synced = files_[slot]->datasync(); !synced) { return synced; }
  current_ = next;
  slot_ = slot;
  return {};
}

Superblock SuperblockStore::current() const {
  const std::scoped_lock lock(mutex_);
  return current_;
}

}  // namespace tidemark::engine
