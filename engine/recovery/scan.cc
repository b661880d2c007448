// SPDX-License-Identifier: Apache-2.0
#include "engine/recovery/scan.h"

#include <algorithm>
#include <map>
#include <utility>

#include "engine/format/index_file.h"
#include "engine/format/lineage.h"
#include "platform/checksum.h"

namespace tidemark::engine {

namespace {

class Scanner {
 public:
  Scanner(platform::FileSystem& files, std::filesystem::path folder, const Superblock& superblock,
          const FrameVisitor& visit, const ScanOptions& options)
      : files_(files),
        folder_(std::move(folder)),
        superblock_(superblock),
        lineage_(superblock),
        visit_(visit),
        options_(options) {}

  Result<ScanFacts> run() {
    facts_.watermark = std::max(Offset(superblock_.durable_end), options_.durable);
    if (auto done = list(); !done) { return std::unexpected(std::move(done.error())); }
    facts_.end.offset = Offset(kSegmentHeaderBytes);
    facts_.durable.offset = facts_.end.offset;
    if (options_.start) {
      raise_watermark(options_.start->point.offset);
      if (options_.start->segment == SegmentNumber(0)) {
        refuse_start();
        return std::move(facts_);
      }
    }
    for (std::uint64_t number = 1;; ++number) {
      auto more = scan_segment(SegmentNumber(number));
      if (!more) { return std::unexpected(std::move(more.error())); }
      if (!*more) { break; }
    }
    if (facts_.end.offset < facts_.watermark && !is_far_enough()) {
      facts_.tail.below_watermark = true;
      if (facts_.what.empty()) { facts_.what = "the log ends before what is known to be durable"; }
    }
    return std::move(facts_);
  }

 private:
  Status list() {
    auto entries = files_.list(folder_);
    if (!entries) { return std::unexpected(std::move(entries.error())); }
    facts_.leftovers.clear();
    for (const auto& entry : *entries) {
      if (entry.is_folder) { continue; }
      if (const auto number = parse_segment_file_name(entry.name)) {
        sizes_.emplace(number->value(), entry.size);
      } else if (is_temporary_index_file_name(entry.name)) {
        continue;  // no opening must fail because of one that cannot be removed
      } else if (is_store_file_name(entry.name) && entry.name.ends_with(kTemporarySuffix)) {
        facts_.leftovers.push_back(folder_ / entry.name);
      }
    }
    return {};
  }

  // The header of a segment file that belongs at this place in the log.
  Result<std::optional<SegmentHeader>> header_of(SegmentBytes& bytes, SegmentNumber number, Offset base) {
    auto sector = is_covered(number) ? bytes.only(0, kSegmentHeaderBytes) : bytes.at(0, kSegmentHeaderBytes);
    if (!sector) { return std::unexpected(std::move(sector.error())); }
    SegmentHeader header{};
    const BlockState state = decode_segment_header(*sector, header);
    if (state == BlockState::kNewerFormat) {
      return std::unexpected(Error(ErrorCode::kUnsupportedFormat,
                                   "a segment was written in a newer format than this library knows: use a newer "
                                   "version of Tidemark")
                                 .with_segment(number));
    }
    const bool fits = state == BlockState::kGood && header.log_id == lineage_.log_id_at(base) &&
                      header.number == number.value() && header.base == base.value() &&
                      header.size == bytes.file_size() && segment_size_is_possible(header.size);
    return fits ? std::optional(header) : std::nullopt;
  }

  Result<SegmentBytes> open(SegmentNumber number, std::uint64_t piece_bytes = SegmentBytes::kPieceBytes) {
    const std::filesystem::path path = folder_ / segment_file_name(number);
    auto file = files_.open(path, platform::OpenMode::kRead);
    if (!file) { return std::unexpected(std::move(file.error()).with_segment(number)); }
    auto size = (*file)->size();
    if (!size) { return std::unexpected(std::move(size.error()).with_segment(number)); }
    return SegmentBytes(std::move(*file), *size, options_.unreadable, number, piece_bytes);
  }

