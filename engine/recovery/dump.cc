// SPDX-License-Identifier: Apache-2.0
#include "engine/recovery/dump.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "engine/format/body.h"
#include "engine/format/segment.h"
#include "engine/recovery/segment_bytes.h"
#include "tidemark/event.hpp"
#include "tidemark/limits.hpp"

namespace tidemark::engine {

namespace {

// An unknown piece is told in parts of so many bytes.
constexpr std::uint64_t kUnknownBytesMax = std::uint64_t{64} << 10U;

std::string hex(std::uint64_t value, int digits) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string text;
  for (int i = digits - 1; i >= 0; --i) { text += kDigits[(value >> (4U * static_cast<unsigned>(i))) & 15U]; }
  return text;
}

std::string uuid_text(const FileId& id) { return to_string(EventId(id)); }

std::string state_text(BlockState state) {
  switch (state) {
    case BlockState::kGood:
      return {};
    case BlockState::kEmpty:
      return "it is empty";
    case BlockState::kBad:
      return "its checksum or its magic is wrong";
    case BlockState::kNewerFormat:
      return "it is of a newer format than this library knows";
  }
  return {};
}

class Fields {
 public:
  explicit Fields(SegmentPiece& piece) : piece_(piece) {}
  void add(std::string name, std::string value) { piece_.fields.emplace_back(std::move(name), std::move(value)); }
  void add(std::string name, std::uint64_t value) { add(std::move(name), std::to_string(value)); }
  void add(std::string name, std::int64_t value) { add(std::move(name), std::to_string(value)); }
  void add_start(const BlockStart& start) {
    add("format", std::to_string(start.format_major) + '.' + std::to_string(start.format_minor));
    add("checksum", hex(start.checksum, 8));
  }

 private:
  SegmentPiece& piece_;
};

class Dumper {
 public:
  Dumper(SegmentBytes& bytes, const std::function<bool(const SegmentPiece&)>& visit)
      : bytes_(bytes), visit_(visit), size_(bytes.file_size()) {}

  // After each step false means that nobody wants more.
  Status run() {
    auto more = tell_header();
    const std::uint64_t file_size = bytes_.file_size();
    const std::uint64_t footer_at =
        size_ >= kSegmentHeaderBytes + kSegmentFooterBytes ? size_ - kSegmentFooterBytes : size_;
    const std::uint64_t frames_end = std::min(footer_at, file_size);
    std::uint64_t at = std::min(kSegmentHeaderBytes, file_size);
    while (more && *more && at < frames_end) { more = tell_next(at, frames_end); }
    if (more && *more && at < std::min(size_, file_size)) {
      more = tell_footer(at, std::min(size_, file_size));
      at = std::min(size_, file_size);
    }
    while (more && *more && at < file_size) { more = tell_surplus(at); }
    if (!more) { return std::unexpected(std::move(more.error())); }
    return {};
  }

 private:
  // Gives whether to go on.
  bool tell(SegmentPiece& piece) {
    for (const ByteRange& range : bytes_.unreadable()) {
      if (range.begin >= piece.offset + piece.bytes || range.end <= piece.offset) { continue; }
      if (!piece.what.empty()) { piece.what += "; "; }
      piece.what += "the medium does not give back all of it, and zeros stand in for that";
      break;
    }
    return visit_(piece);
  }

  Result<bool> tell_header() {
    auto sector = bytes_.only(0, kSegmentHeaderBytes);
    if (!sector) { return std::unexpected(std::move(sector.error())); }
    SegmentPiece piece{.kind = SegmentPiece::Kind::kHeader, .bytes = sector->size(), .raw = *sector};
    if (sector->size() < kSegmentHeaderBytes) {
      piece.what = "the file ends within it";
      return tell(piece);
    }
    SegmentHeader header{};
    const BlockState state = decode_segment_header(*sector, header);
    // Also of what is damaged: whoever looks wants to see it.
    header = load_as<SegmentHeader>(sector->data());
    piece.what = state_text(state);
    if (state == BlockState::kGood && header.size != bytes_.file_size()) {
      piece.what = "the file has " + std::to_string(bytes_.file_size()) + " bytes";
    }
    is_known_ = state == BlockState::kGood;
    if (is_known_) { size_ = header.size; }
    place_ = {header.log_id, header.number, 0};
    Fields fields(piece);
    fields.add_start(header.start);
    fields.add("log_id", uuid_text(header.log_id));
    fields.add("number", header.number);
    fields.add("base", header.base);
    fields.add("size", header.size);
    return tell(piece);
  }

