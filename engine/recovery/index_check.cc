// SPDX-License-Identifier: Apache-2.0
#include "engine/recovery/index_check.h"

#include <algorithm>
#include <iterator>
#include <utility>
#include <vector>

#include "engine/format/index_file.h"
#include "engine/log/catalog.h"
#include "engine/recovery/folder.h"
#include "engine/recovery/identity.h"
#include "engine/recovery/index_files.h"
#include "engine/recovery/index_healer.h"
#include "index/guarded.h"
#include "platform/io.h"

namespace tidemark::engine {

namespace {

IndexReport report_of(const FoundIndex& found) {
  IndexReport report;
  for (const auto& run : found.runs) {
    report.files.push_back({run->path(), run->first(), run->end(), run->file_size(), {}});
  }
  for (const IndexIsland& island : found.islands) {
    for (const auto& run : island.runs) {
      report.files.push_back({run->path(), run->first(), run->end(), run->file_size(),
                              "there is no index file for what is before it; the next writer builds that again"});
    }
  }
  const auto is_covered = [&](const IndexRange& range) {
    return std::ranges::any_of(
        report.files, [&](const IndexFile& file) { return file.first <= range.first && range.end <= file.end; });
  };
  std::vector<IndexFile> useless;
  for (const auto& path : found.leftovers) {
    // What was being made, by a writer that lives or by one that was killed, and what was merged since, is no damage.
    const auto range = parse_index_file_name(path.filename().native());
    if (!range || is_covered(*range)) { continue; }
    useless.push_back({path, range->first, range->end, 0, "damaged, or not of this log; the next writer replaces it"});
  }
  std::ranges::move(useless, std::back_inserter(report.files));
  if (found.end) { report.indexed = found.end->point.position; }
  return report;
}

// Whether a file holds these bytes and no others.
Result<bool> holds(platform::FileSystem& files, const std::filesystem::path& path, Bytes bytes) {
  auto file = files.open(path, platform::OpenMode::kRead);
  if (!file) { return std::unexpected(std::move(file.error())); }
  auto size = (*file)->size();
  if (!size) { return std::unexpected(std::move(size.error())); }
  if (*size != bytes.size()) { return false; }
  std::vector<std::byte> piece(std::size_t{1} << 20U);
  for (std::uint64_t at = 0; at < bytes.size(); at += piece.size()) {
    const Bytes expected = bytes.subspan(at, std::min<std::uint64_t>(piece.size(), bytes.size() - at));
    auto read = platform::read_up_to(**file, std::span(piece).first(expected.size()), at);
    if (!read) { return std::unexpected(std::move(read.error())); }
    if (!std::ranges::equal(expected, std::span(piece).first(*read))) { return false; }
  }
  return true;
}

class Checker {
 public:
  Checker(const std::filesystem::path& folder, platform::FileSystem& files, const Lineage& lineage, FoundIndex found)
      : files_(files),
        report_(report_of(found)),
        runs_(found.runs),
        catalog_(std::move(found.runs)),
        healer_(files, folder, lineage, catalog_, [] {}) {
    catalog_.heal_with(&healer_);
  }

  Result<IndexReport> check(const std::function<void(std::uint64_t done, std::uint64_t all)>& progress) {
    std::vector<IndexFile> checked;
    for (std::size_t i = 0; i < report_.files.size(); ++i) {
      IndexFile& file = report_.files[i];
      if (i < runs_.size()) {
        if (progress) { progress(runs_[i]->first().value(), report_.indexed.value()); }
        auto there = check_run(i, file);
        if (!there) { return std::unexpected(std::move(there.error())); }
        if (!*there) { continue; }
      }
      checked.push_back(std::move(file));
    }
    report_.files = std::move(checked);
    return std::move(report_);
  }

 private:
  // False if it is not there any more: beside a writer it may have been merged into another one.
  Result<bool> check_run(std::size_t i, IndexFile& file) {
    auto right = healer_.build(*runs_[i]);
    if (!right) {
      if (right.error().code() != ErrorCode::kDamaged) { return std::unexpected(std::move(right.error())); }
      file.problem = "the log does not say what it says: " + right.error().message();
      return true;
    }
    auto same = holds(files_, runs_[i]->path(), (*right)->bytes().all());
    if (!same && same.error().code() == ErrorCode::kNotFound) { return false; }
    if (!same && same.error().code() != ErrorCode::kIo) { return std::unexpected(std::move(same.error())); }
    if (!same || !*same) {
      file.problem = same ? "damaged: it does not hold what was written" : "unreadable: " + same.error().message();
      (void)catalog_.replace_run(runs_[i], std::move(*right));  // those behind it rest on what it says
    }
    return true;
  }

  platform::FileSystem& files_;
  IndexReport report_;
  const index::Tiers::Runs runs_;
  Catalog catalog_;
  IndexHealer healer_;
};

}  // namespace

Result<IndexReport> report_index(platform::FileSystem& files, const std::filesystem::path& folder,
                                 const Lineage& lineage) {
  return index::guarded([&]() -> Result<IndexReport> {
    auto found = find_index(files, folder, lineage);
    if (!found) { return std::unexpected(std::move(found.error())); }
    return report_of(*found);
  });
}

Result<IndexReport> check_index_files(const std::filesystem::path& folder, Environment environment,
                                      const std::function<void(std::uint64_t done, std::uint64_t all)>& progress) {
  return index::guarded([&]() -> Result<IndexReport> {
    platform::FileSystem& files = environment.files;
    auto holds_what = look_at_folder(files, folder);
    if (!holds_what) { return std::unexpected(std::move(holds_what.error())); }
    if (*holds_what != FolderHolds::kStore) { return std::unexpected(no_store_error(folder)); }
    auto identity = identify_store(files, folder);
    if (!identity) { return std::unexpected(std::move(identity.error())); }
    const Lineage lineage(identity->superblock);
    auto found = find_index(files, folder, lineage);
    if (!found) { return std::unexpected(std::move(found.error())); }
    return Checker(folder, files, lineage, std::move(*found)).check(progress);
  });
}

}  // namespace tidemark::engine
