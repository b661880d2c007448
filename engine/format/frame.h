// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "engine/format/layout.h"

// A frame: one batch, which decodes alone. docs/format/frame.md.
//
//   header (64) | table: what the sequencer assigned | body: names, events | zeros | trailer (8)
//
// Everything that the sequencer decides stands in the header and the table, so that the body can be built and hashed
// before, outside its lock.
namespace tidemark::engine {

inline constexpr std::uint32_t kFrameMagic = 0x524D'4654;  // "TFMR"
inline constexpr std::uint64_t kFrameHeaderBytes = 64;
inline constexpr std::uint64_t kFrameTrailerBytes = 8;
inline constexpr std::uint64_t kFrameAlignment = 8;

enum class FrameKind : std::uint16_t { kEvents = 1 };  // never 0

namespace frame_flags {
inline constexpr std::uint16_t kEventChecks = 1U << 0U;  // the names and each event carry a checksum of their own
inline constexpr std::uint16_t kCompressed = 1U << 1U;   // reserved
inline constexpr std::uint16_t kEncrypted = 1U << 2U;    // reserved
inline constexpr std::uint16_t kCheckpoints = 1U << 3U;  // consumers' checkpoints stand behind the names
// A frame with any other flag needs a newer library.
inline constexpr std::uint16_t kKnown = kEventChecks | kCheckpoints;
}  // namespace frame_flags

struct FrameHeader {
  std::uint32_t magic;
  std::uint32_t checksum;  // the low half of XXH3 over this header (this field zero) and where it stands
  std::uint32_t body_bytes;
  std::uint32_t table_bytes;
  FrameKind kind;
  std::uint16_t flags;
  std::uint32_t event_count;
  std::uint64_t first_position;
  std::int64_t recorded_ns;
  std::uint64_t durable;  // log offset known durable when the frame got its place
  std::uint32_t epoch;
  std::uint32_t previous;     // the low half of the trailer of the frame before; 0 for the first
  std::uint32_t zero_parts;   // how many of the frame's sector parts are zero by content
  std::uint32_t table_check;  // the low half of XXH3 over the table
};
static_assert(sizeof(FrameHeader) == kFrameHeaderBytes && alignof(FrameHeader) == 8);
static_assert(offsetof(FrameHeader, checksum) == 4 && offsetof(FrameHeader, body_bytes) == 8);
static_assert(offsetof(FrameHeader, table_bytes) == 12 && offsetof(FrameHeader, kind) == 16);
static_assert(offsetof(FrameHeader, flags) == 18 && offsetof(FrameHeader, event_count) == 20);
static_assert(offsetof(FrameHeader, first_position) == 24 && offsetof(FrameHeader, recorded_ns) == 32);
static_assert(offsetof(FrameHeader, durable) == 40 && offsetof(FrameHeader, epoch) == 48);
static_assert(offsetof(FrameHeader, previous) == 52 && offsetof(FrameHeader, zero_parts) == 56);
static_assert(offsetof(FrameHeader, table_check) == 60);

// Where a frame stands: part of what its header's checksum covers, so that a copy elsewhere is no frame.
struct FramePlace {
  FileId log_id;
  std::uint64_t segment;
  std::uint64_t offset;  // in the segment file
};
static_assert(sizeof(FramePlace) == 32);

// Where a frame that starts at offset ends: the next header must not cross a sector's edge.
[[nodiscard]] constexpr std::uint64_t frame_end(std::uint64_t offset, std::uint64_t table_bytes,
                                                std::uint64_t body_bytes) {
  const std::uint64_t end =
      round_up(offset + kFrameHeaderBytes + table_bytes + body_bytes, kFrameAlignment) + kFrameTrailerBytes;
  const std::uint64_t left = round_up(end, kSectorBytes) - end;
  return left < kFrameHeaderBytes ? end + left : end;
}
// More than a frame can take beyond header, table and body, wherever it starts.
inline constexpr std::uint64_t kFramePaddingMax = (kFrameAlignment - 1) + kFrameTrailerBytes + (kFrameHeaderBytes - 1);

[[nodiscard]] std::uint32_t frame_header_checksum(const FrameHeader& header, const FramePlace& place);
// Over the header (by its checksum), the table and the body (by XXH3 of each). Never 0, so that a trailer that was not
// written can be told.
[[nodiscard]] std::uint64_t frame_trailer(std::uint32_t header_checksum, std::uint64_t table_hash,
                                          std::uint64_t body_hash);

// The header at the start of bytes, if there is one that belongs here and could be followed by a whole frame in a
// segment of this size.
[[nodiscard]] bool read_frame_header(std::span<const std::byte> bytes, const FramePlace& place,
                                     std::uint64_t segment_size, FrameHeader& into);
// The trailer that a frame as found should have; frame is the whole frame, header checked before.
[[nodiscard]] std::uint64_t right_trailer(std::span<const std::byte> frame, const FrameHeader& header);
// Whether the trailer of a frame is right; frame is the whole frame, header checked before.
[[nodiscard]] bool frame_is_whole(std::span<const std::byte> frame, const FrameHeader& header);

// A run of zero bytes in a body.
struct ZeroRun {
  std::uint64_t begin;
  std::uint64_t end;
};
// The runs of a body that are long enough to make up a whole sector. Found before the frame has its place.
[[nodiscard]] std::vector<ZeroRun> find_zero_runs(std::span<const std::byte> body);
// How many sector parts of a frame at this offset are zero by content.
[[nodiscard]] std::uint32_t count_zero_parts(std::uint64_t offset, std::span<const std::byte> table,
                                             std::uint64_t body_bytes, std::span<const ZeroRun> runs);
// The same, counted in the bytes of a frame as found in a file.
[[nodiscard]] std::uint32_t count_zero_parts(std::uint64_t offset, std::span<const std::byte> frame);

}  // namespace tidemark::engine