  Result<bool> tell_next(std::uint64_t& at, std::uint64_t end) {
    auto nonzero = bytes_.first_nonzero(at, end);
    if (!nonzero) { return std::unexpected(std::move(nonzero.error())); }
    const std::uint64_t zeros_end = *nonzero == end ? end : *nonzero / kFrameAlignment * kFrameAlignment;
    if (zeros_end > at) {
      SegmentPiece piece{.kind = SegmentPiece::Kind::kZeros, .offset = at, .bytes = zeros_end - at};
      at = zeros_end;
      after_zeros_ = true;
      return tell(piece);
    }
    auto check = look(at);
    if (!check) { return std::unexpected(std::move(check.error())); }
    if (check->state == FrameCheck::State::kNone) { return tell_unknown(at, end); }
    SegmentPiece piece = frame_piece(*check, at);
    if (piece.what.empty()) { piece.what = objection(check->header); }
    const bool is_whole = check->state == FrameCheck::State::kWhole;
    chain_ = is_whole ? std::optional<FrameChain>(FrameChain{}) : std::nullopt;
    if (is_whole) { chain_->follow(check->header, check->trailer); }
    after_zeros_ = false;
    at += piece.bytes;
    return tell(piece);
  }

  // Why a whole frame is not what should stand here, as far as what stands before it in the file tells; empty if it is.
  std::string objection(const FrameHeader& header) const {
    if (after_zeros_) { return "zeros stand before it, where none can be between frames"; }
    const char* const said = chain_ ? chain_->objection(header) : nullptr;
    return said != nullptr ? said : "";
  }

  Result<FrameCheck> look(std::uint64_t at) {
    FramePlace place = place_;
    place.offset = at;
    return look_for_frame(bytes_, place, size_);
  }

  // Up to what looks like the next frame, or to a sector of zeros.
  Result<bool> tell_unknown(std::uint64_t& at, std::uint64_t end) {
    chain_.reset();
    after_zeros_ = false;
    auto stray = stray_frame(at, end);
    if (!stray) { return std::unexpected(std::move(stray.error())); }
    if (*stray) {
      at += (*stray)->bytes;
      return tell(**stray);
    }
    std::uint64_t after = at;
    while (after < end && after - at < kUnknownBytesMax) {
      after = std::min(after + kFrameAlignment, end);
      if (after == end) { break; }
      auto next = bytes_.at(after, kSectorBytes);
      if (!next) { return std::unexpected(std::move(next.error())); }
      if (begins_like_frame(*next) || all_zero(*next)) { break; }
    }
    auto raw = bytes_.only(at, after - at);
    if (!raw) { return std::unexpected(std::move(raw.error())); }
    SegmentPiece piece{.kind = SegmentPiece::Kind::kUnknown, .offset = at, .bytes = after - at, .raw = *raw};
    piece.what = begins_like_frame(*raw) ? "it begins like a frame, and its header or its bytes are damaged"
                 : at == after_unknown_  ? "it goes on with what belongs to nothing"
                                         : "it is no frame that belongs here";
    if (begins_like_frame(*raw) && raw->size() >= kFrameHeaderBytes) {
      add_frame_fields(piece, load_as<FrameHeader>(raw->data()));
    }
    at = after_unknown_ = after;
    return tell(piece);
  }

  static bool begins_like_frame(Bytes bytes) {
    return bytes.size() >= sizeof(kFrameMagic) && load_as<std::uint32_t>(bytes.data()) == kFrameMagic;
  }

