// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "engine/format/layout.h"
#include "platform/checksum.h"
#include "tidemark/event.hpp"
#include "tidemark/limits.hpp"
#include "tidemark/types.hpp"

// A file with the snapshots of one stream: header | records | texts | states. docs/format/snapshot.md.
namespace tidemark::engine {

inline constexpr std::uint64_t kSnapshotMagic = 0x00504E53'5345'4D54;  // "TMESSNP\0"
inline constexpr std::uint32_t kSnapshotVersion = 1;

// Header, records and texts are the directory; it is checked as a whole, each state by itself.
struct SnapshotHeader {
  std::uint64_t magic;
  std::uint64_t checksum;  // XXH3 of the directory's bytes after this field
  std::uint32_t version;
  std::uint32_t count;  // of records, at least 1
  FileId log_id;
  std::uint64_t file_bytes;
  std::uint32_t directory_bytes;
  std::uint32_t name_bytes;  // of the stream's name
};
static_assert(sizeof(SnapshotHeader) == 56 && offsetof(SnapshotHeader, checksum) == 8);
static_assert(offsetof(SnapshotHeader, version) == 16 && offsetof(SnapshotHeader, count) == 20);
static_assert(offsetof(SnapshotHeader, log_id) == 24 && offsetof(SnapshotHeader, file_bytes) == 40);
static_assert(offsetof(SnapshotHeader, directory_bytes) == 48 && offsetof(SnapshotHeader, name_bytes) == 52);

struct SnapshotRecord {
  std::uint64_t version;     // of the last event in the state, in its stream …
  std::uint64_t position;    // … in the log
  std::int64_t recorded_ns;  // its recorded time
  std::int64_t taken_ns;
  std::array<std::byte, EventId::kSize> event_id;
  std::uint64_t state_bytes;
  std::uint64_t state_checksum;  // XXH3
  std::uint32_t schema_bytes;
  std::uint32_t reserved;
};
static_assert(sizeof(SnapshotRecord) == 72 && offsetof(SnapshotRecord, position) == 8);
static_assert(offsetof(SnapshotRecord, recorded_ns) == 16 && offsetof(SnapshotRecord, taken_ns) == 24);
static_assert(offsetof(SnapshotRecord, event_id) == 32 && offsetof(SnapshotRecord, state_bytes) == 48);
static_assert(offsetof(SnapshotRecord, state_checksum) == 56 && offsetof(SnapshotRecord, schema_bytes) == 64);
static_assert(offsetof(SnapshotRecord, reserved) == 68);

inline constexpr std::size_t kSnapshotDirectoryBytesMax =
    sizeof(SnapshotHeader) + limits::kStreamNameBytesMax +
    limits::kSnapshotsPerStreamMax * (sizeof(SnapshotRecord) + limits::kSnapshotSchemaBytesMax);

// One snapshot, as the directory tells of it.
struct SnapshotEntry {
  Version version;
  Position position;
  RecordedTime recorded;
  RecordedTime taken;
  EventId event_id;
  std::string schema;
  std::uint64_t state_bytes = 0;
  std::uint64_t state_checksum = 0;
  std::uint64_t state_offset = 0;  // in the file; follows from the others

  friend bool operator==(const SnapshotEntry&, const SnapshotEntry&) = default;
};

struct SnapshotDirectory {
  FileId log_id{};
  std::string stream;
  std::vector<SnapshotEntry> entries;  // their states follow the directory in this order

  friend bool operator==(const SnapshotDirectory&, const SnapshotDirectory&) = default;
};

// Precondition: within the limits.
[[nodiscard]] std::vector<std::byte> encode_snapshot_directory(const SnapshotDirectory& directory);
// How long the directory is of a file that begins with these bytes; nothing if it is none of ours, or of another
// version, whatever the bytes are.
[[nodiscard]] std::optional<std::size_t> snapshot_directory_bytes(std::span<const std::byte> beginning);
// Whether it is a file of snapshots of a version that is not known here.
[[nodiscard]] bool is_other_snapshot_version(std::span<const std::byte> beginning);
// Nothing if these are not the bytes of the directory of a file of this size.
[[nodiscard]] std::optional<SnapshotDirectory> decode_snapshot_directory(std::span<const std::byte> bytes,
                                                                         std::uint64_t file_bytes);

// --- names ---

inline constexpr std::string_view kSnapshotFolderName = "snapshots";

// Where the snapshots of a stream are: by a hash, which two streams may share, so the file names the stream.
struct SnapshotPlace {
  std::string folder;  // within the folder of snapshots: the hash's first two digits
  std::string file;
  platform::Hash128 hash;
};
[[nodiscard]] SnapshotPlace snapshot_place(std::string_view stream);
[[nodiscard]] SnapshotPlace snapshot_place(const platform::Hash128& hash);

// A file name that is one of ours, finished or not.
struct SnapshotFileName {
  platform::Hash128 hash;
  bool is_temporary = false;
};
[[nodiscard]] std::optional<SnapshotFileName> parse_snapshot_file_name(std::string_view name);

}  // namespace tidemark::engine
