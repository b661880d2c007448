// SPDX-License-Identifier: Apache-2.0
#include "engine/copy/new_log.h"

#include <algorithm>
#include <set>
#include <string>
#include <utility>

#include "engine/recovery/verify.h"

namespace tidemark::engine {

Result<const Segment*> last_segment_of(const LogSource& source) {
  const Segment* last = find_segment(*source.segments, source.end.offset);
  if (last != nullptr && source.end.offset >= Offset(last->base().value() + kSegmentHeaderBytes)) { return last; }
  return std::unexpected(
      Error(ErrorCode::kDamaged, "the segment in which the log ends is not there").with_path(source.folder));
}

Superblock closed_at_end(const LogSource& source, Environment environment, std::uint32_t epoch) {
  Superblock superblock = source.superblock;
  superblock.state = StoreState::kClosed;
  superblock.epoch = std::max(superblock.epoch, epoch);
  superblock.boot_id = environment.machine.boot_id();
  superblock.durable_end = superblock.write_limit = source.end.offset.value();
  superblock.cut_end = 0;
  const Segment* last = find_segment(*source.segments, source.end.offset);
  superblock.highest_segment = last == nullptr ? 1 : last->number().value();
  return superblock;
}

namespace {

// Under its name at once, and whole: whoever finds it believes it.
bool bring_index_file(platform::FileSystem& files, const std::filesystem::path& from, std::uint64_t size,
                      const std::filesystem::path& to, SegmentCopier& copier) {
  const std::filesystem::path temporary = to.string() + std::string(kTemporarySuffix);
  (void)files.unlink(temporary);
  if (copier.copy_index(from, size, temporary) && files.rename(temporary, to)) { return true; }
  (void)files.unlink(temporary);
  return false;
}

}  // namespace

void copy_index_files(const LogSource& source, const std::filesystem::path& into, Environment environment,
                      SegmentCopier& copier, const std::function<bool(const std::filesystem::path&)>& wanted) {
  platform::FileSystem& files = environment.files;
  const auto there = files.list(into);
  const auto found = files.list(source.folder);
  if (!there || !found) { return; }
  bool all_came = true;
  std::set<std::string> used;
  for (const auto& entry : *found) {
    const auto range = parse_index_file_name(entry.name);
    if (!range || range->end > source.end.position || entry.is_folder) { continue; }
    if (wanted && !wanted(source.folder / entry.name)) { continue; }
    const bool has_it = std::ranges::any_of(
        *there, [&](const auto& other) { return other.name == entry.name && other.size == entry.size; });
    if (has_it || bring_index_file(files, source.folder / entry.name, entry.size, into / entry.name, copier)) {
      used.insert(entry.name);
    } else {
      all_came = false;
    }
  }
  // Those that were merged into others go, once the others are sure to stay.
  if (!files.sync_folder(into) || !all_came) { return; }
  for (const auto& entry : *there) {
    const bool is_index = parse_index_file_name(entry.name) || is_temporary_index_file_name(entry.name);
    if (is_index && !used.contains(entry.name)) { (void)files.unlink(into / entry.name); }
  }
}

Status verify_copy(const LogSource& source, const std::filesystem::path& folder, Environment environment,
                   const CopyProgress& progress) {
  auto report = verify_store(folder, environment, progress);
  if (!report) { return std::unexpected(std::move(report.error())); }
  const bool is_all = report->events == source.end.position.value() && report->durable == source.end.position;
  if (report->whole() && is_all) { return {}; }
  std::string message = "the copy does not read back whole: ";
  if (report->whole()) {
    message += "it has " + std::to_string(report->events) + " events of " + std::to_string(source.end.position.value());
  } else {
    message += report->damages.front().what;
  }
  message +=
      "; if `tidemark verify` says the same of the store that was copied, `tidemark repair` copies what is whole";
  Error error(ErrorCode::kDamaged, std::move(message));
  if (report->whole()) { return std::unexpected(std::move(error).with_path(folder)); }
  const Damage& first = report->damages.front();
  if (first.segment) { (void)std::move(error).with_segment(*first.segment); }
  if (first.offset) { (void)std::move(error).with_offset(*first.offset); }
  return std::unexpected(std::move(error).with_path(first.file));
}

}  // namespace tidemark::engine