  // Whether the start lies in this segment or in a later one.
  [[nodiscard]] bool is_covered(SegmentNumber number) const {
    return options_.start && number <= options_.start->segment;
  }

  // Whether some segment from this number on holds, or may hold, acknowledged data.
  Result<bool> needed_from(SegmentNumber number) {
    if (is_covered(number) || superblock_.highest_segment >= number.value()) { return true; }
    for (auto later = sizes_.lower_bound(number.value()); later != sizes_.end(); ++later) {
      auto bytes = open(SegmentNumber(later->first), kSpareBytesLookedAt);
      if (!bytes) {
        if (bytes.error().code() == ErrorCode::kNotFound) { continue; }
        return std::unexpected(std::move(bytes.error()));
      }
      // One in a newer format would stop every opening once the log comes near it: rather this one already.
      if (auto header = header_of(*bytes, SegmentNumber(later->first), Offset(0)); !header) {
        return std::unexpected(std::move(header.error()));
      }
      auto check = look_for_frame(*bytes, {lineage_.own(), later->first, kSegmentHeaderBytes}, bytes->file_size());
      if (!check) { return std::unexpected(std::move(check.error())); }
      if (check->state != FrameCheck::State::kNone) { return true; }
    }
    return false;
  }

  // The log goes on in this segment; gives whether it goes on after it.
  Result<bool> scan_segment(SegmentNumber number) {
    const Offset base = facts_.segments.empty() ? Offset(0) : facts_.segments.back()->end();
    std::optional<SegmentHeader> header;
    std::optional<SegmentBytes> bytes;
    if (!sizes_.contains(number.value())) {
      // A living writer may have made it since.
      if (auto done = list(); !done) { return std::unexpected(std::move(done.error())); }
    }
    if (lies_before_start(number)) { return true; }
    if (sizes_.contains(number.value())) {
      auto opened = open(number);
      if (!opened) { return std::unexpected(std::move(opened.error())); }
      auto found = header_of(*opened, number, base);
      if (!found) { return std::unexpected(std::move(found.error())); }
      header = *found;
      bytes = std::move(*opened);
    }
    if (!header) {
      auto needed = needed_from(number);
      if (!needed) { return std::unexpected(std::move(needed.error())); }
      if (*needed || facts_.segments.empty()) {
        facts_.tail.below_watermark = true;
        facts_.what = "segment " + std::to_string(number.value()) +
                      (bytes ? " has no readable header, or is not the one that belongs here" : " is missing");
        return false;
      }
      facts_.bad_bytes = facts_.nonzero_bytes = facts_.segments.back()->size() - facts_.totals.end;
      if (bytes) {
        // A segment gets its name after it was synced: no crash leaves one like this, and it may have been written
        // into.
        facts_.leftovers.push_back(folder_ / segment_file_name(number));
        facts_.what = "a footer was written and the next segment has no readable header";
        return false;
      }
      // The last segment was about to be left for one that is not there and never held anything: its footer is an
      // unfinished end like any other.
      facts_.tail.header_zero = true;
      facts_.what = "a footer was written and the next segment never used";
      return false;
    }
    facts_.segments.push_back(std::make_shared<Segment>(files_, folder_ / segment_file_name(number), *header));
    if (options_.start && number == options_.start->segment) { return come_to_start(*bytes, *options_.start); }
    facts_.totals = number == SegmentNumber(1) ? SegmentTotals{} : facts_.totals.next();
    facts_.end.offset = Offset(base.value() + kSegmentHeaderBytes);
    if (facts_.watermark >= facts_.end.offset || number == SegmentNumber(1)) {
      facts_.durable = facts_.end;
      if (number != SegmentNumber(1)) { facts_.durable_edge = edge_at_end(number); }
    }
    return scan_frames(*bytes);
  }

