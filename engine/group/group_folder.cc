// SPDX-License-Identifier: Apache-2.0
#include "engine/group/group_folder.h"

#include <algorithm>
#include <charconv>
#include <chrono>
#include <string>
#include <thread>
#include <tuple>
#include <utility>
#include <vector>

#include "engine/group/partition_file.h"
#include "platform/checksum.h"
#include "tidemark/limits.hpp"

namespace tidemark::engine {

namespace {

constexpr std::string_view kLockName = "lock";
constexpr std::string_view kSeatPrefix = "member-";
constexpr std::string_view kLockSuffix = ".lock";

// Whoever holds the group's own lock does so for a few calls.
constexpr std::chrono::seconds kGroupLockPatience{5};

Error unknown(std::string_view name) {
  std::string message = "there is no consumer group \"";
  message += name;
  message += "\": give its query to make it, or look at Store::groups() for those there are";
  return {ErrorCode::kGroupUnknown, std::move(message)};
}

Error made_anew(std::string_view name) {
  std::string message = "the consumer group \"";
  message += name;
  message += "\" was removed, and made anew: get it from Store::group() once more";
  return {ErrorCode::kGroupUnknown, std::move(message)};
}

// Keeps others from making, joining and removing the group meanwhile.
Result<std::unique_ptr<platform::FileLock>> lock_group(platform::FileSystem& files,
                                                       const std::filesystem::path& folder) {
  if (auto ours = files.check_inner_folder(folder); !ours) { return std::unexpected(std::move(ours.error())); }
  const auto until = std::chrono::steady_clock::now() + kGroupLockPatience;
  for (;;) {
    auto lock = files.lock(folder / kLockName);
    if (lock || lock.error().code() != ErrorCode::kLocked || std::chrono::steady_clock::now() >= until) { return lock; }
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
}

// Nothing if there is none.
Result<std::optional<GroupDefinition>> load(platform::FileSystem& files, const std::filesystem::path& folder) {
  if (auto ours = files.check_inner_folder(folder); !ours) {
    if (ours.error().code() == ErrorCode::kNotFound) { return std::nullopt; }
    return std::unexpected(std::move(ours.error()));
  }
  const auto path = folder / kGroupDefinitionName;
  const auto bytes = read_file(files, path, kGroupFileBytesMax);
  if (!bytes) { return std::unexpected(bytes.error()); }
  if (!*bytes) { return std::nullopt; }
  GroupDefinition group;
  switch (decode_group(**bytes, group)) {
    case BlockState::kGood:
      return group;
    case BlockState::kNewerFormat:
      return std::unexpected(Error(ErrorCode::kUnsupportedFormat,
                                   "the group was written in a newer format than this library knows: use a newer "
                                   "version of Tidemark")
                                 .with_path(path));
    case BlockState::kEmpty:
    case BlockState::kBad:
      break;
  }
  return std::unexpected(
      Error(ErrorCode::kDamaged, "the group cannot be read: remove it, and make it anew from a position of your choice")
          .with_path(path));
}

// The group of this name, if it is there.
Result<std::optional<GroupDefinition>> load_named(platform::FileSystem& files, const std::filesystem::path& folder,
                                                  std::string_view name) {
  auto group = load(files, folder);
  if (group && *group && (*group)->name != name) {
    return std::unexpected(
        Error(ErrorCode::kInvalidArgument, "another group's name has the same hash: choose another name")
            .with_path(folder));
  }
  return group;
}

// The same, of the very group: kGroupUnknown if it was removed, even if it was made anew.
Result<std::unique_ptr<platform::FileLock>> lock_this_group(platform::FileSystem& files,
                                                            const std::filesystem::path& folder,
                                                            const GroupDefinition& group) {
  auto lock = lock_group(files, folder);
  if (!lock && lock.error().code() == ErrorCode::kNotFound) { return std::unexpected(unknown(group.name)); }
  if (!lock) { return lock; }
  const auto there = load_named(files, folder, group.name);
  if (!there) { return std::unexpected(there.error()); }
  if (!*there) { return std::unexpected(unknown(group.name)); }
  if ((*there)->group_id != group.group_id) { return std::unexpected(made_anew(group.name)); }
  return lock;
}

// Whatever the order, and however often one is named.
std::vector<QueryItem> sorted_items(const Query& query) {
  const auto sort = [](auto& all) {
    std::ranges::sort(all);
    all.erase(std::ranges::unique(all).begin(), all.end());
  };
  std::vector<QueryItem> items = query.items();
  for (QueryItem& item : items) {
    sort(item.types);
    sort(item.tags);
  }
  std::ranges::sort(items, {}, [](const QueryItem& item) { return std::tie(item.types, item.tags); });
  items.erase(std::ranges::unique(items).begin(), items.end());
  return items;
}

bool is_same(const Query& a, const Query& b) {
  return a.scope() == b.scope() && a.scope_name() == b.scope_name() && sorted_items(a) == sorted_items(b);
}

Status remove_file(platform::FileSystem& files, const std::filesystem::path& path) {
  auto gone = files.unlink(path);
  return !gone && gone.error().code() == ErrorCode::kNotFound ? Status() : gone;
}

// All of ours but the locks, what says that the group is there first.
Status remove_files(platform::FileSystem& files, const std::filesystem::path& folder) {
  if (auto gone = remove_file(files, folder / kGroupDefinitionName); !gone) { return gone; }
  if (auto done = files.sync_folder(folder); !done) { return done; }
  const auto entries = files.list(folder);
  if (!entries) { return std::unexpected(entries.error()); }
  for (const auto& entry : *entries) {
    if (entry.is_folder || (!is_group_file_name(entry.name) && !is_group_temporary_name(entry.name))) { continue; }
    if (auto gone = remove_file(files, folder / entry.name); !gone) { return gone; }
  }
  return files.sync_folder(folder);
}

Status make_state(platform::FileSystem& files, const std::filesystem::path& folder, std::uint32_t partitions) {
  auto file = files.open(folder / kGroupStateName, platform::OpenMode::kCreate);
  if (!file) { return std::unexpected(std::move(file.error())); }
  // All that it will ever need: a full disk is met here, and not by an acknowledgement.
  if (auto done = (*file)->allocate(partition_slot_offset(partitions, 0)); !done) { return done; }
  return (*file)->datasync();
}

std::filesystem::path seat_path(const std::filesystem::path& folder, std::uint32_t number) {
  return folder / (std::string(kSeatPrefix) + std::to_string(number) + std::string(kLockSuffix));
}

std::optional<std::uint32_t> seat_number(std::string_view name) {
  if (!name.starts_with(kSeatPrefix) || !name.ends_with(kLockSuffix)) { return std::nullopt; }
  name.remove_prefix(kSeatPrefix.size());
  name.remove_suffix(kLockSuffix.size());
  std::uint32_t number = 0;
  const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), number);
  const bool good = error == std::errc() && end == name.data() + name.size() && number < limits::kGroupMembersMax;
  return good ? std::optional(number) : std::nullopt;
}

// The highest number of a request that a partition has followed.
Result<std::uint64_t> last_replay_followed(platform::FileSystem& files, const std::filesystem::path& folder,
                                           const GroupDefinition& group) {
  auto opened = files.open(folder / kGroupStateName, platform::OpenMode::kRead);
  if (!opened) { return std::unexpected(std::move(opened.error())); }
  const std::shared_ptr<platform::File> state = std::move(*opened);
  std::uint64_t last = 0;
  for (std::uint32_t number = 0; number < group.partitions; ++number) {
    PartitionFile file(files, folder, state, {.group_id = group.group_id, .partition = number});
    auto loaded = file.load();
    if (!loaded) { return std::unexpected(std::move(loaded.error())); }
    if (loaded->progress) { last = std::max(last, loaded->progress->replayed); }
  }
  return last;
}

}  // namespace

