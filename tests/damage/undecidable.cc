// SPDX-License-Identifier: Apache-2.0
#include "tests/damage/undecidable.h"

#include <algorithm>
#include <span>

#include "engine/format/frame.h"
#include "engine/format/layout.h"
#include "engine/format/segment.h"

namespace tidemark::damage {

namespace {

bool equal_in(const FileBytes& a, const FileBytes& b, std::uint64_t begin, std::uint64_t end) {
  return std::equal(a.begin() + static_cast<std::ptrdiff_t>(begin), a.begin() + static_cast<std::ptrdiff_t>(end),
                    b.begin() + static_cast<std::ptrdiff_t>(begin));
}

bool zero_in(const FileBytes& bytes, std::uint64_t begin, std::uint64_t end) {
  return engine::all_zero(std::span(bytes).subspan(begin, end - begin));
}

// Whether the bytes of a frame are now what a write of it may leave that did not arrive in full: no header, a sector's
// part that is zero, or no trailer.
bool looks_unwritten(const FrameAt& frame, const FileBytes& before, const FileBytes& now) {
  const std::uint64_t body = frame.begin + engine::kFrameHeaderBytes;
  if (zero_in(now, frame.begin, body)) { return true; }
  if (!equal_in(before, now, frame.begin, body)) { return false; }
  for (std::uint64_t part = frame.begin; part < frame.end;) {
    const std::uint64_t part_end = std::min(engine::round_up(part + 1, engine::kSectorBytes), frame.end);
    if (zero_in(now, part, part_end) && !zero_in(before, part, part_end)) { return true; }
    part = part_end;
  }
  const std::uint64_t trailer = frame.end - engine::kFrameTrailerBytes;
  std::uint64_t cut = frame.end;
  while (cut > trailer && now[cut - 1] == std::byte{0}) { --cut; }
  return cut == trailer || equal_in(before, now, frame.begin, cut);
}

// Zeros in the last group.
std::optional<Undecidable> zeroed_end(const Sample& sample, std::uint64_t watermark, const FileBytes& before,
                                      const FileBytes& now) {
  if (before.size() != now.size()) { return std::nullopt; }
  const auto first = static_cast<std::uint64_t>(std::ranges::mismatch(before, now).in1 - before.begin());
  for (const FrameAt& frame : sample.frames) {
    if (frame.file != sample.active || first >= frame.end) { continue; }
    const bool later_says_so = frame.base + first < watermark;
    if (first < frame.begin || later_says_so || !looks_unwritten(frame, before, now)) { return std::nullopt; }
    return Undecidable{frame.first, !zero_in(now, frame.begin, now.size())};
  }
  return std::nullopt;
}

// An older copy that reaches to what the superblocks know.
std::optional<Undecidable> older_copy(const Sample& sample, const FileBytes& now) {
  FileMap files = sample.files;
  files[sample.active] = now;
  const std::vector<FrameAt> left = frames_of(files);
  engine::SegmentHeader header{};
  if (engine::decode_segment_header(std::span(now).first(engine::kSegmentHeaderBytes), header) !=
      engine::BlockState::kGood) {
    return std::nullopt;
  }
  std::uint64_t end = header.base + engine::kSegmentHeaderBytes;
  std::uint64_t events = 0;
  for (const FrameAt& frame : left) {
    end = std::max(end, frame.base + frame.end);
    events = frame.first + frame.count;
  }
  if (end < superblock_watermark_of(files)) { return std::nullopt; }
  if (sample.indexed > 0 && end < index_watermark_of(files)) { return std::nullopt; }
  return Undecidable{events, false};
}

}  // namespace

std::optional<Undecidable> undecidable(const Sample& sample, const Damaged& damaged) {
  if (sample.ending == Ending::kClosed) { return std::nullopt; }
  FileMap known = sample.files;  // the log as it was, with the superblocks that are left
  for (const auto& [name, bytes] : damaged.changed) {
    if (name == sample.active) { continue; }
    if (engine::parse_segment_file_name(name)) {
      // Where no opening reads, it has no part in what becomes of the end.
      const auto is_read = [&](const FrameAt& frame) {
        return frame.file == name && frame.base + frame.end > sample.indexed;
      };
      const bool is_used = std::ranges::find(sample.frames, name, &FrameAt::file) != sample.frames.end();
      if (!is_used || std::ranges::any_of(sample.frames, is_read)) { return std::nullopt; }
      continue;
    }
    known[name] = bytes.value_or(FileBytes());
  }
  const auto active = damaged.changed.find(sample.active);
  if (active == damaged.changed.end() || !active->second) { return std::nullopt; }
  if (damaged.moment) { return older_copy(sample, *active->second); }
  return zeroed_end(sample, watermark_of(known, sample.indexed > 0), sample.files.at(sample.active), *active->second);
}

}  // namespace tidemark::damage
