// SPDX-License-Identifier: Apache-2.0
#include "engine/log/snapshot_files.h"

#include <algorithm>
#include <limits>
#include <string>
#include <utility>

#include "engine/format/segment.h"
#include "platform/checksum.h"
#include "platform/io.h"

namespace tidemark::engine {

namespace {

using Entries = std::vector<SnapshotEntry>;

// What cannot be read counts as not there, but for want of memory, which is nobody's damage.
bool counts_as_lost(const Error& error) { return error.code() != ErrorCode::kOutOfMemory; }

// Of the entries that are marked and have this schema, unmarks all but the highest versions.
void keep_highest(const Entries& entries, std::string_view schema, std::size_t keep, std::vector<bool>& which) {
  std::vector<std::size_t> same;
  for (std::size_t i = 0; i < entries.size(); ++i) {
    if (which[i] && entries[i].schema == schema) { same.push_back(i); }
  }
  std::ranges::sort(same, std::ranges::greater{}, [&](std::size_t i) { return entries[i].version; });
  for (std::size_t n = keep; n < same.size(); ++n) { which[same[n]] = false; }
}

// Unmarks the oldest until so many are left.
void keep_newest(const Entries& entries, std::size_t keep, std::vector<bool>& which) {
  for (auto marked = static_cast<std::size_t>(std::ranges::count(which, true)); marked > keep; --marked) {
    std::optional<std::size_t> oldest;
    for (std::size_t i = 0; i < entries.size(); ++i) {
      if (which[i] && (!oldest || entries[i].taken < entries[*oldest].taken)) { oldest = i; }
    }
    which[*oldest] = false;
  }
}

RecordedTime earlier(RecordedTime now, std::chrono::nanoseconds by) {
  by = std::max(by, std::chrono::nanoseconds(0));
  return now < RecordedTime::min() + by ? RecordedTime::min() : now - by;
}

}  // namespace

Result<std::optional<std::vector<std::byte>>> SnapshotFiles::Found::state(const SnapshotEntry& entry) const {
  std::vector<std::byte> bytes(static_cast<std::size_t>(entry.state_bytes));
  const auto read = platform::read_up_to(*file_, bytes, entry.state_offset);
  if (!read && !counts_as_lost(read.error())) { return std::unexpected(read.error()); }
  if (!read || *read != bytes.size() || platform::xxh3_64(bytes) != entry.state_checksum) { return std::nullopt; }
  return bytes;
}

Result<SnapshotFiles::Looked> SnapshotFiles::look_at(const std::filesystem::path& path) const {
  auto file = files_.open(path, platform::OpenMode::kRead);
  if (!file) {
    if (file.error().code() == ErrorCode::kNotFound) { return Looked{}; }
    return std::unexpected(std::move(file.error()));
  }
  const auto size = (*file)->size();
  if (!size) { return std::unexpected(size.error()); }
  std::vector<std::byte> beginning(
      static_cast<std::size_t>(std::min<std::uint64_t>(*size, kSnapshotDirectoryBytesMax)));
  const auto read = platform::read_up_to(**file, beginning, 0);
  if (!read) { return std::unexpected(read.error()); }
  beginning.resize(*read);
  const auto directory_bytes = snapshot_directory_bytes(beginning);
  if (!directory_bytes) { return Looked{.is_other_version = is_other_snapshot_version(beginning)}; }
  if (*directory_bytes > beginning.size()) { return Looked{}; }
  auto directory = decode_snapshot_directory(std::span(beginning).first(*directory_bytes), *size);
  if (!directory) { return Looked{}; }
  Found found;
  found.file_ = std::move(*file);
  found.directory_ = std::move(*directory);
  return Looked{.found = std::move(found)};
}

Result<std::optional<SnapshotFiles::Found>> SnapshotFiles::find(const FileId& log_id, std::string_view stream) const {
  const SnapshotPlace place = snapshot_place(stream);
  auto looked = look_at(folder_ / place.folder / place.file);
  if (!looked && !counts_as_lost(looked.error())) { return std::unexpected(std::move(looked.error())); }
  if (!looked || !looked->found) { return std::nullopt; }
  const SnapshotDirectory& directory = looked->found->directory();
  if (directory.log_id != log_id || directory.stream != stream) { return std::nullopt; }
  return std::move(looked->found);
}

Result<SnapshotFiles::Content> SnapshotFiles::take_over(const Found& from, const std::vector<bool>& which) {
  Content content;
  content.directory.log_id = from.directory().log_id;
  content.directory.stream = from.directory().stream;
  for (std::size_t i = 0; i < which.size(); ++i) {
    if (!which[i]) { continue; }
    const SnapshotEntry& entry = from.directory().entries[i];
    auto state = from.state(entry);
    if (!state) { return std::unexpected(std::move(state.error())); }
    if (!*state) { continue; }
    content.directory.entries.push_back(entry);
    content.states.push_back(std::move(**state));
  }
  return content;
}

Status SnapshotFiles::save(Saving saving) {
  const SnapshotPlace place = snapshot_place(saving.stream);
  const std::scoped_lock one_at_a_time(lock_of(place.hash));
  const auto before = find(saving.log_id, saving.stream);
  if (!before) { return std::unexpected(before.error()); }
  Content content;
  if (*before) {
    const Entries& entries = (*before)->directory().entries;
    std::vector<bool> which(entries.size(), true);
    for (std::size_t i = 0; i < entries.size(); ++i) {
      if (entries[i].version == saving.entry.version && entries[i].schema == saving.entry.schema) { which[i] = false; }
      // Of a log that went on otherwise, it would stand above all that are true and never be of use.
      if (entries[i].version > saving.entry.version) {
        const auto is_true = saving.is_true(entries[i]);
        if (!is_true && !counts_as_lost(is_true.error())) { return std::unexpected(is_true.error()); }
        if (is_true && !*is_true) { which[i] = false; }
      }
    }
    keep_highest(entries, saving.entry.schema, saving.keep - 1, which);
    keep_newest(entries, limits::kSnapshotsPerStreamMax - 1, which);
    auto taken_over = take_over(**before, which);
    if (!taken_over) { return std::unexpected(std::move(taken_over.error())); }
    content = std::move(*taken_over);
  }
  content.directory.log_id = saving.log_id;
  content.directory.stream = saving.stream;
  saving.entry.state_bytes = saving.state.size();
  saving.entry.state_checksum = platform::xxh3_64(saving.state);
  content.directory.entries.push_back(std::move(saving.entry));
  return write(place, content, saving.state);
}

// last_state is of the entry for which content has none.
Status SnapshotFiles::write(const SnapshotPlace& place, const Content& content, Bytes last_state) {
  const std::filesystem::path folder = folder_ / place.folder;
  const std::filesystem::path path = folder / place.file;
  const std::filesystem::path temporary = path.string() + std::string(kTemporarySuffix);
  const std::vector<std::byte> directory = encode_snapshot_directory(content.directory);
  std::vector<Bytes> parts{directory};
  parts.insert(parts.end(), content.states.begin(), content.states.end());
  if (content.states.size() < content.directory.entries.size()) { parts.push_back(last_state); }

  for (const auto& one : {folder_, folder}) {
    auto ours = files_.check_inner_folder(one);
    if (!ours && ours.error().code() == ErrorCode::kNotFound) { ours = files_.make_inner_folder(one); }
    if (!ours) { return ours; }
  }
  if (auto gone = files_.unlink(temporary); !gone && gone.error().code() != ErrorCode::kNotFound) { return gone; }
  auto file = files_.open(temporary, platform::OpenMode::kCreate);
  if (!file) { return std::unexpected(std::move(file.error())); }
  Status done = platform::write_all(**file, parts, 0);
  if (done) { done = files_.rename(temporary, path); }
  if (!done) { (void)files_.unlink(temporary); }  // it must not keep a full disk full
  return done;
}

Result<PruneSnapshotsReport> SnapshotFiles::prune(const FileId& log_id, const PruneSnapshotsOptions& options,
                                                  RecordedTime now) {
  PruneSnapshotsReport report;
  std::optional<Error> first_error;  // one bad file is no reason to leave the others
  const auto list = [&](const std::filesystem::path& folder) {
    auto entries = files_.list(folder);
    if (entries) { return std::move(*entries); }
    if (entries.error().code() != ErrorCode::kNotFound && !first_error) { first_error = std::move(entries.error()); }
    return std::vector<platform::DirectoryEntry>();
  };
  if (auto ours = files_.check_inner_folder(folder_); !ours) {
    if (ours.error().code() == ErrorCode::kNotFound) { return report; }
    return std::unexpected(std::move(ours.error()));
  }
  for (const auto& folder : list(folder_)) {
    if (!folder.is_folder) { continue; }
    for (const auto& entry : list(folder_ / folder.name)) {
      auto done = prune_file(folder_ / folder.name, entry, log_id, options, now, report);
      if (!done && !first_error) { first_error = std::move(done.error()); }
    }
  }
  if (first_error) { return std::unexpected(std::move(*first_error)); }
  return report;
}

Status SnapshotFiles::prune_file(const std::filesystem::path& folder, const platform::DirectoryEntry& file,
                                 const FileId& log_id, const PruneSnapshotsOptions& options, RecordedTime now,
                                 PruneSnapshotsReport& report) {
  const auto name = parse_snapshot_file_name(file.name);
  if (!name || file.is_folder) { return {}; }  // not ours
  const SnapshotPlace place = snapshot_place(name->hash);
  const std::filesystem::path path = folder / file.name;
  const std::scoped_lock one_at_a_time(lock_of(name->hash));
  const auto remove = [&](std::uint64_t snapshots) -> Status {
    auto gone = files_.unlink(path);
    if (!gone) { return gone.error().code() == ErrorCode::kNotFound ? Status() : gone; }
    ++report.files_removed;
    report.removed += snapshots;
    report.bytes_freed += file.size;
    return {};
  };
  // Nobody is making it, since who does has this lock.
  if (name->is_temporary) { return remove(0); }
  const auto looked = look_at(path);
  if (!looked) { return std::unexpected(looked.error()); }
  if (looked->is_other_version) { return {}; }
  if (!looked->found) { return remove(0); }
  const Found& found = *looked->found;
  const SnapshotDirectory& directory = found.directory();
  const Entries& entries = directory.entries;
  if (directory.log_id != log_id || snapshot_place(directory.stream).file != file.name ||
      folder.filename() != place.folder) {
    return remove(entries.size());
  }
  std::vector<bool> which(entries.size(), true);
  for (std::size_t i = 0; i < entries.size(); ++i) {
    if (options.older_than && entries[i].taken < earlier(now, *options.older_than)) { which[i] = false; }
    if (options.keep) { keep_highest(entries, entries[i].schema, *options.keep, which); }
  }
  const auto left = static_cast<std::size_t>(std::ranges::count(which, true));
  if (left == 0) { return remove(entries.size()); }
  if (left < entries.size()) {
    const auto content = take_over(found, which);
    if (!content) { return std::unexpected(content.error()); }
    if (content->states.empty()) { return remove(entries.size()); }
    if (auto done = write(place, *content, {}); !done) { return done; }
    std::uint64_t size = encode_snapshot_directory(content->directory).size();
    for (const auto& state : content->states) { size += state.size(); }
    report.bytes_freed += file.size > size ? file.size - size : 0;
    report.kept += content->states.size();
    report.removed += entries.size() - content->states.size();
    return {};
  }
  report.kept += left;
  return {};
}

}  // namespace tidemark::engine
