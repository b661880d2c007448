// SPDX-License-Identifier: Apache-2.0
#include "engine/recovery/segment_bytes.h"

#include <algorithm>
#include <utility>

#include "platform/io.h"

namespace tidemark::engine {

namespace {

constexpr std::uint64_t kPieceBytes = std::uint64_t{1} << 20U;

}  // namespace

SegmentBytes::SegmentBytes(std::unique_ptr<platform::File> file, std::uint64_t file_size)
    : file_(std::move(file)), file_size_(file_size) {}

Result<Bytes> SegmentBytes::at(std::uint64_t offset, std::uint64_t length) {
  if (offset >= file_size_) { return Bytes(); }
  length = std::min(length, file_size_ - offset);
  if (offset < held_at_ || offset + length > held_at_ + held_.size()) {
    const std::uint64_t wanted = std::min(std::max(length, kPieceBytes), file_size_ - offset);
    if (buffer_.size() < wanted) { buffer_.resize(wanted); }
    auto read = platform::read_up_to(*file_, std::span(buffer_).first(wanted), offset);
    if (!read) { return std::unexpected(std::move(read.error())); }
    held_ = Bytes(buffer_).first(*read);
    held_at_ = offset;
  }
  const std::uint64_t skip = offset - held_at_;
  return held_.subspan(skip, std::min(length, held_.size() - skip));
}

Result<std::uint64_t> SegmentBytes::first_nonzero(std::uint64_t begin, std::uint64_t end) {
  while (begin < end) {
    auto piece = at(begin, std::min(kPieceBytes, end - begin));
    if (!piece) { return std::unexpected(std::move(piece.error())); }
    if (piece->empty()) { return end; }  // the file ends: nothing is there
    if (!all_zero(*piece)) {
      const auto found = std::ranges::find_if(*piece, [](std::byte b) { return b != std::byte{0}; });
      return begin + static_cast<std::uint64_t>(found - piece->begin());
    }
    begin += piece->size();
  }
  return end;
}

Result<std::uint64_t> SegmentBytes::after_last_nonzero(std::uint64_t begin, std::uint64_t end) {
  std::uint64_t after = begin;
  for (std::uint64_t offset = begin; offset < end;) {
    auto piece = at(offset, std::min(kPieceBytes, end - offset));
    if (!piece) { return std::unexpected(std::move(piece.error())); }
    if (piece->empty()) { break; }
    if (!all_zero(*piece)) {
      std::uint64_t last = piece->size();
      while ((*piece)[last - 1] == std::byte{0}) { --last; }
      after = offset + last;
    }
    offset += piece->size();
  }
  return after;
}

Result<FrameCheck> look_for_frame(SegmentBytes& bytes, const FramePlace& place, std::uint64_t segment_size) {
  FrameCheck check;
  auto start = bytes.at(place.offset, kFrameHeaderBytes);
  if (!start) { return std::unexpected(std::move(start.error())); }
  if (!read_frame_header(*start, place, segment_size, check.header)) { return check; }
  check.state = FrameCheck::State::kHeaderOnly;
  check.end = frame_end(place.offset, check.header.table_bytes, check.header.body_bytes);
  auto frame = bytes.at(place.offset, check.end - place.offset);
  if (!frame) { return std::unexpected(std::move(frame.error())); }
  check.frame = *frame;
  if (frame->size() < check.end - place.offset) { return check; }
  check.trailer = load_as<std::uint64_t>(frame->data() + frame->size() - kFrameTrailerBytes);
  if (frame_is_whole(*frame, check.header)) { check.state = FrameCheck::State::kWhole; }
  return check;
}

const char* FrameChain::objection(const FrameHeader& header) const {
  if (Position(header.first_position) != next) { return "a frame does not go on at the next position"; }
  if (header.previous != trailer) { return "a frame does not follow the one before it"; }
  if (header.epoch < epoch) { return "a frame is older than the one before it"; }
  if (header.recorded_ns <= recorded_ns) { return "a frame was recorded before the one before it"; }
  return nullptr;
}

void FrameChain::follow(const FrameHeader& header, std::uint64_t frame_trailer) {
  next = Position(header.first_position + header.event_count);
  trailer = static_cast<std::uint32_t>(frame_trailer);
  epoch = header.epoch;
  recorded_ns = header.recorded_ns;
}

}  // namespace tidemark::engine
