// SPDX-License-Identifier: Apache-2.0
#include "engine/recovery/walk.h"

#include <algorithm>
#include <cerrno>
#include <map>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>

#include "engine/format/lineage.h"
#include "engine/recovery/segment_bytes.h"
#include "platform/checksum.h"
#include "tidemark/limits.hpp"

namespace tidemark::engine {

namespace {

class LogWalk {
 public:
  LogWalk(platform::FileSystem& files, const std::filesystem::path& folder, const Superblock& superblock,
          const ScanFacts& facts, const WalkOptions& options, VerifyReport& report)
      : files_(files),
        folder_(folder),
        superblock_(superblock),
        lineage_(superblock),
        facts_(facts),
        options_(options),
        report_(report) {}

  Result<WalkEnd> run() {
    if (auto done = walk(); !done) { return std::unexpected(std::move(done.error())); }
    WalkEnd end{
        .position = chain_.next, .is_lost = hole_ && !report_.damages[*hole_].last_position, .is_suspect = is_suspect_};
    for (const Damage& damage : report_.damages) {
      if (damage.last_position) { end.position = std::max(end.position, damage.last_position->next()); }
    }
    return end;
  }

 private:
  Status walk() {
    auto entries = files_.list(folder_);
    if (!entries) { return std::unexpected(std::move(entries.error())); }
    for (const auto& entry : *entries) {
      const auto number = parse_segment_file_name(entry.name);
      if (!number || entry.is_folder) { continue; }
      sizes_.emplace(number->value(), entry.size);
      bytes_all_ += entry.size;
    }
    const std::uint64_t last = last_segment();
    const std::size_t damages_before = report_.damages.size();
    for (std::uint64_t number = 1; last > 0;) {
      auto done = check_segment(SegmentNumber(number), number == last);
      if (!done) { return done; }
      if (number == last) { break; }
      // A missing segment's hole takes in the missing ones after it.
      const auto next = sizes_.upper_bound(number);
      const std::uint64_t there = next == sizes_.end() ? last : std::min(next->first, last);
      number = sizes_.contains(number) ? number + 1 : there;
    }
    // What would not open for writing is not whole, even if every frame is.
    if (report_.damages.size() == damages_before && judge(facts_.tail) == Verdict::kDamaged) {
      const std::uint64_t begin = facts_.segments.empty() ? 0 : facts_.segments.back()->base().value();
      const SegmentNumber number = facts_.segments.empty() ? SegmentNumber(1) : facts_.segments.back()->number();
      open_hole(number, folder_ / segment_file_name(number), facts_.end.offset.value() - begin, facts_.what);
    }
    for (auto spare = sizes_.upper_bound(last); spare != sizes_.end(); ++spare) {
      if (auto done = check_spare(SegmentNumber(spare->first)); !done) { return done; }
    }
    return {};
  }

  // Segments up to here hold, or may hold, events; later ones are spares.
  [[nodiscard]] std::uint64_t last_segment() const {
    const std::uint64_t scanned = facts_.segments.empty() ? 0 : facts_.segments.back()->number().value();
    return std::max(superblock_.highest_segment, scanned);
  }

  Damage& add_damage(const std::filesystem::path& file, std::string what) {
    Damage damage;
    damage.file = file;
    damage.what = std::move(what);
    report_.damages.push_back(std::move(damage));
    return report_.damages.back();
  }

  static Status newer_format(const std::filesystem::path& path, SegmentNumber number, std::uint64_t offset) {
    return std::unexpected(Error(ErrorCode::kUnsupportedFormat,
                                 "this was written in a newer format than this library knows: use a newer version of "
                                 "Tidemark")
                               .with_path(path)
                               .with_segment(number)
                               .with_offset(Offset(offset)));
  }

  // A hole: damage behind which events may be missing, open until the next whole frame tells how many.
  void open_hole(SegmentNumber segment, const std::filesystem::path& file, std::uint64_t offset, std::string what) {
    if (hole_) { return; }  // one hole may reach over several segments
    Damage& damage = add_damage(file, std::move(what));
    damage.segment = segment;
    damage.offset = Offset(offset);
    damage.first_position = chain_.next;
    hole_ = last_hole_ = report_.damages.size() - 1;
  }

