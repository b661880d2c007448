// SPDX-License-Identifier: Apache-2.0
// Goal: verify finds a store whole, or names each place where it is not, with segment, offset, positions and streams,
// and reports nothing else. Method: one kind of damage at a time, in each place where it can be, to a store of several
// segments; every single byte of one segment in turn.
#include "engine/recovery/verify.h"

#include <algorithm>
#include <cerrno>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <set>

#include "tests/engine/recovery/sample_store.h"

namespace tidemark::engine {
namespace {

using namespace test;

std::string show(const VerifyReport& report) {
  std::string text;
  for (const Damage& damage : report.damages) {
    text += damage.file.filename().string() + " offset " +
            (damage.offset ? std::to_string(damage.offset->value()) : "none") + " bytes " +
            std::to_string(damage.bytes) + " positions " +
            (damage.first_position ? std::to_string(damage.first_position->value()) : "none") + " to " +
            (damage.last_position ? std::to_string(damage.last_position->value()) : "none") + ": " + damage.what + "\n";
  }
  return text;
}

// The streams that the events at these positions belong to.
std::vector<std::string> streams_at(std::uint64_t first, std::uint64_t last) {
  std::set<std::string> names;
  for (std::uint64_t i = first; i <= last; ++i) { names.insert("stream-" + std::to_string(i % 5)); }
  return {names.begin(), names.end()};
}

TEST(Verify, AWholeStore) {
  SampleStore store;
  ASSERT_GE(store.segments, 5U);
  ASSERT_EQ(store.frames.size(), SampleStore::kEvents);
  const auto before = store.snapshot();
  const auto calls = store.writing_calls();
  std::vector<std::uint64_t> told;
  const auto report = must(verify_store(store.folder, store.environment(), [&](std::uint64_t done, std::uint64_t all) {
    EXPECT_LE(done, all);
    told.push_back(done);
  }));
  EXPECT_TRUE(report.whole()) << show(report);
  EXPECT_EQ(report.segments, store.segments);
  EXPECT_EQ(report.frames, SampleStore::kEvents);
  EXPECT_EQ(report.events, SampleStore::kEvents);
  EXPECT_EQ(report.durable, Position(SampleStore::kEvents));
  EXPECT_EQ(report.bytes, store.segments * 4096);
  EXPECT_EQ(report.bytes_pending, 0U);
  EXPECT_TRUE(std::ranges::is_sorted(told));
  EXPECT_EQ(told.back(), report.bytes);
  EXPECT_EQ(store.snapshot(), before);
  EXPECT_EQ(store.writing_calls(), calls);
}

TEST(Verify, AnUncleanStoreIsWhole) {
  SampleStore store(false);
  const auto report = store.verify();
  EXPECT_TRUE(report.whole()) << show(report);
  EXPECT_EQ(report.events, SampleStore::kEvents);
}

TEST(Verify, AnEmptyStoreIsWhole) {
  World world;
  { Store store = world.open(); }
  const auto report = must(verify_store(world.folder, world.environment(), {}));
  EXPECT_TRUE(report.whole()) << show(report);
  EXPECT_EQ(report.events, 0U);
}

TEST(Verify, BesideAWriter) {
  World world;
  Store store = world.open(tiny_segments());
  for (int i = 0; i < 20; ++i) {
    must(append(store, "a", std::string(400, 'x'), Expect::any(),
                {.durability = i % 2 == 0 ? Durability::kDurable : Durability::kBuffered}));
    const auto report = must(verify_store(world.folder, world.environment(), {}));
    ASSERT_TRUE(report.whole()) << show(report);
    ASSERT_EQ(report.events, static_cast<std::uint64_t>(i) + 1);
  }
}

TEST(Verify, ADamagedFrameInEachSegment) {
  for (std::uint64_t number = 1; number <= SampleStore().segments; ++number) {
    for (const bool header : {false, true}) {
      SampleStore store;
      const auto frames = store.in_segment(number);
      const FrameAt hit = frames.at(frames.size() / 2);
      store.flip(store.segment(number), hit.begin + (header ? 30 : 100));
      const auto report = store.verify();
      ASSERT_EQ(report.damages.size(), 1U) << show(report);
      const Damage& damage = report.damages[0];
      EXPECT_EQ(damage.file, store.segment(number));
      EXPECT_EQ(damage.segment, SegmentNumber(number));
      EXPECT_EQ(damage.offset, Offset(hit.begin));
      EXPECT_EQ(damage.bytes, hit.end - hit.begin) << show(report);
      EXPECT_EQ(damage.first_position, Position(hit.header.first_position)) << show(report);
      // How many events the last frame of all held, its header alone could tell.
      const bool untold = header && hit.header.first_position + 1 == SampleStore::kEvents;
      EXPECT_EQ(damage.last_position, untold ? std::nullopt : std::optional(Position(hit.header.first_position)))
          << show(report);
      // The stream is known only if it goes on after the damage.
      if (hit.header.first_position + 5 < SampleStore::kEvents) {
        EXPECT_EQ(damage.streams, streams_at(hit.header.first_position, hit.header.first_position)) << show(report);
      }
      EXPECT_EQ(report.frames, SampleStore::kEvents - 1);
      EXPECT_EQ(report.events, SampleStore::kEvents - 1);
    }
  }
}

TEST(Verify, TwoDamagesAreTwo) {
  SampleStore store;
  const FrameAt& one = store.frames[3];
  const FrameAt& two = store.frames[20];
  store.flip(store.segment(one.segment), one.begin + 90);
  store.flip(store.segment(two.segment), two.begin + 90);
  const auto report = store.verify();
  ASSERT_EQ(report.damages.size(), 2U) << show(report);
  EXPECT_EQ(report.damages[0].first_position, Position(3));
  EXPECT_EQ(report.damages[0].streams, streams_at(3, 3));
  EXPECT_EQ(report.damages[1].first_position, Position(20));
  EXPECT_EQ(report.damages[1].streams, streams_at(20, 20));
}

TEST(Verify, TheLastFrameOfASegment) {
  SampleStore store;
  const FrameAt last = store.in_segment(2).back();
  store.flip(store.segment(2), last.begin + 100);
  const auto report = store.verify();
  ASSERT_EQ(report.damages.size(), 1U) << show(report);
  EXPECT_EQ(report.damages[0].offset, Offset(last.begin));
  EXPECT_EQ(report.damages[0].first_position, Position(last.header.first_position));
  EXPECT_EQ(report.damages[0].last_position, Position(last.header.first_position));
  EXPECT_EQ(report.damages[0].streams, streams_at(last.header.first_position, last.header.first_position));
}

TEST(Verify, TheLastFrameOfAll) {
  SampleStore store;
  const FrameAt last = store.frames.back();
  store.flip(store.segment(last.segment), last.begin + 100);
  const auto report = store.verify();
  ASSERT_EQ(report.damages.size(), 1U) << show(report);
  EXPECT_EQ(report.damages[0].segment, SegmentNumber(last.segment));
  EXPECT_EQ(report.damages[0].offset, Offset(last.begin));
  EXPECT_EQ(report.damages[0].first_position, Position(last.header.first_position));
}

TEST(Verify, AMissingMiddleSegment) {
  SampleStore store;
  const auto frames = store.in_segment(3);
  store.files.remove(store.segment(3));
  const auto report = store.verify();
  ASSERT_EQ(report.damages.size(), 1U) << show(report);
  const Damage& damage = report.damages[0];
  EXPECT_EQ(damage.file, store.segment(3));
  EXPECT_EQ(damage.segment, SegmentNumber(3));
  EXPECT_EQ(damage.first_position, Position(frames.front().header.first_position));
  EXPECT_EQ(damage.last_position, Position(frames.back().header.first_position));
  EXPECT_THAT(damage.streams, testing::UnorderedElementsAreArray(
                                  streams_at(damage.first_position->value(), damage.last_position->value())));
  EXPECT_EQ(report.events, SampleStore::kEvents - frames.size());
}

TEST(Verify, AMissingFirstSegment) {
  SampleStore store;
  const auto frames = store.in_segment(1);
  store.files.remove(store.segment(1));
  const auto report = store.verify();
  ASSERT_EQ(report.damages.size(), 1U) << show(report);
  EXPECT_EQ(report.damages[0].segment, SegmentNumber(1));
  EXPECT_EQ(report.damages[0].first_position, Position(0));
  EXPECT_EQ(report.damages[0].last_position, Position(frames.back().header.first_position));
  EXPECT_EQ(report.events, SampleStore::kEvents - frames.size());
}

TEST(Verify, AMissingLastSegment) {
  SampleStore store;
  const auto frames = store.in_segment(store.segments);
  store.files.remove(store.segment(store.segments));
  const auto report = store.verify();
  ASSERT_EQ(report.damages.size(), 1U) << show(report);
  EXPECT_EQ(report.damages[0].segment, SegmentNumber(store.segments));
  EXPECT_EQ(report.damages[0].first_position, Position(frames.front().header.first_position));
  EXPECT_EQ(report.events, SampleStore::kEvents - frames.size());
}

TEST(Verify, TwoMissingSegmentsInARow) {
  SampleStore store;
  store.files.remove(store.segment(2));
  store.files.remove(store.segment(3));
  const auto report = store.verify();
  ASSERT_GE(report.damages.size(), 1U);
  EXPECT_EQ(report.damages[0].segment, SegmentNumber(2));
  EXPECT_EQ(report.damages[0].first_position, Position(store.in_segment(2).front().header.first_position));
  EXPECT_EQ(report.damages.back().last_position, Position(store.in_segment(3).back().header.first_position));
  // Nothing is said of the segments that are there.
  for (const Damage& damage : report.damages) { EXPECT_LE(damage.segment->value(), 3U) << show(report); }
}

// It once went on for ever.
TEST(Verify, AMissingLastSegmentBeforeASpare) {
  SampleStore store;
  store.files.set_contents(store.segment(store.segments + 1), store.contents(store.segment(store.segments)));
  store.files.remove(store.segment(store.segments));
  const auto report = store.verify();
  ASSERT_GE(report.damages.size(), 1U) << show(report);
  EXPECT_EQ(report.damages[0].segment, SegmentNumber(store.segments));
}

TEST(Verify, ADamagedSegmentHeader) {
  for (const std::uint64_t number : {1U, 3U}) {
    SampleStore store;
    store.flip(store.segment(number), 40);
    const auto report = store.verify();
    ASSERT_EQ(report.damages.size(), 1U) << show(report);
    EXPECT_EQ(report.damages[0].file, store.segment(number));
    EXPECT_EQ(report.damages[0].segment, SegmentNumber(number));
    EXPECT_EQ(report.damages[0].offset, Offset(0));
  }
}

TEST(Verify, ExchangedSegments) {
  SampleStore store;
  const auto two = store.contents(store.segment(2));
  const auto three = store.contents(store.segment(3));
  store.files.set_contents(store.segment(2), three);
  store.files.set_contents(store.segment(3), two);
  const auto report = store.verify();
  ASSERT_FALSE(report.whole());
  std::set<std::uint64_t> named;
  for (const Damage& damage : report.damages) { named.insert(damage.segment->value()); }
  EXPECT_TRUE(named.contains(2)) << show(report);
  EXPECT_LE(*named.rbegin(), 3U) << show(report);
  const auto names_events = [&](const Damage& damage) {
    return damage.segment == SegmentNumber(2) &&
           damage.first_position == Position(store.in_segment(2).front().header.first_position);
  };
  EXPECT_TRUE(std::ranges::any_of(report.damages, names_events)) << show(report);
}

TEST(Verify, AFileCutShort) {
  SampleStore store;
  const FrameAt hit = store.in_segment(2).at(3);
  store.cut(store.segment(2), hit.begin + 20);
  const auto report = store.verify();
  ASSERT_GE(report.damages.size(), 1U);
  const auto names_cut = [&](const Damage& damage) {
    return damage.segment == SegmentNumber(2) && damage.offset == Offset(hit.begin + 20);
  };
  EXPECT_TRUE(std::ranges::any_of(report.damages, names_cut)) << show(report);
  const auto names_events = [&](const Damage& damage) {
    return damage.segment == SegmentNumber(2) && damage.first_position == Position(hit.header.first_position) &&
           damage.last_position == Position(store.in_segment(2).back().header.first_position);
  };
  EXPECT_TRUE(std::ranges::any_of(report.damages, names_events)) << show(report);
  for (const Damage& damage : report.damages) { EXPECT_EQ(damage.segment, SegmentNumber(2)) << show(report); }
}

TEST(Verify, ADamagedFooter) {
  SampleStore store;
  store.flip(store.segment(2), 4096 - 512 + 60);
  const auto report = store.verify();
  ASSERT_EQ(report.damages.size(), 1U) << show(report);
  EXPECT_EQ(report.damages[0].segment, SegmentNumber(2));
  EXPECT_EQ(report.events, SampleStore::kEvents) << show(report);
}

TEST(Verify, BytesInUnusedSpace) {
  SampleStore store;
  const auto end = store.in_segment(2).back().end;
  ASSERT_LT(end + 20, 4096U - 512);
  store.flip(store.segment(2), end + 16);
  const auto report = store.verify();
  ASSERT_EQ(report.damages.size(), 1U) << show(report);
  EXPECT_EQ(report.damages[0].segment, SegmentNumber(2));
  EXPECT_EQ(report.damages[0].offset, Offset(end + 16));
  EXPECT_EQ(report.events, SampleStore::kEvents);
}

TEST(Verify, ALostSuperblock) {
  for (const auto name : kSuperblockNames) {
    for (const bool missing : {false, true}) {
      SampleStore store;
      if (missing) {
        store.files.remove(store.folder / name);
      } else {
        store.flip(store.folder / name, 100);
      }
      const auto report = store.verify();
      ASSERT_EQ(report.damages.size(), 1U) << show(report);
      EXPECT_EQ(report.damages[0].file, store.folder / name);
      EXPECT_EQ(report.events, SampleStore::kEvents);
    }
  }
}

// The segments still tell which log it was, and its frames what was in it.
TEST(Verify, BothSuperblocksGone) {
  for (const bool missing : {false, true}) {
    SampleStore store;
    for (const auto name : kSuperblockNames) {
      if (missing) {
        store.files.remove(store.folder / name);
      } else {
        store.flip(store.folder / name, 100);
      }
    }
    const auto report = store.verify();
    ASSERT_EQ(report.damages.size(), 1U) << show(report);
    EXPECT_EQ(report.events, SampleStore::kEvents);
  }
}

TEST(Verify, NothingTellsWhatItWas) {
  SampleStore store;
  for (const auto name : kSuperblockNames) { store.flip(store.folder / name, 100); }
  for (std::uint64_t number = 1; number <= store.segments + 1; ++number) {
    if (store.files.contents(store.segment(number))) { store.flip(store.segment(number), 60); }
  }
  EXPECT_TRUE(fails_with(verify_store(store.folder, store.environment(), {}), ErrorCode::kDamaged));
}

// The header alone: what it said is told by its neighbours, and the frames are all there.
TEST(Verify, ASegmentsHeaderHidesNoEvents) {
  for (const std::uint64_t number : {1U, 2U, 3U}) {
    SampleStore store;
    store.flip(store.segment(number), 60);
    const auto report = store.verify();
    ASSERT_EQ(report.damages.size(), 1U) << show(report);
    EXPECT_EQ(report.damages[0].segment, SegmentNumber(number));
    EXPECT_EQ(report.events, SampleStore::kEvents) << show(report);
  }
}

// What the medium does not give back is named, and what follows it is read.
TEST(Verify, UnreadableSectors) {
  SampleStore store;
  store.files.set_fault_rule([&](const platform::SeamCall& call) -> std::optional<platform::SeamFault> {
    const bool hit = call.kind == platform::SeamCall::Kind::kPread && call.path == store.segment(2).native();
    return hit ? std::optional(platform::SeamFault{.error = EIO}) : std::nullopt;
  });
  const auto report = store.verify();
  const auto unreadable = [&](const Damage& damage) {
    return damage.segment == SegmentNumber(2) && damage.offset == Offset(0) && damage.bytes == 4096;
  };
  EXPECT_TRUE(std::ranges::any_of(report.damages, unreadable)) << show(report);
  EXPECT_EQ(report.events, SampleStore::kEvents - store.in_segment(2).size()) << show(report);
}

TEST(Verify, ADamagedSpare) {
  SampleStore store;
  store.files.set_contents(store.segment(store.segments + 1), std::vector<std::byte>(4096, std::byte{7}));
  const auto report = store.verify();
  ASSERT_EQ(report.damages.size(), 1U) << show(report);
  EXPECT_EQ(report.damages[0].segment, SegmentNumber(store.segments + 1));
  EXPECT_EQ(report.events, SampleStore::kEvents);
}

TEST(Verify, ATornTailIsPendingAndNotDamage) {
  World world;
  Store store = world.open();
  must(append(store, "a", "1"));
  world.files.set_fault_rule([](const platform::SeamCall& call) -> std::optional<platform::SeamFault> {
    if (call.kind == World::Kind::kPwritev) { return platform::SeamFault{.error = EIO, .only = 900}; }
    return std::nullopt;
  });
  (void)append(store, "a", std::string(2000, 'x'));
  (void)store.close();
  world.files.set_fault_rule({});
  const auto report = must(verify_store(world.folder, world.environment(), {}));
  EXPECT_TRUE(report.whole()) << show(report);
  EXPECT_GT(report.bytes_pending, 0U);
  EXPECT_LE(report.bytes_pending, 900U);
  EXPECT_EQ(report.events, 1U);
}

TEST(Verify, NoStore) {
  World world;
  EXPECT_TRUE(fails_with(verify_store(world.folder, world.environment(), {}), ErrorCode::kNotFound));
  world.files.set_contents(world.folder / "note", as_bytes("x"));
  EXPECT_TRUE(fails_with(verify_store(world.folder, world.environment(), {}), ErrorCode::kNotAStore));
}

// Whatever single byte of a segment in the middle is changed, verify says so, names that segment, and blames no other.
TEST(Verify, EverySingleByteOfASegment) {
  SampleStore store;
  const auto path = store.segment(2);
  const auto good = store.contents(path);
  for (std::uint64_t at = 0; at < good.size(); ++at) {
    auto bad = good;
    bad[at] ^= std::byte{0x10};
    store.files.set_contents(path, bad);
    const auto report = store.verify();
    ASSERT_FALSE(report.whole()) << "byte " << at;
    for (const Damage& damage : report.damages) {
      ASSERT_EQ(damage.segment, SegmentNumber(2)) << "byte " << at << "\n" << show(report);
      ASSERT_TRUE(damage.offset);
      // A damage starts at what is hit: the frame, the header, the footer, the byte.
      ASSERT_LE(damage.offset->value(), at) << show(report);
    }
  }
}

// Two stores' files mixed: a segment of another log is not taken for this one's.
TEST(Verify, ASegmentOfAnotherStore) {
  SampleStore store;
  SampleStore other;
  store.files.set_contents(store.segment(2), other.contents(other.segment(2)));
  // Both worlds draw the same random ids: make the other log another.
  auto bytes = other.contents(other.segment(2));
  auto header = load_as<SegmentHeader>(bytes.data());
  header.log_id[0] ^= std::byte{1};
  std::ranges::copy(encode_segment_header(header), bytes.begin());
  store.files.set_contents(store.segment(2), bytes);
  const auto report = store.verify();
  ASSERT_FALSE(report.whole());
  EXPECT_EQ(report.damages[0].segment, SegmentNumber(2));
}

}  // namespace
}  // namespace tidemark::engine
