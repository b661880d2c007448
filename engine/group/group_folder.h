// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string_view>
#include <vector>

#include "engine/format/group_file.h"
#include "platform/file_system.h"
#include "tidemark/error.hpp"

// The folder of a group: what it is, who is in it. Everything is decided by locks that the system takes from a process
// that dies, so that a dead member needs no time-out and a slow one is never taken for dead.
namespace tidemark::engine {

// Makes the group, or gives the one of that name that is there. kInvalidArgument: it has another query or number of
// partitions, or is another one with the same hash.
[[nodiscard]] Result<GroupDefinition> make_group(platform::FileSystem& files, const std::filesystem::path& store,
                                                 const GroupDefinition& wanted);
// Brings the names of the group, and of its files, to stable storage: who finds them may rest on what a process left
// that was killed before it had done so.
[[nodiscard]] Status sync_group(platform::FileSystem& files, const std::filesystem::path& store, std::string_view name);
// kGroupUnknown, kDamaged, kUnsupportedFormat, …
[[nodiscard]] Result<GroupDefinition> find_group(platform::FileSystem& files, const std::filesystem::path& store,
                                                 std::string_view name);
// kGroupUnknown: this very group is not there any more; kDamaged, …
[[nodiscard]] Status check_group(platform::FileSystem& files, const std::filesystem::path& store,
                                 const GroupDefinition& group);
// By rising names. One that cannot be read is left out.
[[nodiscard]] Result<std::vector<GroupDefinition>> list_groups(platform::FileSystem& files,
                                                               const std::filesystem::path& store);
// Whether there was one. kLocked: it has members.
[[nodiscard]] Result<bool> remove_group(platform::FileSystem& files, const std::filesystem::path& store,
                                        std::string_view name);

// A seat in a group, until it is destroyed.
struct GroupSeat {
  std::uint32_t number = 0;
  std::unique_ptr<platform::FileLock> lock;
};
// The lowest seat that is free. kGroupUnknown: this very group is not there any more; kLimitExceeded.
[[nodiscard]] Result<GroupSeat> take_seat(platform::FileSystem& files, const std::filesystem::path& store,
                                          const GroupDefinition& group);
// Which seats are taken, rising.
[[nodiscard]] Result<std::vector<std::uint32_t>> taken_seats(platform::FileSystem& files,
                                                             const std::filesystem::path& folder);
// kLocked: another member has it.
[[nodiscard]] Result<std::unique_ptr<platform::FileLock>> lock_partition(platform::FileSystem& files,
                                                                         const std::filesystem::path& folder,
                                                                         std::uint32_t partition);

// How often replaying was asked for. kDamaged: nobody knows.
[[nodiscard]] Result<std::uint64_t> replay_requests(platform::FileSystem& files, const std::filesystem::path& folder,
                                                    const GroupDefinition& group);
[[nodiscard]] Status request_replay(platform::FileSystem& files, const std::filesystem::path& store,
                                    const GroupDefinition& group);

// Which partition the events of a stream belong to.
[[nodiscard]] std::uint32_t partition_of(std::string_view stream, std::uint32_t partitions);

}  // namespace tidemark::engine