  void close_hole(const FrameHeader& next) {
    if (!hole_) { return; }
    Damage& damage = report_.damages[*hole_];
    if (next.first_position == damage.first_position->value()) {
      damage.first_position.reset();  // no event is missing
      hole_.reset();
    } else {
      close_hole_at(Position(next.first_position));
    }
  }
  void close_hole_at(Position next) {
    Damage& damage = report_.damages[*hole_];
    if (next.value() > damage.first_position->value()) { damage.last_position = Position(next.value() - 1); }
    hole_.reset();
  }

  Status check_segment(SegmentNumber number, bool last) {
    const std::filesystem::path path = folder_ / segment_file_name(number);
    const Offset base = next_base_;
    if (!sizes_.contains(number.value())) {
      open_hole(number, path, 0, "the segment is missing");
      base_known_ = false;
      return {};
    }
    ++report_.segments;
    auto file = files_.open(path, platform::OpenMode::kRead);
    if (!file && file.error().system_error() == EIO) {
      open_hole(number, path, 0, "the medium does not let the segment be opened");
      base_known_ = false;
      return {};
    }
    if (!file) { return std::unexpected(std::move(file.error())); }
    SegmentBytes bytes(std::move(*file), sizes_.at(number.value()), Unreadable::kZeros);
    auto sector = bytes.at(0, kSegmentHeaderBytes);
    if (!sector) { return std::unexpected(std::move(sector.error())); }
    SegmentHeader header{};
    const BlockState state = decode_segment_header(*sector, header);
    if (state == BlockState::kNewerFormat) { return newer_format(path, number, 0); }
    const bool good = state == BlockState::kGood &&
                      header.log_id == lineage_.log_id_at(base_known_ ? base : Offset(header.base)) &&
                      header.number == number.value() && segment_size_is_possible(header.size) &&
                      (!base_known_ || header.base == base.value());
    if (!good) {
      Damage& damage = add_damage(path, "the segment's header is not as it was written, or belongs elsewhere");
      damage.segment = number;
      damage.offset = Offset(0);
      damage.bytes = kSegmentHeaderBytes;
      // What it said can be told from the file and its neighbours; frames that belong here still say so themselves.
      header = SegmentHeader{};
      header.log_id = lineage_.log_id_at(base);
      header.number = number.value();
      header.base = base.value();
      header.size = std::min(round_up(bytes.file_size(), kSectorBytes), limits::kSegmentBytesMax);
      if (header.size < kSegmentHeaderBytes + kSegmentFooterBytes) {
        open_hole(number, path, 0, "the segment is missing but for its first bytes");
        base_known_ = false;
        next_base_ = Offset(base.value() + bytes.file_size());
        return {};
      }
    } else if (header.size != bytes.file_size()) {
      Damage& damage = add_damage(
          path, "the file has " + std::to_string(bytes.file_size()) + " bytes and had " + std::to_string(header.size));
      damage.segment = number;
      damage.offset = Offset(std::min(header.size, bytes.file_size()));
    }
    base_known_ = base_known_ || good;
    next_base_ = Offset(header.base + header.size);
    totals_ = number == SegmentNumber(1) ? SegmentTotals{} : totals_.next();
    Status done = check_frames(bytes, header, path, last);
    for (const ByteRange& range : bytes.unreadable()) {
      Damage& damage = add_damage(path, "the medium does not give these bytes back");
      damage.segment = number;
      damage.offset = Offset(range.begin);
      damage.bytes = range.end - range.begin;
    }
    return done;
  }

