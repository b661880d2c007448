// SPDX-License-Identifier: Apache-2.0
#include "engine/recovery/identity.h"

#include <algorithm>
#include <cerrno>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "engine/format/frame.h"
#include "engine/format/lineage.h"
#include "engine/format/segment.h"
#include "engine/log/superblock_store.h"
#include "engine/recovery/folder.h"
#include "engine/recovery/segment_bytes.h"
#include "platform/io.h"

namespace tidemark::engine {

namespace {

// The header of a segment file, if it is whole and its name is its own.
std::optional<SegmentHeader> header_of(platform::FileSystem& files, const std::filesystem::path& path,
                                       SegmentNumber number, std::uint64_t size) {
  auto file = files.open(path, platform::OpenMode::kRead);
  if (!file) { return std::nullopt; }
  SegmentBytes bytes(std::move(*file), size, Unreadable::kZeros);
  auto sector = bytes.at(0, kSegmentHeaderBytes);
  SegmentHeader header{};
  const bool good = sector && decode_segment_header(*sector, header) == BlockState::kGood &&
                    header.number == number.value() && segment_size_is_possible(header.size);
  return good ? std::optional(header) : std::nullopt;
}

// Whether anything was written after the segment's header: later segments are spares.
bool is_used(platform::FileSystem& files, const std::filesystem::path& path, std::uint64_t size) {
  auto file = files.open(path, platform::OpenMode::kRead);
  if (!file) { return false; }
  SegmentBytes bytes(std::move(*file), size, Unreadable::kZeros);
  auto first = bytes.first_nonzero(kSegmentHeaderBytes, size);
  return first && *first < size;
}

// Whether the second segment goes on where the first ends, although it is another log's.
bool goes_on(platform::FileSystem& files, const std::filesystem::path& folder, const SegmentHeader& first,
             const SegmentHeader& second) {
  const auto sector_of = [&](const SegmentHeader& of, std::uint64_t offset, std::span<std::byte> into) {
    auto file = files.open(folder / segment_file_name(SegmentNumber(of.number)), platform::OpenMode::kRead);
    if (!file) { return false; }
    const auto read = platform::read_up_to(**file, into, offset);
    return read && *read == into.size();
  };
  SectorImage end{};
  SectorImage begin{};
  SegmentFooter footer{};
  FrameHeader frame{};
  return first.number + 1 == second.number && first.base + first.size == second.base &&
         sector_of(first, first.size - kSegmentFooterBytes, end) &&
         decode_segment_footer(end, footer) == BlockState::kGood && footer.log_id == first.log_id &&
         sector_of(second, kSegmentHeaderBytes, begin) &&
         read_frame_header(begin, {second.log_id, second.number, kSegmentHeaderBytes}, second.size, frame) &&
         frame.previous == footer.last_trailer && frame.first_position == footer.next_position;
}

// Of a fork, whose first segments are those of the logs that it came from: if every other log's segment goes on where
// the one before it ends, these are its ancestors, and not strangers in its folder.
std::optional<Lineage> lineage_of(platform::FileSystem& files, const std::filesystem::path& folder,
                                  const std::vector<SegmentHeader>& headers) {
  std::vector<Ancestor> ancestors;
  for (std::size_t i = 1; i < headers.size(); ++i) {
    if (headers[i].log_id == headers[i - 1].log_id) { continue; }
    if (!goes_on(files, folder, headers[i - 1], headers[i])) { return std::nullopt; }
    ancestors.insert(ancestors.begin(), {headers[i - 1].log_id, headers[i].base});
  }
  return Lineage(headers.back().log_id, std::move(ancestors));
}

// The log that most segments belong to, or a fork that they make up together.
Result<Superblock> superblock_of_segments(platform::FileSystem& files, const std::filesystem::path& folder) {
  auto entries = files.list(folder);
  if (!entries) { return std::unexpected(std::move(entries.error())); }
  std::map<FileId, std::uint64_t> logs;
  std::map<std::uint64_t, std::uint64_t> sizes;
  std::vector<SegmentHeader> headers;
  for (const auto& entry : *entries) {
    const auto number = parse_segment_file_name(entry.name);
    if (!number || entry.is_folder) { continue; }
    sizes.emplace(number->value(), entry.size);
    if (const auto header = header_of(files, folder / entry.name, *number, entry.size)) {
      ++logs[header->log_id];
      headers.push_back(*header);
    }
  }
  if (sizes.empty()) { return std::unexpected(no_store_error(folder)); }
  if (logs.empty()) {
    return std::unexpected(
        Error(ErrorCode::kDamaged,
              "neither a superblock nor the header of a segment can be read: nothing tells what this was")
            .with_path(folder));
  }
  Superblock superblock{};
  superblock.start.format_major = kFormatMajor;
  superblock.start.format_minor = kFormatMinor;
  superblock.state = StoreState::kRunning;
  std::uint64_t most = 0;
  for (const auto& [log_id, segments] : logs) {
    if (segments > most) { superblock.log_id = log_id; }
    most = std::max(most, segments);
  }
  if (logs.size() > 1) {
    std::ranges::sort(headers, {}, &SegmentHeader::number);
    if (const auto lineage = lineage_of(files, folder, headers)) { lineage->put_into(superblock); }
  }
  for (const auto& [number, size] : sizes) {
    if (is_used(files, folder / segment_file_name(SegmentNumber(number)), size)) {
      superblock.highest_segment = number;
    }
  }
  return superblock;
}

Damage superblock_damage(const std::filesystem::path& path, std::string what) {
  Damage damage;
  damage.file = path;
  damage.offset = Offset(0);
  damage.what = std::move(what);
  return damage;
}

}  // namespace

Result<Identity> identify_store(platform::FileSystem& files, const std::filesystem::path& folder) {
  Identity identity;
  auto loaded = load_superblocks(files, folder);
  if (loaded && *loaded) {
    identity.superblock = (*loaded)->newest;
    identity.superblocks = (*loaded)->lost ? 1 : 2;
    if ((*loaded)->lost) {
      identity.damages.push_back(superblock_damage(
          folder / kSuperblockNames[1 - (*loaded)->slot],
          "a superblock is missing or not as it was written; the other one serves, and the next opening for "
          "writing makes it again"));
    }
    return identity;
  }
  if (!loaded && loaded.error().code() != ErrorCode::kDamaged && loaded.error().system_error() != EIO) {
    return std::unexpected(std::move(loaded.error()));
  }
  auto told = superblock_of_segments(files, folder);
  if (!told) {
    const bool has_segments = told.error().code() != ErrorCode::kNotFound;
    return std::unexpected(loaded || has_segments ? std::move(told.error()) : std::move(loaded.error()));
  }
  identity.superblock = *told;
  identity.has_superblock_files = !loaded;
  identity.damages.push_back(
      superblock_damage(loaded ? folder / kSuperblockNames[0] : loaded.error().path(),
                        loaded ? "both superblocks are missing: put one back from a copy, or repair into a new store"
                               : loaded.error().message() + ": put one back from a copy, or repair into a new store"));
  return identity;
}

}  // namespace tidemark::engine
