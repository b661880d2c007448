// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "engine/format/layout.h"
#include "engine/log/resume_point.h"

// What stands in the note of an index run: where in the log the run ends. docs/format/index.md.
namespace tidemark::engine {

inline constexpr std::uint64_t kIndexNoteMagic = 0x00544F4E'53454D54;  // "TMESNOT\0"
inline constexpr std::uint32_t kIndexNoteVersion = 1;

struct IndexNoteRecord {
  std::uint64_t magic;
  std::uint32_t version;
  std::uint32_t trailer_before;  // of the last frame before the run, as the next frame repeats it; 0 if there is none
  std::uint64_t offset;          // log offset at which the run's last frame ends
  std::uint64_t position;        // the run's end
  std::uint64_t segment;         // that the last frame lies in; what follows is of it, up to the run's end
  std::int64_t recorded_ns;      // of the last frame
  std::uint32_t epoch;           // likewise
  std::uint32_t last_trailer;    // likewise, the half that the next frame repeats
  std::uint64_t segment_end;     // in the segment's file: where the last frame ends
  std::uint64_t frame_count;
  std::uint64_t event_count;
  std::uint64_t digest;
  std::uint64_t previous_digest;  // of the segment before
  std::uint64_t first_position;
  std::uint64_t next_position;
  std::int64_t first_recorded_ns;
  std::int64_t last_recorded_ns;
};
static_assert(sizeof(IndexNoteRecord) == 128 && offsetof(IndexNoteRecord, version) == 8);
static_assert(offsetof(IndexNoteRecord, trailer_before) == 12 && offsetof(IndexNoteRecord, offset) == 16);
static_assert(offsetof(IndexNoteRecord, position) == 24 && offsetof(IndexNoteRecord, segment) == 32);
static_assert(offsetof(IndexNoteRecord, recorded_ns) == 40 && offsetof(IndexNoteRecord, epoch) == 48);
static_assert(offsetof(IndexNoteRecord, last_trailer) == 52 && offsetof(IndexNoteRecord, segment_end) == 56);
static_assert(offsetof(IndexNoteRecord, frame_count) == 64 && offsetof(IndexNoteRecord, event_count) == 72);
static_assert(offsetof(IndexNoteRecord, digest) == 80 && offsetof(IndexNoteRecord, previous_digest) == 88);
static_assert(offsetof(IndexNoteRecord, first_position) == 96 && offsetof(IndexNoteRecord, next_position) == 104);
static_assert(offsetof(IndexNoteRecord, first_recorded_ns) == 112);
static_assert(offsetof(IndexNoteRecord, last_recorded_ns) == 120);

struct IndexNote {
  ResumePoint at_end;
  std::uint32_t trailer_before = 0;  // see IndexNoteRecord

  friend bool operator==(const IndexNote&, const IndexNote&) = default;
};

using IndexNoteBytes = std::array<std::byte, sizeof(IndexNoteRecord)>;

[[nodiscard]] IndexNoteBytes encode_index_note(const IndexNote& note);
// Nothing if these are not the bytes of a note, or if it contradicts itself.
[[nodiscard]] std::optional<IndexNote> decode_index_note(std::span<const std::byte> bytes);

}  // namespace tidemark::engine
