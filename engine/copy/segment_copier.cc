// SPDX-License-Identifier: Apache-2.0
#include "engine/copy/segment_copier.h"

#include <algorithm>
#include <array>
#include <memory>
#include <span>
#include <string>
#include <utility>

#include "engine/format/frame.h"
#include "engine/format/segment.h"
#include "engine/log/log_writer.h"
#include "engine/recovery/segment_bytes.h"
#include "platform/checksum.h"
#include "platform/io.h"

namespace tidemark::engine {

namespace {

constexpr std::uint64_t kPieceBytes = std::uint64_t{1} << 20U;

// A frame as another log has it: what stands in it stays, what says where it stands does not.
std::uint64_t make_own(std::span<std::byte> frame, FrameHeader header, const FramePlace& place,
                       std::optional<std::uint64_t> trailer_before) {
  if (trailer_before) { header.previous = static_cast<std::uint32_t>(*trailer_before); }
  header.checksum = frame_header_checksum(header, place);
  store_as(frame.data(), header);
  const std::uint64_t trailer = right_trailer(frame, header);
  store_as(frame.data() + frame.size() - kFrameTrailerBytes, trailer);
  return trailer;
}

}  // namespace

Error damaged_source(const Segment& segment, std::uint64_t offset, std::string_view what) {
  std::string message = "the store cannot be copied: ";
  message += what;
  message += "; run `tidemark verify` for all that is hit, `tidemark repair` copies what is whole";
  return Error(ErrorCode::kDamaged, std::move(message))
      .with_path(segment.path())
      .with_segment(segment.number())
      .with_offset(Offset(offset));
}

bool is_sealed(const Segment& segment, Bytes header, Bytes footer) {
  SegmentHeader begin{};
  SegmentFooter end{};
  return decode_segment_header(header, begin) == BlockState::kGood &&
         decode_segment_footer(footer, end) == BlockState::kGood && begin.log_id == segment.log_id() &&
         end.log_id == segment.log_id() && begin.number == segment.number().value() && end.number == begin.number &&
         begin.base == segment.base().value() && begin.size == segment.size();
}

void SegmentCopier::pass(std::uint64_t bytes) {
  done_ += bytes;
  if (progress_) { progress_(std::min(done_, all_), all_); }
}

Status SegmentCopier::write(platform::File& file, Bytes bytes, std::uint64_t offset) {
  if (auto written = platform::write_all(file, bytes, offset); !written) { return written; }
  bytes_copied_ += bytes.size();
  return {};
}

Result<bool> SegmentCopier::link(const std::filesystem::path& from, const std::filesystem::path& to) const {
  if (sealed_ == SealedSegments::kCopied) { return false; }
  auto linked = files_.link(from, to);
  if (linked) { return true; }
  if (platform::links_are_refused(linked.error())) { return false; }
  return std::unexpected(std::move(linked.error()));
}

// What is zeros becomes a hole.
Status SegmentCopier::copy_bytes(const std::filesystem::path& from, std::uint64_t size,
                                 const std::filesystem::path& to) {
  auto source = files_.open(from, platform::OpenMode::kRead);
  if (!source) { return std::unexpected(std::move(source.error())); }
  auto target = files_.open(to, platform::OpenMode::kCreate);
  if (!target) { return std::unexpected(std::move(target.error())); }
  buffer_.resize(kPieceBytes);
  for (std::uint64_t at = 0; at < size;) {
    const std::uint64_t length = std::min(size - at, kPieceBytes);
    const auto piece = std::span(buffer_).first(length);
    auto read = platform::read_up_to(**source, piece, at);
    if (!read) { return std::unexpected(std::move(read.error())); }
    if (*read < length) {
      return std::unexpected(Error(ErrorCode::kDamaged, "the file is shorter than it was: somebody cut it")
                                 .with_path(from)
                                 .with_offset(Offset(at + *read)));
    }
    if (at + length == size || !all_zero(piece)) {
      if (auto written = write(**target, piece, at); !written) { return written; }
    }
    at += length;
    pass(length);
  }
  return (*target)->datasync();
}

Status SegmentCopier::copy_sealed(const Segment& segment, const std::filesystem::path& to) {
  {
    auto file = segment.open_for_reading();
    if (!file) { return std::unexpected(std::move(file.error()).with_segment(segment.number())); }
    SectorImage header{};
    SectorImage footer{};
    auto first = platform::read_up_to(**file, header, 0);
    if (!first) { return std::unexpected(std::move(first.error()).with_segment(segment.number())); }
    auto last = platform::read_up_to(**file, footer, segment.size() - kSegmentFooterBytes);
    if (!last) { return std::unexpected(std::move(last.error()).with_segment(segment.number())); }
    if (!is_sealed(segment, header, footer)) {
      return std::unexpected(damaged_source(segment, 0, "a segment's header or footer is not as it was written"));
    }
  }
  auto linked = link(segment.path(), to);
  if (!linked) { return std::unexpected(std::move(linked.error())); }
  if (*linked) {
    ++segments_linked_;
    pass(segment.size());
    return {};
  }
  ++segments_copied_;
  return copy_bytes(segment.path(), segment.size(), to);
}

Status SegmentCopier::check_sealed(const Segment& segment) {
  auto file = segment.open_for_reading();
  if (!file) { return std::unexpected(std::move(file.error())); }
  SegmentBytes bytes(std::move(*file), segment.size(), Unreadable::kFails, segment.number());
  auto sector = bytes.only(segment.size() - kSegmentFooterBytes, kSegmentFooterBytes);
  if (!sector) { return std::unexpected(std::move(sector.error())); }
  SegmentFooter footer{};
  if (decode_segment_footer(*sector, footer) != BlockState::kGood) {
    return std::unexpected(damaged_source(segment, 0, "a segment's footer is not as it was written"));
  }
  SegmentTotals totals;
  while (totals.end < footer.end) {
    const FramePlace place{segment.log_id(), segment.number().value(), totals.end};
    auto check = look_for_frame(bytes, place, segment.size());
    if (!check) { return std::unexpected(std::move(check.error())); }
    if (check->state != FrameCheck::State::kWhole) {
      return std::unexpected(damaged_source(segment, place.offset, "there is no whole frame where one belongs"));
    }
    totals.add(check->header, check->trailer, check->end);
  }
  if (totals.end != footer.end || totals.frames != footer.frame_count || totals.digest != footer.digest) {
    return std::unexpected(
        damaged_source(segment, totals.end, "a segment's frames are not those that its footer counts"));
  }
  return {};
}

Result<std::unique_ptr<platform::File>> SegmentCopier::begin(const Segment& segment, const FileId& log_id,
                                                             const std::filesystem::path& to, Room room) {
  auto target = files_.open(to, platform::OpenMode::kCreate);
  if (!target) { return target; }
  const std::byte zero[1]{};
  Status sized = room == Room::kReserved ? (*target)->allocate(segment.size())
                                         : platform::write_all(**target, zero, segment.size() - 1);
  if (!sized) { return std::unexpected(std::move(sized.error())); }
  SegmentHeader header{};
  header.log_id = log_id;
  header.number = segment.number().value();
  header.base = segment.base().value();
  header.size = segment.size();
  if (auto written = write(**target, encode_segment_header(header), 0); !written) {
    return std::unexpected(std::move(written.error()));
  }
  return target;
}

Status SegmentCopier::make_blank(const Segment& segment, const std::filesystem::path& to) {
  auto target = begin(segment, segment.log_id(), to, Room::kHole);
  if (!target) { return std::unexpected(std::move(target.error())); }
  return (*target)->datasync();
}

Result<SegmentCopier::Tail> SegmentCopier::copy_tail(const Segment& segment, std::uint64_t end,
                                                     const std::filesystem::path& to,
                                                     const std::optional<FileId>& own_log) {
  auto source = segment.open_for_reading();
  if (!source) { return std::unexpected(std::move(source.error()).with_segment(segment.number())); }
  auto target = begin(segment, own_log.value_or(segment.log_id()), to, own_log ? Room::kReserved : Room::kHole);
  if (!target) { return std::unexpected(std::move(target.error())); }
  SegmentBytes bytes(std::move(*source), segment.size(), Unreadable::kFails, segment.number());
  Tail tail;
  FramePlace place{segment.log_id(), segment.number().value(), kSegmentHeaderBytes};
  std::optional<std::uint64_t> trailer;
  buffer_.clear();
  std::uint64_t buffered_at = place.offset;
  const auto flush = [&]() -> Status {
    auto written = write(**target, buffer_, buffered_at);
    buffered_at += buffer_.size();
    pass(buffer_.size());
    buffer_.clear();
    return written;
  };
  while (place.offset < end) {
    auto check = look_for_frame(bytes, place, segment.size());
    if (!check) { return std::unexpected(std::move(check.error())); }
    if (check->state != FrameCheck::State::kWhole || check->end > end) {
      return std::unexpected(damaged_source(segment, place.offset, "there is no whole frame where one belongs"));
    }
    const std::size_t at = buffer_.size();
    buffer_.insert(buffer_.end(), check->frame.begin(), check->frame.end());
    if (own_log) {
      trailer =
          make_own(std::span(buffer_).subspan(at), check->header, {*own_log, place.segment, place.offset}, trailer);
    }
    tail.epoch = std::max(tail.epoch, check->header.epoch);
    place.offset = check->end;
    if (buffer_.size() >= kPieceBytes) {
      if (auto written = flush(); !written) { return std::unexpected(std::move(written.error())); }
    }
  }
  if (auto written = flush(); !written) { return std::unexpected(std::move(written.error())); }
  if (auto synced = (*target)->datasync(); !synced) { return std::unexpected(std::move(synced.error())); }
  ++segments_copied_;
  return tail;
}

Status SegmentCopier::copy_index(const std::filesystem::path& from, std::uint64_t size,
                                 const std::filesystem::path& to) {
  auto linked = link(from, to);
  if (!linked) { return std::unexpected(std::move(linked.error())); }
  if (*linked) { return {}; }
  const std::uint64_t before = bytes_copied_;
  Status done = copy_bytes(from, size, to);
  bytes_copied_ = before;
  return done;
}

}  // namespace tidemark::engine
