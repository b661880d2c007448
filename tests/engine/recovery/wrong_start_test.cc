// SPDX-License-Identifier: Apache-2.0
// Goal: a start that is no edge of the log is damage, or does no harm; never a crash. Method: every edge of a small
// store with one field changed, or with some made to fit each other; edges of another log.
#include <functional>
#include <gtest/gtest.h>
#include <limits>
#include <type_traits>
#include <utility>

#include "tests/engine/recovery/resume_support.h"

namespace tidemark::engine {
namespace {

using namespace test;

using Mutation = std::function<void(ResumePoint&)>;

// Each number changed by a little and by a lot.
template <class Number>
void add_mutations(std::vector<Mutation>& all, const std::function<void(ResumePoint&, Number (*)(Number))>& apply) {
  static constexpr Number (*kChanges[])(Number) = {
      [](Number) { return Number{0}; },
      [](Number) { return Number{1}; },
      [](Number) { return std::numeric_limits<Number>::max(); },
      [](Number) { return std::numeric_limits<Number>::min(); },
      [](Number n) { return static_cast<Number>(n ^ Number{1}); },
      [](Number n) { return static_cast<Number>(n ^ Number{8}); },
      [](Number n) { return static_cast<Number>(n ^ Number{64}); },
      [](Number n) { return static_cast<Number>(n ^ Number{512}); },
      [](Number n) { return static_cast<Number>(n ^ Number{4096}); },
      [](Number n) { return static_cast<Number>(n ^ (Number{1} << (sizeof(Number) * 8 - 2))); },
      [](Number n) { return static_cast<Number>(~n); },
  };
  for (const auto change : kChanges) {
    all.emplace_back([=](ResumePoint& point) { apply(point, change); });
  }
}

template <class Field>
void add_typed(std::vector<Mutation>& all, Field field) {
  add_mutations<std::uint64_t>(all, [=](ResumePoint& point, std::uint64_t (*change)(std::uint64_t)) {
    auto& value = field(point);
    value = std::remove_reference_t<decltype(value)>(change(value.value()));
  });
}

template <class Field>
void add_plain(std::vector<Mutation>& all, Field field) {
  using Number = std::remove_reference_t<decltype(field(std::declval<ResumePoint&>()))>;
  add_mutations<Number>(all,
                        [=](ResumePoint& point, Number (*change)(Number)) { field(point) = change(field(point)); });
}

// Fields that the segment or the rest of the start tell of.
std::vector<Mutation> mutations_that_are_noticed() {
  std::vector<Mutation> all;
  add_typed(all, [](ResumePoint& point) -> Offset& { return point.point.offset; });
  add_typed(all, [](ResumePoint& point) -> Position& { return point.point.position; });
  add_typed(all, [](ResumePoint& point) -> Position& { return point.totals.first_position; });
  add_typed(all, [](ResumePoint& point) -> Position& { return point.totals.next_position; });
  add_plain(all, [](ResumePoint& point) -> std::uint64_t& { return point.totals.end; });
  add_plain(all, [](ResumePoint& point) -> std::uint64_t& { return point.totals.events; });
  add_plain(all, [](ResumePoint& point) -> std::int64_t& { return point.totals.last_recorded_ns; });
  add_plain(all, [](ResumePoint& point) -> std::uint32_t& { return point.totals.last_trailer; });
  add_plain(all, [](ResumePoint& point) -> std::int64_t& { return point.recorded_ns; });
  return all;
}

// Fields that only what comes after the start contradicts, if anything does.
std::vector<Mutation> other_mutations() {
  std::vector<Mutation> all;
  add_plain(all, [](ResumePoint& point) -> std::uint64_t& { return point.totals.frames; });
  add_plain(all, [](ResumePoint& point) -> std::uint64_t& { return point.totals.digest; });
  add_plain(all, [](ResumePoint& point) -> std::uint64_t& { return point.totals.previous_digest; });
  add_plain(all, [](ResumePoint& point) -> std::int64_t& { return point.totals.first_recorded_ns; });
  add_plain(all, [](ResumePoint& point) -> std::uint32_t& { return point.epoch; });
  return all;
}

TEST(WrongStart, AStartThatIsNoEdge) {
  SampleStore store;
  const Scan whole = scan(store);
  const auto mutations = mutations_that_are_noticed();
  EXPECT_GT(mutations.size(), 90U);
  for (const ResumePoint& edge : whole.edges) {
    for (const Mutation& mutate : mutations) {
      ResumePoint start = edge;
      mutate(start);
      if (start == edge) { continue; }
      expect_refused(scan_from(store, start));
      expect_refused(scan_from(store, start, false));
    }
  }
}

TEST(WrongStart, AStartThatContradictsItself) {
  SampleStore store;
  const Scan whole = scan(store);
  const std::vector<Mutation> mutations = {
      [](ResumePoint& point) { point.totals.frames = 0; },
      [](ResumePoint& point) { point.totals.frames = point.totals.events + 1; },
      [](ResumePoint& point) { point.totals.first_recorded_ns = point.totals.last_recorded_ns + 1; },
      // More events than there are positions before the edge; the sums fit if they go round.
      [](ResumePoint& point) {
        point.totals.first_position = Position(UINT64_MAX);
        point.totals.events = point.point.position.value() + 1;
      },
  };
  for (const ResumePoint& edge : whole.edges) {
    for (const Mutation& mutate : mutations) {
      ResumePoint start = edge;
      mutate(start);
      expect_refused(scan_from(store, start));
    }
  }
  // Nothing is before the first segment.
  ResumePoint first = whole.edges.front();
  first.totals.previous_digest = 1;
  expect_refused(scan_from(store, first));
}

TEST(WrongStart, AStartInAnotherSegment) {
  SampleStore store;
  const Scan whole = scan(store);
  for (const ResumePoint& edge : whole.edges) {
    for (const std::uint64_t number : {0U, 1U, 2U, 3U, 4U, 5U}) {
      ResumePoint start = edge;
      start.segment = SegmentNumber(number);
      if (start != edge) { expect_refused(scan_from(store, start)); }
    }
    for (const std::uint64_t number : {store.segments + 1, std::uint64_t{1} << 40U, UINT64_MAX}) {
      ResumePoint start = edge;
      start.segment = SegmentNumber(number);
      const Scan got = scan_from(store, start);
      expect_damage(got);
      EXPECT_TRUE(got.shown.empty());
      EXPECT_EQ(got.facts.what, "segment " + std::to_string(store.segments + 1) + " is missing");
    }
  }
}

// Moved within the segment, with place and trailer made to fit: what comes there does not follow.
TEST(WrongStart, AStartThatFitsItselfAlone) {
  SampleStore store;
  const Scan whole = scan(store);
  for (const ResumePoint& edge : whole.edges) {
    const auto bytes = store.contents(store.segment(edge.segment.value()));
    const std::uint64_t base = edge.point.offset.value() - edge.totals.end;
    for (std::uint64_t end = kFrameTrailerBytes; end <= bytes.size(); end += kFrameAlignment / 2) {
      // At the log's end stands a trailer, and nothing after it that could object.
      if (end == edge.totals.end || Offset(base + end) == whole.facts.end.offset) { continue; }
      ResumePoint start = edge;
      start.totals.end = end;
      start.totals.last_trailer = load_as<std::uint32_t>(bytes.data() + end - kFrameTrailerBytes);
      start.point.offset = Offset(base + end);
      const Scan got = scan_from(store, start);
      expect_damage(got);
      EXPECT_TRUE(got.shown.empty());
      // Where no frame can end nothing is looked for.
      const bool is_outside = end <= kSegmentHeaderBytes || end > bytes.size() - kSegmentFooterBytes;
      if (is_outside || end % kFrameAlignment != 0) { expect_refused(got); }
    }
  }
}

// The frame after it was recorded before, or by an earlier writer.
TEST(WrongStart, AStartThatIsLaterThanWhatFollows) {
  SampleStore store;
  const Scan whole = scan(store);
  for (std::size_t n = 0; n + 1 < whole.edges.size(); ++n) {
    ResumePoint late = whole.edges[n];
    late.recorded_ns = late.totals.last_recorded_ns = whole.edges[n + 1].recorded_ns;
    ResumePoint newer = whole.edges[n];
    ++newer.epoch;
    for (const ResumePoint& start : {late, newer}) {
      const Scan got = scan_from(store, start);
      expect_damage(got);
      EXPECT_TRUE(got.shown.empty());
      EXPECT_EQ(got.facts.end.position, start.point.position);
    }
  }
}

TEST(WrongStart, NoSingleFieldMakesAScanGoWrong) {
  SampleStore store;
  const Scan whole = scan(store);
  std::size_t accepted = 0;
  for (std::size_t n = 0; n < whole.edges.size(); ++n) {
    const ResumePoint& edge = whole.edges[n];
    for (const Mutation& mutate : other_mutations()) {
      ResumePoint start = edge;
      mutate(start);
      if (start == edge) { continue; }
      const Scan got = scan_from(store, start);
      if (judge(got.facts.tail) == Verdict::kDamaged) {
        expect_damage(got);
        continue;
      }
      ++accepted;
      // A footer would have told; but not of the first recorded time, nor of epochs.
      const bool is_last = edge.segment.value() == store.segments;
      EXPECT_TRUE(is_last || start.totals.first_recorded_ns != edge.totals.first_recorded_ns ||
                  start.epoch < edge.epoch);
      EXPECT_EQ(got.facts.end, whole.facts.end);
      EXPECT_EQ(got.shown.size(), whole.edges.size() - n - 1);
    }
  }
  EXPECT_GT(accepted, 0U);
}

// An edge of another log with frames of the same lengths at the same places.
TEST(WrongStart, AnEdgeOfAnotherLog) {
  const auto fill = [](World& world, char with) {
    Store store = world.open(tiny_segments());
    for (std::size_t i = 0; i < 20; ++i) { must(append(store, "a", std::string(300 + i * 13, with))); }
    must(store.close());
  };
  World one;
  World two;
  fill(one, 'x');
  fill(two, 'y');
  const Scan of_one = scan(one);
  const Scan of_two = scan(two);
  ASSERT_EQ(of_one.shown, of_two.shown);
  for (const ResumePoint& edge : of_one.edges) { expect_refused(scan_from(two, edge)); }
}

}  // namespace
}  // namespace tidemark::engine