  // Takes a segment before the one that the start lies in by its name and size alone: opening does not depend on how
  // many there are. Were a size wrong, the start would not be where it belongs. Each of its frames tells by itself
  // where it stands.
  bool lies_before_start(SegmentNumber number) {
    if (!options_.start || number >= options_.start->segment) { return false; }
    const auto size = sizes_.find(number.value());
    if (size == sizes_.end() || !segment_size_is_possible(size->second)) { return false; }
    const Offset base = facts_.segments.empty() ? Offset(0) : facts_.segments.back()->end();
    SegmentHeader header{};
    header.log_id = lineage_.log_id_at(base);
    header.number = number.value();
    header.base = base.value();
    header.size = size->second;
    facts_.segments.push_back(std::make_shared<Segment>(files_, folder_ / segment_file_name(number), header));
    return true;
  }

  // In the segment that the start lies in, reads on from there.
  Result<bool> come_to_start(SegmentBytes& bytes, const ResumePoint& start) {
    const Segment& segment = *facts_.segments.back();
    auto fits = start_fits(bytes, segment, start);
    if (!fits) { return std::unexpected(std::move(fits.error())); }
    if (!*fits) {
      refuse_start();
      return false;
    }
    chain_ = {start.point.position, start.totals.last_trailer, start.epoch, start.recorded_ns};
    facts_.totals = start.totals;
    facts_.end = facts_.durable = start.point;
    facts_.durable_edge = start;
    facts_.epoch = start.epoch;
    facts_.recorded_ns = start.recorded_ns;
    return scan_frames(bytes);
  }

  [[nodiscard]] bool is_far_enough() const { return options_.until && facts_.end.position >= *options_.until; }

  void refuse_start() {
    facts_.tail.below_watermark = true;
    facts_.what = "the index does not belong to this log";
  }

  // Whether a frame of this segment can end there, and the one that does has the trailer that the start tells.
  static Result<bool> start_fits(SegmentBytes& bytes, const Segment& segment, const ResumePoint& start) {
    const SegmentTotals& totals = start.totals;
    const bool is_in_segment = totals.end >= kSegmentHeaderBytes + kFrameHeaderBytes + kFrameTrailerBytes &&
                               totals.end <= segment.size() - kSegmentFooterBytes &&
                               totals.end % kFrameAlignment == 0 &&
                               start.point.offset == Offset(segment.base().value() + totals.end);
    const bool adds_up =
        totals.frames > 0 && totals.frames <= totals.events && totals.first_position <= totals.next_position &&
        totals.events == totals.next_position - totals.first_position && totals.next_position == start.point.position &&
        totals.last_recorded_ns == start.recorded_ns && totals.first_recorded_ns <= totals.last_recorded_ns;
    const bool is_first = segment.number() == SegmentNumber(1);
    const bool begins_well = !is_first || (totals.first_position == Position(0) && totals.previous_digest == 0);
    if (!is_in_segment || !adds_up || !begins_well) { return false; }
    auto bytes_before = bytes.at(totals.end - kFrameTrailerBytes, kFrameTrailerBytes);
    if (!bytes_before) { return std::unexpected(std::move(bytes_before.error())); }
    if (bytes_before->size() < kFrameTrailerBytes) { return false; }
    const auto trailer = load_as<std::uint64_t>(bytes_before->data());
    return trailer != 0 && static_cast<std::uint32_t>(trailer) == totals.last_trailer;
  }

  Result<bool> scan_frames(SegmentBytes& bytes) {
    const Segment& segment = *facts_.segments.back();
    FramePlace place{segment.log_id(), segment.number().value(), facts_.totals.end};
    ask_ahead(bytes, segment);
    for (;;) {
      auto check = look_for_frame(bytes, place, segment.size());
      if (!check) { return std::unexpected(std::move(check.error())); }
      facts_.what = "there is no frame header";
      if (check->state == FrameCheck::State::kHeaderOnly) { facts_.what = "a frame's bytes do not match its checksum"; }
      if (check->state == FrameCheck::State::kWhole) {
        auto accepted = accept(segment, place.offset, *check);
        if (!accepted) { return std::unexpected(std::move(accepted.error())); }
        if (*accepted) {
          if (is_far_enough()) { return false; }
          place.offset = check->end;
          continue;
        }
      }
      auto end = end_of_frames(bytes, place);
      if (!end) { return std::unexpected(std::move(end.error())); }
      if (*end != End::kLookAgain) { return *end == End::kOfSegment; }
    }
  }

