// SPDX-License-Identifier: Apache-2.0
// Goal: a segment file is there whole or not at all; a full disk leaves nothing behind; the spare is handed over once
// and only for the plan that was asked for. Method: faults and crashes at every call of the making.
#include "engine/log/segment_maker.h"

#include <algorithm>
#include <cerrno>
#include <gtest/gtest.h>
#include <latch>
#include <stop_token>

#include "engine/format/segment.h"
#include "platform/io.h"
#include "tests/engine/format/sample_frame.h"

namespace tidemark::engine {
namespace {

using namespace test;
using platform::SeamCall;
using platform::SeamFault;

const SegmentPlan kPlan{SegmentNumber(3), Offset(8192), 16384};

struct Making : World {
  explicit Making(bool zeroed = true) : maker(environment(), folder, some_log_id(), zeroed) {
    must(files.make_folder(folder));
    must(files.sync_folder("/"));
    must(files.sync_folder(folder.parent_path()));
  }
  SegmentMaker maker;

  // A whole, empty segment after the plan.
  void expect_whole() const {
    const auto bytes = contents(segment(3));
    ASSERT_EQ(bytes.size(), kPlan.size);
    SegmentHeader header{};
    ASSERT_EQ(decode_segment_header(std::span(bytes).first(kSegmentHeaderBytes), header), BlockState::kGood);
    EXPECT_EQ(header.log_id, some_log_id());
    EXPECT_EQ(header.number, 3U);
    EXPECT_EQ(header.base, 8192U);
    EXPECT_EQ(header.size, kPlan.size);
    EXPECT_TRUE(all_zero(std::span(bytes).subspan(kSegmentHeaderBytes)));
  }
};

TEST(SegmentMaker, MakesAWholeFile) {
  for (const bool zeroed : {false, true}) {
    Making making(zeroed);
    const auto made = must(making.maker.make(kPlan));
    EXPECT_EQ(made.segment->number(), SegmentNumber(3));
    EXPECT_EQ(made.segment->base(), Offset(8192));
    EXPECT_EQ(made.segment->end(), Offset(8192 + 16384));
    EXPECT_EQ(made.segment->path(), making.segment(3));
    EXPECT_EQ(making.files.calls(SeamCall::Kind::kWriteZeros), zeroed ? 1U : 0U);
    EXPECT_EQ(making.files.files().size(), 1U);
    making.expect_whole();
    making.files.power_off();
    making.files.power_on(1, 0.0);
    making.expect_whole();
  }
}

TEST(SegmentMaker, ReplacesWhatALeftoverOrAnOldSpareLeft) {
  Making making;
  making.files.set_contents(making.segment(3), as_bytes("an old spare"));
  making.files.set_contents(making.segment(3).string() + ".tmp", as_bytes("half"));
  (void)must(making.maker.make(kPlan));
  making.expect_whole();
  EXPECT_EQ(making.files.files().size(), 1U);
}

TEST(SegmentMaker, ACrashAtAnyCallLeavesATemporaryFileOrAWholeSegment) {
  for (const double keep : {0.0, 0.3, 1.0}) {
    for (std::uint64_t at = 1;; ++at) {
      Making making;
      const std::uint64_t start = making.files.calls();
      making.files.set_fault_rule([&](const SeamCall& call) -> std::optional<SeamFault> {
        if (call.number == start + at) { making.files.power_off(); }
        return std::nullopt;
      });
      const bool done = making.maker.make(kPlan).has_value();
      making.files.set_fault_rule({});
      if (done) { break; }
      making.files.power_on(at * 13, keep);
      for (const auto& path : making.files.files()) {
        if (path.extension() == kTemporarySuffix) { continue; }
        EXPECT_EQ(path, making.segment(3));
        making.expect_whole();
      }
      (void)must(making.maker.make(kPlan));
      making.expect_whole();
    }
  }
}

// Every call fails once: the error comes out, and no file stays that takes up space.
TEST(SegmentMaker, AnErrorAtAnyCallLeavesNoFile) {
  for (const int error : {ENOSPC, EIO}) {
    for (std::uint64_t at = 1;; ++at) {
      Making making;
      const std::uint64_t start = making.files.calls();
      SeamCall::Kind kind{};
      making.files.set_fault_rule([&](const SeamCall& call) -> std::optional<SeamFault> {
        if (call.number != start + at) { return std::nullopt; }
        kind = call.kind;
        return SeamFault{.error = error};
      });
      const auto made = making.maker.make(kPlan);
      making.files.set_fault_rule({});
      if (made) { break; }
      EXPECT_EQ(made.error().code(), error == ENOSPC ? ErrorCode::kNoSpace : ErrorCode::kIo);
      EXPECT_EQ(made.error().system_error(), error);
      EXPECT_TRUE(making.files.files().empty()) << "after a failed " << to_string(kind);
    }
  }
}

TEST(SegmentMaker, AFullDisk) {
  Making making;
  making.files.set_capacity(10'000);
  EXPECT_TRUE(fails_with(making.maker.make(kPlan), ErrorCode::kNoSpace));
  EXPECT_TRUE(making.files.files().empty());
  making.files.set_capacity(20'000);
  EXPECT_TRUE(ok(making.maker.make(kPlan)));
}

TEST(SpareSegment, WithoutAThreadIsMadeWhenAsked) {
  Making making;
  int ready = 0;
  SpareSegment spare(making.maker, false, [&] { ++ready; });
  EXPECT_TRUE(spare.take(kPlan).pending());
  spare.make_now();  // nothing is wanted
  EXPECT_TRUE(making.files.files().empty());
  spare.want(kPlan);
  EXPECT_TRUE(spare.take(kPlan).pending());
  spare.make_now();
  EXPECT_EQ(ready, 1);
  const SegmentPlan other{SegmentNumber(4), Offset(0), 4096};
  EXPECT_TRUE(spare.take(other).pending());
  EXPECT_TRUE(spare.take(kPlan).segment);
  EXPECT_TRUE(spare.take(kPlan).pending());  // handed over once
}

TEST(SpareSegment, AnErrorIsToldAndTheNextWishTriesAgain) {
  Making making;
  SpareSegment spare(making.maker, false, [] {});
  making.files.set_capacity(100);
  spare.want(kPlan);
  spare.make_now();
  const auto failed = spare.take(kPlan);
  ASSERT_TRUE(failed.error);
  EXPECT_EQ(failed.error->code(), ErrorCode::kNoSpace);
  making.files.set_capacity(100'000);
  spare.want(kPlan);
  spare.make_now();
  EXPECT_TRUE(spare.take(kPlan).segment);
}

TEST(SpareSegment, WithAThreadIsMadeByItself) {
  Making making;
  std::latch ready(1);
  SpareSegment spare(making.maker, true, [&] { ready.count_down(); });
  spare.want(kPlan);
  ready.wait();
  EXPECT_TRUE(spare.take(kPlan).segment);
  making.expect_whole();
}

// A store finds the spare of the one before. It is looked through when somebody is about to need it.
struct Found : Making {
  explicit Found(std::size_t garbage_at = 0) {
    PreparedSegment made = must(maker.make(kPlan));
    if (garbage_at > 0) { flip(segment(3), garbage_at); }
    made_before = files.calls(SeamCall::Kind::kAllocate);
    spare.put(kPlan, std::move(made));
  }
  [[nodiscard]] std::uint64_t made() const { return files.calls(SeamCall::Kind::kAllocate) - made_before; }
  [[nodiscard]] std::uint64_t reads() const { return files.calls(SeamCall::Kind::kPread); }

  SpareSegment spare{maker, false, [] {}};
  std::uint64_t made_before = 0;
};

TEST(SpareSegment, OneThatWasFoundIsLookedThroughOnceItIsWanted) {
  Found found;
  EXPECT_TRUE(found.spare.take(kPlan).pending());
  found.spare.make_now();  // nothing is wanted
  EXPECT_EQ(found.reads(), 0U);
  found.spare.want(kPlan);
  EXPECT_EQ(found.reads(), 0U);
  found.spare.make_now();
  EXPECT_GT(found.reads(), 0U);
  EXPECT_TRUE(found.spare.take(kPlan).segment);
  EXPECT_EQ(found.made(), 0U);
  found.expect_whole();
}

TEST(SpareSegment, OneThatWasFoundAndIsNotBlankIsMadeAnew) {
  for (const std::uint64_t at : {kSegmentHeaderBytes, kPlan.size / 2, kPlan.size - 1}) {
    Found found(at);
    found.files.set_capacity(kPlan.size);  // there is no room for two
    found.spare.want(kPlan);
    found.spare.make_now();
    const auto segment = found.spare.take(kPlan).segment;
    ASSERT_TRUE(segment) << at;
    EXPECT_EQ(found.made(), 1U);
    found.expect_whole();
    // What is handed over is the new one.
    must(platform::write_all(*segment->file, as_bytes("x"), kSegmentHeaderBytes));
    EXPECT_NE(found.contents(found.segment(3))[kSegmentHeaderBytes], std::byte{0});
  }
}

TEST(SpareSegment, OneThatWasFoundAndCannotBeReadOrIsShortIsMadeAnew) {
  Found unread;
  unread.files.set_fault_rule([](const SeamCall& call) -> std::optional<SeamFault> {
    return call.kind == SeamCall::Kind::kPread ? std::optional(SeamFault{.error = EIO}) : std::nullopt;
  });
  unread.spare.want(kPlan);
  unread.spare.make_now();
  EXPECT_TRUE(unread.spare.take(kPlan).segment);
  EXPECT_EQ(unread.made(), 1U);
  Found cut;
  cut.files.set_contents(cut.segment(3), std::vector<std::byte>(kPlan.size - 1));
  cut.spare.want(kPlan);
  cut.spare.make_now();
  EXPECT_TRUE(cut.spare.take(kPlan).segment);
  EXPECT_EQ(cut.made(), 1U);
  cut.expect_whole();
}

TEST(SpareSegment, OneThatWasFoundWithAnotherPlanIsNotUsed) {
  Found found;
  SegmentPlan larger = kPlan;
  larger.size *= 2;
  found.spare.want(larger);
  found.spare.make_now();
  EXPECT_TRUE(found.spare.take(kPlan).pending());
  EXPECT_EQ(found.spare.take(larger).segment->segment->size(), larger.size);
  EXPECT_EQ(found.made(), 1U);
  EXPECT_EQ(found.reads(), 0U);
}

// Closing a store does not wait until a large segment was read.
TEST(SpareSegment, AStopEndsTheLookThrough) {
  Making making;
  const SegmentPlan large{SegmentNumber(3), Offset(8192), std::uint64_t{8} << 20U};
  const auto made = must(making.maker.make(large));
  std::stop_source stop;
  int reads = 0;
  making.files.set_fault_rule([&](const SeamCall& call) -> std::optional<SeamFault> {
    if (call.kind == SeamCall::Kind::kPread && ++reads == 2) { stop.request_stop(); }
    return std::nullopt;
  });
  EXPECT_TRUE(fails_with(SegmentMaker::is_blank(made, stop.get_token()), ErrorCode::kClosed));
  EXPECT_EQ(reads, 2);
  EXPECT_TRUE(must(SegmentMaker::is_blank(made, {})));
}

}  // namespace
}  // namespace tidemark::engine
