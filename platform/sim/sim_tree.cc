// SPDX-License-Identifier: Apache-2.0
#include "platform/sim/sim_tree.h"

#include <algorithm>
#include <cerrno>
#include <ranges>
#include <set>
#include <utility>

namespace tidemark::platform {

namespace fs = std::filesystem;

namespace {

std::vector<std::string> names_in(const fs::path& path) {
  std::vector<std::string> names;
  for (const fs::path& part : path.relative_path().lexically_normal()) {
    if (!part.empty() && part != ".") names.push_back(part.string());
  }
  return names;
}

SimNodePtr child(const SimNodePtr& folder, const std::string& name) {
  const auto found = folder->entries.find(name);
  return found == folder->entries.end() ? nullptr : found->second;
}

void collect_files(const SimNode& folder, const fs::path& path, std::map<fs::path, SimNodePtr>& files) {
  for (const auto& [name, node] : folder.entries) {
    if (node->is_folder) {
      collect_files(*node, path / name, files);
    } else {
      files.emplace(path / name, node);
    }
  }
}

void forget_unsynced_entries(SimNode& folder) {
  folder.entries = folder.durable;
  for (const auto& node : folder.entries | std::views::values) {
    if (node->is_folder) forget_unsynced_entries(*node);
  }
}

}  // namespace

SimTree::SimTree() : absolute_(std::make_shared<SimNode>(0, true)), relative_(std::make_shared<SimNode>(0, true)) {}

SimTree::Outcome<SimNodePtr> SimTree::find(const fs::path& path) const {
  SimNodePtr node = root_of(path);
  for (const std::string& name : names_in(path)) {
    if (!node->is_folder) return std::unexpected(ENOTDIR);
    node = child(node, name);
    if (!node) return std::unexpected(ENOENT);
  }
  return node;
}

SimTree::Outcome<SimNodePtr> SimTree::find_file(const fs::path& path) const {
  auto found = find(path);
  if (found && (*found)->is_folder) return std::unexpected(EISDIR);
  return found;
}

SimTree::Outcome<SimNodePtr> SimTree::find_folder(const fs::path& path) const {
  auto found = find(path);
  if (found && !(*found)->is_folder) return std::unexpected(ENOTDIR);
  return found;
}

SimTree::Outcome<SimNodePtr> SimTree::create_file(const fs::path& path) {
  const auto place = place_of(path);
  if (!place) return std::unexpected(place.error());
  if (child(place->folder, place->name)) return std::unexpected(EEXIST);
  return add(*place, false);
}

SimTree::Outcome<SimNodePtr> SimTree::make_folder(const fs::path& path) {
  SimNodePtr folder = root_of(path);
  for (const std::string& name : names_in(path)) {
    SimNodePtr next = child(folder, name);
    if (!next) next = add({.folder = folder, .name = name}, true);
    if (!next->is_folder) return std::unexpected(ENOTDIR);
    folder = std::move(next);
  }
  return folder;
}

SimTree::Outcome<void> SimTree::rename(const fs::path& from, const fs::path& to) {
  const auto source = place_of(from);
  if (!source) return std::unexpected(source.error());
  const auto target = place_of(to);
  if (!target) return std::unexpected(target.error());
  const SimNodePtr node = child(source->folder, source->name);
  if (!node) return std::unexpected(ENOENT);
  if (node->is_folder && source->folder != target->folder) return std::unexpected(EXDEV);
  if (const SimNodePtr there = child(target->folder, target->name)) {
    if (there == node) return {};  // two names of one file both stay, as rename(2) has it
    if (there->is_folder != node->is_folder) return std::unexpected(there->is_folder ? EISDIR : ENOTDIR);
    if (!there->entries.empty()) return std::unexpected(ENOTEMPTY);
  }
  source->folder->entries.erase(source->name);
  target->folder->entries.insert_or_assign(target->name, node);
  unsynced_.push_back({.node = node, .from = *source, .to = *target});
  return {};
}

SimTree::Outcome<void> SimTree::link(const fs::path& from, const fs::path& to) {
  const auto file = find_file(from);
  if (!file) return std::unexpected(file.error() == EISDIR ? EPERM : file.error());
  const auto target = place_of(to);
  if (!target) return std::unexpected(target.error());
  if (child(target->folder, target->name)) return std::unexpected(EEXIST);
  (*file)->linked = true;
  target->folder->entries.emplace(target->name, *file);
  unsynced_.push_back({.node = *file, .from = {}, .to = *target});
  return {};
}

SimTree::Outcome<void> SimTree::unlink(const fs::path& path) {
  const auto place = place_of(path);
  if (!place) return std::unexpected(place.error());
  const SimNodePtr node = child(place->folder, place->name);
  if (!node) return std::unexpected(ENOENT);
  if (node->is_folder) return std::unexpected(EISDIR);
  place->folder->entries.erase(place->name);
  unsynced_.push_back({.node = node, .from = *place, .to = {}});
  return {};
}

void SimTree::sync_folder(const SimNodePtr& folder) {
  settle([&](const Change& change) { return change.from.folder == folder || change.to.folder == folder; });
}

SimTree::Outcome<SimNodePtr> SimTree::place_file(const fs::path& path) {
  const std::vector<std::string> names = names_in(path);
  if (names.empty()) return std::unexpected(EISDIR);
  SimNodePtr node = root_of(path);
  for (const std::string& name : names) {
    if (!node->is_folder) return std::unexpected(ENOTDIR);
    const Place place = {.folder = node, .name = name};
    const bool is_last = &name == &names.back();
    node = child(place.folder, name);
    if (!node) node = add(place, !is_last);
    make_durable(place, node);
  }
  if (node->is_folder) return std::unexpected(EISDIR);
  return node;
}

void SimTree::remove(const fs::path& path) {
  const auto place = place_of(path);
  if (!place) return;
  const SimNodePtr node = child(place->folder, place->name);
  settle([&](const Change& change) { return change.node == node || change.from == *place || change.to == *place; });
  place->folder->entries.erase(place->name);
  place->folder->durable.erase(place->name);
}

std::map<fs::path, SimNodePtr> SimTree::files() const {
  std::map<fs::path, SimNodePtr> files;
  collect_files(*absolute_, "/", files);
  collect_files(*relative_, "", files);
  return files;
}

void SimTree::crash(SimDice& dice, double keep, bool tear) {
  for (const Change& change : unsynced_) {
    if (dice.happens(keep)) apply(change);
  }
  unsynced_.clear();
  forget_unsynced_entries(*absolute_);
  forget_unsynced_entries(*relative_);
  std::set<SimNodePtr> crashed;
  for (const auto& node : files() | std::views::values) {
    if (crashed.insert(node).second) node->data.crash(dice, keep, tear);
  }
}

void SimTree::crash(const std::function<bool(const std::string&)>& keeps_name,
                    const std::function<std::uint64_t(const fs::path&, std::uint64_t)>& kept_bytes) {
  for (const Change& change : unsynced_) {
    if (keeps_name(change.to.folder ? change.to.name : change.from.name)) apply(change);
  }
  unsynced_.clear();
  forget_unsynced_entries(*absolute_);
  forget_unsynced_entries(*relative_);
  std::set<SimNodePtr> crashed;
  for (const auto& [path, node] : files()) {
    if (!crashed.insert(node).second) continue;
    node->data.crash(true, [&](std::uint64_t block) { return kept_bytes(path, block); });
  }
}

const SimNodePtr& SimTree::root_of(const fs::path& path) const { return path.is_absolute() ? absolute_ : relative_; }

SimTree::Outcome<SimTree::Place> SimTree::place_of(const fs::path& path) const {
  std::vector<std::string> names = names_in(path);
  if (names.empty()) return std::unexpected(path.empty() ? ENOENT : EBUSY);
  std::string last = std::move(names.back());
  names.pop_back();
  SimNodePtr folder = root_of(path);
  for (const std::string& name : names) {
    folder = child(folder, name);
    if (!folder) return std::unexpected(ENOENT);
    if (!folder->is_folder) return std::unexpected(ENOTDIR);
  }
  return Place{.folder = std::move(folder), .name = std::move(last)};
}

SimNodePtr SimTree::add(const Place& place, bool is_folder) {
  SimNodePtr node = std::make_shared<SimNode>(++ids_, is_folder);
  place.folder->entries.emplace(place.name, node);
  unsynced_.push_back({.node = node, .from = {}, .to = place});
  return node;
}

void SimTree::make_durable(const Place& place, const SimNodePtr& node) {
  settle([&](const Change& change) { return change.node == node || change.from == place || change.to == place; });
  place.folder->durable.insert_or_assign(place.name, node);
}

// Brings the changes that are concerned to the disk, and with each the earlier ones of its file and its new name: those
// would undo it if they alone survived a crash later on.
void SimTree::settle(const std::function<bool(const Change&)>& concerned) {
  std::vector<Change> settled;
  std::vector<Change> left;
  for (Change& change : unsynced_ | std::views::reverse) {
    const bool precedes = std::ranges::any_of(settled, [&](const Change& later) {
      return later.node == change.node || (later.to.folder && later.to == change.to);
    });
    (precedes || concerned(change) ? settled : left).push_back(std::move(change));
  }
  std::ranges::for_each(settled | std::views::reverse, apply);
  std::ranges::reverse(left);
  unsynced_ = std::move(left);
}

void SimTree::apply(const Change& change) {
  // Under whatever name: an earlier rename of the same file may not have survived. One with several names keeps the
  // others.
  if (change.from.folder) {
    std::erase_if(change.from.folder->durable, [&](const auto& entry) {
      return entry.second == change.node && (!change.node->linked || entry.first == change.from.name);
    });
  }
  if (change.to.folder) change.to.folder->durable.insert_or_assign(change.to.name, change.node);
}

}  // namespace tidemark::platform