  // Where the log ends, zeros are read up to the writer's limit. They went to the disk past the page cache: without a
  // wish in time they come from there a piece after the other, while nothing else is done.
  void ask_ahead(SegmentBytes& bytes, const Segment& segment) const {
    if (!options_.write_limit || *options_.write_limit <= facts_.end.offset) { return; }
    const std::uint64_t limit = *options_.write_limit - segment.base();
    const std::uint64_t begin = facts_.totals.end;
    bytes.will_read(begin, std::min({limit, segment.size(), begin + kAskedAheadBytesMax}));
  }

  // Takes a whole frame that follows the last one.
  Result<bool> accept(const Segment& segment, std::uint64_t offset, const FrameCheck& check) {
    const FrameHeader& header = check.header;
    if (header.kind != FrameKind::kEvents || (header.flags & ~frame_flags::kKnown) != 0) {
      return std::unexpected(Error(ErrorCode::kUnsupportedFormat,
                                   "a frame is of a kind that this library does not know: use a newer version of "
                                   "Tidemark")
                                 .with_path(segment.path())
                                 .with_segment(segment.number())
                                 .with_offset(Offset(offset)));
    }
    if (const char* objection = chain_.objection(header)) {
      facts_.what = objection;
      return false;
    }
    const auto table = check.frame.subspan(kFrameHeaderBytes, header.table_bytes);
    const auto body = check.frame.subspan(kFrameHeaderBytes + header.table_bytes, header.body_bytes);
    const auto view = BodyView::open(header, table, body, true);
    const bool table_is_right = static_cast<std::uint32_t>(platform::xxh3_64(table)) == header.table_check;
    if (!view || !table_is_right || !visit_({segment, offset, header, *view})) {
      facts_.what = "a frame's events cannot be decoded";
      return false;
    }
    chain_.follow(header, check.trailer);
    facts_.totals.add(header, check.trailer, check.end);
    facts_.end = {Offset(segment.base().value() + check.end), chain_.next};
    ++facts_.frames;
    ++facts_.frames_in_doubt;
    facts_.epoch = std::max(facts_.epoch, header.epoch);
    facts_.recorded_ns = header.recorded_ns;
    raise_watermark(Offset(header.durable));
    edges_.push_back(edge_at_end(segment.number()));
    settle_edges();
    if (options_.passed) {
      options_.passed({.point = facts_.end,
                       .segment = segment.number(),
                       .totals = facts_.totals,
                       .recorded_ns = header.recorded_ns,
                       .epoch = header.epoch},
                      facts_.durable.offset);
    }
    return true;
  }

  void raise_watermark(Offset watermark) {
    if (watermark > facts_.watermark) { facts_.watermark = watermark; }
  }

  [[nodiscard]] ResumePoint edge_at_end(SegmentNumber segment) const {
    return {.point = facts_.end,
            .segment = segment,
            .totals = facts_.totals,
            .recorded_ns = facts_.recorded_ns,
            .epoch = facts_.epoch};
  }

  // Edges at or below the watermark are durable.
  void settle_edges() {
    std::size_t settled = 0;
    while (settled < edges_.size() && edges_[settled].point.offset <= facts_.watermark) { ++settled; }
    if (settled == 0) { return; }
    facts_.durable = edges_[settled - 1].point;
    facts_.durable_edge = edges_[settled - 1];
    facts_.frames_in_doubt -= settled;
    edges_.erase(edges_.begin(), edges_.begin() + static_cast<std::ptrdiff_t>(settled));
  }

  static constexpr std::uint64_t kSpareBytesLookedAt = std::uint64_t{64} << 10U;
  static constexpr std::uint64_t kAskedAheadBytesMax = std::uint64_t{64} << 20U;
  static constexpr std::uint64_t kLookedAtPastLimit = std::uint64_t{64} << 10U;

  enum class End : std::uint8_t { kOfSegment, kOfLog, kLookAgain };

