// SPDX-License-Identifier: Apache-2.0
#include "engine/recovery/dump.h"

#include <algorithm>
#include <array>
#include <utility>

#include "engine/format/body.h"
#include "engine/format/segment.h"
#include "engine/recovery/segment_bytes.h"
#include "tidemark/event.hpp"

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
  Dumper(SegmentBytes& bytes, const std::function<bool(const SegmentPiece&)>& visit) : bytes_(bytes), visit_(visit) {}

  // After each step false means that nobody wants more.
  Status run() {
    const std::uint64_t size = bytes_.file_size();
    auto more = tell_header();
    const std::uint64_t footer_at =
        size >= kSegmentHeaderBytes + kSegmentFooterBytes ? size - kSegmentFooterBytes : size;
    std::uint64_t at = std::min(kSegmentHeaderBytes, size);
    while (more && *more && at < footer_at) { more = tell_next(at, footer_at); }
    if (more && *more && footer_at < size) { more = tell_footer(footer_at); }
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
      return tell(piece);
    }
    auto check = look(at);
    if (!check) { return std::unexpected(std::move(check.error())); }
    if (check->state == FrameCheck::State::kNone) { return tell_unknown(at, end); }
    SegmentPiece piece = frame_piece(*check, at);
    at += piece.bytes;
    return tell(piece);
  }

  Result<FrameCheck> look(std::uint64_t at) {
    FramePlace place = place_;
    place.offset = at;
    return look_for_frame(bytes_, place, bytes_.file_size());
  }

  // Up to what looks like the next frame, or to a sector of zeros.
  Result<bool> tell_unknown(std::uint64_t& at, std::uint64_t end) {
    std::uint64_t after = at;
    while (after < end && after - at < kUnknownBytesMax) {
      after = std::min(after + kFrameAlignment, end);
      if (after == end) { break; }
      auto next = bytes_.at(after, kSectorBytes);
      if (!next) { return std::unexpected(std::move(next.error())); }
      const bool begins_like_frame =
          next->size() >= sizeof(kFrameMagic) && load_as<std::uint32_t>(next->data()) == kFrameMagic;
      if (begins_like_frame || all_zero(*next)) { break; }
    }
    auto raw = bytes_.only(at, after - at);
    if (!raw) { return std::unexpected(std::move(raw.error())); }
    SegmentPiece piece{.kind = SegmentPiece::Kind::kUnknown, .offset = at, .bytes = after - at, .raw = *raw};
    const bool has_magic = raw->size() >= sizeof(kFrameMagic) && load_as<std::uint32_t>(raw->data()) == kFrameMagic;
    piece.what = has_magic ? "it begins like a frame, whose header is damaged or belongs to another place"
                           : "it is no frame that belongs here";
    if (has_magic && raw->size() >= kFrameHeaderBytes) { add_frame_fields(piece, load_as<FrameHeader>(raw->data())); }
    at = after;
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

  Result<bool> tell_footer(std::uint64_t at) {
    auto sector = bytes_.only(at, kSegmentFooterBytes);
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
  FramePlace place_{};  // of the segment's frames, but for the offset
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
