// SPDX-License-Identifier: Apache-2.0
#include "engine/recovery/folder.h"

#include <cerrno>
#include <string>
#include <utility>

#include "engine/format/group_file.h"
#include "engine/format/segment.h"
#include "engine/format/snapshot_file.h"

namespace tidemark::engine {

Result<FolderHolds> look_at_folder(platform::FileSystem& files, const std::filesystem::path& folder) {
  auto entries = files.list(folder);
  if (!entries) {
    if (entries.error().code() == ErrorCode::kNotFound) { return std::unexpected(no_store_error(folder)); }
    if (entries.error().system_error() == ENOTDIR) {
      return std::unexpected(Error(ErrorCode::kNotAStore, "this is a file and not a store's folder").with_path(folder));
    }
    return std::unexpected(std::move(entries.error()));
  }
  std::string foreign;
  bool ours = false;
  for (const auto& entry : *entries) {
    if (entry.name == kSuperblockNames[0] || entry.name == kSuperblockNames[1]) { return FolderHolds::kStore; }
    if (is_side_folder(entry)) { continue; }
    const bool is_ours = is_store_file_name(entry.name) && !entry.is_folder;
    if (!is_ours) { foreign = entry.name; }
    ours = ours || is_ours;
  }
  // A folder of that name alone may be anybody's.
  if (!ours && !entries->empty() && foreign.empty()) { foreign = entries->front().name; }
  if (!foreign.empty()) { return std::unexpected(not_a_store_error(folder, foreign)); }
  return entries->empty() ? FolderHolds::kNothing : FolderHolds::kUnfinished;
}

bool is_side_folder(const platform::DirectoryEntry& entry) {
  return entry.is_folder && (entry.name == kSnapshotFolderName || is_group_folder_name(entry.name));
}

Error no_store_error(const std::filesystem::path& folder) {
  return Error(ErrorCode::kNotFound, "there is no store in this folder").with_path(folder);
}

Error not_a_store_error(const std::filesystem::path& folder, std::string_view foreign_name) {
  std::string message = "the folder holds other things (\"";
  message += foreign_name;
  message += "\") and no store: name an empty or a new folder";
  return Error(ErrorCode::kNotAStore, std::move(message)).with_path(folder);
}

}  // namespace tidemark::engine
