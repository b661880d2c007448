// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "engine/format/layout.h"
#include "tidemark/limits.hpp"
#include "tidemark/types.hpp"

// A segment file: header | frames | zeros | footer once sealed. docs/format/segment.md.
namespace tidemark::engine {

inline constexpr std::uint64_t kSegmentMagic = 0x00474553'5345'4D54;  // "TMESSEG\0"
inline constexpr std::uint64_t kFooterMagic = 0x00544F46'5345'4D54;   // "TMESFOT\0"
inline constexpr std::uint64_t kSegmentHeaderBytes = kSectorBytes;
inline constexpr std::uint64_t kSegmentFooterBytes = kSectorBytes;  // the last sector of the file

// All of it is known when the file is made, before anything is written into it.
struct SegmentHeader {
  BlockStart start;
  FileId log_id;
  std::uint64_t number;
  std::uint64_t base;  // the log offset of this file's first byte
  std::uint64_t size;  // bytes of the file; the next segment's base is base + size
  std::uint64_t reserved;
};
static_assert(sizeof(SegmentHeader) == 64 && offsetof(SegmentHeader, number) == 32);
static_assert(offsetof(SegmentHeader, base) == 40 && offsetof(SegmentHeader, size) == 48);

// Written when the segment is left. Fields of times and positions have no meaning if there are no frames.
struct SegmentFooter {
  BlockStart start;
  FileId log_id;
  std::uint64_t number;
  std::uint64_t end;  // in this file: where the last frame ends
  std::uint64_t frame_count;
  std::uint64_t event_count;
  std::uint64_t first_position;
  std::uint64_t next_position;  // of the first event after this segment
  std::int64_t first_recorded_ns;
  std::int64_t last_recorded_ns;
  std::uint64_t digest;           // of all its frames, see frame_digest
  std::uint64_t previous_digest;  // of the segment before; 0 for the first
  std::uint64_t durable;          // log offset known durable when the footer was written
  std::uint32_t epoch;
  std::uint32_t last_trailer;  // the low half of the last frame's trailer, as the next frame repeats it
};
static_assert(sizeof(SegmentFooter) == 128 && offsetof(SegmentFooter, end) == 40);
static_assert(offsetof(SegmentFooter, frame_count) == 48 && offsetof(SegmentFooter, event_count) == 56);
static_assert(offsetof(SegmentFooter, first_position) == 64 && offsetof(SegmentFooter, next_position) == 72);
static_assert(offsetof(SegmentFooter, first_recorded_ns) == 80 && offsetof(SegmentFooter, last_recorded_ns) == 88);
static_assert(offsetof(SegmentFooter, digest) == 96 && offsetof(SegmentFooter, previous_digest) == 104);
static_assert(offsetof(SegmentFooter, durable) == 112 && offsetof(SegmentFooter, epoch) == 120);
static_assert(offsetof(SegmentFooter, last_trailer) == 124);

// Whether a segment file can be of this size, whatever a header says.
[[nodiscard]] constexpr bool segment_size_is_possible(std::uint64_t size) {
  return size >= kSegmentHeaderBytes + kSegmentFooterBytes && size <= limits::kSegmentBytesMax;
}

using SectorImage = std::array<std::byte, kSectorBytes>;

[[nodiscard]] SectorImage encode_segment_header(const SegmentHeader& header);
[[nodiscard]] BlockState decode_segment_header(std::span<const std::byte> sector, SegmentHeader& into);
[[nodiscard]] SectorImage encode_segment_footer(const SegmentFooter& footer);
[[nodiscard]] BlockState decode_segment_footer(std::span<const std::byte> sector, SegmentFooter& into);

// The digest of a segment's frames so far and one more.
[[nodiscard]] std::uint64_t frame_digest(std::uint64_t so_far, std::uint32_t header_checksum, std::uint64_t trailer);

// Names of files in a store's folder.
inline constexpr std::string_view kSuperblockNames[2] = {"super-a", "super-b"};
// Marks a folder that a new store is being made in.
inline constexpr std::string_view kUnfinishedName = "unfinished";
inline constexpr std::string_view kLockName = "lock";
inline constexpr std::string_view kTemporarySuffix = ".tmp";
[[nodiscard]] std::string segment_file_name(SegmentNumber number);
[[nodiscard]] std::optional<SegmentNumber> parse_segment_file_name(std::string_view name);
[[nodiscard]] std::string rejected_file_name(std::uint32_t epoch);
// Whether a file of this name can be one of ours, finished or not.
[[nodiscard]] bool is_store_file_name(std::string_view name);

}  // namespace tidemark::engine