  Status check_frames(SegmentBytes& bytes, const SegmentHeader& header, const std::filesystem::path& path, bool last) {
    const SegmentNumber number(header.number);
    FramePlace place{header.log_id, header.number, kSegmentHeaderBytes};
    FrameSearch search(header.size);
    for (;;) {
      auto check = look_for_frame(bytes, place, header.size);
      if (!check) { return std::unexpected(std::move(check.error())); }
      const bool is_ours =
          check->header.kind == FrameKind::kEvents && (check->header.flags & ~frame_flags::kKnown) == 0;
      if (check->state == FrameCheck::State::kWhole && !is_ours) { return newer_format(path, number, place.offset); }
      if (check->state == FrameCheck::State::kWhole && take(*check, header, path, place.offset)) {
        place.offset = check->end;
        tell(place.offset);
        continue;
      }
      const std::string what = describe(*check);  // before other bytes are read
      const bool header_good = check->state == FrameCheck::State::kHeaderOnly;
      const std::uint64_t one_frame_until = header_good && !hole_ ? check->end : 0;
      const Position one_frame_last(check->header.first_position + check->header.event_count - 1);
      auto footer = footer_of(bytes, header);
      if (!footer) { return std::unexpected(std::move(footer.error())); }
      // Whatever stands in the last segment from there on, a footer too, the next opening for writing decides on.
      const bool acknowledged = Offset(header.base + place.offset) < facts_.watermark || hole_ || !last;
      if (!acknowledged) { return check_tail(bytes, header, path, place.offset); }
      if (*footer && place.offset >= (*footer)->end) { return check_seal(bytes, header, path, place.offset, **footer); }
      auto next = next_frame(bytes, search, place, header);
      if (!next) { return std::unexpected(std::move(next.error())); }
      open_hole(number, path, place.offset, what);
      Damage& damage = report_.damages[*hole_];
      chain_broken_ = true;
      if (*next) {
        if (damage.segment == number) { damage.bytes = **next - damage.offset->value(); }
        place.offset = **next;
        continue;
      }
      // Nothing whole follows in this segment; its footer may still tell how far its events went.
      // Without one, what is known durable does.
      const std::uint64_t durable =
          std::min(std::max(facts_.watermark.value(), header.base) - header.base, header.size);
      const std::uint64_t end = *footer ? (*footer)->end : std::max(durable, place.offset);
      if (damage.segment == number) { damage.bytes = end - damage.offset->value(); }
      if (one_frame_until == end) { damage.last_position = one_frame_last; }
      if (*footer) {
        chain_.next = std::max(chain_.next, Position((*footer)->next_position));
        totals_.digest = (*footer)->digest;
        if (!last) { close_hole_at(chain_.next); }
      }
      tell(bytes.file_size());
      return {};
    }
  }

  static std::string describe(const FrameCheck& check) {
    switch (check.state) {
      case FrameCheck::State::kNone:
        return "there is no frame header where one belongs";
      case FrameCheck::State::kHeaderOnly:
        return "a frame's bytes do not match its checksum";
      case FrameCheck::State::kWhole:
        return "a frame does not belong here";
    }
    return {};
  }

  // Counts a whole frame in, if it follows what came before.
  bool take(const FrameCheck& check, const SegmentHeader& segment, const std::filesystem::path& path,
            std::uint64_t offset) {
    const FrameHeader& header = check.header;
    const bool after_hole = chain_broken_ || hole_.has_value();
    if (after_hole) { totals_known_ = false; }
    if (after_hole ? Position(header.first_position) < chain_.next : chain_.objection(header) != nullptr) {
      return false;
    }
    const auto table = check.frame.subspan(kFrameHeaderBytes, header.table_bytes);
    const auto body_bytes = check.frame.subspan(kFrameHeaderBytes + header.table_bytes, header.body_bytes);
    if (static_cast<std::uint32_t>(platform::xxh3_64(table)) != header.table_check) { return false; }
    const auto body = BodyView::open(header, table, body_bytes, true);
    if (!body) { return false; }
    close_hole(header);
    if (chain_broken_) {
      chain_.trailer = header.previous;
      chain_broken_ = false;
    }
    note_streams(header, *body, segment, path, offset);
    if (options_.visit) { options_.visit({segment, path, offset, header, *body}); }
    chain_.follow(header, check.trailer);
    totals_.add(header, check.trailer, check.end);
    ++report_.frames;
    report_.events += header.event_count;
    return true;
  }

