// SPDX-License-Identifier: Apache-2.0
#include "tests/fuzz/mender.h"

#include <algorithm>
#include <cstring>
#include <map>
#include <optional>
#include <string>

#include "engine/format/body.h"
#include "engine/format/segment.h"
#include "engine/format/superblock.h"
#include "engine/log/log_writer.h"
#include "engine/recovery/segment_bytes.h"
#include "index/run_format.h"
#include "platform/checksum.h"

namespace tidemark::fuzz {

namespace {

using namespace engine;
using MutableBytes = std::span<std::byte>;

std::uint32_t low_hash(Bytes bytes) { return static_cast<std::uint32_t>(platform::xxh3_64(bytes)); }

// Unlike seal_block this leaves the version as it is.
void mend_block(MutableBytes block, std::uint64_t magic) {
  store_as(block.data(), magic);
  store_as<std::uint32_t>(block.data() + offsetof(BlockStart, checksum), 0);
  store_as(block.data() + offsetof(BlockStart, checksum), platform::crc32c(block));
}

template <class T>
void set(MutableBytes block, std::size_t offset, const T& value) {
  store_as(block.data() + offset, value);
}

void mend_body(const FrameHeader& header, MutableBytes table, MutableBytes body) {
  if ((header.flags & frame_flags::kEventChecks) == 0) { return; }
  const auto view = BodyView::open(header, table, body, false);
  if (!view) { return; }
  const std::uint32_t names = view->events_begin() - static_cast<std::uint32_t>(kCheckBytes);
  store_as(body.data() + names, low_hash(body.first(names)));
  EventRecord record;
  for (std::uint32_t at = view->events_begin(); at < body.size();) {
    const auto after = view->event_at(at, false, record);
    if (!after) { return; }
    const std::uint32_t check = *after - static_cast<std::uint32_t>(kCheckBytes);
    store_as(body.data() + check, low_hash(body.subspan(at, check - at)));
    at = *after;
  }
}

// Goes over a folder's segments in the order of their numbers and mends each as the one after the last.
class FolderMender {
 public:
  FolderMender(Archive& archive, const Mending& mending) : archive_(archive), mending_(mending) {}

  void run() {
    learn_identity();
    for (const auto name : kSuperblockNames) {
      ArchiveFile* const file = find_file(archive_, name);
      if (file == nullptr || file->bytes.size() != kSuperblockBytes) { continue; }
      if (mending_.identity) {
        set(file->bytes, offsetof(Superblock, store_id), store_id_);
        set(file->bytes, offsetof(Superblock, log_id), log_id_);
      }
      if (mending_.blocks) { mend_block(file->bytes, kSuperblockMagic); }
    }
    std::map<std::uint64_t, ArchiveFile*> segments;
    for (ArchiveFile& file : archive_) {
      const auto number = parse_segment_file_name(file.name);
      if (number && file.bytes.size() >= kSegmentHeaderBytes + kSegmentFooterBytes) {
        segments.emplace(number->value(), &file);
      }
    }
    for (const auto& [number, file] : segments) { mend_segment(number, file->bytes); }
  }

 private:
  void learn_identity() {
    for (const auto name : {kSuperblockNames[1], kSuperblockNames[0]}) {
      const ArchiveFile* const file = find_file(archive_, name);
      if (file == nullptr || file->bytes.size() != kSuperblockBytes) { continue; }
      store_id_ = load_as<FileId>(file->bytes.data() + offsetof(Superblock, store_id));
      log_id_ = load_as<FileId>(file->bytes.data() + offsetof(Superblock, log_id));
    }
  }

  void mend_segment(std::uint64_t number, MutableBytes bytes) {
    const MutableBytes header = bytes.first(kSegmentHeaderBytes);
    if (mending_.identity) {
      set(header, offsetof(SegmentHeader, log_id), log_id_);
      set(header, offsetof(SegmentHeader, number), number);
      set(header, offsetof(SegmentHeader, base), base_);
      set<std::uint64_t>(header, offsetof(SegmentHeader, size), bytes.size());
    }
    if (mending_.blocks) { mend_block(header, kSegmentMagic); }
    totals_ = number == 1 ? SegmentTotals{} : totals_.next();
    if (mending_.frames) { mend_frames(number, bytes); }
    const MutableBytes footer = bytes.last(kSegmentFooterBytes);
    if (!all_zero(footer)) { mend_footer(number, footer); }
    base_ += bytes.size();
  }

  void mend_frames(std::uint64_t number, MutableBytes bytes) {
    const std::uint64_t until = bytes.size() - kSegmentFooterBytes;
    for (std::uint64_t at = kSegmentHeaderBytes; at + kFrameHeaderBytes <= until;) {
      const MutableBytes rest = bytes.subspan(at, until - at);
      if (load_as<std::uint32_t>(rest.data()) != kFrameMagic) {
        at += kFrameAlignment;
        continue;
      }
      const FramePlace place{log_id_, number, at};
      if (mending_.chain) { tie(rest, at); }
      const std::uint64_t length = mend_frame(rest, place);
      if (length == 0) {
        at += kFrameAlignment;
        continue;
      }
      const auto mended = load_as<FrameHeader>(rest.data());
      const auto trailer = load_as<std::uint64_t>(rest.data() + length - kFrameTrailerBytes);
      chain_.follow(mended, trailer);
      at += length;
      totals_.add(mended, trailer, at);
    }
  }