Result<GroupDefinition> make_group(platform::FileSystem& files, const std::filesystem::path& store,
                                   const GroupDefinition& wanted) {
  const auto folder = store / group_folder_name(wanted.name);
  if (auto made = files.make_inner_folder(folder); !made) { return std::unexpected(std::move(made.error())); }
  const auto lock = lock_group(files, folder);
  if (!lock) { return std::unexpected(lock.error()); }
  auto there = load_named(files, folder, wanted.name);
  if (!there) { return std::unexpected(std::move(there.error())); }
  if (*there) {
    if (!is_same((*there)->query, wanted.query) || (*there)->partitions != wanted.partitions) {
      return std::unexpected(
          Error(ErrorCode::kInvalidArgument, "the group \"" + wanted.name + "\" is there, with " +
                                                 std::to_string((*there)->partitions) +
                                                 " partitions and the query: " + to_string((*there)->query) +
                                                 "; what a group is stays: take another name, or remove it first"));
    }
    if (auto done = sync_group(files, store, wanted.name); !done) { return std::unexpected(std::move(done.error())); }
    return std::move(**there);
  }
  Status done = remove_files(files, folder);  // of one that was removed, or not made to the end
  if (done) { done = make_state(files, folder, wanted.partitions); }
  if (done) { done = files.sync_folder(folder); }  // a group that is there has its state
  if (done) { done = replace_file(files, folder / kGroupDefinitionName, encode_group(wanted)); }
  if (done) { done = files.sync_folder(store); }
  if (!done) {
    (void)remove_files(files, folder);  // it must not keep a full disk full
    return std::unexpected(std::move(done.error()));
  }
  return wanted;
}