  // There is no whole frame here: the segment was left here, or the log ends here, well or not.
  Result<End> end_of_frames(SegmentBytes& bytes, const FramePlace& place) {
    const Segment& segment = *facts_.segments.back();
    auto footer = footer_of(bytes);
    if (!footer) { return std::unexpected(std::move(footer.error())); }
    if (*footer) {
      raise_watermark(Offset((*footer)->durable));
      settle_edges();
      if (footer_matches(**footer, place.offset)) {
        auto rest = bytes.first_nonzero(place.offset, segment.size() - kSegmentFooterBytes);
        if (!rest) { return std::unexpected(std::move(rest.error())); }
        if (*rest == segment.size() - kSegmentFooterBytes) {
          facts_.what.clear();
          return End::kOfSegment;
        }
      }
    }
    auto until = written_until(bytes, place);
    if (!until) { return std::unexpected(std::move(until.error())); }
    auto after = bytes.after_last_nonzero(place.offset, *until);
    if (!after) { return std::unexpected(std::move(after.error())); }
    if (auto done = describe_tail(bytes, place, *after); !done) { return std::unexpected(std::move(done.error())); }
    if (auto done = look_beyond(bytes, place.offset, *after); !done) {
      return std::unexpected(std::move(done.error()));
    }
    auto needed = needed_from(segment.number().next());
    if (!needed) { return std::unexpected(std::move(needed.error())); }
    if (*needed) {
      // A segment is left only after all of it, footer included, was synced.
      raise_watermark(Offset(segment.end().value() + kSegmentHeaderBytes));
    }
    settle_edges();
    // Beside a living writer what was read here may be older than what was found further on: one more look, at fresh
    // bytes, tells that from damage.
    const bool looks_bad = facts_.end.offset < facts_.watermark || judge(facts_.tail) == Verdict::kSuspect;
    if (looks_bad && looked_again_at_ != facts_.end.offset) {
      looked_again_at_ = facts_.end.offset;
      facts_.tail = {};
      facts_.bad_bytes = facts_.nonzero_bytes = 0;
      facts_.resumes_at.reset();
      bytes.forget();
      return End::kLookAgain;
    }
    if (facts_.tail.only_zeros) { facts_.what.clear(); }
    if (auto done = find_spare(); !done) { return std::unexpected(std::move(done.error())); }
    return End::kOfLog;
  }

  // Up to where anything can stand after B, its segment's footer apart. If the log goes past the limit that the
  // superblock gave its writer, somebody has put an older superblock in the place of the last one.
  Result<std::uint64_t> written_until(SegmentBytes& bytes, const FramePlace& place) {
    const Segment& segment = *facts_.segments.back();
    const std::uint64_t footer = segment.size() - kSegmentFooterBytes;
    if (!options_.write_limit) { return footer; }
    const Offset limit = *options_.write_limit;
    const bool is_older = limit < facts_.end.offset || limit < facts_.watermark || facts_.epoch > superblock_.epoch ||
                          segment.number().value() > superblock_.highest_segment;
    if (is_older || limit >= Offset(segment.base().value() + footer)) { return footer; }
    const std::uint64_t until = limit - segment.base();
    auto check = look_for_frame(bytes, place, segment.size());
    if (!check) { return std::unexpected(std::move(check.error())); }
    auto header = bytes.at(place.offset, std::min(kFrameHeaderBytes, footer - place.offset));
    if (!header) { return std::unexpected(std::move(header.error())); }
    const std::uint64_t end = check->state == FrameCheck::State::kNone ? place.offset + header->size() : check->end;
    if (end > until && !all_zero(*header)) { return footer; }
    // Where the frame at B is lost the log cannot contradict an older limit, but what it holds after that does.
    const std::uint64_t past = std::min(until + kLookedAtPastLimit, footer);
    auto nonzero = bytes.first_nonzero(until, past);
    if (!nonzero) { return std::unexpected(std::move(nonzero.error())); }
    return *nonzero < past ? footer : until;
  }

