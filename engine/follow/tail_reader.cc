// SPDX-License-Identifier: Apache-2.0
#include "engine/follow/tail_reader.h"

#include <algorithm>
#include <limits>
#include <string>
#include <utility>

#include "engine/recovery/segment_bytes.h"
#include "platform/checksum.h"
#include "platform/io.h"

namespace tidemark::engine {

ResumePoint beginning_of_log() {
  return {.point = {Offset(kSegmentHeaderBytes), Position(0)},
          .segment = SegmentNumber(1),
          .totals = {},
          .recorded_ns = std::numeric_limits<std::int64_t>::min(),
          .epoch = 0};
}

TailReader::TailReader(platform::FileSystem& files, std::filesystem::path folder, Lineage lineage, Segments& segments,
                       const ResumePoint& edge)
    : files_(files), folder_(std::move(folder)), lineage_(std::move(lineage)), segments_(segments), edge_(edge) {
  const auto list = segments_.snapshot();
  const auto found = std::ranges::find(*list, edge_.segment, &Segment::number);
  if (found != list->end()) { segment_ = *found; }
}

Error TailReader::damaged(std::string_view what) const {
  std::string message = "acknowledged events are damaged from position ";
  message += std::to_string(edge_.point.position.value()) + " on: ";
  message += what;
  message += "; run `tidemark verify` for all that is hit";
  Error error(ErrorCode::kDamaged, std::move(message));
  if (segment_ == nullptr) { return std::move(error).with_path(folder_); }
  return std::move(error)
      .with_path(segment_->path())
      .with_segment(segment_->number())
      .with_offset(Offset(edge_.totals.end));
}

Status TailReader::read_to(Offset durable, const FrameVisitor& visit) {
  if (segment_ == nullptr) { return std::unexpected(damaged("its segment is not there")); }
  while (edge_.point.offset < durable) {
    auto found = read_frame(durable, visit);
    if (!found) { return std::unexpected(std::move(found.error())); }
    if (*found == Found::kFrame) { continue; }
    if (durable <= segment_->end()) { return std::unexpected(damaged("there is no frame header")); }
    if (auto done = go_to_next_segment(); !done) { return done; }
  }
  return {};
}

Result<TailReader::Found> TailReader::read_frame(Offset durable, const FrameVisitor& visit) {
  const std::uint64_t offset = edge_.totals.end;
  if (offset + kFrameHeaderBytes + kFrameTrailerBytes + kSegmentFooterBytes > segment_->size()) {
    return Found::kNothing;
  }
  auto start = segment_->view(offset, kFrameHeaderBytes);
  if (!start) { return std::unexpected(std::move(start.error())); }
  FrameHeader header{};
  if (!read_frame_header(*start, {segment_->log_id(), segment_->number().value(), offset}, segment_->size(), header)) {
    return Found::kNothing;
  }
  const std::uint64_t end = frame_end(offset, header.table_bytes, header.body_bytes);
  if (segment_->base().value() + end > durable.value()) {
    return std::unexpected(damaged("a frame goes past what is known to be durable"));
  }
  if (auto good = check_frame(header); !good) { return std::unexpected(std::move(good.error())); }
  auto frame = segment_->view(offset, end - offset);
  if (!frame) { return std::unexpected(std::move(frame.error())); }
  if (!frame_is_whole(*frame, header)) { return std::unexpected(damaged("a frame's bytes do not match its checksum")); }
  const auto table = frame->subspan(kFrameHeaderBytes, header.table_bytes);
  const auto body = frame->subspan(kFrameHeaderBytes + header.table_bytes, header.body_bytes);
  const auto view = BodyView::open(header, table, body, true);
  const bool table_is_right = static_cast<std::uint32_t>(platform::xxh3_64(table)) == header.table_check;
  if (!view || !table_is_right || !visit({*segment_, offset, header, *view})) {
    return std::unexpected(damaged("a frame's events cannot be decoded"));
  }
  segment_->set_verified(offset);
  const std::uint64_t trailer = right_trailer(*frame, header);
  edge_.totals.add(header, trailer, end);
  edge_.point = {Offset(segment_->base().value() + end), edge_.totals.next_position};
  edge_.recorded_ns = header.recorded_ns;
  edge_.epoch = header.epoch;
  return Found::kFrame;
}

Status TailReader::check_frame(const FrameHeader& header) const {
  if (header.kind != FrameKind::kEvents || (header.flags & ~frame_flags::kKnown) != 0) {
    return std::unexpected(Error(ErrorCode::kUnsupportedFormat,
                                 "a frame is of a kind that this library does not know: use a newer version of "
                                 "Tidemark")
                               .with_path(segment_->path())
                               .with_segment(segment_->number())
                               .with_offset(Offset(edge_.totals.end)));
  }
  const FrameChain chain{edge_.point.position, edge_.totals.last_trailer, edge_.epoch, edge_.recorded_ns};
  if (const char* objection = chain.objection(header)) { return std::unexpected(damaged(objection)); }
  return {};
}

// The log goes on behind this segment, so that its footer tells where its frames end.
Status TailReader::go_to_next_segment() {
  auto sector = segment_->view(segment_->size() - kSegmentFooterBytes, kSegmentFooterBytes);
  if (!sector) { return std::unexpected(std::move(sector.error())); }
  SegmentFooter footer{};
  const SegmentTotals& totals = edge_.totals;
  const bool fits = decode_segment_footer(*sector, footer) == BlockState::kGood &&
                    footer.log_id == segment_->log_id() && footer.number == segment_->number().value() &&
                    footer.end == totals.end && footer.frame_count == totals.frames && footer.digest == totals.digest &&
                    footer.last_trailer == totals.last_trailer;
  if (!fits) { return std::unexpected(damaged("there is neither a frame header nor the segment's footer")); }
  const SegmentNumber number = segment_->number().next();
  const auto list = segments_.snapshot();
  auto next = std::ranges::find(*list, number, &Segment::number);
  if (next != list->end()) {
    segment_ = *next;
  } else {
    const std::filesystem::path path = folder_ / segment_file_name(number);
    auto file = files_.open(path, platform::OpenMode::kRead);
    if (!file) { return std::unexpected(std::move(file.error()).with_segment(number)); }
    std::array<std::byte, kSegmentHeaderBytes> bytes{};
    auto read = platform::read_up_to(**file, bytes, 0);
    if (!read) { return std::unexpected(std::move(read.error()).with_segment(number)); }
    auto size = (*file)->size();
    if (!size) { return std::unexpected(std::move(size.error()).with_segment(number)); }
    SegmentHeader header{};
    const bool good = *read == bytes.size() && decode_segment_header(bytes, header) == BlockState::kGood &&
                      header.log_id == lineage_.log_id_at(segment_->end()) && header.number == number.value() &&
                      header.base == segment_->end().value() && header.size == *size &&
                      segment_size_is_possible(header.size);
    if (!good) {
      return std::unexpected(damaged("the next segment has no readable header, or is not the one that belongs here"));
    }
    segment_ = std::make_shared<Segment>(files_, path, header);
    segments_.add(segment_);
  }
  edge_.segment = number;
  edge_.totals = totals.next();
  edge_.point.offset = Offset(segment_->base().value() + kSegmentHeaderBytes);
  return {};
}

}  // namespace tidemark::engine
