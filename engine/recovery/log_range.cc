// SPDX-License-Identifier: Apache-2.0
#include "engine/recovery/log_range.h"

#include <algorithm>
#include <optional>
#include <utility>
#include <vector>

#include "engine/format/segment.h"
#include "engine/recovery/segment_bytes.h"
#include "platform/checksum.h"

namespace tidemark::engine {

namespace {

class RangeReader {
 public:
  RangeReader(platform::FileSystem& files, const std::filesystem::path& folder, const Lineage& lineage,
              const IndexRange& range, const RangeVisitor& visit)
      : files_(files), folder_(folder), lineage_(lineage), range_(range), visit_(visit) {}

  Status run() {
    if (auto done = list(); !done) { return done; }
    auto first = segment_of_first();
    if (!first) { return std::unexpected(std::move(first.error())); }
    for (std::size_t i = *first; i < numbers_.size() && next_ < range_.end; ++i) {
      if (auto done = read_segment(numbers_[i]); !done) { return done; }
    }
    if (next_ < range_.end) {
      return std::unexpected(
          Error(ErrorCode::kDamaged, "the log does not hold all events that its index tells of").with_path(folder_));
    }
    return {};
  }

 private:
  // A segment that was opened and belongs to this log.
  struct Opened {
    SegmentBytes bytes;
    SegmentHeader header;
    std::filesystem::path path;
  };

  Status list() {
    auto entries = files_.list(folder_);
    if (!entries) { return std::unexpected(std::move(entries.error())); }
    for (const auto& entry : *entries) {
      if (const auto number = parse_segment_file_name(entry.name); number && !entry.is_folder) {
        numbers_.push_back(*number);
      }
    }
    std::ranges::sort(numbers_);
    return {};
  }

  static Error damaged(const Opened& segment, std::uint64_t offset, const char* what) {
    return Error(ErrorCode::kDamaged, std::string(what) + "; run `tidemark verify` for all that is hit")
        .with_path(segment.path)
        .with_segment(SegmentNumber(segment.header.number))
        .with_offset(Offset(offset));
  }

  Result<Opened> open(SegmentNumber number) {
    std::filesystem::path path = folder_ / segment_file_name(number);
    auto file = files_.open(path, platform::OpenMode::kRead);
    if (!file) { return std::unexpected(std::move(file.error()).with_segment(number)); }
    auto size = (*file)->size();
    if (!size) { return std::unexpected(std::move(size.error()).with_segment(number)); }
    Opened opened{SegmentBytes(std::move(*file), *size, Unreadable::kFails, number), {}, std::move(path)};
    auto sector = opened.bytes.only(0, kSegmentHeaderBytes);
    if (!sector) { return std::unexpected(std::move(sector.error())); }
    const bool fits = decode_segment_header(*sector, opened.header) == BlockState::kGood &&
                      opened.header.log_id == lineage_.log_id_at(Offset(opened.header.base)) &&
                      opened.header.number == number.value();
    opened.header.number = number.value();
    if (!fits) { return std::unexpected(damaged(opened, 0, "the segment's header is not as it was written")); }
    return opened;
  }

  // Of the first event in the segment; nothing if there is none.
  Result<std::optional<Position>> first_in(SegmentNumber number) {
    auto opened = open(number);
    if (!opened && opened.error().code() == ErrorCode::kDamaged) { return std::nullopt; }
    if (!opened) { return std::unexpected(std::move(opened.error())); }
    auto start = opened->bytes.only(kSegmentHeaderBytes, kFrameHeaderBytes);
    if (!start) { return std::unexpected(std::move(start.error())); }
    FrameHeader header{};
    const FramePlace place{opened->header.log_id, number.value(), kSegmentHeaderBytes};
    if (!read_frame_header(*start, place, opened->header.size, header)) { return std::nullopt; }
    return Position(header.first_position);
  }

  // By halves: positions rise from segment to segment. One without events counts as past the range, whether it is new
  // or damaged: if events of the range stood there they are missed afterwards.
  Result<std::size_t> segment_of_first() {
    std::size_t begin = 0;
    for (std::size_t n = numbers_.size(); n > 1;) {
      const std::size_t half = n / 2;
      auto first = first_in(numbers_[begin + half]);
      if (!first) { return std::unexpected(std::move(first.error())); }
      const bool is_past = !*first || **first > range_.first;
      begin += is_past ? 0 : half;
      n = is_past ? half : n - half;
    }
    next_ = range_.first;
    return begin;
  }

  Status read_segment(SegmentNumber number) {
    auto opened = open(number);
    if (!opened) { return std::unexpected(std::move(opened.error())); }
    FramePlace place{opened->header.log_id, number.value(), kSegmentHeaderBytes};
    while (next_ < range_.end) {
      auto check = look_for_frame(opened->bytes, place, opened->header.size);
      if (!check) { return std::unexpected(std::move(check.error())); }
      if (check->state == FrameCheck::State::kNone) { return {}; }  // the rest is in the next segment, or missed
      if (Position(check->header.first_position) >= range_.first) {
        if (auto done = take(*opened, place.offset, *check); !done) { return done; }
      }
      place.offset = check->end;
    }
    return {};
  }

  Status take(const Opened& opened, std::uint64_t offset, const FrameCheck& check) {
    const FrameHeader& header = check.header;
    if (check.state != FrameCheck::State::kWhole) {
      return std::unexpected(damaged(opened, offset, "a frame's checksum does not match its bytes"));
    }
    if (Position(header.first_position) != next_ || header.event_count > range_.end - next_) {
      return std::unexpected(damaged(opened, offset, "the frames do not follow each other as the index tells"));
    }
    const auto table = check.frame.subspan(kFrameHeaderBytes, header.table_bytes);
    const auto bytes = check.frame.subspan(kFrameHeaderBytes + header.table_bytes, header.body_bytes);
    const auto body = BodyView::open(header, table, bytes, true);
    if (!body) { return std::unexpected(damaged(opened, offset, "a frame's events cannot be decoded")); }
    next_ = next_ + header.event_count;
    return visit_({Offset(opened.header.base + offset), header, *body});
  }

  platform::FileSystem& files_;
  const std::filesystem::path& folder_;
  const Lineage& lineage_;
  const IndexRange range_;
  const RangeVisitor& visit_;
  std::vector<SegmentNumber> numbers_;
  Position next_;
};

}  // namespace

Status read_range(platform::FileSystem& files, const std::filesystem::path& folder, const Lineage& lineage,
                  const IndexRange& range, const RangeVisitor& visit) {
  return RangeReader(files, folder, lineage, range, visit).run();
}

}  // namespace tidemark::engine