  // A stream whose versions jump has lost events in the last hole; within a frame they go up one by one.
  void note_streams(const FrameHeader& header, const BodyView& body, const SegmentHeader& segment,
                    const std::filesystem::path& path, std::uint64_t offset) {
    for (std::uint32_t i = 0; i < body.stream_count(); ++i) {
      const std::uint64_t first = body.first_version(i).value();
      Seen& seen = versions_[std::string(body.stream_name(i))];
      if (first != seen.next) {
        if (first > seen.next && last_hole_) {
          if (seen.noted_in != last_hole_) { report_.damages[*last_hole_].streams.emplace_back(body.stream_name(i)); }
          seen.noted_in = last_hole_;
        } else {
          const std::string name(body.stream_name(i));
          Damage& damage = add_damage(path, "the versions of stream \"" + name + "\" do not go on one by one");
          damage.segment = SegmentNumber(segment.number);
          damage.offset = Offset(offset);
          damage.first_position = Position(header.first_position);
          damage.streams.push_back(name);
        }
        seen.next = first;
      }
    }
    const auto take_event = [&](const EventRecord& record, std::uint32_t) {
      std::uint64_t& next = versions_[std::string(body.stream_name(record.stream))].next;
      return body.first_version(record.stream) + record.ordinal == Version(next++);
    };
    if (!for_each_event(header, body, header.body_bytes, take_event, true)) {
      Damage& damage = add_damage(path, "the events of a frame are not in order");
      damage.segment = SegmentNumber(segment.number);
      damage.offset = Offset(offset);
      damage.first_position = Position(header.first_position);
    }
  }

  // The offset of the next whole frame after a bad place, if there is one in this segment.
  Result<std::optional<std::uint64_t>> next_frame(SegmentBytes& bytes, FrameSearch& search, FramePlace place,
                                                  const SegmentHeader& header) {
    place.offset += kFrameAlignment;
    while (place.offset + kFrameHeaderBytes + kSegmentFooterBytes <= header.size) {
      auto nonzero = bytes.first_nonzero(place.offset, header.size - kSegmentFooterBytes);
      if (!nonzero) { return std::unexpected(std::move(nonzero.error())); }
      place.offset = std::max(place.offset, *nonzero / kFrameAlignment * kFrameAlignment);
      auto check = search.look(bytes, place, header.size);
      if (!check) { return std::unexpected(std::move(check.error())); }
      if (check->state == FrameCheck::State::kWhole && Position(check->header.first_position) >= chain_.next) {
        return std::optional(place.offset);
      }
      place.offset += kFrameAlignment;
    }
    return std::optional<std::uint64_t>();
  }

  // The unfinished end of the log: not damage unless the table says so.
  Status check_tail(SegmentBytes& bytes, const SegmentHeader& header, const std::filesystem::path& path,
                    std::uint64_t offset) {
    tell(bytes.file_size());
    if (Offset(header.base + offset) != facts_.end.offset) {
      // The scan ended at a damage before; this end is clean or is not, but nobody can write to this store anyway.
      return {};
    }
    report_.bytes_pending = facts_.bad_bytes;
    if (judge(facts_.tail) == Verdict::kSuspect) {
      is_suspect_ = true;
      Damage& damage = add_damage(path, "the end of the log is neither whole nor plainly torn: " + facts_.what);
      damage.segment = SegmentNumber(header.number);
      damage.offset = Offset(offset);
      damage.bytes = facts_.bad_bytes;
    }
    return {};
  }

  Result<std::optional<SegmentFooter>> footer_of(SegmentBytes& bytes, const SegmentHeader& header) {
    auto sector = bytes.at(header.size - kSegmentFooterBytes, kSegmentFooterBytes);
    if (!sector) { return std::unexpected(std::move(sector.error())); }
    SegmentFooter footer{};
    const bool readable = decode_segment_footer(*sector, footer) == BlockState::kGood &&
                          footer.log_id == header.log_id && footer.number == header.number;
    return readable ? std::optional(footer) : std::nullopt;
  }

