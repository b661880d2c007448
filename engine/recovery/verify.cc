// SPDX-License-Identifier: Apache-2.0
#include "engine/recovery/verify.h"

#include <algorithm>
#include <map>
#include <new>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>

#include "engine/recovery/folder.h"
#include "engine/recovery/scan.h"
#include "engine/recovery/segment_bytes.h"

namespace tidemark::engine {

namespace {

// Goes over a store's log like a scan, but on beyond every damage: to the next whole frame that belongs where it
// stands.
class Verifier {
 public:
  Verifier(const std::filesystem::path& folder, platform::FileSystem& files, const Superblock& superblock,
           const ScanFacts& facts, const std::function<void(std::uint64_t, std::uint64_t)>& progress,
           VerifyReport& report)
      : folder_(folder), files_(files), superblock_(superblock), facts_(facts), progress_(progress), report_(report) {}

  Status run() {
    auto entries = files_.list(folder_);
    if (!entries) { return std::unexpected(std::move(entries.error())); }
    for (const auto& entry : *entries) {
      const auto number = parse_segment_file_name(entry.name);
      if (!number || entry.is_folder) { continue; }
      sizes_.emplace(number->value(), entry.size);
      bytes_all_ += entry.size;
    }
    const std::uint64_t last = last_segment();
    for (std::uint64_t number = 1; number <= last;) {
      auto done = check_segment(SegmentNumber(number), number == last);
      if (!done) { return done; }
      // A missing segment's hole takes in the missing ones after it.
      const auto next = sizes_.upper_bound(number);
      if (sizes_.contains(number) || next == sizes_.end()) {
        if (number == last) { break; }
        number = sizes_.contains(number) ? number + 1 : last;
      } else {
        number = std::min(next->first, last);
      }
    }
    for (auto spare = sizes_.upper_bound(last); spare != sizes_.end(); ++spare) {
      if (auto done = check_spare(SegmentNumber(spare->first)); !done) { return done; }
    }
    return {};
  }

 private:
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

  // A hole: damage behind which events may be missing, open until the next whole frame tells how many.
  void open_hole(SegmentNumber segment, const std::filesystem::path& file, std::uint64_t offset, std::string what) {
    if (hole_) { return; }  // one hole may reach over several segments
    Damage& damage = add_damage(file, std::move(what));
    damage.segment = segment;
    damage.offset = Offset(offset);
    damage.first_position = chain_.next;
    hole_ = report_.damages.size() - 1;
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
    if (!file) { return std::unexpected(std::move(file.error())); }
    SegmentBytes bytes(std::move(*file), sizes_.at(number.value()));
    auto sector = bytes.at(0, kSegmentHeaderBytes);
    if (!sector) { return std::unexpected(std::move(sector.error())); }
    SegmentHeader header{};
    const bool good = decode_segment_header(*sector, header) == BlockState::kGood &&
                      header.log_id == superblock_.log_id && header.number == number.value() &&
                      segment_size_is_possible(header.size) && (!base_known_ || header.base == base.value());
    if (!good) {
      open_hole(number, path, 0, "the segment's header is not as it was written, or belongs elsewhere");
      report_.damages.back().bytes = bytes.file_size();
      next_base_ = Offset(base.value() + bytes.file_size());
      return {};
    }
    if (header.size != bytes.file_size()) {
      Damage& damage = add_damage(
          path, "the file has " + std::to_string(bytes.file_size()) + " bytes and had " + std::to_string(header.size));
      damage.segment = number;
      damage.offset = Offset(std::min(header.size, bytes.file_size()));
    }
    base_known_ = true;
    next_base_ = Offset(header.base + header.size);
    totals_ = number == SegmentNumber(1) ? SegmentTotals{} : totals_.next();
    return check_frames(bytes, header, path, last);
  }

  Status check_frames(SegmentBytes& bytes, const SegmentHeader& header, const std::filesystem::path& path, bool last) {
    const SegmentNumber number(header.number);
    FramePlace place{superblock_.log_id, header.number, kSegmentHeaderBytes};
    for (;;) {
      auto check = look_for_frame(bytes, place, header.size);
      if (!check) { return std::unexpected(std::move(check.error())); }
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
      if (*footer && place.offset >= (*footer)->end) { return check_seal(bytes, header, path, place.offset, **footer); }
      const bool acknowledged = Offset(header.base + place.offset) < facts_.watermark || hole_ || !last;
      if (!acknowledged) { return check_tail(bytes, header, path, place.offset); }
      auto next = next_frame(bytes, place, header);
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
    const auto body_bytes = check.frame.subspan(kFrameHeaderBytes + header.table_bytes, header.body_bytes);
    const auto body =
        BodyView::open(header, check.frame.subspan(kFrameHeaderBytes, header.table_bytes), body_bytes, true);
    if (!body) { return false; }
    close_hole(header);
    if (chain_broken_) {
      chain_.trailer = header.previous;
      chain_broken_ = false;
    }
    note_streams(header, *body, segment, path, offset);
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
      std::uint64_t& next = versions_[std::string(body.stream_name(i))];
      if (first != next) {
        const std::string name(body.stream_name(i));
        if (first > next && !report_.damages.empty()) {
          auto& streams = report_.damages.back().streams;
          if (std::ranges::find(streams, name) == streams.end()) { streams.push_back(name); }
        } else {
          Damage& damage = add_damage(path, "the versions of stream \"" + name + "\" do not go on one by one");
          damage.segment = SegmentNumber(segment.number);
          damage.offset = Offset(offset);
          damage.first_position = Position(header.first_position);
          damage.streams.push_back(name);
        }
        next = first;
      }
    }
    const auto take_event = [&](const EventRecord& record, std::uint32_t) {
      std::uint64_t& next = versions_[std::string(body.stream_name(record.stream))];
      return body.first_version(record.stream) + record.ordinal == Version(next++);
    };
    if (!for_each_event(header, body, header.body_bytes, take_event)) {
      Damage& damage = add_damage(path, "the events of a frame are not in order");
      damage.segment = SegmentNumber(segment.number);
      damage.offset = Offset(offset);
      damage.first_position = Position(header.first_position);
    }
  }

