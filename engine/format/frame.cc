// SPDX-License-Identifier: Apache-2.0
#include "engine/format/frame.h"

#include <algorithm>

#include "engine/format/segment.h"
#include "platform/checksum.h"
#include "tidemark/limits.hpp"

namespace tidemark::engine {

std::uint32_t frame_header_checksum(const FrameHeader& header, const FramePlace& place) {
  std::array<std::byte, kFrameHeaderBytes + sizeof(FramePlace)> covered{};
  store_as(covered.data(), header);
  store_as<std::uint32_t>(covered.data() + offsetof(FrameHeader, checksum), 0);
  store_as(covered.data() + kFrameHeaderBytes, place);
  return static_cast<std::uint32_t>(platform::xxh3_64(covered));
}

std::uint64_t frame_trailer(std::uint32_t header_checksum, std::uint64_t table_hash, std::uint64_t body_hash) {
  const std::uint64_t halves[2] = {table_hash, body_hash};
  const std::uint64_t trailer = platform::xxh3_64(std::as_bytes(std::span(halves)), header_checksum);
  return trailer == 0 ? 1 : trailer;
}

std::uint64_t right_trailer(std::span<const std::byte> frame, const FrameHeader& header) {
  const auto table = frame.subspan(kFrameHeaderBytes, header.table_bytes);
  const auto body = frame.subspan(kFrameHeaderBytes + header.table_bytes, header.body_bytes);
  return frame_trailer(header.checksum, platform::xxh3_64(table), platform::xxh3_64(body));
}

bool read_frame_header(std::span<const std::byte> bytes, const FramePlace& place, std::uint64_t segment_size,
                       FrameHeader& into) {
  if (bytes.size() < kFrameHeaderBytes) { return false; }
  if (load_as<std::uint32_t>(bytes.data()) != kFrameMagic) { return false; }
  into = load_as<FrameHeader>(bytes.data());
  return into.checksum == frame_header_checksum(into, place) && into.kind != FrameKind{} && into.table_bytes % 8 == 0 &&
         std::uint64_t{into.table_bytes} + into.body_bytes <= limits::kBatchBytesMax &&
         frame_end(place.offset, into.table_bytes, into.body_bytes) + kSegmentFooterBytes <= segment_size;
}

bool frame_is_whole(std::span<const std::byte> frame, const FrameHeader& header) {
  const auto trailer = load_as<std::uint64_t>(frame.data() + frame.size() - kFrameTrailerBytes);
  const auto padding =
      frame.subspan(kFrameHeaderBytes + header.table_bytes + header.body_bytes)
          .first(frame.size() - kFrameTrailerBytes - kFrameHeaderBytes - header.table_bytes - header.body_bytes);
  return trailer == right_trailer(frame, header) && all_zero(padding);
}

// A table's entries are never zero, and what pads a frame lies with the trailer in its last part but for at most seven
// bytes. So a sector of zeros takes at least 512 - 7 - 7 bytes from one run in the body.
constexpr std::uint64_t kRunBytesMin = kSectorBytes - 14;

std::vector<ZeroRun> find_zero_runs(std::span<const std::byte> body) {
  std::vector<ZeroRun> runs;
  const auto is_zero = [&](std::uint64_t i) { return body[i] == std::byte{0}; };
  // Every run that is long enough covers one of these probes.
  for (std::uint64_t probe = kRunBytesMin / 2; probe < body.size(); probe += kRunBytesMin / 2) {
    if (!is_zero(probe)) { continue; }
    std::uint64_t begin = probe;
    while (begin > 0 && is_zero(begin - 1)) { --begin; }
    std::uint64_t end = probe + 1;
    while (end < body.size() && is_zero(end)) { ++end; }
    if (end - begin >= kRunBytesMin) { runs.push_back({begin, end}); }
    probe = std::max(probe, end - 1);
  }
  return runs;
}

std::uint32_t count_zero_parts(std::uint64_t offset, std::span<const std::byte> table, std::uint64_t body_bytes,
                               std::span<const ZeroRun> runs) {
  if (runs.empty()) { return 0; }
  std::uint64_t table_tail = 0;  // zero bytes at the table's end
  while (table_tail < table.size() && table[table.size() - 1 - table_tail] == std::byte{0}) { ++table_tail; }
  const std::uint64_t body_at = offset + kFrameHeaderBytes + table.size();
  const std::uint64_t trailer_at = frame_end(offset, table.size(), body_bytes) - kFrameTrailerBytes;
  std::uint64_t parts = 0;
  for (const ZeroRun& run : runs) {
    const std::uint64_t begin = run.begin == 0 ? body_at - table_tail : body_at + run.begin;
    const std::uint64_t end = run.end == body_bytes ? trailer_at : body_at + run.end;
    const std::uint64_t first = round_up(begin, kSectorBytes) / kSectorBytes;
    const std::uint64_t last = end / kSectorBytes;
    if (last > first) { parts += last - first; }
  }
  return static_cast<std::uint32_t>(parts);
}

std::uint32_t count_zero_parts(std::uint64_t offset, std::span<const std::byte> frame) {
  std::uint32_t parts = 0;
  std::uint64_t at = 0;
  while (at < frame.size()) {
    const std::uint64_t part = std::min(kSectorBytes - (offset + at) % kSectorBytes, frame.size() - at);
    if (all_zero(frame.subspan(at, part))) { ++parts; }
    at += part;
  }
  return parts;
}

}  // namespace tidemark::engine
