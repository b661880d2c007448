// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>

// What a store takes. Going over one of these is ErrorCode::kLimitExceeded, and nothing is appended.
namespace tidemark::limits {

inline constexpr std::size_t kStreamNameBytesMax = 1024;  // and at least 1; UTF-8 without control characters
inline constexpr std::size_t kTypeBytesMax = 255;         // and at least 1; UTF-8 without control characters
inline constexpr std::size_t kTagBytesMax = 255;          // and at least 1; UTF-8 without control characters
inline constexpr std::size_t kTagsPerEventMax = 64;
inline constexpr std::size_t kEventBytesMax = std::size_t{16} << 20U;  // data and metadata of one event together
inline constexpr std::size_t kBatchBytesMax = std::size_t{64} << 20U;  // a batch as it is written, names and all
inline constexpr std::size_t kQueryNamesMax = 1024;                    // types and tags of all items of a query
inline constexpr std::size_t kConditionsMax = 256;                     // fail_if_match of one batch

inline constexpr std::size_t kSnapshotBytesMax = std::size_t{16} << 20U;  // the state in one snapshot
inline constexpr std::size_t kSnapshotSchemaBytesMax = 255;  // UTF-8 without control characters; may be empty
inline constexpr std::uint32_t kSnapshotsPerStreamMax = 16;  // of all schemas together

inline constexpr std::size_t kCheckpointNameBytesMax = 255;  // and at least 1; likewise
inline constexpr std::size_t kCheckpointsPerBatchMax = 64;

inline constexpr std::size_t kGroupNameBytesMax = 255;  // and at least 1; likewise
inline constexpr std::uint32_t kGroupPartitionsMax = 256;
inline constexpr std::uint32_t kGroupMembersMax = 256;

// Sizes that OpenOptions takes for segments.
inline constexpr std::uint64_t kSegmentBytesMin = std::uint64_t{4} << 10U;
inline constexpr std::uint64_t kSegmentBytesMax = std::uint64_t{1} << 30U;

}  // namespace tidemark::limits
