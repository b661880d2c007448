// SPDX-License-Identifier: Apache-2.0
#include "engine/group/partition_file.h"

#include <algorithm>
#include <string>
#include <utility>

#include "platform/io.h"

namespace tidemark::engine {

namespace {

constexpr std::size_t kParkedFileBytesMax = std::size_t{64} << 20U;

Error newer_format(const std::filesystem::path& path) {
  return Error(ErrorCode::kUnsupportedFormat,
               "the group was written in a newer format than this library knows: use a newer version of Tidemark")
      .with_path(path);
}

}  // namespace

Result<PartitionFile::Loaded> PartitionFile::load() {
  Loaded loaded;
  unsigned unreadable = 0;
  std::vector<std::byte> slot(kGroupStateSlotBytes);
  newest_.reset();
  synced_.reset();
  generation_ = 0;
  for (unsigned n = 0; n < kGroupStateSlots; ++n) {
    const auto read = platform::read_up_to(*state_, slot, partition_slot_offset(name_.partition, n));
    if (!read) { return std::unexpected(read.error()); }
    PartitionProgress progress;
    switch (decode_partition(std::span(slot).first(*read), name_, progress)) {
      case BlockState::kGood:
        if (!newest_ || progress.generation > generation_) {
          newest_ = n;
          generation_ = progress.generation;
          loaded.progress = std::move(progress);
          loaded_.assign(slot.begin(), slot.begin() + static_cast<std::ptrdiff_t>(*read));
        }
        break;
      case BlockState::kNewerFormat:
        return std::unexpected(newer_format(folder_));
      case BlockState::kBad:
        ++unreadable;
        break;
      case BlockState::kEmpty:
        break;
    }
  }
  // One alone is what a crash leaves of the first write, and two of the first two that were never synced.
  if (!newest_ && unreadable == kGroupStateSlots) {
    return std::unexpected(
        Error(ErrorCode::kDamaged, "how far partition " + std::to_string(name_.partition) +
                                       " of the group is cannot be read: remove the group, and make it anew from a "
                                       "position of your choice")
            .with_path(folder_ / kGroupStateName));
  }
  loaded.is_torn = unreadable > 0;
  auto parked = load_parked();
  if (!parked) { return std::unexpected(std::move(parked.error())); }
  loaded.parked = std::move(*parked);
  return loaded;
}

Status PartitionFile::write_again() {
  if (!newest_) { return {}; }
  auto done = platform::write_all(*state_, loaded_, partition_slot_offset(name_.partition, *newest_));
  loaded_ = {};
  return done;
}

unsigned PartitionFile::free_slot() const {
  unsigned slot = 0;
  while (slot == newest_ || slot == synced_) { ++slot; }
  return slot;
}

Status PartitionFile::write(PartitionProgress progress) {
  if (progress.entries.size() > kPartitionEntriesMax) {
    return std::unexpected(Error(ErrorCode::kLimitExceeded, "more events are in hand than a partition's slot holds"));
  }
  progress.generation = generation_ + 1;
  const unsigned slot = free_slot();
  auto done =
      platform::write_all(*state_, encode_partition(name_, progress), partition_slot_offset(name_.partition, slot));
  if (!done) { return done; }
  ++generation_;
  newest_ = slot;
  is_doubtful_ = false;
  return {};
}

std::filesystem::path PartitionFile::parked_path() const { return folder_ / parked_file_name(name_.partition); }

Result<std::vector<ParkedEntry>> PartitionFile::load_parked() {
  const auto bytes = read_file(files_, parked_path(), kParkedFileBytesMax);
  if (!bytes) { return std::unexpected(bytes.error()); }
  std::vector<ParkedEntry> parked;
  if (!*bytes) { return parked; }
  const BlockState state = decode_parked(**bytes, name_, parked);
  if (state == BlockState::kNewerFormat) { return std::unexpected(newer_format(parked_path())); }
  if (state != BlockState::kGood) {
    return std::unexpected(Error(ErrorCode::kDamaged,
                                 "the list of what was parked cannot be read: remove the file to go on without it, and "
                                 "look through the group's events for what was not dealt with")
                               .with_path(parked_path()));
  }
  return parked;
}

Status PartitionFile::write_parked(const std::vector<ParkedEntry>& parked) {
  bool is_replaced = false;
  auto written = replace_file(files_, parked_path(), encode_parked(name_, parked), &is_replaced);
  is_parked_doubtful_ = !written && (is_replaced || is_parked_doubtful_);
  return written;
}

Result<std::unique_ptr<platform::File>> open_state(platform::FileSystem& files, const std::filesystem::path& folder,
                                                   platform::OpenMode mode) {
  auto state = files.open(folder / kGroupStateName, mode);
  if (state || state.error().code() != ErrorCode::kNotFound) { return state; }
  return std::unexpected(Error(ErrorCode::kDamaged,
                               "the file that says how far the group is is not there: somebody removed it; remove the "
                               "group, and make it anew from a position of your choice")
                             .with_path(folder / kGroupStateName));
}

Status check_state_size(platform::File& state, std::uint32_t partitions, const std::filesystem::path& folder) {
  const auto size = state.size();
  if (!size) { return std::unexpected(size.error()); }
  if (*size >= partition_slot_offset(partitions, 0)) { return {}; }
  return std::unexpected(Error(ErrorCode::kDamaged,
                               "the file that says how far the group is was cut short: remove the group, and make it "
                               "anew from a position of your choice")
                             .with_path(folder / kGroupStateName));
}

Status replace_file(platform::FileSystem& files, const std::filesystem::path& path, std::span<const std::byte> bytes,
                    bool* replaced) {
  const std::filesystem::path temporary = path.string() + std::string(kGroupTemporarySuffix);
  if (auto gone = files.unlink(temporary); !gone && gone.error().code() != ErrorCode::kNotFound) { return gone; }
  auto file = files.open(temporary, platform::OpenMode::kCreate);
  if (!file) { return std::unexpected(std::move(file.error())); }
  Status done = platform::write_all(**file, bytes, 0);
  if (done) { done = (*file)->datasync(); }
  if (done) { done = files.rename(temporary, path); }
  if (!done) {
    (void)files.unlink(temporary);  // it must not keep a full disk full
    return done;
  }
  if (replaced != nullptr) { *replaced = true; }
  return files.sync_folder(path.parent_path());
}

Result<std::optional<std::vector<std::byte>>> read_file(platform::FileSystem& files, const std::filesystem::path& path,
                                                        std::size_t bytes_max) {
  auto file = files.open(path, platform::OpenMode::kRead);
  if (!file && file.error().code() == ErrorCode::kNotFound) { return std::nullopt; }
  if (!file) { return std::unexpected(std::move(file.error())); }
  const auto size = (*file)->size();
  if (!size) { return std::unexpected(size.error()); }
  if (*size > bytes_max) {
    return std::unexpected(Error(ErrorCode::kDamaged, "the file is longer than it can be").with_path(path));
  }
  std::vector<std::byte> bytes(static_cast<std::size_t>(*size));
  const auto read = platform::read_up_to(**file, bytes, 0);
  if (!read) { return std::unexpected(read.error()); }
  bytes.resize(*read);
  return bytes;
}

}  // namespace tidemark::engine
