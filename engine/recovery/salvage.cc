// SPDX-License-Identifier: Apache-2.0
#include "engine/recovery/salvage.h"

#include <algorithm>
#include <limits>
#include <map>
#include <queue>
#include <set>
#include <string>
#include <unordered_map>
#include <utility>

#include "platform/io.h"

namespace tidemark::engine {

namespace {

// More placeholders than this would be made of hostile positions, or of a store to restore from a copy.
constexpr std::uint64_t kLostEventsMax = 20'000'000;

// Positions at which no whole frame stands.
struct Hole {
  Position begin;
  Position end;
  std::int64_t recorded_ns = 0;  // of the placeholders: between the frames around them
};

// Versions that a stream lacks: they are in one or some of the holes from the first to the last.
struct Gap {
  std::string stream;
  std::uint64_t begin = 0;
  std::uint64_t end = 0;
  std::size_t first_hole = 0;
  std::size_t last_hole = 0;
};

Error contradiction(const std::filesystem::path& folder, std::string what) {
  return Error(ErrorCode::kDamaged, "what is whole of the store contradicts itself: " + std::move(what))
      .with_path(folder);
}

// Takes note of whole frames, and of what is missing between them.
class Notes {
 public:
  Notes(platform::FileSystem& files, Salvaged& salvaged) : files_(files), salvaged_(salvaged) {}

  void add(const WalkedFrame& frame) {
    if (segment_numbers_.empty() || segment_numbers_.back() != frame.segment.number) {
      segment_numbers_.push_back(frame.segment.number);
      salvaged_.segments.push_back(std::make_shared<Segment>(files_, frame.path, frame.segment));
    }
    const Position first(frame.header.first_position);
    if (first > next_) { add_hole(first, frame.header.recorded_ns); }
    for (std::uint32_t i = 0; i < frame.body.stream_count(); ++i) {
      const std::string name(frame.body.stream_name(i));
      Seen& seen = streams_[name];
      const std::uint64_t version = frame.body.first_version(i).value();
      if (version < seen.next || (version > seen.next && seen.holes == holes_.size())) { contradictory_.insert(name); }
      if (version > seen.next && seen.holes < holes_.size()) {
        gaps_.push_back({name, seen.next, version, seen.holes, holes_.size() - 1});
      }
      seen.next = version;
      seen.holes = holes_.size();
    }
    EventRecord record;
    std::uint32_t offset = frame.body.events_begin();
    for (std::uint32_t i = 0; i < frame.header.event_count; ++i) {
      const auto after = frame.body.event_at(offset, false, record);
      if (!after) { break; }  // for_each_salvaged meets it again
      ++streams_[std::string(frame.body.stream_name(record.stream))].next;
      offset = *after;
    }
    salvaged_.frames.push_back(
        {salvaged_.segments.size() - 1, frame.offset,
         frame_end(frame.offset, frame.header.table_bytes, frame.header.body_bytes) - frame.offset, first,
         frame.header.event_count});
    next_ = first + frame.header.event_count;
    recorded_ns_ = frame.header.recorded_ns;
  }

  // Gives every position in a hole its placeholder.
  Status settle(const std::filesystem::path& folder, Position end) {
    if (end > next_) { add_hole(end, std::numeric_limits<std::int64_t>::max()); }
    if (!contradictory_.empty()) {
      return std::unexpected(
          contradiction(folder, "the versions of stream \"" + *contradictory_.begin() + "\" do not go on one by one"));
    }
    if (lost_ > kLostEventsMax) {
      return std::unexpected(Error(ErrorCode::kDamaged, "more than " + std::to_string(kLostEventsMax) +
                                                            " events would be lost: restore the store from a copy")
                                 .with_path(folder));
    }
    // Earliest deadline first: if the gaps fit into the holes at all, they fit so. And they did fit once.
    const auto later = [this](std::size_t a, std::size_t b) { return gaps_[a].last_hole > gaps_[b].last_hole; };
    std::priority_queue<std::size_t, std::vector<std::size_t>, decltype(later)> open(later);
    std::multimap<std::size_t, std::size_t> by_first;
    for (std::size_t i = 0; i < gaps_.size(); ++i) { by_first.emplace(gaps_[i].first_hole, i); }
    const std::string unknown = unknown_stream();
    std::uint64_t unknown_versions = 0;
    for (std::size_t h = 0; h < holes_.size(); ++h) {
      const auto [begin, stop] = by_first.equal_range(h);
      for (auto it = begin; it != stop; ++it) { open.push(it->second); }
      for (Position at = holes_[h].begin; at < holes_[h].end; at = at.next()) {
        if (open.empty()) {
          place(at, unknown, unknown_versions++, holes_[h]);
          continue;
        }
        Gap& gap = gaps_[open.top()];
        place(at, gap.stream, gap.begin++, holes_[h]);
        if (gap.begin == gap.end) { open.pop(); }
      }
      if (!open.empty() && gaps_[open.top()].last_hole <= h) {
        return std::unexpected(contradiction(
            folder, "stream \"" + gaps_[open.top()].stream + "\" lacks more versions than there are positions"));
      }
    }
    return {};
  }

 private:
  struct Seen {
    std::uint64_t next = 0;  // version
    std::size_t holes = 0;   // before the last frame of the stream
  };