  Result<std::optional<SegmentFooter>> footer_of(SegmentBytes& bytes) {
    const Segment& segment = *facts_.segments.back();
    auto sector = bytes.only(segment.size() - kSegmentFooterBytes, kSegmentFooterBytes);
    if (!sector) { return std::unexpected(std::move(sector.error())); }
    SegmentFooter footer{};
    const bool good = decode_segment_footer(*sector, footer) == BlockState::kGood &&
                      footer.log_id == segment.log_id() && footer.number == segment.number().value();
    return good ? std::optional(footer) : std::nullopt;
  }

  [[nodiscard]] bool footer_matches(const SegmentFooter& footer, std::uint64_t end) const {
    const SegmentTotals& totals = facts_.totals;
    return footer.end == end && footer.frame_count == totals.frames && footer.event_count == totals.events &&
           footer.next_position == totals.next_position.value() && footer.digest == totals.digest &&
           footer.previous_digest == totals.previous_digest && footer.last_trailer == totals.last_trailer;
  }

  // after: where all that is not zero ends, the footer apart.
  Status describe_tail(SegmentBytes& bytes, const FramePlace& place, std::uint64_t after) {
    const Segment& segment = *facts_.segments.back();
    const std::uint64_t footer_at = segment.size() - kSegmentFooterBytes;
    auto footer = bytes.only(footer_at, kSegmentFooterBytes);
    if (!footer) { return std::unexpected(std::move(footer.error())); }
    if (!all_zero(*footer)) { after = footer_at + length_without_zeros(*footer); }
    facts_.bad_bytes = facts_.nonzero_bytes = after - place.offset;
    // A recovery that was cutting here and did not finish: what reads as zeros may not be zeros on the disk.
    const Offset cut_end(superblock_.cut_end);
    if (cut_end > facts_.end.offset && cut_end <= segment.end()) {
      facts_.bad_bytes = std::max(facts_.bad_bytes, cut_end - facts_.end.offset);
    }
    if (after == place.offset) {
      facts_.tail.only_zeros = true;
      return {};
    }
    auto check = look_for_frame(bytes, place, segment.size());
    if (!check) { return std::unexpected(std::move(check.error())); }
    if (check->state == FrameCheck::State::kNone) {
      const std::uint64_t room = segment.size() - kSegmentFooterBytes - place.offset;
      auto header = bytes.at(place.offset, std::min(kFrameHeaderBytes, room));
      if (!header) { return std::unexpected(std::move(header.error())); }
      facts_.tail.header_zero = all_zero(*header);
      // The write stopped within the header: nothing follows.
      facts_.tail.zero_to_end = after < place.offset + kFrameHeaderBytes;
      return {};
    }
    if (check->state == FrameCheck::State::kWhole) { return {}; }  // whole, yet not the one that belongs here
    facts_.tail.parts_missing = count_zero_parts(place.offset, check->frame) > check->header.zero_parts;
    facts_.tail.zero_to_end = trailer_is_cut(*check);
    return {};
  }

  // Whether the trailer as found is what is left of the right one after a write stopped before or within it.
  static bool trailer_is_cut(const FrameCheck& check) {
    if (check.frame.size() < kFrameHeaderBytes + check.header.table_bytes + check.header.body_bytes) { return false; }
    const std::uint64_t right = right_trailer(check.frame, check.header);
    const std::uint64_t found = check.trailer;
    for (unsigned kept = 0; kept < kFrameTrailerBytes; ++kept) {
      const std::uint64_t mask = (std::uint64_t{1} << (8 * kept)) - 1;
      if (found == (right & mask)) { return true; }
    }
    return false;
  }

