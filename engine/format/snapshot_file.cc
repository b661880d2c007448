// SPDX-License-Identifier: Apache-2.0
#include "engine/format/snapshot_file.h"

#include <algorithm>
#include <charconv>
#include <chrono>

#include "engine/format/segment.h"

namespace tidemark::engine {

namespace {

constexpr std::string_view kSuffix = ".snap";
constexpr std::size_t kChecksumEnd = offsetof(SnapshotHeader, version);
constexpr std::size_t kHalfDigits = 16;

std::int64_t ns_of(RecordedTime time) { return time.time_since_epoch().count(); }
RecordedTime time_of(std::int64_t ns) { return RecordedTime(std::chrono::nanoseconds(ns)); }

void append_text(std::vector<std::byte>& bytes, std::string_view text) {
  const Bytes more = as_bytes(text);
  bytes.insert(bytes.end(), more.begin(), more.end());
}

std::string hex(std::uint64_t number) {
  std::string digits(kHalfDigits, '0');
  for (std::size_t i = kHalfDigits; i > 0; --i, number >>= 4U) { digits[i - 1] = "0123456789abcdef"[number & 0xFU]; }
  return digits;
}

std::optional<std::uint64_t> parse_hex(std::string_view digits) {
  std::uint64_t number = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), number, 16);
  if (error != std::errc() || end != digits.data() + digits.size() || hex(number) != digits) { return std::nullopt; }
  return number;
}

}  // namespace

std::vector<std::byte> encode_snapshot_directory(const SnapshotDirectory& directory) {
  std::vector<std::byte> bytes(sizeof(SnapshotHeader));
  std::uint64_t states = 0;
  for (const SnapshotEntry& entry : directory.entries) {
    const SnapshotRecord record{.version = entry.version.value(),
                                .position = entry.position.value(),
                                .recorded_ns = ns_of(entry.recorded),
                                .taken_ns = ns_of(entry.taken),
                                .event_id = entry.event_id.bytes(),
                                .state_bytes = entry.state_bytes,
                                .state_checksum = entry.state_checksum,
                                .schema_bytes = static_cast<std::uint32_t>(entry.schema.size()),
                                .reserved = 0};
    bytes.resize(bytes.size() + sizeof record);
    store_as(bytes.data() + bytes.size() - sizeof record, record);
    states += entry.state_bytes;
  }
  append_text(bytes, directory.stream);
  for (const SnapshotEntry& entry : directory.entries) { append_text(bytes, entry.schema); }
  SnapshotHeader header{.magic = kSnapshotMagic,
                        .checksum = 0,
                        .version = kSnapshotVersion,
                        .count = static_cast<std::uint32_t>(directory.entries.size()),
                        .log_id = directory.log_id,
                        .file_bytes = bytes.size() + states,
                        .directory_bytes = static_cast<std::uint32_t>(bytes.size()),
                        .name_bytes = static_cast<std::uint32_t>(directory.stream.size())};
  store_as(bytes.data(), header);
  header.checksum = platform::xxh3_64(std::span(bytes).subspan(kChecksumEnd));
  store_as(bytes.data(), header);
  return bytes;
}

std::optional<std::size_t> snapshot_directory_bytes(std::span<const std::byte> beginning) {
  if (beginning.size() < sizeof(SnapshotHeader)) { return std::nullopt; }
  const auto header = load_as<SnapshotHeader>(beginning.data());
  const bool good = header.magic == kSnapshotMagic && header.version == kSnapshotVersion &&
                    header.directory_bytes >= sizeof(SnapshotHeader) &&
                    header.directory_bytes <= kSnapshotDirectoryBytesMax;
  return good ? std::optional<std::size_t>(header.directory_bytes) : std::nullopt;
}

bool is_other_snapshot_version(std::span<const std::byte> beginning) {
  if (beginning.size() < sizeof(SnapshotHeader)) { return false; }
  const auto header = load_as<SnapshotHeader>(beginning.data());
  return header.magic == kSnapshotMagic && header.version != kSnapshotVersion;
}

std::optional<SnapshotDirectory> decode_snapshot_directory(std::span<const std::byte> bytes, std::uint64_t file_bytes) {
  if (snapshot_directory_bytes(bytes) != bytes.size()) { return std::nullopt; }
  const auto header = load_as<SnapshotHeader>(bytes.data());
  if (header.checksum != platform::xxh3_64(bytes.subspan(kChecksumEnd))) { return std::nullopt; }
  if (header.file_bytes != file_bytes || header.count == 0 || header.count > limits::kSnapshotsPerStreamMax ||
      header.name_bytes == 0 || header.name_bytes > limits::kStreamNameBytesMax) {
    return std::nullopt;
  }
  // Every number that follows is small, so that no sum of them wraps.
  std::size_t text_at = sizeof(SnapshotHeader) + header.count * sizeof(SnapshotRecord);
  const auto take_text = [&](std::size_t size) -> std::optional<std::string> {
    if (text_at > bytes.size() || size > bytes.size() - text_at) { return std::nullopt; }
    std::string text(as_text(bytes.subspan(text_at, size)));
    text_at += size;
    return text;
  };
  SnapshotDirectory directory{.log_id = header.log_id, .stream = {}, .entries = {}};
  auto name = take_text(header.name_bytes);
  if (!name) { return std::nullopt; }
  directory.stream = std::move(*name);
  std::uint64_t state_at = bytes.size();
  for (std::uint32_t i = 0; i < header.count; ++i) {
    const auto record = load_as<SnapshotRecord>(bytes.data() + sizeof(SnapshotHeader) + i * sizeof(SnapshotRecord));
    if (record.state_bytes > limits::kSnapshotBytesMax || record.schema_bytes > limits::kSnapshotSchemaBytesMax ||
        record.reserved != 0) {
      return std::nullopt;
    }
    auto schema = take_text(record.schema_bytes);
    if (!schema) { return std::nullopt; }
    directory.entries.push_back({.version = Version(record.version),
                                 .position = Position(record.position),
                                 .recorded = time_of(record.recorded_ns),
                                 .taken = time_of(record.taken_ns),
                                 .event_id = EventId(record.event_id),
                                 .schema = std::move(*schema),
                                 .state_bytes = record.state_bytes,
                                 .state_checksum = record.state_checksum,
                                 .state_offset = state_at});
    state_at += record.state_bytes;
  }
  if (text_at != bytes.size() || state_at != file_bytes) { return std::nullopt; }
  return directory;
}

SnapshotPlace snapshot_place(const platform::Hash128& hash) {
  std::string file = hex(hash.high) + hex(hash.low);
  std::string folder = file.substr(0, 2);
  return {.folder = std::move(folder), .file = file.append(kSuffix), .hash = hash};
}

SnapshotPlace snapshot_place(std::string_view stream) { return snapshot_place(platform::xxh3_128(as_bytes(stream))); }

std::optional<SnapshotFileName> parse_snapshot_file_name(std::string_view name) {
  const bool is_temporary = name.ends_with(kTemporarySuffix);
  if (is_temporary) { name.remove_suffix(kTemporarySuffix.size()); }
  if (name.size() != 2 * kHalfDigits + kSuffix.size() || !name.ends_with(kSuffix)) { return std::nullopt; }
  const auto high = parse_hex(name.substr(0, kHalfDigits));
  const auto low = parse_hex(name.substr(kHalfDigits, kHalfDigits));
  if (!high || !low) { return std::nullopt; }
  return SnapshotFileName{.hash = {.low = *low, .high = *high}, .is_temporary = is_temporary};
}

}  // namespace tidemark::engine
