// SPDX-License-Identifier: Apache-2.0
#include "engine/log/frame_reader.h"

#include <algorithm>
#include <string>
#include <utility>

#include "platform/checksum.h"
#include "platform/io.h"
#include "platform/prefetch.h"

namespace tidemark::engine {

namespace {

// A frame up to this size is checked as a whole at the first touch. In a larger one that is not known whole, the table,
// the names and the event asked for are checked alone, where the frame has checksums for them.
constexpr std::uint64_t kWholeCheckBytesMax = Segment::kKnownFrameBytesMin;

// A frame up to this size is checked as a whole by who reads one event after the other.
constexpr std::uint64_t kFollowingCheckBytesMax = std::uint64_t{4} << 20U;

// So far ahead of the event that is given the processor is asked for memory, where events are read one after the other.
constexpr std::uint64_t kAskAheadBytes = 1024;

}  // namespace

Error FrameReader::damaged(std::string_view what, std::uint64_t offset, Position position) const {
  std::string message = "the segment is damaged at or near position " + std::to_string(position.value()) + ": ";
  message += what;
  message += "; run `tidemark verify` for all that is hit";
  return Error(ErrorCode::kDamaged, std::move(message))
      .with_path(segment_->path())
      .with_segment(segment_->number())
      .with_offset(Offset(offset));
}

Result<Bytes> FrameReader::bytes(std::uint64_t offset, std::uint64_t length) {
  if (access_ == Access::kMapped) { return segment_->view(offset, length); }
  if (!file_) {
    auto file = segment_->open_for_reading();
    if (!file) { return std::unexpected(std::move(file.error())); }
    file_ = std::move(*file);
  }
  if (copy_.size() < length) { copy_.resize(length); }
  auto read = platform::read_up_to(*file_, std::span(copy_).first(length), offset);
  if (!read) {
    return std::unexpected(std::move(read.error()).with_segment(segment_->number()).with_offset(Offset(offset)));
  }
  return Bytes(copy_).first(*read);
}

Status FrameReader::load(const index::Place& place, Position position) {
  loaded_.reset();
  known_ = nullptr;
  const Segment* segment = find_segment(*segments_, Offset(place.frame));
  if (segment == nullptr) { return std::unexpected(Error(ErrorCode::kDamaged, "the event's segment is not there")); }
  if (segment != segment_) {
    segment_ = segment;
    file_.reset();
  }
  const std::uint64_t offset = Offset(place.frame) - segment->base();
  if (load_known(offset)) { return {}; }
  auto start = bytes(offset, kFrameHeaderBytes);
  if (!start) { return std::unexpected(std::move(start.error())); }
  if (!read_frame_header(*start, place_in_segment(offset), segment->size(), header_)) {
    return std::unexpected(damaged("a frame's header is not as it was written", offset, position));
  }
  return load_rest(offset, position);
}

FramePlace FrameReader::place_in_segment(std::uint64_t offset) const {
  return {segment_->log_id(), segment_->number().value(), offset};
}

bool FrameReader::load_known(std::uint64_t offset) {
  known_ = access_ == Access::kMapped ? segment_->known_frame(offset) : nullptr;
  if (known_ == nullptr) { return false; }
  header_ = load_as<FrameHeader>(segment_->mapped().data() + offset);
  body_ = known_->body();
  whole_ = segment_->is_verified(offset);
  loaded_ = segment_->base().value() + offset;
  return true;
}

// What stands behind the header, which is there.
Status FrameReader::load_rest(std::uint64_t offset, Position position) {
  const std::uint64_t end = frame_end(offset, header_.table_bytes, header_.body_bytes);
  auto frame = bytes(offset, end - offset);
  if (!frame) { return std::unexpected(std::move(frame.error())); }
  if (frame->size() < end - offset) {
    return std::unexpected(damaged("the file ends within a frame: somebody cut it", offset, position));
  }
  const bool has_checks = (header_.flags & frame_flags::kEventChecks) != 0;
  whole_ = access_ == Access::kMapped && segment_->is_verified(offset);
  if (!whole_ && (!has_checks || end - offset <= kWholeCheckBytesMax)) {
    if (!frame_is_whole(*frame, header_)) {
      return std::unexpected(damaged("a frame's checksum does not match its bytes", offset, position));
    }
    whole_ = true;
    if (access_ == Access::kMapped) { segment_->set_verified(offset); }
  }
  const Bytes table = frame->subspan(kFrameHeaderBytes, header_.table_bytes);
  // In a frame of a thousand events they are as much work as a hundred events: once in a process.
  const bool can_remember = access_ == Access::kMapped && end - offset >= Segment::kVerifiedFrameBytesMin;
  // What is kept of a large frame rests on them, so that they are looked at even if all of it is whole.
  const bool is_small = end - offset < Segment::kKnownFrameBytesMin;
  const bool names_are_known = (whole_ && is_small) || (can_remember && segment_->has_verified_names(offset));
  if (!names_are_known && static_cast<std::uint32_t>(platform::xxh3_64(table)) != header_.table_check) {
    return std::unexpected(damaged("the versions in a frame do not match their checksum", offset, position));
  }
  auto body = BodyView::open(
      header_, table, frame->subspan(kFrameHeaderBytes + header_.table_bytes, header_.body_bytes), !names_are_known);
  if (!body) { return std::unexpected(damaged("the names in a frame do not match their checksum", offset, position)); }
  if (!names_are_known && can_remember) { segment_->set_verified_names(offset); }
  body_ = *body;
  loaded_ = segment_->base().value() + offset;
  if (access_ == Access::kMapped && end - offset >= Segment::kKnownFrameBytesMin) {
    segment_->keep(KnownFrame(offset, header_, body_));
    known_ = segment_->known_frame(offset);
  }
  return {};
}

void FrameReader::set_agreed(const index::Place& place) {
  if (known_ != nullptr && record_bytes_ >= Segment::kAgreedEventBytesMin) {
    segment_->set_agreed(known_->offset(), place.offset);
  }
}

Result<FrameReader::Found> FrameReader::read(const std::shared_ptr<const SegmentList>& segments,
                                             const index::Place& place, Position position) {
  if (segments_ != segments) {
    segments_ = segments;
    segment_ = nullptr;
    loaded_.reset();
  }
  record_end_.reset();
  if (loaded_ != place.frame) {
    if (auto done = load(place, position); !done) { return std::unexpected(std::move(done.error())); }
  }
  const Position first(header_.first_position);
  if (position < first || position - first >= header_.event_count) {
    return std::unexpected(
        damaged("the index tells of an event that is not there", Offset(place.frame) - segment_->base(), position));
  }
  if (!decode(place.offset)) {
    return std::unexpected(
        damaged("an event does not match its checksum", Offset(place.frame) - segment_->base(), position));
  }
  following_ = position.next();
  return found_;
}

bool FrameReader::decode(std::uint32_t offset) {
  record_end_ = body_.event_at(offset, !whole_, record_);
  if (!record_end_) { return false; }
  record_bytes_ = *record_end_ - offset;
  found_ = {&header_, &body_, &record_, body_.first_version(record_.stream) + record_.ordinal};
  return true;
}

const FrameReader::Found* FrameReader::read_following(const std::shared_ptr<const SegmentList>& segments,
                                                      Position position) {
  if (!loaded_ || !record_end_ || segments_ != segments || position != following_) { return nullptr; }
  const bool is_in_frame = position - Position(header_.first_position) < header_.event_count;
  if (!is_in_frame && !load_following(position)) { return nullptr; }
  const std::uint32_t offset = is_in_frame ? *record_end_ : body_.events_begin();
  if (access_ == Access::kMapped) {
    // What comes after this one: the processor does not guess the way through a log by itself.
    platform::prefetch(body_.body().data() + offset + kAskAheadBytes,
                       std::min<std::uint64_t>(record_bytes_, kAskAheadBytes));
  }
  if (!decode(offset)) { return nullptr; }
  following_ = position.next();
  return &found_;
}

// The frame behind the one that is loaded, if it stands in the same segment and begins with this event. All of it will
// be read, most likely: so all of it is checked, once in a process.
bool FrameReader::load_following(Position position) {
  record_end_.reset();
  if (access_ != Access::kMapped) { return false; }
  const std::uint64_t offset = frame_end(Offset(*loaded_) - segment_->base(), header_.table_bytes, header_.body_bytes);
  loaded_.reset();
  if (offset > segment_->size() - kFrameHeaderBytes) { return false; }
  if (!load_known(offset)) {
    const auto start = bytes(offset, kFrameHeaderBytes);
    if (!start || !read_frame_header(*start, place_in_segment(offset), segment_->size(), header_) ||
        !load_rest(offset, position)) {
      return false;
    }
  }
  if (header_.first_position != position.value() || header_.event_count == 0) {
    loaded_.reset();
    return false;
  }
  const std::uint64_t length = frame_end(offset, header_.table_bytes, header_.body_bytes) - offset;
  if (whole_ || length > kFollowingCheckBytesMax) { return true; }
  const auto frame = bytes(offset, length);
  if (frame && frame_is_whole(*frame, header_)) {  // else its events are checked, each when it is its turn
    segment_->set_verified(offset);
    whole_ = true;
  }
  return true;
}

}  // namespace tidemark::engine