Status sync_group(platform::FileSystem& files, const std::filesystem::path& store, std::string_view name) {
  if (auto done = files.sync_folder(store / group_folder_name(name)); !done) { return done; }
  return files.sync_folder(store);
}

Result<GroupDefinition> find_group(platform::FileSystem& files, const std::filesystem::path& store,
                                   std::string_view name) {
  auto group = load_named(files, store / group_folder_name(name), name);
  if (!group) { return std::unexpected(std::move(group.error())); }
  if (!*group) { return std::unexpected(unknown(name)); }
  return std::move(**group);
}

Status check_group(platform::FileSystem& files, const std::filesystem::path& store, const GroupDefinition& group) {
  const auto there = find_group(files, store, group.name);
  if (!there) { return std::unexpected(there.error()); }
  return there->group_id == group.group_id ? Status() : std::unexpected(made_anew(group.name));
}

Result<std::vector<GroupDefinition>> list_groups(platform::FileSystem& files, const std::filesystem::path& store) {
  const auto entries = files.list(store);
  if (!entries) { return std::unexpected(entries.error()); }
  std::vector<GroupDefinition> all;
  for (const auto& entry : *entries) {
    if (!entry.is_folder || !is_group_folder_name(entry.name)) { continue; }
    auto group = load(files, store / entry.name);
    if (group && *group) { all.push_back(std::move(**group)); }
  }
  std::ranges::sort(all, {}, &GroupDefinition::name);
  return all;
}

Result<bool> remove_group(platform::FileSystem& files, const std::filesystem::path& store, std::string_view name) {
  const auto folder = store / group_folder_name(name);
  const auto lock = lock_group(files, folder);
  if (!lock && lock.error().code() == ErrorCode::kNotFound) { return false; }
  if (!lock) { return std::unexpected(lock.error()); }
  const auto there = load_named(files, folder, name);
  // What cannot be read can be removed.
  if (!there && there.error().code() != ErrorCode::kDamaged) { return std::unexpected(there.error()); }
  const auto members = taken_seats(files, folder);
  if (!members) { return std::unexpected(members.error()); }
  if (!members->empty()) {
    std::string message = "the group \"" + std::string(name) + "\" has ";
    message += members->size() == 1 ? "a member" : std::to_string(members->size()) + " members";
    message += ": end " + std::string(members->size() == 1 ? "it" : "them") + ", then remove the group";
    // Taken for a moment at most, if it is free just now: then nobody is named.
    const auto seat = files.lock(seat_path(folder, members->front()));
    if (!seat && seat.error().code() == ErrorCode::kLocked) {
      message += members->size() == 1 ? " (" : " (of the first, ";
      message += seat.error().message() + ")";
    }
    return std::unexpected(Error(ErrorCode::kLocked, std::move(message)).with_path(folder));
  }
  if (there && !*there) { return false; }
  if (auto gone = remove_files(files, folder); !gone) { return std::unexpected(std::move(gone.error())); }
  return true;
}