  // After the last frame of a segment that was left: zeros, and a footer that agrees.
  Status check_seal(SegmentBytes& bytes, const SegmentHeader& header, const std::filesystem::path& path,
                    std::uint64_t offset, const SegmentFooter& footer) {
    const SegmentNumber number(header.number);
    const std::uint64_t footer_at = header.size - kSegmentFooterBytes;
    const bool agrees =
        footer.end == offset && footer.next_position == chain_.next.value() &&
        (!totals_known_ || (footer.digest == totals_.digest && footer.frame_count == totals_.frames &&
                            footer.event_count == totals_.events && footer.previous_digest == totals_.previous_digest));
    if (!agrees) {
      Damage& damage = add_damage(path, "the segment's footer does not agree with its frames");
      damage.segment = number;
      damage.offset = Offset(footer_at);
      damage.bytes = kSegmentFooterBytes;
    }
    totals_.digest = footer.digest;
    totals_known_ = true;
    auto rest = bytes.first_nonzero(offset, footer_at);
    if (!rest) { return std::unexpected(std::move(rest.error())); }
    if (*rest < footer_at) {
      Damage& damage = add_damage(path, "unused space is not zero");
      damage.segment = number;
      damage.offset = Offset(*rest);
    }
    tell(bytes.file_size());
    return {};
  }

  Status check_spare(SegmentNumber number) {
    const std::filesystem::path path = folder_ / segment_file_name(number);
    ++report_.segments;
    auto file = files_.open(path, platform::OpenMode::kRead);
    if (!file) {
      // A living writer may just have put another in its place.
      return file.error().code() == ErrorCode::kNotFound ? Status() : std::unexpected(std::move(file.error()));
    }
    SegmentBytes bytes(std::move(*file), sizes_.at(number.value()), Unreadable::kZeros);
    auto sector = bytes.at(0, kSegmentHeaderBytes);
    if (!sector) { return std::unexpected(std::move(sector.error())); }
    SegmentHeader header{};
    if (decode_segment_header(*sector, header) != BlockState::kGood) {
      const bool may_be_used = judge(facts_.tail) == Verdict::kSuspect;
      Damage& damage =
          add_damage(path, may_be_used ? "the segment that the log may go on in has no readable header"
                                       : "a prepared segment, not used yet, has no readable header: it can be deleted");
      damage.segment = number;
      damage.offset = Offset(0);
    }
    tell(bytes.file_size());
    return {};
  }

  // Bytes are told as the files are gone through, one after the other.
  void tell(std::uint64_t in_this_file) {
    if (in_this_file < told_in_file_) { told_before_ += std::exchange(told_in_file_, 0); }
    told_in_file_ = in_this_file;
    report_.bytes = std::min(bytes_all_, told_before_ + told_in_file_);
    if (options_.progress) { options_.progress(report_.bytes, bytes_all_); }
  }

  platform::FileSystem& files_;
  const std::filesystem::path& folder_;
  const Superblock& superblock_;
  const Lineage lineage_;
  const ScanFacts& facts_;
  const WalkOptions& options_;
  VerifyReport& report_;
  std::map<std::uint64_t, std::uint64_t> sizes_;
  std::uint64_t bytes_all_ = 0;
  std::uint64_t told_before_ = 0;
  std::uint64_t told_in_file_ = 0;
  Offset next_base_;
  bool base_known_ = true;
  FrameChain chain_;
  bool chain_broken_ = false;
  SegmentTotals totals_;
  bool totals_known_ = true;
  bool is_suspect_ = false;               // the log's end
  std::optional<std::size_t> hole_;       // open
  std::optional<std::size_t> last_hole_;  // open or closed: what is missing was lost in it
  struct Seen {
    std::uint64_t next = 0;               // version
    std::optional<std::size_t> noted_in;  // the damage that names the stream
  };
  std::unordered_map<std::string, Seen> versions_;  // a stream
};

}  // namespace

Result<WalkEnd> walk_log(platform::FileSystem& files, const std::filesystem::path& folder, const Superblock& superblock,
                         const ScanFacts& facts, const WalkOptions& options, VerifyReport& report) {
  return LogWalk(files, folder, superblock, facts, options, report).run();
}

}  // namespace tidemark::engine
