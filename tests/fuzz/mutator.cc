// SPDX-License-Identifier: Apache-2.0
#include "tests/fuzz/mutator.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <optional>
#include <string_view>

#include "engine/format/body.h"
#include "engine/format/segment.h"
#include "engine/format/superblock.h"
#include "index/run_format.h"
#include "tests/fuzz/archive.h"
#include "tests/fuzz/mender.h"

namespace tidemark::fuzz {

namespace {

using namespace engine;
using MutableBytes = std::span<std::byte>;

class Random {
 public:
  explicit Random(std::uint64_t seed) : state_(seed) {}

  // SplitMix64.
  std::uint64_t next() {
    std::uint64_t z = (state_ += 0x9E37'79B9'7F4A'7C15);
    z = (z ^ (z >> 30U)) * 0xBF58'476D'1CE4'E5B9;
    z = (z ^ (z >> 27U)) * 0x94D0'49BB'1331'11EB;
    return z ^ (z >> 31U);
  }
  std::uint64_t below(std::uint64_t bound) { return bound == 0 ? 0 : next() % bound; }
  bool in(std::uint64_t times, std::uint64_t of) { return below(of) < times; }

 private:
  std::uint64_t state_;
};

struct Field {
  std::size_t offset;
  std::size_t width;
};

#define TIDEMARK_FIELD(record, member) \
  Field { offsetof(record, member), sizeof(record::member) }
constexpr std::array kSuperblockFields{
    Field{offsetof(BlockStart, format_major), 2},
    Field{offsetof(BlockStart, format_minor), 2},
    TIDEMARK_FIELD(Superblock, parent_end),
    TIDEMARK_FIELD(Superblock, generation),
    TIDEMARK_FIELD(Superblock, epoch),
    TIDEMARK_FIELD(Superblock, state),
    TIDEMARK_FIELD(Superblock, durable_end),
    TIDEMARK_FIELD(Superblock, highest_segment),
    TIDEMARK_FIELD(Superblock, cut_end),
    TIDEMARK_FIELD(Superblock, write_limit),
    Field{offsetof(Superblock, recovery), 4},
    Field{offsetof(Superblock, store_id), 8},
    Field{offsetof(Superblock, log_id), 8},
    Field{offsetof(Superblock, boot_id), 8},
};
constexpr std::array kSegmentFields{
    Field{offsetof(BlockStart, format_major), 2}, Field{offsetof(SegmentHeader, log_id), 8},
    TIDEMARK_FIELD(SegmentHeader, number),        TIDEMARK_FIELD(SegmentHeader, base),
    TIDEMARK_FIELD(SegmentHeader, size),
};
constexpr std::array kFooterFields{
    Field{offsetof(BlockStart, format_major), 2},    Field{offsetof(SegmentFooter, log_id), 8},
    TIDEMARK_FIELD(SegmentFooter, number),           TIDEMARK_FIELD(SegmentFooter, end),
    TIDEMARK_FIELD(SegmentFooter, frame_count),      TIDEMARK_FIELD(SegmentFooter, event_count),
    TIDEMARK_FIELD(SegmentFooter, first_position),   TIDEMARK_FIELD(SegmentFooter, next_position),
    TIDEMARK_FIELD(SegmentFooter, digest),           TIDEMARK_FIELD(SegmentFooter, previous_digest),
    TIDEMARK_FIELD(SegmentFooter, durable),          TIDEMARK_FIELD(SegmentFooter, epoch),
    TIDEMARK_FIELD(SegmentFooter, last_recorded_ns), TIDEMARK_FIELD(SegmentFooter, last_trailer),
};
constexpr std::array kFrameFields{
    TIDEMARK_FIELD(FrameHeader, body_bytes),  TIDEMARK_FIELD(FrameHeader, table_bytes),
    TIDEMARK_FIELD(FrameHeader, kind),        TIDEMARK_FIELD(FrameHeader, flags),
    TIDEMARK_FIELD(FrameHeader, event_count), TIDEMARK_FIELD(FrameHeader, first_position),
    TIDEMARK_FIELD(FrameHeader, recorded_ns), TIDEMARK_FIELD(FrameHeader, durable),
    TIDEMARK_FIELD(FrameHeader, epoch),       TIDEMARK_FIELD(FrameHeader, previous),
    TIDEMARK_FIELD(FrameHeader, zero_parts),  TIDEMARK_FIELD(FrameHeader, table_check),
};
#undef TIDEMARK_FIELD

// A number where it can hurt: at an edge of its type, near what it was, at a size of the file, or any.
void change_number(MutableBytes bytes, const Field& field, Random& random, std::uint64_t file_bytes) {
  if (field.offset + field.width > bytes.size()) { return; }
  std::uint64_t value = 0;
  std::memcpy(&value, bytes.data() + field.offset, field.width);
  switch (random.below(8)) {
    case 0:
      value = random.below(4);
      break;
    case 1:
      value = ~std::uint64_t{0} - random.below(4);
      break;
    case 2:
      value = (std::uint64_t{1} << random.below(64)) - random.below(2);
      break;
    case 3:
      value = file_bytes - std::min<std::uint64_t>(file_bytes, 8 * random.below(80));
      break;
    case 4:
      value = random.next();
      break;
    default:
      value += random.below(33) - 16;
  }
  std::memcpy(bytes.data() + field.offset, &value, field.width);
}

template <class Fields>
void change_field(MutableBytes bytes, const Fields& fields, Random& random, std::uint64_t file_bytes) {
  change_number(bytes, fields[random.below(fields.size())], random, file_bytes);
}

// The bytes of a frame's own parts, if they lie in the segment.
struct FrameParts {
  FrameHeader header{};
  MutableBytes table;
  MutableBytes body;
};
std::optional<FrameParts> parts_of(MutableBytes segment, std::size_t at) {
  FrameParts parts;
  parts.header = load_as<FrameHeader>(segment.data() + at);
  const std::uint64_t content = at + kFrameHeaderBytes;
  if (content + parts.header.table_bytes + parts.header.body_bytes > segment.size()) { return std::nullopt; }
  parts.table = segment.subspan(content, parts.header.table_bytes);
  parts.body = segment.subspan(content + parts.header.table_bytes, parts.header.body_bytes);
  return parts;
}

class FolderMutator {
 public:
  FolderMutator(Archive& archive, Layout layout, Random& random, const ByteMutator& bytes)
      : archive_(archive), layout_(layout), random_(random), bytes_(bytes) {}