  // A frame that is whole and whose header is not of this place: copied from elsewhere, or left behind by a segment
  // header that is lost.
  Result<std::optional<SegmentPiece>> stray_frame(std::uint64_t at, std::uint64_t end) {
    auto start = bytes_.at(at, kFrameHeaderBytes);
    if (!start) { return std::unexpected(std::move(start.error())); }
    if (start->size() < kFrameHeaderBytes || !begins_like_frame(*start)) { return std::nullopt; }
    FrameCheck check;
    check.header = load_as<FrameHeader>(start->data());
    check.end = frame_end(at, check.header.table_bytes, check.header.body_bytes);
    const std::uint64_t length = check.end - at;
    if (check.end > end || std::uint64_t{check.header.body_bytes} + check.header.table_bytes > limits::kBatchBytesMax) {
      return std::nullopt;
    }
    auto frame = bytes_.at(at, length);
    if (!frame) { return std::unexpected(std::move(frame.error())); }
    if (frame->size() < length || !frame_is_whole(*frame, check.header)) { return std::nullopt; }
    check.state = FrameCheck::State::kWhole;
    check.frame = *frame;
    check.trailer = load_as<std::uint64_t>(frame->data() + frame->size() - kFrameTrailerBytes);
    SegmentPiece piece = frame_piece(check, at);
    std::string what = is_known_ ? "its header is damaged, or belongs to another place"
                                 : "whether it belongs here the segment's header would say";
    piece.what = piece.what.empty() ? std::move(what) : std::move(what) + "; " + piece.what;
    return piece;
  }

  Result<bool> tell_surplus(std::uint64_t& at) {
    const std::uint64_t length = std::min(kUnknownBytesMax, bytes_.file_size() - at);
    auto raw = bytes_.only(at, length);
    if (!raw) { return std::unexpected(std::move(raw.error())); }
    SegmentPiece piece{.offset = at, .bytes = length, .what = "it stands behind the segment's end", .raw = *raw};
    at += length;
    return tell(piece);
  }

  static void add_frame_fields(SegmentPiece& piece, const FrameHeader& header) {
    Fields fields(piece);
    fields.add("checksum", hex(header.checksum, 8));
    fields.add("body_bytes", std::uint64_t{header.body_bytes});
    fields.add("table_bytes", std::uint64_t{header.table_bytes});
    fields.add("kind", std::uint64_t{static_cast<std::uint16_t>(header.kind)});
    fields.add("flags", hex(header.flags, 4));
    fields.add("event_count", std::uint64_t{header.event_count});
    fields.add("first_position", header.first_position);
    fields.add("recorded_ns", header.recorded_ns);
    fields.add("durable", header.durable);
    fields.add("epoch", std::uint64_t{header.epoch});
    fields.add("previous", hex(header.previous, 8));
    fields.add("zero_parts", std::uint64_t{header.zero_parts});
    fields.add("table_check", hex(header.table_check, 8));
  }

  SegmentPiece frame_piece(const FrameCheck& check, std::uint64_t at) {
    const FrameHeader& header = check.header;
    SegmentPiece piece{
        .kind = SegmentPiece::Kind::kFrame, .offset = at, .bytes = check.frame.size(), .raw = check.frame};
    add_frame_fields(piece, header);
    if (check.frame.size() < check.end - at) {
      piece.what = "the file ends within it";
      return piece;
    }
    Fields(piece).add("trailer", hex(check.trailer, 16));
    if (check.state != FrameCheck::State::kWhole) { piece.what = "its bytes do not match its checksum"; }
    const Bytes table = check.frame.subspan(kFrameHeaderBytes, header.table_bytes);
    const Bytes body = check.frame.subspan(kFrameHeaderBytes + header.table_bytes, header.body_bytes);
    add_events(piece, header, table, body);
    return piece;
  }

  static void add_events(SegmentPiece& piece, const FrameHeader& header, Bytes table, Bytes body) {
    const auto view = BodyView::open(header, table, body, false);
    const bool is_known = header.kind == FrameKind::kEvents && (header.flags & ~frame_flags::kKnown) == 0;
    std::uint32_t offset = view && is_known ? view->events_begin() : 0;
    const std::uint64_t body_at = piece.offset + kFrameHeaderBytes + header.table_bytes;
    EventRecord record;
    while (view && is_known && piece.events.size() < header.event_count) {
      const auto after = view->event_at(offset, true, record);
      if (!after) { break; }
      DumpedEvent event{.offset = body_at + offset,
                        .bytes = *after - offset,
                        .position = Position(header.first_position + piece.events.size()),
                        .version = Version(view->first_version(record.stream).value() + record.ordinal),
                        .id = record.id,
                        .id_made = record.id_made,
                        .lost = record.lost,
                        .stream = view->stream_name(record.stream),
                        .type = view->type_name(record.type),
                        .valid = record.valid,
                        .data = record.data,
                        .metadata = record.metadata};
      for (const std::uint32_t tag : record.tags) { event.tags.push_back(view->tag_name(tag)); }
      piece.events.push_back(std::move(event));
      offset = *after;
    }
    if (view && is_known) {
      for (std::uint32_t i = 0; i < view->checkpoint_count(); ++i) {
        const Checkpoint checkpoint = view->checkpoint(i);
        const std::string place = checkpoint.position ? std::to_string(checkpoint.position->value()) : "none";
        Fields(piece).add("checkpoint " + std::string(view->checkpoint_name(i)), place);
      }
    }
    if (piece.events.size() == header.event_count) { return; }
    if (!piece.what.empty()) { piece.what += "; "; }
    piece.what += is_known ? std::to_string(piece.events.size()) + " of its events can be decoded"
                           : "it is of a kind that this library does not know";
  }

