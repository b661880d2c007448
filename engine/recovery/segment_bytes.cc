// SPDX-License-Identifier: Apache-2.0
#include "engine/recovery/segment_bytes.h"

#include <algorithm>
#include <cerrno>
#include <utility>

#include "platform/io.h"

namespace tidemark::engine {

namespace {

// What is read by itself where the medium fails: a page, since that is what the cache reads.
constexpr std::uint64_t kBadPieceBytes = 4096;

}  // namespace

SegmentBytes::SegmentBytes(std::unique_ptr<platform::File> file, std::uint64_t file_size, Unreadable unreadable,
                           std::optional<SegmentNumber> number, std::uint64_t piece_bytes)
    : file_(std::move(file)),
      file_size_(file_size),
      unreadable_mode_(unreadable),
      number_(number),
      piece_bytes_(piece_bytes) {}

Result<std::size_t> SegmentBytes::read(std::span<std::byte> into, std::uint64_t offset) {
  auto whole = platform::read_up_to(*file_, into, offset);
  const auto is_the_mediums = [](const Error& error) { return error.system_error() == EIO; };
  if (whole || unreadable_mode_ == Unreadable::kFails || !is_the_mediums(whole.error())) { return whole; }
  // Somewhere in there; the rest is worth having.
  for (std::size_t at = 0; at < into.size();) {
    const std::size_t step = std::min<std::size_t>(into.size() - at, kBadPieceBytes - (offset + at) % kBadPieceBytes);
    const auto piece = into.subspan(at, step);
    auto read = platform::read_up_to(*file_, piece, offset + at);
    if (!read) {
      if (!is_the_mediums(read.error())) { return read; }
      std::ranges::fill(piece, std::byte{0});
      unreadable_[offset + at] = std::max(unreadable_[offset + at], offset + at + step);
    } else if (*read < step) {
      return at + *read;
    }
    at += step;
  }
  return into.size();
}

std::vector<ByteRange> SegmentBytes::unreadable() const {
  std::vector<ByteRange> ranges;
  for (const auto& [begin, end] : unreadable_) {
    if (!ranges.empty() && begin <= ranges.back().end) {
      ranges.back().end = std::max(ranges.back().end, end);
    } else {
      ranges.push_back({begin, end});
    }
  }
  return ranges;
}

Result<Bytes> SegmentBytes::read_into(std::vector<std::byte>& buffer, std::uint64_t offset, std::uint64_t length) {
  if (buffer.size() < length) { buffer.resize(length); }
  auto got = read(std::span(buffer).first(length), offset);
  if (!got) {
    return std::unexpected(number_ ? std::move(got.error()).with_segment(*number_) : std::move(got.error()));
  }
  return Bytes(buffer).first(*got);
}

Result<Bytes> SegmentBytes::only(std::uint64_t offset, std::uint64_t length) {
  if (offset >= file_size_) { return Bytes(); }
  length = std::min(length, file_size_ - offset);
  return holds(offset, length) ? at(offset, length) : read_into(only_, offset, length);
}

Result<Bytes> SegmentBytes::at(std::uint64_t offset, std::uint64_t length) {
  if (offset >= file_size_) { return Bytes(); }
  length = std::min(length, file_size_ - offset);
  if (!holds(offset, length)) {
    held_ = {};
    auto got = read_into(buffer_, offset, std::min(std::max(length, piece_bytes_), file_size_ - offset));
    if (!got) { return got; }
    held_ = *got;
    held_at_ = offset;
  }
  const std::uint64_t skip = offset - held_at_;
  return held_.subspan(skip, std::min(length, held_.size() - skip));
}

Result<Bytes> SegmentBytes::from(std::uint64_t begin, std::uint64_t end) {
  if (auto some = at(begin, 1); !some || some->empty()) { return some; }
  const Bytes held = held_.subspan(begin - held_at_);
  return held.first(std::min<std::uint64_t>(held.size(), end - begin));
}

Result<std::uint64_t> SegmentBytes::first_nonzero(std::uint64_t begin, std::uint64_t end) {
  while (begin < end) {
    auto piece = from(begin, end);
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
    auto piece = at(offset, std::min(piece_bytes_, end - offset));
    if (!piece) { return std::unexpected(std::move(piece.error())); }
    if (piece->empty()) { break; }
    if (!all_zero(*piece)) { after = offset + length_without_zeros(*piece); }
    offset += piece->size();
  }
  return after;
}

Result<FrameCheck> look_for_frame(SegmentBytes& bytes, const FramePlace& place, std::uint64_t segment_size,
                                  std::uint64_t frame_bytes_max) {
  FrameCheck check;
  auto start = bytes.at(place.offset, kFrameHeaderBytes);
  if (!start) { return std::unexpected(std::move(start.error())); }
  if (!read_frame_header(*start, place, segment_size, check.header)) { return check; }
  check.state = FrameCheck::State::kHeaderOnly;
  check.end = frame_end(place.offset, check.header.table_bytes, check.header.body_bytes);
  if (check.end - place.offset > frame_bytes_max) { return check; }
  auto frame = bytes.at(place.offset, check.end - place.offset);
  if (!frame) { return std::unexpected(std::move(frame.error())); }
  check.frame = *frame;
  if (frame->size() < check.end - place.offset) { return check; }
  check.trailer = load_as<std::uint64_t>(frame->data() + frame->size() - kFrameTrailerBytes);
  if (frame_is_whole(*frame, check.header)) { check.state = FrameCheck::State::kWhole; }
  return check;
}

Result<FrameCheck> FrameSearch::look(SegmentBytes& bytes, const FramePlace& place, std::uint64_t segment_size) {
  auto check = look_for_frame(bytes, place, segment_size, bytes_left_);
  if (check) { bytes_left_ -= std::min<std::uint64_t>(bytes_left_, check->frame.size()); }
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