  void run() {
    for (std::uint64_t n = 1 + random_.below(4); n > 0 && !archive_.empty(); --n) { change_something(); }
  }

 private:
  void change_something() {
    const bool is_folder = layout_ == Layout::kFolder;
    switch (random_.below(is_folder ? 16 : 12)) {
      case 0:
      case 1:
        return change_bytes();
      case 2:
      case 3:
      case 4:
        return change_frame([&](MutableBytes segment, std::size_t at) {
          change_field(segment.subspan(at), kFrameFields, random_, segment.size());
        });
      case 5:
      case 6:
        return change_frame([&](MutableBytes segment, std::size_t at) { change_body(segment, at); });
      case 7:
        return change_frame([&](MutableBytes segment, std::size_t at) { change_event(segment, at); });
      case 8:
        return change_frame([&](MutableBytes segment, std::size_t at) { move_frame(segment, at); });
      case 9:
        return change_sector();
      case 10:
        return tear_end();
      case 11:
        return random_.in(1, 8) ? claim_much() : change_sector();
      case 12:
        return change_block(kSuperblockNames[random_.below(2)], kSuperblockFields, 0);
      case 13:
        return change_segment_block();
      default:
        return change_file();
    }
  }

  MutableBytes some_file() { return archive_[random_.below(archive_.size())].bytes; }
  // The segment that the log ends in more often than another one.
  ArchiveFile* some_segment() {
    std::vector<ArchiveFile*> segments;
    for (ArchiveFile& file : archive_) {
      const bool big_enough = file.bytes.size() >= kSegmentHeaderBytes + kSegmentFooterBytes;
      if (big_enough && parse_segment_file_name(file.name)) { segments.push_back(&file); }
    }
    return segments.empty() ? nullptr : segments[random_.below(segments.size())];
  }

  // A piece of a file, changed in place by the fuzzer's own means.
  void change_bytes() {
    const MutableBytes file = some_file();
    if (file.empty()) { return; }
    const std::size_t at = random_.below(file.size());
    const std::size_t length = std::min<std::size_t>(file.size() - at, 1 + random_.below(64));
    (void)bytes_(file.data() + at, length, length);
  }

  template <class Change>
  void change_frame(const Change& change) {
    ArchiveFile* const segment = some_segment();
    if (segment == nullptr) { return; }
    const auto frames = find_frames(segment->bytes);
    if (!frames.empty()) { change(segment->bytes, frames[random_.below(frames.size())]); }
  }