  // Watermarks in frames after B: what they say was durable was, whatever became of the frame itself.
  Status look_beyond(SegmentBytes& bytes, std::uint64_t bad_offset, std::uint64_t after) {
    const Segment& segment = *facts_.segments.back();
    FramePlace place{segment.log_id(), segment.number().value(), bad_offset + kFrameAlignment};
    FrameSearch search(segment.size());
    while (place.offset < after && place.offset + kFrameHeaderBytes + kSegmentFooterBytes <= segment.size()) {
      auto nonzero = bytes.first_nonzero(place.offset, after);
      if (!nonzero) { return std::unexpected(std::move(nonzero.error())); }
      place.offset = std::max(place.offset, *nonzero / kFrameAlignment * kFrameAlignment);
      auto check = search.look(bytes, place, segment.size());
      if (!check) { return std::unexpected(std::move(check.error())); }
      if (check->state == FrameCheck::State::kNone) {
        place.offset += kFrameAlignment;
        continue;
      }
      raise_watermark(Offset(check->header.durable));
      if (check->state == FrameCheck::State::kWhole) {
        if (!facts_.resumes_at) { facts_.resumes_at = Position(check->header.first_position); }
        place.offset = check->end;
      } else {
        place.offset += kFrameAlignment;
      }
    }
    return {};
  }

  // One that was never used, as far as its first bytes tell. Whoever writes into it looks at the others.
  Status find_spare() {
    const Segment& last = *facts_.segments.back();
    const SegmentNumber number = last.number().next();
    if (!sizes_.contains(number.value())) { return {}; }
    auto bytes = open(number, kSpareBytesLookedAt);
    if (!bytes && bytes.error().code() == ErrorCode::kNotFound) { return {}; }
    if (!bytes) { return std::unexpected(std::move(bytes.error())); }
    auto header = header_of(*bytes, number, last.end());
    if (!header) { return std::unexpected(std::move(header.error())); }
    const std::filesystem::path path = folder_ / segment_file_name(number);
    if (!*header) {
      facts_.leftovers.push_back(path);
      return {};
    }
    const std::uint64_t end = std::min(bytes->file_size(), kSpareBytesLookedAt);
    auto used = bytes->first_nonzero(kSegmentHeaderBytes, end);
    if (!used) { return std::unexpected(std::move(used.error())); }
    if (*used == end) {
      facts_.spare = std::make_shared<Segment>(files_, path, **header);
    } else {
      facts_.leftovers.push_back(path);
    }
    return {};
  }

  platform::FileSystem& files_;
  const std::filesystem::path folder_;
  const Superblock& superblock_;
  const Lineage lineage_;
  const FrameVisitor& visit_;
  const ScanOptions& options_;
  std::map<std::uint64_t, std::uint64_t> sizes_;  // of the segment files, by number
  FrameChain chain_;
  std::vector<ResumePoint> edges_;  // between frames, past the watermark so far
  std::optional<Offset> looked_again_at_;
  ScanFacts facts_;
};

}  // namespace

Result<ScanFacts> scan_log(platform::FileSystem& files, const std::filesystem::path& folder,
                           const Superblock& superblock, const FrameVisitor& visit, const ScanOptions& options) {
  return Scanner(files, folder, superblock, visit, options).run();
}

Error tail_error(const ScanFacts& facts, Verdict verdict) {
  const std::string at = std::to_string(facts.end.position.value());
  std::string message;
  ErrorCode code = ErrorCode::kDamaged;
  if (verdict == Verdict::kDamaged) {
    message = "acknowledged events are damaged from position " + at + " on";
    if (facts.resumes_at && facts.resumes_at->value() > facts.end.position.value()) {
      message += " up to before position " + std::to_string(facts.resumes_at->value());
    }
    message += ": " + facts.what + "; the store opens read-only, run `tidemark verify` for all that is hit";
  } else {
    code = ErrorCode::kSuspectTail;
    message = "the log's end, from position " + at + " on, is neither whole nor plainly torn: " + facts.what + "; " +
              std::to_string(facts.bad_bytes) +
              " bytes would be cut; if no event at that position or behind it was acknowledged, accept that "
              "(OpenOptions::accept_suspect_tail, `tidemark recover --accept-suspect-tail`)";
  }
  Error error(code, std::move(message));
  const Segment* segment = find_segment(facts.segments, facts.end.offset);
  if (segment == nullptr) { return error; }
  return std::move(error)
      .with_path(segment->path())
      .with_segment(segment->number())
      .with_offset(Offset(facts.end.offset - segment->base()));
}

}  // namespace tidemark::engine
