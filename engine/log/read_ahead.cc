// SPDX-License-Identifier: Apache-2.0
#include "engine/log/read_ahead.h"

#include <algorithm>

#include "platform/prefetch.h"

namespace tidemark::engine {

namespace {

// An event up to this size is asked for whole; the processor itself goes on from there in a larger one.
constexpr std::uint64_t kEventBytes = 320;

void prefetch(Bytes bytes, std::uint64_t offset, std::uint64_t length) {
  if (offset < bytes.size()) { platform::prefetch(bytes.data() + offset, std::min(length, bytes.size() - offset)); }
}

}  // namespace

void ReadAhead::look(const SegmentList& segments, std::span<const index::Place> places) {
  const auto all = std::span(ahead_).first(places.size());
  looked_ = all.size();
  const Segment* segment = nullptr;
  for (std::size_t i = 0; i < all.size(); ++i) {
    const Offset frame(places[i].frame);
    all[i] = {};
    if (places[i].is_nowhere()) { continue; }
    if (segment == nullptr || frame < segment->base() || frame >= segment->end()) {
      segment = find_segment(segments, frame);
    }
    if (segment == nullptr || segment->mapped().empty()) { continue; }
    all[i].segment = segment;
    all[i].frame = frame - segment->base();
    segment->prefetch_known(all[i].frame, places[i].offset);
  }
  for (Ahead& one : all) {
    if (one.segment == nullptr) { continue; }
    one.known = one.segment->known_frames().likely(one.frame);
    if (one.known != nullptr) { platform::prefetch(reinterpret_cast<const std::byte*>(one.known), sizeof *one.known); }
  }
  for (std::size_t i = 0; i < all.size(); ++i) {
    Ahead& one = all[i];
    if (one.segment == nullptr) { continue; }
    if (one.known != nullptr && one.known->offset() != one.frame) { one.known = nullptr; }
    if (one.known == nullptr) {
      // A small frame: header, names and event lie side by side, or not far away.
      prefetch(one.segment->mapped(), one.frame, kEventBytes);
      prefetch(one.segment->mapped(), one.frame + kFrameHeaderBytes + kTableEntryBytes + places[i].offset, kEventBytes);
      continue;
    }
    if (places[i].offset >= one.known->body().body().size()) { continue; }
    one.agreed = one.segment->has_agreed(one.frame, places[i].offset);
    prefetch(one.known->body().body(), places[i].offset, kEventBytes);
  }
  // Whose stream and version are still to be held against the index: what says them.
  for (std::size_t i = 0; i < all.size(); ++i) {
    Ahead& one = all[i];
    one.stream = one.known != nullptr && !one.agreed ? one.known->body().stream_at(places[i].offset) : std::nullopt;
    if (one.stream) { one.known->body().prefetch_stream(*one.stream); }
  }
  for (const Ahead& one : all) {
    if (one.stream) { one.known->body().prefetch_stream_name(*one.stream); }
  }
}

}  // namespace tidemark::engine