  // The table, the counts, the ends of names, the names.
  void change_body(MutableBytes segment, std::size_t at) {
    auto parts = parts_of(segment, at);
    if (!parts) { return; }
    const bool has_checkpoints = (parts->header.flags & frame_flags::kCheckpoints) != 0;
    const std::uint64_t start = kBodyStartBytes + (has_checkpoints ? kCheckpointCountBytes : 0);
    if (parts->body.size() < start) { return; }
    const std::uint64_t streams = parts->table.size() / kTableEntryBytes;
    std::uint64_t names = streams;
    for (std::uint64_t n = 0; n < start; n += 4) { names += load_as<std::uint32_t>(parts->body.data() + n); }
    switch (random_.below(4)) {
      case 0:
        return change_number(parts->table, {kTableEntryBytes * random_.below(streams), kTableEntryBytes}, random_, 512);
      case 1:
        return change_number(parts->body, {4 * random_.below(start / 4), 4}, random_, parts->body.size());
      case 2:
        return change_number(parts->body, {start + 4 * random_.below(names), 4}, random_, parts->body.size());
      default:
        return repeat_name(*parts, start, names);
    }
  }

  // Two names of one length that follow each other become the same.
  void repeat_name(const FrameParts& parts, std::uint64_t start, std::uint64_t names) {
    const auto end_of = [&](std::uint64_t name) -> std::uint64_t {
      const std::uint64_t at = start + 4 * name;
      return at + 4 <= parts.body.size() ? load_as<std::uint32_t>(parts.body.data() + at) : 0;
    };
    const std::uint64_t begin = start + 4 * names;
    for (std::uint64_t name = 1; name < std::min<std::uint64_t>(names, 64); ++name) {
      const std::uint64_t first = name == 1 ? 0 : end_of(name - 2);
      const std::uint64_t middle = end_of(name - 1);
      const std::uint64_t last = end_of(name);
      if (first >= middle || last - middle != middle - first || begin + last > parts.body.size()) { continue; }
      std::ranges::copy(parts.body.subspan(begin + first, middle - first),
                        parts.body.begin() + static_cast<std::ptrdiff_t>(begin + middle));
      if (random_.in(1, 2)) { return; }
    }
  }

  // The first bytes of an event: flags, stream, ordinal, type, or the counts and lengths after its id.
  void change_event(MutableBytes segment, std::size_t at) {
    const auto parts = parts_of(segment, at);
    if (!parts) { return; }
    const auto view = BodyView::open(parts->header, parts->table, parts->body, false);
    if (!view) { return; }
    std::vector<std::uint32_t> events;
    EventRecord record;
    for (std::uint32_t event = view->events_begin(); events.size() < 256;) {
      events.push_back(event);
      const auto after = view->event_at(event, false, record);
      if (!after) { break; }
      event = *after;
    }
    const std::size_t event = events[random_.below(events.size())];
    const std::size_t within = random_.in(1, 2) ? random_.below(4) : 20 + random_.below(12);
    if (event + within >= parts->body.size()) { return; }
    std::byte& byte = parts->body[event + within];
    constexpr std::array<unsigned, 8> kBytes{0, 1, 2, 3, 0x0F, 0x7F, 0x80, 0xFF};
    byte = static_cast<std::byte>(random_.in(1, 2) ? kBytes[random_.below(kBytes.size())]
                                                   : static_cast<unsigned>(byte) + random_.below(5) - 2);
  }

  // A frame is put where another stands, or where the next would stand, or goes.
  void move_frame(MutableBytes segment, std::size_t at) {
    const auto header = load_as<FrameHeader>(segment.data() + at);
    const std::uint64_t end = frame_end(at, header.table_bytes, header.body_bytes);
    const std::uint64_t until = segment.size() - kSegmentFooterBytes;
    if (end > until) { return; }
    if (random_.in(1, 4)) {
      std::ranges::fill(segment.subspan(at, end - at), std::byte{0});
      return;
    }
    const auto frames = find_frames(segment);
    const std::size_t to = random_.in(1, 2) ? end : frames[random_.below(frames.size())];
    const std::size_t length = std::min<std::size_t>(end - at, until - to);
    std::memmove(segment.data() + to, segment.data() + at, length);
  }

  void change_sector() {
    const MutableBytes file = some_file();
    const MutableBytes other = some_file();
    if (file.size() < kSectorBytes || other.size() < kSectorBytes) { return; }
    const MutableBytes sector =
        file.subspan(kSectorBytes * random_.below(file.size() / kSectorBytes)).first(kSectorBytes);
    const MutableBytes from =
        other.subspan(kSectorBytes * random_.below(other.size() / kSectorBytes)).first(kSectorBytes);
    if (random_.in(1, 2)) {
      std::ranges::fill(sector, std::byte{0});
    } else {
      std::memmove(sector.data(), from.data(), kSectorBytes);
    }
  }