  Result<bool> tell_footer(std::uint64_t at, std::uint64_t end) {
    auto sector = bytes_.only(at, end - at);
    if (!sector) { return std::unexpected(std::move(sector.error())); }
    SegmentPiece piece{.offset = at, .bytes = sector->size(), .raw = *sector};
    if (all_zero(*sector)) {
      piece.kind = SegmentPiece::Kind::kZeros;
      piece.raw = {};
      return tell(piece);
    }
    piece.kind = SegmentPiece::Kind::kFooter;
    SegmentFooter footer{};
    const BlockState state =
        sector->size() < kSegmentFooterBytes ? BlockState::kBad : decode_segment_footer(*sector, footer);
    piece.what = state_text(state);
    if (sector->size() < kSegmentFooterBytes) { return tell(piece); }
    footer = load_as<SegmentFooter>(sector->data());
    if (state == BlockState::kGood && (footer.log_id != place_.log_id || footer.number != place_.segment)) {
      piece.what = "it is that of another segment";
    }
    Fields fields(piece);
    fields.add_start(footer.start);
    fields.add("log_id", uuid_text(footer.log_id));
    fields.add("number", footer.number);
    fields.add("end", footer.end);
    fields.add("frame_count", footer.frame_count);
    fields.add("event_count", footer.event_count);
    fields.add("first_position", footer.first_position);
    fields.add("next_position", footer.next_position);
    fields.add("first_recorded_ns", footer.first_recorded_ns);
    fields.add("last_recorded_ns", footer.last_recorded_ns);
    fields.add("digest", hex(footer.digest, 16));
    fields.add("previous_digest", hex(footer.previous_digest, 16));
    fields.add("durable", footer.durable);
    fields.add("epoch", std::uint64_t{footer.epoch});
    fields.add("last_trailer", hex(footer.last_trailer, 8));
    return tell(piece);
  }

  SegmentBytes& bytes_;
  const std::function<bool(const SegmentPiece&)>& visit_;
  std::uint64_t size_;               // of the segment, as its header says if it is good
  bool is_known_ = false;            // it is
  FramePlace place_{};               // of the segment's frames, but for the offset
  std::optional<FrameChain> chain_;  // up to the last piece, if that is a whole frame
  bool after_zeros_ = false;
  std::uint64_t after_unknown_ = UINT64_MAX;  // where the last unknown piece ended
};

}  // namespace

Status dump_segment(platform::FileSystem& files, const std::filesystem::path& path,
                    const std::function<bool(const SegmentPiece&)>& visit) {
  auto file = files.open(path, platform::OpenMode::kRead);
  if (!file) { return std::unexpected(std::move(file.error())); }
  auto size = (*file)->size();
  if (!size) { return std::unexpected(std::move(size.error())); }
  SegmentBytes bytes(std::move(*file), *size, Unreadable::kZeros);
  auto start = bytes.only(0, sizeof(BlockStart));
  if (!start) { return std::unexpected(std::move(start.error())); }
  const bool begins_like_one =
      start->size() == sizeof(BlockStart) && load_as<BlockStart>(start->data()).magic == kSegmentMagic;
  if (!begins_like_one && !parse_segment_file_name(path.filename().string())) {
    return std::unexpected(Error(ErrorCode::kInvalidArgument,
                                 "this is no segment of a store: it has neither the name nor the first bytes of one")
                               .with_path(path));
  }
  return Dumper(bytes, visit).run();
}

}  // namespace tidemark::engine
