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

Status TailReader::read_to(Offset durable, const FrameVisitor& visit, std::uint64_t events_max) {
  if (segment_ == nullptr) { return std::unexpected(damaged("its segment is not there")); }
  const Position enough = edge_.point.position + events_max;
  if (bytes_) { bytes_->forget(); }
  while (edge_.point.offset < durable && edge_.point.position < enough) {
    if (!bytes_) {
      if (auto opened = open_bytes(); !opened) { return opened; }
    }
    auto found = read_frame(durable, visit);
    if (!found) { return std::unexpected(std::move(found.error())); }
    if (*found == Found::kFrame) { continue; }
    if (durable <= segment_->end()) { return std::unexpected(damaged("there is no frame header")); }
    if (auto done = go_to_next_segment(); !done) { return done; }
  }
  return {};
}

Status TailReader::open_bytes() {
  auto file = segment_->open_for_reading();
  if (!file) { return std::unexpected(std::move(file.error())); }
  auto size = (*file)->size();
  if (!size) { return std::unexpected(std::move(size.error()).with_segment(segment_->number())); }
  bytes_.emplace(std::move(*file), *size, Unreadable::kFails, segment_->number(), kPieceBytes);
  return {};
}

Result<TailReader::Found> TailReader::read_frame(Offset durable, const FrameVisitor& visit) {
  const std::uint64_t offset = edge_.totals.end;
  auto check = look_for_frame(*bytes_, {segment_->log_id(), segment_->number().value(), offset}, segment_->size());
  if (!check) { return std::unexpected(std::move(check.error())); }
  if (check->state == FrameCheck::State::kNone) { return Found::kNothing; }
  const FrameHeader& header = check->header;
  if (check->state != FrameCheck::State::kWhole) {
    return std::unexpected(damaged("a frame's bytes do not match its checksum"));
  }
  if (segment_->base().value() + check->end > durable.value()) {
    return std::unexpected(damaged("a frame goes past what is known to be durable"));
  }
  if (auto good = check_frame(header); !good) { return std::unexpected(std::move(good.error())); }
  const auto table = check->frame.subspan(kFrameHeaderBytes, header.table_bytes);
  const auto body = check->frame.subspan(kFrameHeaderBytes + header.table_bytes, header.body_bytes);
  const auto view = BodyView::open(header, table, body, true);
  const bool table_is_right = static_cast<std::uint32_t>(platform::xxh3_64(table)) == header.table_check;
  if (!view || !table_is_right || !visit({*segment_, offset, header, *view})) {
    return std::unexpected(damaged("a frame's events cannot be decoded"));
  }
  edge_.totals.add(header, check->trailer, check->end);
  edge_.point = {Offset(segment_->base().value() + check->end), edge_.totals.next_position};
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
  auto sector = bytes_->only(segment_->size() - kSegmentFooterBytes, kSegmentFooterBytes);
  if (!sector) { return std::unexpected(std::move(sector.error())); }
  SegmentFooter footer{};
  const SegmentTotals& totals = edge_.totals;
  const bool fits = decode_segment_footer(*sector, footer) == BlockState::kGood &&
                    footer.log_id == segment_->log_id() && footer.number == segment_->number().value() &&
                    footer.end == totals.end && footer.frame_count == totals.frames && footer.digest == totals.digest &&
                    footer.last_trailer == totals.last_trailer;
  if (!fits) { return std::unexpected(damaged("there is neither a frame header nor the segment's footer")); }
  if (auto done = enter_segment_after(); !done) { return done; }
  edge_.segment = segment_->number();
  edge_.totals = totals.next();
  edge_.point.offset = Offset(segment_->base().value() + kSegmentHeaderBytes);
  return {};
}

Status TailReader::enter_segment_after() {
  const SegmentNumber number = segment_->number().next();
  const auto list = segments_.snapshot();
  const auto known = std::ranges::find(*list, number, &Segment::number);
  if (known != list->end()) {
    segment_ = *known;
    bytes_.reset();
    return {};
  }
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
  bytes_.reset();
  return {};
}

Status TailReader::jump(const ResumePoint& edge) {
  while (segment_ != nullptr && segment_->number() < edge.segment) {
    if (auto done = enter_segment_after(); !done) { return done; }
  }
  if (segment_ == nullptr || segment_->number() != edge.segment) {
    return std::unexpected(damaged("its segment is not there"));
  }
  bytes_.reset();
  edge_ = edge;
  return {};
}

}  // namespace tidemark::engine