  // The end of a segment from some byte on did not arrive.
  void tear_end() {
    ArchiveFile* const segment = some_segment();
    if (segment == nullptr) { return; }
    const auto frames = find_frames(segment->bytes);
    if (frames.empty()) { return; }
    const std::size_t last = frames[frames.size() - 1 - random_.below(std::min<std::size_t>(frames.size(), 2))];
    const std::size_t from = last + random_.below(std::min<std::size_t>(600, segment->bytes.size() - last));
    std::ranges::fill(MutableBytes(segment->bytes).subspan(from), std::byte{0});
  }

  // Header after header, each claiming all that follows.
  void claim_much() {
    ArchiveFile* const segment = some_segment();
    if (segment == nullptr) { return; }
    const auto frames = find_frames(segment->bytes);
    if (frames.empty()) { return; }
    const std::size_t from = frames[random_.below(frames.size())];
    auto claim = load_as<FrameHeader>(segment->bytes.data() + from);
    const std::uint64_t until = segment->bytes.size() - kSegmentFooterBytes;
    for (std::uint64_t at = from; at + 2 * kFrameHeaderBytes <= until; at += kFrameHeaderBytes) {
      if (until - at < kFrameHeaderBytes + kFramePaddingMax) { return; }
      claim.table_bytes = 0;
      claim.body_bytes = static_cast<std::uint32_t>(until - at - kFrameHeaderBytes - kFramePaddingMax);
      store_as(segment->bytes.data() + at, claim);
    }
  }

  template <class Fields>
  void change_block(std::string_view name, const Fields& fields, std::size_t at) {
    if (ArchiveFile* const file = find_file(archive_, name); file != nullptr && file->bytes.size() > at) {
      change_field(MutableBytes(file->bytes).subspan(at), fields, random_, file->bytes.size());
    }
  }

  void change_segment_block() {
    const ArchiveFile* const segment = some_segment();
    if (segment == nullptr) { return; }
    if (random_.in(1, 2)) {
      change_block(segment->name, kSegmentFields, 0);
    } else {
      change_block(segment->name, kFooterFields, segment->bytes.size() - kSegmentFooterBytes);
    }
  }

  // A file goes, comes twice, under another name, longer, shorter, or as a folder.
  void change_file() {
    const std::size_t which = random_.below(archive_.size());
    ArchiveFile& file = archive_[which];
    const std::string_view name = kArchiveNames[random_.below(std::size(kArchiveNames))];
    switch (random_.below(6)) {
      case 0:
        archive_.erase(archive_.begin() + static_cast<std::ptrdiff_t>(which));
        return;
      case 1:
        if (find_file(archive_, name) == nullptr) {
          ArchiveFile copy = file;
          copy.name = name;
          archive_.push_back(std::move(copy));
        }
        return;
      case 2:
        if (find_file(archive_, name) == nullptr) { file.name = name; }
        return;
      case 3:
        file.bytes.resize(random_.below(file.bytes.size() + 1));
        return;
      case 4:
        file.bytes.resize(std::min<std::uint64_t>(kArchiveBytesMax, file.bytes.size() + 512 * random_.below(16)));
        return;
      default:
        if (random_.in(1, 4)) { file.is_folder = !file.is_folder; }
    }
  }

