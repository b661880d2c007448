// SPDX-License-Identifier: Apache-2.0
#include "engine/copy/earlier_backup.h"

#include <algorithm>
#include <set>
#include <string>
#include <utility>

#include "engine/copy/segment_copier.h"
#include "engine/format/segment.h"
#include "engine/log/superblock_store.h"
#include "engine/recovery/segment_bytes.h"

namespace tidemark::engine {

namespace {

constexpr std::uint64_t kPieceBytes = std::uint64_t{64} << 10U;  // of most segments the ends alone are looked at

Error refused(const std::filesystem::path& folder, std::string_view why) {
  return Error(ErrorCode::kInvalidArgument, "this folder holds no earlier backup of the store: " + std::string(why) +
                                                "; name an empty folder for a new backup")
      .with_path(folder);
}

Error went_another_way(const std::filesystem::path& folder, SegmentNumber number) {
  return refused(folder, "segment " + std::to_string(number.value()) +
                             " in it is not what the store has there, because events were appended to the backup, or "
                             "it is damaged")
      .with_segment(number);
}

Result<SegmentBytes> open_bytes(platform::FileSystem& files, const std::filesystem::path& path, SegmentNumber number) {
  auto file = files.open(path, platform::OpenMode::kRead);
  if (!file) { return std::unexpected(std::move(file.error()).with_segment(number)); }
  auto size = (*file)->size();
  if (!size) { return std::unexpected(std::move(size.error()).with_segment(number)); }
  return SegmentBytes(std::move(*file), *size, Unreadable::kFails, number, kPieceBytes);
}

enum class Holds : std::uint8_t {
  kAll,        // what the source has there, sealed
  kBeginning,  // the beginning of that, or nothing yet
  kOther,
};

// What a segment file of the backup holds of the source's segment, which has frames up to end, and a footer if it is
// sealed.
Result<Holds> compare(SegmentBytes& mine, SegmentBytes& theirs, const Segment& segment, std::uint64_t end,
                      bool is_sealed_there) {
  if (mine.file_size() != segment.size() || theirs.file_size() != segment.size()) { return Holds::kOther; }
  const auto same = [&](std::uint64_t begin, std::uint64_t until) -> Result<bool> {
    for (std::uint64_t at = begin; at < until;) {
      auto a = mine.from(at, until);
      if (!a) { return std::unexpected(std::move(a.error())); }
      auto b = theirs.from(at, until);
      if (!b) { return std::unexpected(std::move(b.error())); }
      const std::size_t length = std::min(a->size(), b->size());
      if (length == 0 || !std::ranges::equal(a->first(length), b->first(length))) { return false; }
      at += length;
    }
    return true;
  };
  const std::uint64_t footer_at = segment.size() - kSegmentFooterBytes;
  auto header = same(0, kSegmentHeaderBytes);
  if (!header || !*header) { return header ? Result<Holds>(Holds::kOther) : std::unexpected(header.error()); }
  if (is_sealed_there) {
    auto begin = mine.only(0, kSegmentHeaderBytes);
    if (!begin) { return std::unexpected(std::move(begin.error())); }
    const std::vector<std::byte> own_header(begin->begin(), begin->end());
    auto footer = mine.only(footer_at, kSegmentFooterBytes);
    if (!footer) { return std::unexpected(std::move(footer.error())); }
    if (is_sealed(segment, own_header, *footer)) {
      auto as_there = same(footer_at, segment.size());
      if (!as_there) { return std::unexpected(std::move(as_there.error())); }
      return *as_there ? Holds::kAll : Holds::kOther;
    }
  }
  auto used = mine.after_last_nonzero(kSegmentHeaderBytes, segment.size());
  if (!used) { return std::unexpected(std::move(used.error())); }
  if (*used > end) { return Holds::kOther; }
  auto beginning = same(kSegmentHeaderBytes, *used);
  if (!beginning) { return std::unexpected(std::move(beginning.error())); }
  return *beginning ? Holds::kBeginning : Holds::kOther;
}

Result<bool> is_blank(SegmentBytes& bytes) {
  auto used = bytes.first_nonzero(kSegmentHeaderBytes, bytes.file_size());
  if (!used) { return std::unexpected(std::move(used.error())); }
  return *used >= bytes.file_size();
}

}  // namespace

Result<EarlierBackup> EarlierBackup::look(platform::FileSystem& files, const std::filesystem::path& folder,
                                          const LogSource& source, const Segment& last) {
  EarlierBackup found;
  auto loaded = load_superblocks(files, folder);
  if (!loaded) { return std::unexpected(std::move(loaded.error())); }
  if (!*loaded) { return std::unexpected(refused(folder, "it has no superblock")); }
  found.superblock_ = (*loaded)->newest;
  const Superblock& earlier = found.superblock_;
  if (earlier.store_id != source.superblock.store_id || earlier.log_id != source.superblock.log_id) {
    return std::unexpected(refused(folder, "it holds another store"));
  }
  if (Offset(earlier.durable_end) > source.end.offset) {
    return std::unexpected(refused(folder, "its log goes on behind what the store shows as durable"));
  }
  auto entries = files.list(folder);
  if (!entries) { return std::unexpected(std::move(entries.error())); }
  std::set<SegmentNumber> there;
  for (const auto& entry : *entries) {
    if (const auto number = parse_segment_file_name(entry.name); number && !entry.is_folder) {
      there.insert(*number);
    } else if (is_store_file_name(entry.name) && entry.name.ends_with(kTemporarySuffix) && !entry.is_folder) {
      found.useless_.push_back(folder / entry.name);
    }
  }
  for (const SegmentNumber number : there) {
    const auto path = folder / segment_file_name(number);
    auto mine = open_bytes(files, path, number);
    if (!mine) { return std::unexpected(std::move(mine.error())); }
    if (number > last.number()) {
      // Made ahead by whoever opened the backup for writing, or nobody's.
      auto blank = is_blank(*mine);
      if (!blank) { return std::unexpected(std::move(blank.error())); }
      if (!*blank) { return std::unexpected(went_another_way(folder, number)); }
      found.useless_.push_back(path);
      continue;
    }
    const Segment& segment = *(*source.segments)[number.value() - 1];
    auto theirs = open_bytes(files, segment.path(), number);
    if (!theirs) { return std::unexpected(std::move(theirs.error())); }
    const bool is_last = &segment == &last;
    const std::uint64_t end = is_last ? source.end.offset - segment.base() : segment.size() - kSegmentFooterBytes;
    auto holds = compare(*mine, *theirs, segment, end, !is_last);
    if (!holds) { return std::unexpected(std::move(holds.error())); }
    const bool nothing_new = is_last && Offset(earlier.durable_end) == source.end.offset;
    if (*holds == Holds::kAll || (*holds == Holds::kBeginning && nothing_new)) { found.kept_.insert(number); }
    if (*holds != Holds::kOther) {
      found.begun_.insert(number);
      continue;
    }
    auto blank = is_blank(*mine);
    if (!blank) { return std::unexpected(std::move(blank.error())); }
    if (!*blank) { return std::unexpected(went_another_way(folder, number)); }
  }
  return found;
}

}  // namespace tidemark::engine