  // The offset of the next whole frame after a bad place, if there is one in this segment.
  Result<std::optional<std::uint64_t>> next_frame(SegmentBytes& bytes, FramePlace place, const SegmentHeader& header) {
    place.offset += kFrameAlignment;
    while (place.offset + kFrameHeaderBytes + kSegmentFooterBytes <= header.size) {
      auto nonzero = bytes.first_nonzero(place.offset, header.size - kSegmentFooterBytes);
      if (!nonzero) { return std::unexpected(std::move(nonzero.error())); }
      place.offset = std::max(place.offset, *nonzero / kFrameAlignment * kFrameAlignment);
      auto check = look_for_frame(bytes, place, header.size);
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
    report_.bytes_pending = facts_.bad_bytes;
    if (judge(facts_.tail) == Verdict::kSuspect) {
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
                          footer.log_id == superblock_.log_id && footer.number == header.number;
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
    SegmentBytes bytes(std::move(*file), sizes_.at(number.value()));
    auto sector = bytes.at(0, kSegmentHeaderBytes);
    if (!sector) { return std::unexpected(std::move(sector.error())); }
    SegmentHeader header{};
    if (decode_segment_header(*sector, header) != BlockState::kGood) {
      Damage& damage = add_damage(path, "a prepared segment, not used yet, has no readable header: it can be deleted");
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
    if (progress_) { progress_(report_.bytes, bytes_all_); }
  }

  const std::filesystem::path& folder_;
  platform::FileSystem& files_;
  const Superblock& superblock_;
  const ScanFacts& facts_;
  const std::function<void(std::uint64_t, std::uint64_t)>& progress_;
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
  std::optional<std::size_t> hole_;
  std::unordered_map<std::string, std::uint64_t> versions_;  // next version a stream
};

Result<VerifyReport> verify_folder(const std::filesystem::path& folder, Environment environment,
                                   const std::function<void(std::uint64_t, std::uint64_t)>& progress) {
  platform::FileSystem& files = environment.files;
  auto holds = look_at_folder(files, folder);
  if (!holds) { return std::unexpected(std::move(holds.error())); }
  if (*holds != FolderHolds::kStore) { return std::unexpected(no_store_error(folder)); }
  // Beside a living writer a write under way may look like damage: then it looks different a moment later.
  constexpr int kLooks = 20;
  for (int look = 1;; ++look) {
    auto loaded = load_superblocks(files, folder);
    if (!loaded) { return std::unexpected(std::move(loaded.error())); }
    if (!*loaded) { return std::unexpected(no_store_error(folder)); }
    const Superblock& superblock = (*loaded)->newest;
    auto facts = scan_log(files, folder, superblock, [](const ScannedFrame&) { return true; });
    if (!facts) { return std::unexpected(std::move(facts.error())); }
    VerifyReport report;
    report.durable = facts->durable.position;
    if ((*loaded)->lost) {
      Damage damage;
      damage.file = folder / kSuperblockNames[1 - (*loaded)->slot];
      damage.offset = Offset(0);
      damage.what =
          "a superblock is missing or not as it was written; the other one serves, and the next opening for "
          "writing makes it again";
      report.damages.push_back(std::move(damage));
    }
    Verifier verifier(folder, files, superblock, *facts, progress, report);
    if (auto done = verifier.run(); !done) { return std::unexpected(std::move(done.error())); }
    if (report.whole() || look == kLooks) { return report; }
    auto alive = files.is_locked(folder / kLockName);
    if (!alive || !*alive) { return report; }
  }
}

}  // namespace

Result<VerifyReport> verify_store(const std::filesystem::path& folder, Environment environment,
                                  const std::function<void(std::uint64_t done, std::uint64_t all)>& progress) {
  try {
    return verify_folder(folder, environment, progress);
  } catch (const std::bad_alloc&) {
    return std::unexpected(
        Error(ErrorCode::kOutOfMemory, "memory ran out while the store was verified").with_path(folder));
  }
}

}  // namespace tidemark::engine