  Archive& archive_;
  const Layout layout_;
  Random& random_;
  const ByteMutator& bytes_;
};

// Mostly all of it, so that one change alone is wrong; now and then less.
Mending some_mending(Random& random) {
  Mending mending;
  mending.blocks = !random.in(1, 16);
  mending.frames = !random.in(1, 16);
  mending.identity = !random.in(1, 6);
  mending.chain = !random.in(1, 3);
  return mending;
}

std::vector<std::byte> mutate_folder(Bytes input, Random& random, const ByteMutator& bytes) {
  Archive archive = unpack(input);
  FolderMutator(archive, Layout::kFolder, random, bytes).run();
  if (!random.in(1, 8)) { mend(archive, some_mending(random)); }
  return pack(archive);
}

// Changed anywhere, longer or shorter.
std::vector<std::byte> mutate_bytes(Bytes input, const ByteMutator& bytes) {
  std::vector<std::byte> changed(input.begin(), input.end());
  const std::size_t size = changed.size();
  changed.resize(size + 64 + size / 8);
  changed.resize(bytes(changed.data(), size, changed.size()));
  return changed;
}

// Another length of the body, one that fits.
void resize_body(MutableBytes frame, Random& random) {
  auto header = load_as<FrameHeader>(frame.data());
  const std::uint64_t taken = kFrameHeaderBytes + header.table_bytes + kFramePaddingMax;
  if (taken >= frame.size()) { return; }
  const std::uint64_t room = frame.size() - taken;
  header.body_bytes =
      static_cast<std::uint32_t>(random.below(1 + (random.in(1, 2) ? room : std::min(room, std::uint64_t{300}))));
  store_as(frame.data(), header);
}

// A frame is changed and mended as if it stood first in a segment of a log with a nil id.
std::vector<std::byte> mutate_frame(Bytes input, Random& random, const ByteMutator& bytes) {
  std::vector<std::byte> frame;
  if (random.in(1, 2)) {
    frame = mutate_bytes(input, bytes);
  } else {
    ArchiveFile segment{.name = segment_file_name(SegmentNumber(1))};
    segment.bytes.resize(kSegmentHeaderBytes + input.size() + kSegmentFooterBytes);
    std::ranges::copy(input, segment.bytes.begin() + static_cast<std::ptrdiff_t>(kSegmentHeaderBytes));
    Archive archive{std::move(segment)};
    FolderMutator(archive, Layout::kFrame, random, bytes).run();
    const auto changed = MutableBytes(archive[0].bytes).subspan(kSegmentHeaderBytes).first(input.size());
    frame.assign(changed.begin(), changed.end());
  }
  if (frame.size() < kFrameHeaderBytes) { return frame; }
  if (random.in(1, 8)) { resize_body(frame, random); }
  if (!random.in(1, 8)) { (void)mend_frame(frame, {FileId{}, 1, kSegmentHeaderBytes}); }
  return frame;
}

// Numbers of the header, where a section begins, or any bytes of one. Mostly mended.
std::vector<std::byte> mutate_run(Bytes input, Random& random, const ByteMutator& bytes) {
  std::vector<std::byte> changed(input.begin(), input.end());
  index::RunHeader header{};
  if (changed.size() < sizeof header) { return mutate_bytes(input, bytes); }
  std::memcpy(&header, changed.data(), sizeof header);
  constexpr std::size_t kNumbers = offsetof(index::RunHeader, log_id) / 8;
  for (std::uint64_t n = 1 + random.below(4); n > 0; --n) {
    const index::RunSection section = header.sections[random.below(index::kSectionCount)];
    const bool is_there = section.offset < changed.size() && section.size <= changed.size() - section.offset;
    if (random.in(1, 6)) {
      const Field field{8 * (kNumbers + random.below(sizeof header / 8 - kNumbers)), random.in(1, 2) ? 8U : 4U};
      change_number(MutableBytes(changed).first(sizeof header), field, random, changed.size());
    } else if (is_there && section.size > 0) {
      const std::size_t at = section.offset + random.below(section.size);
      const std::size_t length = std::min<std::size_t>(section.offset + section.size - at, 1 + random.below(24));
      if (random.in(1, 3)) {
        change_number(changed, {at, std::min<std::size_t>(length, 8)}, random, changed.size());
      } else {
        (void)bytes(changed.data() + at, length, length);
      }
    }
  }
  if (random.in(1, 16)) { changed.resize(random.below(changed.size() + 64)); }
  if (!random.in(1, 12)) { mend_run(changed); }
  return changed;
}

}  // namespace

ByteMutator plain_bytes(std::uint64_t seed) {
  return [random = Random(seed)](std::byte* data, std::size_t size, std::size_t size_max) mutable {
    if (size == 0) { return std::min<std::size_t>(size_max, 1); }
    for (std::uint64_t n = 1 + random.below(4); n > 0; --n) {
      data[random.below(size)] = static_cast<std::byte>(random.next());
    }
    return size;
  };
}

std::vector<std::byte> mutate(Layout layout, Bytes input, std::uint64_t seed, const ByteMutator& bytes) {
  Random random(seed);
  // Texts, and now and then anything, are changed as bytes, and may grow.
  if (layout == Layout::kText || random.in(1, 16)) { return mutate_bytes(input, bytes); }
  if (layout == Layout::kRun) { return mutate_run(input, random, bytes); }
  return layout == Layout::kFrame ? mutate_frame(input, random, bytes) : mutate_folder(input, random, bytes);
}

}  // namespace tidemark::fuzz
