// SPDX-License-Identifier: Apache-2.0
#pragma once

// Scans from an edge between frames: every edge of a log, and what is to be found from it.

#include <algorithm>
#include <gtest/gtest.h>
#include <string>
#include <vector>

#include "engine/recovery/scan.h"
#include "tests/engine/recovery/sample_store.h"

namespace tidemark::test {

// What a visitor was shown of a frame.
struct Shown {
  std::uint64_t segment;
  std::uint64_t offset;
  std::uint64_t first_position;
  std::uint32_t events;

  friend bool operator==(const Shown&, const Shown&) = default;
};

struct Scan {
  engine::ScanFacts facts;
  std::vector<Shown> shown;
  std::vector<engine::ResumePoint> edges;  // after each; of a scan without a start
};

// The last superblock; or one that knows next to nothing, so that frames alone tell what is durable.
inline engine::Superblock superblock_of(const World& world, bool knows = true) {
  engine::Superblock newest{};
  for (const auto name : engine::kSuperblockNames) {
    engine::Superblock one{};
    EXPECT_EQ(engine::decode_superblock(world.contents(world.folder / name), one), engine::BlockState::kGood);
    if (one.generation >= newest.generation) { newest = one; }
  }
  if (knows) { return newest; }
  newest.state = engine::StoreState::kRunning;
  newest.durable_end = engine::kSegmentHeaderBytes;
  newest.highest_segment = 1;
  return newest;
}

inline Scan scan(World& world, const engine::ScanOptions& options = {}, bool superblock_knows = true) {
  Scan scan;
  engine::ResumePoint at;
  const auto visit = [&](const engine::ScannedFrame& frame) {
    const engine::FrameHeader& header = frame.header;
    scan.shown.push_back({frame.segment.number().value(), frame.offset, header.first_position, header.event_count});
    if (options.start) { return true; }
    for (auto number = std::max<std::uint64_t>(at.segment.value(), 1); number < frame.segment.number().value();
         ++number) {
      at.totals = at.totals.next();
    }
    const auto bytes = world.contents(frame.segment.path());
    const std::uint64_t end = engine::frame_end(frame.offset, header.table_bytes, header.body_bytes);
    at.totals.add(header, engine::load_as<std::uint64_t>(bytes.data() + end - engine::kFrameTrailerBytes), end);
    at.segment = frame.segment.number();
    at.point = {Offset(frame.segment.base().value() + end), at.totals.next_position};
    at.recorded_ns = header.recorded_ns;
    at.epoch = header.epoch;
    scan.edges.push_back(at);
    return true;
  };
  scan.facts =
      must(engine::scan_log(world.files, world.folder, superblock_of(world, superblock_knows), visit, options));
  return scan;
}

inline Scan scan_from(World& world, const engine::ResumePoint& start, bool superblock_knows = true) {
  return scan(world, {.start = start}, superblock_knows);
}

inline bool same_segment(const std::shared_ptr<engine::Segment>& a, const std::shared_ptr<engine::Segment>& b) {
  if (!a || !b) { return a == b; }
  return a->number() == b->number() && a->base() == b->base() && a->size() == b->size() && a->path() == b->path() &&
         a->log_id() == b->log_id();
}

inline bool same_tail(const engine::TailFacts& a, const engine::TailFacts& b) {
  return a.below_watermark == b.below_watermark && a.only_zeros == b.only_zeros && a.header_zero == b.header_zero &&
         a.parts_missing == b.parts_missing && a.zero_to_end == b.zero_to_end;
}

// Every fact but those on how many frames were read.
inline void expect_same_log(const engine::ScanFacts& facts, const engine::ScanFacts& whole) {
  EXPECT_TRUE(std::ranges::equal(facts.segments, whole.segments, same_segment));
  EXPECT_TRUE(same_segment(facts.spare, whole.spare));
  EXPECT_EQ(facts.leftovers, whole.leftovers);
  EXPECT_EQ(facts.end, whole.end);
  EXPECT_EQ(facts.watermark, whole.watermark);
  EXPECT_EQ(facts.durable, whole.durable);
  EXPECT_TRUE(same_tail(facts.tail, whole.tail));
  EXPECT_EQ(facts.what, whole.what);
  EXPECT_EQ(facts.totals, whole.totals);
  EXPECT_EQ(facts.bad_bytes, whole.bad_bytes);
  EXPECT_EQ(facts.nonzero_bytes, whole.nonzero_bytes);
  EXPECT_EQ(facts.epoch, whole.epoch);
  EXPECT_EQ(facts.recorded_ns, whole.recorded_ns);
  EXPECT_EQ(facts.resumes_at, whole.resumes_at);
}

// What a scan from the n-th edge finds: what the whole one did, and that all before it is durable.
inline void expect_from_edge(const Scan& got, const Scan& whole, std::size_t n) {
  const engine::ResumePoint& start = whole.edges.at(n);
  SCOPED_TRACE("edge " + std::to_string(n) + " at " + std::to_string(start.point.offset.value()));
  engine::ScanFacts expected = whole.facts;
  expected.watermark = std::max(expected.watermark, start.point.offset);
  if (expected.durable.offset < start.point.offset) { expected.durable = start.point; }
  expect_same_log(got.facts, expected);
  EXPECT_EQ(got.facts.frames, whole.edges.size() - n - 1);
  const auto in_doubt = std::ranges::count_if(
      whole.edges, [&](const engine::ResumePoint& edge) { return edge.point.offset > expected.watermark; });
  EXPECT_EQ(got.facts.frames_in_doubt, static_cast<std::uint64_t>(in_doubt));
  EXPECT_EQ(got.shown, std::vector(whole.shown.begin() + static_cast<std::ptrdiff_t>(n) + 1, whole.shown.end()));
}

// From every edge up to which the log is whole. Gives what the whole scan found.
inline Scan expect_the_same_from_every_edge(World& world) {
  for (const bool knows : {false, true}) {
    const Scan whole = scan(world, {}, knows);
    EXPECT_FALSE(whole.edges.empty());
    for (std::size_t n = 0; n < whole.edges.size(); ++n) {
      expect_from_edge(scan_from(world, whole.edges[n], knows), whole, n);
    }
  }
  return scan(world);
}

inline void expect_damage(const Scan& got) {
  EXPECT_EQ(engine::judge(got.facts.tail), engine::Verdict::kDamaged);
  EXPECT_FALSE(got.facts.what.empty());
  // The error can be told, and names a place that there is.
  const Error error = engine::tail_error(got.facts, engine::Verdict::kDamaged);
  EXPECT_EQ(error.segment().has_value(), !got.facts.segments.empty());
  if (error.segment()) {
    EXPECT_LT(error.offset()->value(), got.facts.segments.at(error.segment()->value() - 1)->size());
  }
}

// The start is refused, and nothing was read.
inline void expect_refused(const Scan& got) {
  expect_damage(got);
  EXPECT_EQ(got.facts.what, "the index does not belong to this log");
  EXPECT_TRUE(got.shown.empty());
  EXPECT_EQ(got.facts.frames, 0U);
  EXPECT_EQ(got.facts.end, (engine::LogPoint{Offset(engine::kSegmentHeaderBytes), Position(0)}));
  EXPECT_EQ(got.facts.durable, got.facts.end);
}

}  // namespace tidemark::test
