// SPDX-License-Identifier: Apache-2.0
#include "engine/log/log_writer.h"

#include <algorithm>
#include <array>
#include <utility>

#include "platform/io.h"

namespace tidemark::engine {

namespace {

constexpr std::uint64_t kPageBytes = 4096;
constexpr std::array<std::byte, kPageBytes> kZeroPage{};

}  // namespace

void SegmentTotals::add(const FrameHeader& header, std::uint64_t trailer, std::uint64_t frame_end_offset) {
  if (frames == 0) {
    first_position = Position(header.first_position);
    first_recorded_ns = header.recorded_ns;
  }
  end = frame_end_offset;
  ++frames;
  events += header.event_count;
  digest = frame_digest(digest, header.checksum, trailer);
  next_position = Position(header.first_position + header.event_count);
  last_recorded_ns = header.recorded_ns;
  last_trailer = static_cast<std::uint32_t>(trailer);
}

SegmentTotals SegmentTotals::next() const {
  SegmentTotals following;
  following.previous_digest = digest;
  following.first_position = next_position;
  following.next_position = next_position;
  following.last_trailer = last_trailer;
  return following;
}

LogWriter::LogWriter(PreparedSegment active, SegmentTotals totals) : active_(std::move(active)), totals_(totals) {}

// The file was opened under a temporary name.
Status LogWriter::named(Status failed) const {
  return std::unexpected(
      std::move(failed.error()).with_path(active_.segment->path()).with_segment(active_.segment->number()));
}

Status LogWriter::append(std::span<const std::span<const std::byte>> frames) {
  const std::uint64_t begin = totals_.end;
  std::uint64_t end = begin;
  for (const auto frame : frames) { end += frame.size(); }
  const std::uint64_t page_end = std::min(round_up(end, kPageBytes), active_.segment->size() - kSegmentFooterBytes);
  std::vector<std::span<const std::byte>> parts(frames.begin(), frames.end());
  if (page_end > end) { parts.push_back(std::span(kZeroPage).first(page_end - end)); }
  if (auto written = platform::write_all(*active_.file, parts, begin); !written) { return named(std::move(written)); }
  std::uint64_t at = begin;
  for (const auto frame : frames) {
    at += frame.size();
    totals_.add(load_as<FrameHeader>(frame.data()),
                load_as<std::uint64_t>(frame.data() + frame.size() - kFrameTrailerBytes), at);
  }
  return {};
}

Status LogWriter::roll(PreparedSegment next, Offset durable, std::uint32_t epoch) {
  SegmentFooter footer{};
  footer.log_id = active_.segment->log_id();
  footer.number = active_.segment->number().value();
  footer.end = totals_.end;
  footer.frame_count = totals_.frames;
  footer.event_count = totals_.events;
  footer.first_position = totals_.first_position.value();
  footer.next_position = totals_.next_position.value();
  footer.first_recorded_ns = totals_.first_recorded_ns;
  footer.last_recorded_ns = totals_.last_recorded_ns;
  footer.digest = totals_.digest;
  footer.previous_digest = totals_.previous_digest;
  footer.durable = durable.value();
  footer.epoch = epoch;
  footer.last_trailer = totals_.last_trailer;
  const std::uint64_t at = active_.segment->size() - kSegmentFooterBytes;
  if (auto written = platform::write_all(*active_.file, encode_segment_footer(footer), at); !written) {
    return named(std::move(written));
  }
  if (auto synced = active_.file->datasync(); !synced) { return named(std::move(synced)); }
  const std::scoped_lock lock(mutex_);
  active_ = std::move(next);
  totals_ = totals_.next();
  return {};
}

std::shared_ptr<platform::File> LogWriter::active_file() const {
  const std::scoped_lock lock(mutex_);
  return active_.file;
}

}  // namespace tidemark::engine
