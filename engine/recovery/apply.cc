// SPDX-License-Identifier: Apache-2.0
#include "engine/recovery/apply.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <string>
#include <utility>
#include <vector>

#include "platform/io.h"

namespace tidemark::engine {

namespace {

constexpr std::uint64_t kPieceBytes = std::uint64_t{1} << 20U;
// More than a batch and all that may be in flight.
constexpr std::uint64_t kRejectedBytesMax = std::uint64_t{96} << 20U;

// Copies [begin, end) of one file to another, or onto itself.
Status copy_range(platform::File& from, platform::File& to, std::uint64_t begin, std::uint64_t end,
                  std::uint64_t to_begin) {
  std::vector<std::byte> piece(std::min(kPieceBytes, end - begin));
  for (std::uint64_t at = begin; at < end;) {
    const std::uint64_t length = std::min<std::uint64_t>(piece.size(), end - at);
    auto read = platform::read_up_to(from, std::span(piece).first(length), at);
    if (!read) { return std::unexpected(std::move(read.error())); }
    if (*read == 0) {
      return std::unexpected(Error(ErrorCode::kIo, "a segment became shorter while its end was being recovered"));
    }
    if (auto done = platform::write_all(to, std::span(piece).first(*read), to_begin + (at - begin)); !done) {
      return done;
    }
    at += *read;
  }
  return {};
}

Status zero_range(platform::File& file, std::uint64_t begin, std::uint64_t end) {
  static constexpr std::array<std::byte, 64 * 1024> kZeros{};
  for (std::uint64_t at = begin; at < end;) {
    const std::uint64_t length = std::min<std::uint64_t>(kZeros.size(), end - at);
    if (auto done = platform::write_all(file, std::span(kZeros).first(length), at); !done) { return done; }
    at += length;
  }
  return {};
}

// Keeps bytes aside in a file of their own. One that an earlier try at the same recovery left stays: what it holds may
// be gone from the segment by now.
Result<std::filesystem::path> keep_aside(platform::FileSystem& files, const std::filesystem::path& folder,
                                         platform::File& segment, std::uint64_t begin, std::uint64_t end,
                                         std::uint32_t epoch) {
  constexpr int kTries = 100;
  const std::string name = rejected_file_name(epoch);
  std::filesystem::path path = folder / name;
  auto file = files.open(path, platform::OpenMode::kCreate);
  for (int n = 2; !file && file.error().system_error() == EEXIST && n < kTries; ++n) {
    path = folder / (name + "-" + std::to_string(n));
    file = files.open(path, platform::OpenMode::kCreate);
  }
  if (!file) { return std::unexpected(std::move(file.error())); }
  Status done = copy_range(segment, **file, begin, std::min(end, begin + kRejectedBytesMax), 0);
  if (done) { done = (*file)->datasync(); }
  if (done) { done = files.sync_folder(folder); }
  if (done) { return path; }
  (void)files.unlink(path);
  return std::unexpected(std::move(done.error()));
}

Result<std::filesystem::path> keep_aside_whole(platform::FileSystem& files, const std::filesystem::path& folder,
                                               const std::filesystem::path& segment, std::uint32_t epoch) {
  auto file = files.open(segment, platform::OpenMode::kRead);
  if (!file) { return std::unexpected(std::move(file.error())); }
  auto size = (*file)->size();
  if (!size) { return std::unexpected(std::move(size.error())); }
  return keep_aside(files, folder, **file, 0, *size, epoch);
}

}  // namespace

Result<AppliedTail> repair_tail(Environment environment, const std::filesystem::path& folder, const ScanFacts& facts,
                                std::uint32_t epoch, SuperblockStore& superblocks) {
  platform::FileSystem& files = environment.files;
  AppliedTail applied;
  // A process that was killed may have made files whose names are not durable yet.
  if (auto synced = files.sync_folder(folder); !synced) { return std::unexpected(std::move(synced.error())); }
  for (const auto& leftover : facts.leftovers) {
    if (judge(facts.tail) == Verdict::kSuspect && parse_segment_file_name(leftover.filename().string())) {
      // What somebody accepted to lose: it may be more than a spare.
      if (auto kept = keep_aside_whole(files, folder, leftover, epoch); !kept) {
        return std::unexpected(std::move(kept.error()));
      }
    }
    if (auto gone = files.unlink(leftover); !gone && gone.error().code() != ErrorCode::kNotFound) {
      return std::unexpected(std::move(gone.error()));
    }
  }
  if (facts.bad_bytes > 0) {
    const std::uint64_t cut_end = facts.end.offset.value() + facts.bad_bytes;
    if (auto done = superblocks.write([&](Superblock& superblock) { superblock.cut_end = cut_end; }); !done) {
      return std::unexpected(std::move(done.error()));
    }
  }
  for (const auto& segment : facts.segments) {
    const bool last = segment == facts.segments.back();
    if (segment->end() <= facts.durable.offset && !last) { continue; }
    auto opened = files.open(segment->path(), platform::OpenMode::kReadWrite);
    if (!opened) { return std::unexpected(std::move(opened.error()).with_segment(segment->number())); }
    const std::shared_ptr<platform::File> file = std::move(*opened);
    const std::uint64_t begin = facts.durable.offset > segment->base() ? facts.durable.offset - segment->base() : 0;
    const std::uint64_t end = last ? facts.end.offset - segment->base() : segment->size();
    Status done;
    if (last && facts.nonzero_bytes > 0) {
      auto kept = keep_aside(files, folder, *file, end, end + facts.nonzero_bytes, epoch);
      if (kept) {
        applied.rejected = std::move(*kept);
      } else if (judge(facts.tail) == Verdict::kSuspect) {
        // What somebody accepted to lose is promised to be kept; a torn end only if there is room.
        return std::unexpected(std::move(kept.error()).with_segment(segment->number()));
      }
    }
    if (begin < end) {
      done = copy_range(*file, *file, begin, end, begin);
      applied.bytes_rewritten += end - begin;
    }
    if (done && last) { done = zero_range(*file, end, end + facts.bad_bytes); }
    if (done && (begin < end || facts.bad_bytes > 0)) { done = file->datasync(); }
    if (!done) { return std::unexpected(std::move(done.error()).with_segment(segment->number())); }
    if (last) { applied.file = file; }
  }
  return applied;
}

Status begin_epoch(Environment environment, const ScanFacts& facts, std::uint32_t epoch, const RecoveryRecord& record,
                   SuperblockStore& superblocks) {
  const FileId boot_id = environment.machine.boot_id();
  return superblocks.write([&](Superblock& superblock) {
    superblock.epoch = epoch;
    superblock.state = StoreState::kRunning;
    superblock.boot_id = boot_id;
    superblock.durable_end = facts.end.offset.value();
    superblock.highest_segment = facts.segments.back()->number().value();
    superblock.recovery = record;
    superblock.cut_end = 0;
    superblock.write_limit = facts.end.offset.value() + environment.write_ahead;
  });
}

}  // namespace tidemark::engine