Result<GroupSeat> take_seat(platform::FileSystem& files, const std::filesystem::path& store,
                            const GroupDefinition& group) {
  const auto folder = store / group_folder_name(group.name);
  const auto lock = lock_this_group(files, folder, group);
  if (!lock) { return std::unexpected(lock.error()); }
  for (std::uint32_t number = 0; number < limits::kGroupMembersMax; ++number) {
    auto seat = files.lock(seat_path(folder, number));
    if (seat) { return GroupSeat{.number = number, .lock = std::move(*seat)}; }
    if (seat.error().code() != ErrorCode::kLocked) { return std::unexpected(std::move(seat.error())); }
  }
  return std::unexpected(Error(
      ErrorCode::kLimitExceeded,
      "the group \"" + group.name + "\" has " + std::to_string(limits::kGroupMembersMax) + " members; more do not go"));
}

Result<std::vector<std::uint32_t>> taken_seats(platform::FileSystem& files, const std::filesystem::path& folder) {
  const auto entries = files.list(folder);
  if (!entries) { return std::unexpected(entries.error()); }
  std::vector<std::uint32_t> taken;
  for (const auto& entry : *entries) {
    const auto number = seat_number(entry.name);
    if (!number) { continue; }
    const auto locked = files.is_locked(folder / entry.name);
    if (!locked) { return std::unexpected(locked.error()); }
    if (*locked) { taken.push_back(*number); }
  }
  std::ranges::sort(taken);
  return taken;
}

Result<std::unique_ptr<platform::FileLock>> lock_partition(platform::FileSystem& files,
                                                           const std::filesystem::path& folder,
                                                           std::uint32_t partition) {
  return files.lock(folder / ("partition-" + std::to_string(partition) + std::string(kLockSuffix)));
}

Result<std::uint64_t> replay_requests(platform::FileSystem& files, const std::filesystem::path& folder,
                                      const GroupDefinition& group) {
  const auto bytes = read_file(files, folder / kGroupReplayName, kSectorBytes);
  if (!bytes) { return std::unexpected(bytes.error()); }
  if (!*bytes) { return 0; }
  std::uint64_t requests = 0;
  switch (decode_replay_request(**bytes, group.group_id, requests)) {
    case BlockState::kGood:
    case BlockState::kEmpty:
      return requests;
    case BlockState::kNewerFormat:
      return std::unexpected(Error(ErrorCode::kUnsupportedFormat,
                                   "the group was written in a newer format than this library knows: use a newer "
                                   "version of Tidemark")
                                 .with_path(folder / kGroupReplayName));
    case BlockState::kBad:
      break;
  }
  return std::unexpected(Error(ErrorCode::kDamaged,
                               "how often it was asked that what is parked be given again cannot be read: ask for it "
                               "once more, by replay_parked()")
                             .with_path(folder / kGroupReplayName));
}

Status request_replay(platform::FileSystem& files, const std::filesystem::path& store, const GroupDefinition& group) {
  const auto folder = store / group_folder_name(group.name);
  const auto lock = lock_this_group(files, folder, group);
  if (!lock) { return std::unexpected(lock.error()); }
  const auto requests = replay_requests(files, folder, group);
  std::uint64_t last = 0;
  if (requests) {
    last = *requests;
  } else if (requests.error().code() == ErrorCode::kDamaged) {
    // The next one must be another than each that a partition has followed.
    const auto followed = last_replay_followed(files, folder, group);
    if (!followed) { return std::unexpected(followed.error()); }
    last = *followed;
  } else {
    return std::unexpected(requests.error());
  }
  return replace_file(files, folder / kGroupReplayName, encode_replay_request(group.group_id, last + 1));
}

std::uint32_t partition_of(std::string_view stream, std::uint32_t partitions) {
  return static_cast<std::uint32_t>(platform::xxh3_64(as_bytes(stream)) % partitions);
}

}  // namespace tidemark::engine