  void add_hole(Position end, std::int64_t next_recorded_ns) {
    const std::uint64_t events = end.value() - next_.value();
    lost_ = events > kLostEventsMax - std::min(lost_, kLostEventsMax) ? kLostEventsMax + 1 : lost_ + events;
    const bool first_of_all = salvaged_.frames.empty();
    const bool no_frame = first_of_all && next_recorded_ns == std::numeric_limits<std::int64_t>::max();
    constexpr std::int64_t kEarliest = 1;  // a new store's log begins at 0
    constexpr std::int64_t kLatest = std::numeric_limits<std::int64_t>::max();
    const std::int64_t before = std::max(next_recorded_ns, kEarliest + 1) - 1;
    const std::int64_t after = std::min(recorded_ns_, kLatest - 1) + 1;
    holes_.push_back({next_, end, no_frame ? kEarliest : first_of_all ? before : after});
  }

  // A name that no stream of the store has.
  [[nodiscard]] std::string unknown_stream() const {
    std::string name(kLostType);
    for (unsigned n = 2; streams_.contains(name); ++n) { name = std::string(kLostType) + "-" + std::to_string(n); }
    return name;
  }

  void place(Position at, const std::string& stream, std::uint64_t version, const Hole& hole) {
    // The same each time, so that a second repair of the same store gives the same one.
    std::string name = "tidemark lost event ";
    for (const std::byte byte : salvaged_.walked.superblock.log_id) {
      name += std::to_string(std::to_integer<int>(byte)) + ".";
    }
    name += std::to_string(at.value());
    salvaged_.lost.emplace_hint(salvaged_.lost.end(), at,
                                LostEvent{stream, Version(version), EventId::from_name(name),
                                          RecordedTime(std::chrono::nanoseconds(hole.recorded_ns))});
  }

  platform::FileSystem& files_;
  Salvaged& salvaged_;
  std::vector<std::uint64_t> segment_numbers_;
  std::unordered_map<std::string, Seen> streams_;
  std::set<std::string> contradictory_;
  std::vector<Hole> holes_;
  std::vector<Gap> gaps_;
  std::uint64_t lost_ = 0;  // events in holes, counted to just past the limit
  Position next_;
  std::int64_t recorded_ns_ = 0;
};

// Reads frames again by their spots.
class SpotReader {
 public:
  explicit SpotReader(const Salvaged& salvaged) : salvaged_(salvaged) {}

  Result<SalvagedFrame> read(const FrameSpot& spot) {
    const Segment& segment = *salvaged_.segments[spot.segment];
    if (!file_ || segment_ != &segment) {
      auto file = segment.open_for_reading();
      if (!file) { return std::unexpected(std::move(file.error())); }
      file_ = std::move(*file);
      segment_ = &segment;
    }
    bytes_.resize(spot.bytes);
    auto read = platform::read_up_to(*file_, bytes_, spot.offset);
    if (!read) { return std::unexpected(std::move(read.error())); }
    SalvagedFrame frame{spot, Offset(segment.base().value() + spot.offset), {}, {}, {}};
    const FramePlace place{segment.log_id(), segment.number().value(), spot.offset};
    if (*read < spot.bytes || !read_frame_header(bytes_, place, segment.size(), frame.header) ||
        !frame_is_whole(bytes_, frame.header)) {
      return std::unexpected(
          Error(ErrorCode::kDamaged, "a frame that was whole a moment ago is not any more: somebody writes here")
              .with_path(segment.path())
              .with_segment(segment.number())
              .with_offset(Offset(spot.offset)));
    }
    frame.table = Bytes(bytes_).subspan(kFrameHeaderBytes, frame.header.table_bytes);
    frame.body = Bytes(bytes_).subspan(kFrameHeaderBytes + frame.header.table_bytes, frame.header.body_bytes);
    return frame;
  }

 private:
  const Salvaged& salvaged_;
  const Segment* segment_ = nullptr;
  std::unique_ptr<platform::File> file_;
  std::vector<std::byte> bytes_;
};

}  // namespace

Result<Salvaged> salvage_store(platform::FileSystem& files, const std::filesystem::path& folder,
                               const std::function<void(std::uint64_t done, std::uint64_t all)>& progress) {
  Salvaged salvaged;
  std::optional<Notes> notes(std::in_place, files, salvaged);
  const WalkOptions options{.progress = progress, .visit = [&](const WalkedFrame& frame) { notes->add(frame); }};
  auto walked = walk_store(files, folder, options, [&] {
    salvaged = Salvaged();
    notes.emplace(files, salvaged);
  });
  if (!walked) { return std::unexpected(std::move(walked.error())); }
  salvaged.walked = std::move(*walked);
  if (auto done = notes->settle(folder, salvaged.walked.end.position); !done) {
    return std::unexpected(std::move(done.error()));
  }
  return salvaged;
}

Status for_each_salvaged(const Salvaged& salvaged, const SalvageVisitor& visitor) {
  SpotReader reader(salvaged);
  auto lost = salvaged.lost.begin();
  const auto tell_lost = [&](Position before) -> Status {
    const auto end = salvaged.lost.lower_bound(before);
    if (lost == end) { return {}; }
    Status done = visitor.lost(lost, end);
    lost = end;
    return done;
  };
  for (const FrameSpot& spot : salvaged.frames) {
    if (auto done = tell_lost(spot.first); !done) { return done; }
    auto frame = reader.read(spot);
    if (!frame) { return std::unexpected(std::move(frame.error())); }
    if (auto done = visitor.frame(*frame); !done) { return done; }
  }
  return tell_lost(Position(std::numeric_limits<std::uint64_t>::max()));
}

}  // namespace tidemark::engine
