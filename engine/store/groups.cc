// SPDX-License-Identifier: Apache-2.0
// Of StoreCore: consumer groups, made, found, removed; and of Group.
#include <algorithm>
#include <cerrno>
#include <new>
#include <optional>
#include <string>
#include <utility>

#include "engine/format/names.h"
#include "engine/group/group_folder.h"
#include "engine/group/member_impl.h"
#include "engine/group/partition_file.h"
#include "engine/store/store_core.h"
#include "platform/machine.h"
#include "tidemark/limits.hpp"

namespace tidemark {

namespace engine {

namespace {

Error out_of_memory() { return {ErrorCode::kOutOfMemory, "out of memory"}; }

Status check_group_name(std::string_view name) {
  return check_name("a group's name", name, limits::kGroupNameBytesMax);
}

}  // namespace

Result<Position> StoreCore::first_of_group(const GroupOptions& options) const {
  const int starts = (options.from_position ? 1 : 0) + (options.from_recorded ? 1 : 0) + (options.from_end ? 1 : 0);
  if (starts > 1) {
    return std::unexpected(
        Error(ErrorCode::kInvalidArgument, "a group begins at one of from_position, from_recorded and from_end"));
  }
  if (options.from_recorded) {
    if (*options.from_recorded > environment_.clock.now()) {
      return std::unexpected(Error(ErrorCode::kInvalidArgument,
                                   "from_recorded lies ahead, and a group begins at a position: make it then, or "
                                   "from the end"));
    }
    return position_at(*options.from_recorded);
  }
  if (options.from_end) { return visible_end({.visibility = Visibility::kDurable}); }
  return options.from_position.value_or(Position());
}

Result<GroupDefinition> StoreCore::make_group(std::string_view name, const Query& query,
                                              const GroupOptions& options) const {
  try {
    if (auto open = check_open(); !open) { return std::unexpected(std::move(open.error())); }
    if (auto good = check_group_name(name); !good) { return std::unexpected(std::move(good.error())); }
    if (auto good = check_query(query); !good) { return std::unexpected(std::move(good.error())); }
    if (options.partitions == 0 || options.partitions > limits::kGroupPartitionsMax) {
      return std::unexpected(
          Error(ErrorCode::kInvalidArgument, "a group has 1 to " + std::to_string(limits::kGroupPartitionsMax) +
                                                 " partitions, and not " + std::to_string(options.partitions)));
    }
    const auto first = first_of_group(options);
    if (!first) { return std::unexpected(first.error()); }
    return engine::make_group(environment_.files, folder_,
                              {.log_id = log_id(),
                               .group_id = platform::random_uuid(environment_.machine),
                               .name = std::string(name),
                               .query = query,
                               .partitions = options.partitions,
                               .first = *first});
  } catch (const std::bad_alloc&) { return std::unexpected(out_of_memory()); }
}

Result<GroupDefinition> StoreCore::find_group(std::string_view name) const {
  try {
    if (auto open = check_open(); !open) { return std::unexpected(std::move(open.error())); }
    if (auto good = check_group_name(name); !good) { return std::unexpected(std::move(good.error())); }
    return engine::find_group(environment_.files, folder_, name);
  } catch (const std::bad_alloc&) { return std::unexpected(out_of_memory()); }
}

Result<std::vector<GroupInfo>> StoreCore::groups() const {
  try {
    if (auto open = check_open(); !open) { return std::unexpected(std::move(open.error())); }
    const auto groups = list_groups(environment_.files, folder_);
    if (!groups) { return std::unexpected(groups.error()); }
    std::vector<GroupInfo> all;
    for (const GroupDefinition& group : *groups) {
      auto info = group_info(group);
      if (info) {
        all.push_back(std::move(*info));
        continue;
      }
      // One that cannot be read, whatever stands in its files' place, hides no other. Not so what all would fail by.
      const Error& error = info.error();
      const bool is_general =
          error.code() == ErrorCode::kOutOfMemory || error.system_error() == EMFILE || error.system_error() == ENFILE;
      if (is_general) { return std::unexpected(std::move(info.error())); }
    }
    return all;
  } catch (const std::bad_alloc&) { return std::unexpected(out_of_memory()); }
}

Result<bool> StoreCore::remove_group(std::string_view name) const {
  try {
    if (auto open = check_open(); !open) { return std::unexpected(std::move(open.error())); }
    if (auto good = check_group_name(name); !good) { return std::unexpected(std::move(good.error())); }
    return engine::remove_group(environment_.files, folder_, name);
  } catch (const std::bad_alloc&) { return std::unexpected(out_of_memory()); }
}

Result<Member> StoreCore::join_group(const GroupDefinition& group, const MemberOptions& options) const {
  try {
    if (auto open = check_open(); !open) { return std::unexpected(std::move(open.error())); }
    auto impl = detail::MemberImpl::join({.source = shared_from_this(),
                                          .files = environment_.files,
                                          .clock = environment_.clock,
                                          .store = folder_,
                                          .group = group,
                                          .access = salvaged_ ? Access::kCopied : Access::kMapped},
                                         options);
    if (!impl) { return std::unexpected(std::move(impl.error())); }
    return Member(std::move(*impl));
  } catch (const std::bad_alloc&) { return std::unexpected(out_of_memory()); }
}

// What is stored of every partition, whoever has it.
Result<std::vector<PartitionFile::Loaded>> StoreCore::load_partitions(const GroupDefinition& group) const {
  const auto folder = folder_ / group_folder_name(group.name);
  if (auto there = check_group(environment_.files, folder_, group); !there) {
    return std::unexpected(std::move(there.error()));
  }
  auto opened = open_state(environment_.files, folder, platform::OpenMode::kRead);
  if (!opened) { return std::unexpected(std::move(opened.error())); }
  const std::shared_ptr<platform::File> state = std::move(*opened);
  if (auto whole = check_state_size(*state, group.partitions, folder); !whole) {
    return std::unexpected(std::move(whole.error()));
  }
  std::vector<PartitionFile::Loaded> all;
  std::optional<Error> unreadable;
  for (std::uint32_t number = 0; number < group.partitions; ++number) {
    PartitionFile file(environment_.files, folder, state, {.group_id = group.group_id, .partition = number});
    auto loaded = file.load();
    // Its member may be writing: what is torn then is whole a moment later.
    for (int again = 0; again < 20 && (!loaded || loaded->is_torn); ++again) { loaded = file.load(); }
    if (loaded) {
      all.push_back(std::move(*loaded));
    } else if (!unreadable) {
      unreadable = std::move(loaded.error());
    }
  }
  if (!unreadable) { return all; }
  // What is to be known for making the group anew: it must not begin behind what a readable partition has left to do.
  if (unreadable->code() != ErrorCode::kDamaged || all.empty()) { return std::unexpected(std::move(*unreadable)); }
  Position lowest(UINT64_MAX);
  for (const auto& one : all) { lowest = std::min(lowest, one.progress ? one.progress->next : group.first); }
  std::string message = unreadable->message();
  message += "; the other " + std::to_string(all.size()) + " partitions can be read, and are done before position " +
             std::to_string(lowest.value());
  return std::unexpected(Error(ErrorCode::kDamaged, std::move(message)).with_path(unreadable->path()));
}

Result<GroupInfo> StoreCore::group_info(const GroupDefinition& group) const {
  try {
    if (auto open = check_open(); !open) { return std::unexpected(std::move(open.error())); }
    const auto partitions = load_partitions(group);
    if (!partitions) { return std::unexpected(partitions.error()); }
    const auto seats = taken_seats(environment_.files, folder_ / group_folder_name(group.name));
    if (!seats) { return std::unexpected(seats.error()); }
    GroupInfo info{.name = group.name,
                   .query = group.query,
                   .partitions = group.partitions,
                   .first = group.first,
                   .members = static_cast<std::uint32_t>(seats->size()),
                   .next = Position(UINT64_MAX)};
    for (const auto& partition : *partitions) {
      info.next = std::min(info.next, partition.progress ? partition.progress->next : group.first);
      info.parked += partition.parked.size();
    }
    return info;
  } catch (const std::bad_alloc&) { return std::unexpected(out_of_memory()); }
}

Result<std::vector<ParkedEvent>> StoreCore::parked_events(const GroupDefinition& group) const {
  try {
    if (auto open = check_open(); !open) { return std::unexpected(std::move(open.error())); }
    auto partitions = load_partitions(group);
    if (!partitions) { return std::unexpected(std::move(partitions.error())); }
    std::vector<ParkedEvent> all;
    for (auto& partition : *partitions) {
      for (ParkedEntry& entry : partition.parked) {
        all.push_back({.position = entry.position,
                       .stream = std::move(entry.stream),
                       .tries = entry.tries,
                       .parked = entry.parked,
                       .reason = std::move(entry.reason),
                       .is_wanted = entry.wanted});
      }
    }
    std::ranges::sort(all, {}, &ParkedEvent::position);
    return all;
  } catch (const std::bad_alloc&) { return std::unexpected(out_of_memory()); }
}

Status StoreCore::replay_parked(const GroupDefinition& group) const {
  try {
    if (auto open = check_open(); !open) { return open; }
    return request_replay(environment_.files, folder_, group);
  } catch (const std::bad_alloc&) { return std::unexpected(out_of_memory()); }
}

}  // namespace engine

Group::Group(std::shared_ptr<const engine::StoreCore> core, std::shared_ptr<const engine::GroupDefinition> definition)
    : core_(std::move(core)), definition_(std::move(definition)) {}

const std::string& Group::name() const { return definition_->name; }

const Query& Group::query() const { return definition_->query; }

Result<Member> Group::join(const MemberOptions& options) const { return core_->join_group(*definition_, options); }

Result<GroupInfo> Group::info() const { return core_->group_info(*definition_); }

Result<std::vector<ParkedEvent>> Group::parked() const { return core_->parked_events(*definition_); }

Status Group::replay_parked() const { return core_->replay_parked(*definition_); }

}  // namespace tidemark