  // Makes a frame follow the one before it.
  void tie(MutableBytes rest, std::uint64_t at) {
    auto header = load_as<FrameHeader>(rest.data());
    const std::uint64_t length = frame_end(at, header.table_bytes, header.body_bytes) - at;
    if (header.table_bytes % kTableEntryBytes != 0 || length > rest.size()) { return; }
    header.first_position = chain_.next.value();
    header.previous = chain_.trailer;
    header.epoch = std::max(header.epoch, chain_.epoch);
    if (header.recorded_ns <= chain_.recorded_ns && chain_.recorded_ns < INT64_MAX) {
      header.recorded_ns = chain_.recorded_ns + 1;
    }
    const MutableBytes table = rest.subspan(kFrameHeaderBytes, header.table_bytes);
    const MutableBytes body = rest.subspan(kFrameHeaderBytes + header.table_bytes, header.body_bytes);
    if (const auto view = BodyView::open(header, table, body, false)) {
      for (std::uint32_t i = 0; i < view->stream_count(); ++i) {
        const std::uint64_t count = versions_[std::string(view->stream_name(i))];
        store_as(table.data() + kTableEntryBytes * i, count + 1);
      }
      EventRecord record;
      std::uint32_t event = view->events_begin();
      for (std::uint32_t i = 0; i < header.event_count; ++i) {
        const auto after = view->event_at(event, false, record);
        if (!after) { break; }
        ++versions_[std::string(view->stream_name(record.stream))];
        event = *after;
      }
    }
    header.zero_parts = count_zero_parts(at, rest.first(length));
    store_as(rest.data(), header);
  }

  void mend_footer(std::uint64_t number, MutableBytes sector) {
    if (mending_.identity) {
      set(sector, offsetof(SegmentFooter, log_id), log_id_);
      set(sector, offsetof(SegmentFooter, number), number);
    }
    if (mending_.chain && mending_.frames) {
      set(sector, offsetof(SegmentFooter, end), totals_.end);
      set(sector, offsetof(SegmentFooter, frame_count), totals_.frames);
      set(sector, offsetof(SegmentFooter, event_count), totals_.events);
      set(sector, offsetof(SegmentFooter, next_position), totals_.next_position);
      set(sector, offsetof(SegmentFooter, digest), totals_.digest);
      set(sector, offsetof(SegmentFooter, previous_digest), totals_.previous_digest);
      set(sector, offsetof(SegmentFooter, last_trailer), totals_.last_trailer);
    }
    if (mending_.blocks) { mend_block(sector, kFooterMagic); }
  }

  Archive& archive_;
  const Mending mending_;
  FileId store_id_{};
  FileId log_id_{};
  std::uint64_t base_ = 0;
  FrameChain chain_;
  SegmentTotals totals_;
  std::map<std::string, std::uint64_t> versions_;
};

}  // namespace

std::vector<std::size_t> find_frames(Bytes segment) {
  std::vector<std::size_t> frames;
  for (std::size_t at = kSegmentHeaderBytes; at + kFrameHeaderBytes + kSegmentFooterBytes <= segment.size();
       at += kFrameAlignment) {
    if (load_as<std::uint32_t>(segment.data() + at) == kFrameMagic) { frames.push_back(at); }
  }
  return frames;
}

std::uint64_t mend_frame(std::span<std::byte> bytes, const FramePlace& place) {
  auto header = load_as<FrameHeader>(bytes.data());
  const std::uint64_t length = frame_end(place.offset, header.table_bytes, header.body_bytes) - place.offset;
  const bool fits = length <= bytes.size();
  if (fits) {
    const MutableBytes table = bytes.subspan(kFrameHeaderBytes, header.table_bytes);
    const MutableBytes body = bytes.subspan(kFrameHeaderBytes + header.table_bytes, header.body_bytes);
    mend_body(header, table, body);
    header.table_check = low_hash(table);
  }
  header.checksum = frame_header_checksum(header, place);
  store_as(bytes.data(), header);
  if (!fits) { return 0; }
  const std::uint64_t content = kFrameHeaderBytes + header.table_bytes + header.body_bytes;
  std::ranges::fill(bytes.subspan(content, length - kFrameTrailerBytes - content), std::byte{0});
  store_as(bytes.data() + length - kFrameTrailerBytes, right_trailer(bytes.first(length), header));
  return length;
}

void mend_run(std::span<std::byte> bytes) {
  index::RunHeader header{};
  if (bytes.size() < sizeof header) { return; }
  std::memcpy(&header, bytes.data(), sizeof header);
  const index::RunSection windows = header.section(index::SectionName::kWindows);
  const std::uint64_t count = (windows.offset + index::kWindowBytes - 1) / index::kWindowBytes;
  const bool fits = windows.offset >= sizeof header && windows.offset <= bytes.size() &&
                    windows.size == count * sizeof(std::uint64_t) && windows.size <= bytes.size() - windows.offset;
  if (fits) {
    for (std::uint64_t n = 0; n < count; ++n) {
      const std::uint64_t begin = std::max<std::uint64_t>(n * index::kWindowBytes, sizeof header);
      const std::uint64_t end = std::min((n + 1) * index::kWindowBytes, windows.offset);
      const std::uint64_t sum = platform::xxh3_64(bytes.subspan(begin, end - begin));
      std::memcpy(bytes.data() + windows.offset + n * sizeof sum, &sum, sizeof sum);
    }
    header.windows_checksum = platform::xxh3_64(bytes.subspan(windows.offset, windows.size));
  }
  index::seal_run_header(header);
  std::memcpy(bytes.data(), &header, sizeof header);
}

void mend(Archive& archive, const Mending& mending) { FolderMender(archive, mending).run(); }

}  // namespace tidemark::fuzz
