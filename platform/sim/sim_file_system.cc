// SPDX-License-Identifier: Apache-2.0
#include "platform/sim/sim_file_system.h"

#include <cerrno>
#include <ranges>
#include <utility>

#include "platform/sim/sim_disk.h"
#include "platform/sim/sim_file.h"

namespace tidemark::platform {

namespace fs = std::filesystem;
using Kind = SeamCall::Kind;

namespace {

// An outcome of the tree as a status of the seam.
template <class T>
Status status_of(const SimTree::Outcome<T>& outcome, const SimDisk::Site& site) {
  if (!outcome) return os_failure(outcome.error(), site.doing, site.path);
  return {};
}

// The lock file, made if need be.
SimTree::Outcome<SimNodePtr> find_or_create(SimTree& tree, const fs::path& path) {
  auto found = tree.find_file(path);
  return !found && found.error() == ENOENT ? tree.create_file(path) : found;
}

}  // namespace

std::string_view to_string(SeamCall::Kind kind) {
  switch (kind) {
    case Kind::kOpen:
      return "open";
    case Kind::kPread:
      return "pread";
    case Kind::kPwritev:
      return "pwritev";
    case Kind::kDatasync:
      return "datasync";
    case Kind::kAllocate:
      return "allocate";
    case Kind::kWriteZeros:
      return "write_zeros";
    case Kind::kSize:
      return "size";
    case Kind::kMap:
      return "map";
    case Kind::kPopulate:
      return "populate";
    case Kind::kRename:
      return "rename";
    case Kind::kLink:
      return "link";
    case Kind::kUnlink:
      return "unlink";
    case Kind::kList:
      return "list";
    case Kind::kMakeFolder:
      return "make_folder";
    case Kind::kCheckFolder:
      return "check_folder";
    case Kind::kSyncFolder:
      return "sync_folder";
    case Kind::kLock:
      return "lock";
    case Kind::kIsLocked:
      return "is_locked";
    case Kind::kTraits:
      return "traits";
    case Kind::kCheckLock:
      return "check_lock";
    case Kind::kCheckFile:
      return "check_file";
  }
  return "unknown";
}

SimFileSystem::SimFileSystem() : disk_(std::make_shared<SimDisk>()) {}
SimFileSystem::~SimFileSystem() = default;

void SimFileSystem::set_fault_rule(std::function<std::optional<SeamFault>(const SeamCall&)> rule) {
  disk_->set_fault_rule(std::move(rule));
}

void SimFileSystem::power_off() {
  disk_->inspect([](SimDisk::State& state) { state.is_off = true; });
}

bool SimFileSystem::is_off() const {
  return disk_->inspect([](const SimDisk::State& state) { return state.is_off; });
}

void SimFileSystem::power_on(std::uint64_t seed, double keep, bool tear) {
  disk_->inspect([&](SimDisk::State& state) {
    SimDice dice(seed);
    state.tree.crash(dice, keep, tear);
    state.locked.clear();
    ++state.generation;
    state.is_off = false;
  });
}

void SimFileSystem::power_on(const SimSurvival& survival) {
  disk_->inspect([&](SimDisk::State& state) {
    state.tree.crash([&](const std::string& name) { return !survival.name || survival.name(name); }, survival.bytes);
    state.locked.clear();
    ++state.generation;
    state.is_off = false;
  });
}

void SimFileSystem::kill_process() {
  disk_->inspect([](SimDisk::State& state) {
    state.locked.clear();
    ++state.generation;
  });
}

void SimFileSystem::set_capacity(std::uint64_t bytes) {
  disk_->inspect([&](SimDisk::State& state) { state.capacity = bytes; });
}

void SimFileSystem::set_traits(FileSystemTraits traits) {
  disk_->inspect([&](SimDisk::State& state) { state.traits = std::move(traits); });
}

std::uint64_t SimFileSystem::calls() const { return disk_->calls(); }
std::uint64_t SimFileSystem::calls(SeamCall::Kind kind) const { return disk_->calls(kind); }

std::optional<std::vector<std::byte>> SimFileSystem::contents(const fs::path& path) const {
  return disk_->inspect([&](const SimDisk::State& state) -> std::optional<std::vector<std::byte>> {
    const auto file = state.tree.find_file(path);
    if (!file) return std::nullopt;
    std::vector<std::byte> bytes(static_cast<std::size_t>((*file)->data.size()));
    (*file)->data.read(bytes, 0);
    return bytes;
  });
}

void SimFileSystem::set_contents(const fs::path& path, std::span<const std::byte> bytes) {
  disk_->inspect([&](SimDisk::State& state) {
    const auto file = state.tree.place_file(path);
    if (file) (*file)->data.replace(bytes);
  });
}

void SimFileSystem::remove(const fs::path& path) {
  disk_->inspect([&](SimDisk::State& state) { state.tree.remove(path); });
}

std::vector<fs::path> SimFileSystem::files() const {
  return disk_->inspect([](const SimDisk::State& state) {
    std::vector<fs::path> paths;
    const auto files = state.tree.files();
    for (const fs::path& path : files | std::views::keys) paths.push_back(path);
    return paths;
  });
}

Result<std::unique_ptr<File>> SimFileSystem::open(const fs::path& path, OpenMode mode) {
  const bool create = mode == OpenMode::kCreate;
  const SimDisk::Site site = {.kind = Kind::kOpen, .path = path, .doing = create ? "create the file" : "open the file"};
  return disk_->call(site, [&](SimDisk::State& state, const SeamFault&) -> Result<std::unique_ptr<File>> {
    const auto node = create ? state.tree.create_file(path) : state.tree.find_file(path);
    if (!node) return os_failure(node.error(), site.doing, path);
    return make_sim_file({.disk = disk_, .node = *node, .path = path, .generation = state.generation}, mode);
  });
}

Status SimFileSystem::rename(const fs::path& from, const fs::path& to) {
  const SimDisk::Site site = {.kind = Kind::kRename, .path = from, .doing = "rename the file"};
  return disk_->call(site, [&](SimDisk::State& state, const SeamFault&) -> Status {
    return status_of(state.tree.rename(from, to), site);
  });
}

Status SimFileSystem::link(const fs::path& from, const fs::path& to) {
  const SimDisk::Site site = {.kind = Kind::kLink, .path = from, .doing = "link the file"};
  return disk_->call(site, [&](SimDisk::State& state, const SeamFault&) -> Status {
    return status_of(state.tree.link(from, to), site);
  });
}

Status SimFileSystem::unlink(const fs::path& path) {
  const SimDisk::Site site = {.kind = Kind::kUnlink, .path = path, .doing = "remove the file"};
  return disk_->call(site, [&](SimDisk::State& state, const SeamFault&) -> Status {
    return status_of(state.tree.unlink(path), site);
  });
}

Result<std::vector<DirectoryEntry>> SimFileSystem::list(const fs::path& folder) {
  const SimDisk::Site site = {.kind = Kind::kList, .path = folder, .doing = "list the folder"};
  return disk_->call(site, [&](SimDisk::State& state, const SeamFault&) -> Result<std::vector<DirectoryEntry>> {
    const auto node = state.tree.find_folder(folder);
    if (!node) return os_failure(node.error(), site.doing, folder);
    std::vector<DirectoryEntry> entries;
    for (const auto& [name, entry] : (*node)->entries) {
      entries.push_back({.name = name, .size = entry->data.size(), .is_folder = entry->is_folder});
    }
    return entries;
  });
}

Status SimFileSystem::make_folder(const fs::path& folder) {
  const SimDisk::Site site = {.kind = Kind::kMakeFolder, .path = folder, .doing = "make the folder"};
  return disk_->call(site, [&](SimDisk::State& state, const SeamFault&) -> Status {
    return status_of(state.tree.make_folder(folder), site);
  });
}

Status SimFileSystem::make_inner_folder(const fs::path& folder) {
  const SimDisk::Site site = {.kind = Kind::kMakeFolder, .path = folder, .doing = "make the folder"};
  return disk_->call(site, [&](SimDisk::State& state, const SeamFault&) -> Status {
    const auto above = state.tree.find_folder(folder.parent_path());
    return above ? status_of(state.tree.make_folder(folder), site) : status_of(above, site);
  });
}

Status SimFileSystem::check_inner_folder(const fs::path& folder) {
  const SimDisk::Site site = {.kind = Kind::kCheckFolder, .path = folder, .doing = "use the folder"};
  return disk_->call(site, [&](SimDisk::State& state, const SeamFault&) -> Status {
    return status_of(state.tree.find_folder(folder), site);
  });
}

Status SimFileSystem::sync_folder(const fs::path& folder) {
  const SimDisk::Site site = {.kind = Kind::kSyncFolder, .path = folder, .doing = "sync the folder"};
  return disk_->call(site, [&](SimDisk::State& state, const SeamFault&) -> Status {
    const auto node = state.tree.find_folder(folder);
    if (node) state.tree.sync_folder(*node);
    return status_of(node, site);
  });
}

Result<std::unique_ptr<FileLock>> SimFileSystem::lock(const fs::path& path) {
  const SimDisk::Site site = {.kind = Kind::kLock, .path = path, .doing = "lock the file"};
  return disk_->call(site, [&](SimDisk::State& state, const SeamFault&) -> Result<std::unique_ptr<FileLock>> {
    const auto node = find_or_create(state.tree, path);
    if (!node) return os_failure(node.error(), site.doing, path);
    if (state.locked.contains((*node)->id)) {
      return std::unexpected(Error(ErrorCode::kLocked, "the lock is held by this process").with_path(path));
    }
    if (const Bytes holder = as_bytes("pid 1\nhost sim\n"); state.has_room((*node)->data, holder.size())) {
      (*node)->data.write(holder, 0);
    }
    state.locked.insert((*node)->id);
    return make_sim_lock({.disk = disk_, .node = *node, .path = path, .generation = state.generation});
  });
}

Result<bool> SimFileSystem::is_locked(const fs::path& path) {
  const SimDisk::Site site = {.kind = Kind::kIsLocked, .path = path, .doing = "ask whether the file is locked"};
  return disk_->call(site, [&](SimDisk::State& state, const SeamFault&) -> Result<bool> {
    const auto node = state.tree.find_file(path);
    if (!node && node.error() == ENOENT) return false;
    if (!node) return os_failure(node.error(), site.doing, path);
    return state.locked.contains((*node)->id);
  });
}

Result<FileSystemTraits> SimFileSystem::traits(const fs::path& folder) {
  const SimDisk::Site site = {.kind = Kind::kTraits, .path = folder, .doing = "ask what the file system is like"};
  return disk_->call(site, [&](SimDisk::State& state, const SeamFault&) -> Result<FileSystemTraits> {
    const auto node = state.tree.find(folder);
    if (!node) return os_failure(node.error(), site.doing, folder);
    return state.traits;
  });
}

}  // namespace tidemark::platform
