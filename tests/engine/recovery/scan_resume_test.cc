// SPDX-License-Identifier: Apache-2.0
// Goal: a scan that starts at an edge between frames finds the same facts as one of the whole log and is shown exactly
// what is after the edge; it reads nothing before it; if what the edge rests on is gone, that is damage. Method: small
// stores of many shapes and with many ends, every one of their edges taken as a start.
#include <algorithm>
#include <cerrno>
#include <functional>
#include <gtest/gtest.h>

#include "tests/engine/recovery/resume_support.h"

namespace tidemark::engine {
namespace {

using namespace test;

void put_back(World& world, const std::vector<std::pair<std::string, std::vector<std::byte>>>& files) {
  for (const auto& [path, bytes] : files) { world.files.set_contents(path, bytes); }
}

void change(World& world, std::uint64_t segment, const std::function<void(std::span<std::byte>)>& how) {
  auto bytes = world.contents(world.segment(segment));
  how(bytes);
  world.files.set_contents(world.segment(segment), bytes);
}

TEST(ScanResume, AStoreOfSeveralSegments) {
  SampleStore closed;
  EXPECT_EQ(expect_the_same_from_every_edge(closed).edges.size(), SampleStore::kEvents);
  SampleStore killed(false);
  const Scan whole = expect_the_same_from_every_edge(killed);
  EXPECT_EQ(whole.facts.frames_in_doubt, 1U);
  // That the last frame is durable too only the index knows.
  EXPECT_EQ(scan_from(killed, whole.edges.back()).facts.frames_in_doubt, 0U);
}

TEST(ScanResume, OneFrameASegment) {
  World world;
  Store store = world.open(tiny_segments());
  for (int i = 0; i < 6; ++i) { must(append(store, "a", std::string(2500, 'x'))); }
  must(store.close());
  const Scan whole = expect_the_same_from_every_edge(world);
  EXPECT_EQ(whole.facts.segments.size(), 6U);
}

TEST(ScanResume, ASegmentWithoutFrames) {
  World world;
  Store store = world.open(tiny_segments());
  must(append(store, "a", std::string(9000, 'x')));
  for (int i = 0; i < 20; ++i) { must(append(store, "a", std::string(i % 7 == 5 ? 7000 : 500, 'y'))); }
  must(store.close());
  const Scan whole = expect_the_same_from_every_edge(world);
  EXPECT_EQ(whole.shown.front().segment, 2U);
}

TEST(ScanResume, BatchesInSeveralEpochs) {
  World world;
  for (int epoch = 0; epoch < 4; ++epoch) {
    Store store = world.open(tiny_segments());
    for (int i = 0; i < 7; ++i) {
      std::vector<NewEvent> events;
      const std::string data(static_cast<std::size_t>(20 + 61 * i), 'x');
      for (int k = 0; k <= i % 4; ++k) { events.push_back(event("T", data)); }
      const auto durability = i % 3 == 1 ? Durability::kBuffered : Durability::kDurable;
      must(store.append("s" + std::to_string(i % 3), Expect::any(), events, {.durability = durability}));
    }
    if (epoch % 2 == 0) {
      must(store.close());
    } else {
      world.files.kill_process();
      (void)store.close();
    }
    const Scan whole = expect_the_same_from_every_edge(world);
    EXPECT_EQ(whole.facts.epoch, static_cast<std::uint32_t>(epoch + 1));
  }
}

TEST(ScanResume, ASpareAndLeftovers) {
  SampleStore store;
  SegmentHeader header{};
  header.log_id = superblock_of(store).log_id;
  header.number = store.segments + 1;
  header.base = store.segments * 4096;
  header.size = 4096;
  std::vector<std::byte> spare(4096);
  std::ranges::copy(encode_segment_header(header), spare.begin());
  store.files.set_contents(store.segment(store.segments + 1), spare);
  store.files.set_contents(store.folder / "super-a.tmp", as_bytes("half"));
  const Scan whole = expect_the_same_from_every_edge(store);
  EXPECT_NE(whole.facts.spare, nullptr);
  EXPECT_EQ(whole.facts.leftovers.size(), 1U);
  spare[1000] = std::byte{1};
  store.files.set_contents(store.segment(store.segments + 1), spare);
  EXPECT_EQ(expect_the_same_from_every_edge(store).facts.leftovers.size(), 2U);
}

// The ends of a log whose last two frames are in doubt, by verdict.
TEST(ScanResume, EveryKindOfEnd) {
  World world;
  Store store = world.open();
  const AppendOptions buffered{.durability = Durability::kBuffered};
  for (int i = 0; i < 5; ++i) { must(append(store, "a", "durable")); }
  must(append(store, "a", std::string(1500, 'x'), Expect::any(), buffered));
  must(append(store, "a", std::string(1500, 'y'), Expect::any(), buffered));
  world.files.kill_process();
  (void)store.close();
  const auto frames = frames_of(world);
  ASSERT_EQ(frames.size(), 7U);
  const auto whole = world.snapshot();
  const FrameAt& last = frames.back();
  const auto zeros = [](std::uint64_t begin, std::uint64_t end) {
    return [=](std::span<std::byte> bytes) { std::ranges::fill(bytes.subspan(begin, end - begin), std::byte{0}); };
  };
  struct Case {
    std::string name;
    std::function<void(std::span<std::byte>)> how;
    Verdict verdict;
    std::size_t frames;
  };
  const std::vector<Case> cases = {
      {"whole", [](std::span<std::byte>) {}, Verdict::kCleanEnd, 7},
      {"zeros", zeros(last.begin, last.end), Verdict::kCleanEnd, 6},
      {"no header", zeros(last.begin, round_up(last.begin + 1, 512)), Verdict::kTornTail, 6},
      {"cut off", zeros(last.begin + 1000, last.end), Verdict::kTornTail, 6},
      {"no middle", zeros(round_up(last.begin + 64, 512), round_up(last.begin + 64, 512) + 512), Verdict::kTornTail, 6},
      {"a torn one before a whole one", zeros(frames[5].begin, round_up(frames[5].begin + 1, 512)), Verdict::kTornTail,
       5},
      {"suspect", [&](std::span<std::byte> bytes) { bytes[last.begin + 300] ^= std::byte{1}; }, Verdict::kSuspect, 6},
      {"damaged", [&](std::span<std::byte> bytes) { bytes[frames[2].begin + 70] ^= std::byte{1}; }, Verdict::kDamaged,
       2},
  };
  for (const Case& one : cases) {
    SCOPED_TRACE(one.name);
    put_back(world, whole);
    change(world, 1, one.how);
    const Scan got = expect_the_same_from_every_edge(world);
    EXPECT_EQ(judge(got.facts.tail), one.verdict);
    EXPECT_EQ(got.edges.size(), one.frames);
  }
}

TEST(ScanResume, DamageAfterTheStart) {
  SampleStore store;
  const auto whole = store.snapshot();
  for (const FrameAt& hit : store.frames) {
    if (hit.header.first_position == 0) { continue; }
    put_back(store, whole);
    store.flip(store.segment(hit.segment), hit.begin + 70);
    const Scan got = expect_the_same_from_every_edge(store);
    EXPECT_EQ(judge(got.facts.tail), Verdict::kDamaged);
    EXPECT_EQ(got.facts.end.position, Position(hit.header.first_position));
  }
  for (std::uint64_t number = 1; number < store.segments; ++number) {
    put_back(store, whole);
    store.flip(store.segment(number), 4096 - 512 + 33);  // the footer
    EXPECT_EQ(judge(expect_the_same_from_every_edge(store).facts.tail), Verdict::kDamaged);
    put_back(store, whole);
    store.files.remove(store.segment(number + 1));
    EXPECT_EQ(judge(expect_the_same_from_every_edge(store).facts.tail), Verdict::kDamaged);
  }
}

// Nothing before the start is read but the header of its segment and the last frame's trailer: the rest may be gone,
// and the medium may not give it back.
TEST(ScanResume, NothingBeforeTheStartIsRead) {
  SampleStore store;
  const auto files = store.snapshot();
  const Scan whole = scan(store);
  for (std::size_t n = 0; n < whole.edges.size(); ++n) {
    put_back(store, files);
    const ResumePoint& start = whole.edges[n];
    for (std::uint64_t number = 1; number < start.segment.value(); ++number) {
      store.zero(store.segment(number), 0, 4096);
    }
    store.zero(store.segment(start.segment.value()), kSegmentHeaderBytes, start.totals.end - kFrameTrailerBytes);
    std::uint64_t reads = 0;
    store.files.set_fault_rule([&](const platform::SeamCall& call) -> std::optional<platform::SeamFault> {
      const auto name = std::filesystem::path(call.path).filename().string();
      const auto number = parse_segment_file_name(name);
      if (call.kind != World::Kind::kPread || !number || *number > start.segment) { return std::nullopt; }
      ++reads;
      const bool is_header = call.offset + call.length <= kSegmentHeaderBytes;
      const bool is_after = call.offset >= start.totals.end - kFrameTrailerBytes;
      return *number == start.segment && (is_header || is_after) ? std::nullopt
                                                                 : std::optional(platform::SeamFault{.error = EIO});
    });
    expect_from_edge(scan_from(store, start), whole, n);
    EXPECT_GE(reads, 2U);
    store.files.set_fault_rule({});
    EXPECT_TRUE(scan(store).shown.empty());
  }
}

// Whatever a superblock knows: what the index tells of was acknowledged.
TEST(ScanResume, ALogCutBeforeTheStart) {
  SampleStore store;
  const auto files = store.snapshot();
  const Scan whole = scan(store);
  for (std::size_t cut = 0; cut < store.frames.size(); ++cut) {
    put_back(store, files);
    const FrameAt& first_gone = store.frames[cut];
    store.zero(store.segment(first_gone.segment), first_gone.begin, 4096);
    for (std::uint64_t number = first_gone.segment + 1; number <= store.segments; ++number) {
      store.files.remove(store.segment(number));
    }
    EXPECT_NE(judge(scan(store, {}, false).facts.tail), Verdict::kDamaged);
    for (std::size_t n = cut; n < whole.edges.size(); ++n) {
      const Scan got = scan_from(store, whole.edges[n], false);
      expect_damage(got);
      EXPECT_TRUE(got.shown.empty());
    }
  }
}

// A segment that is missing, or of another size, moves the start from where it belongs. What else is wrong with one
// before it shows when it is read.
TEST(ScanResume, ASegmentBeforeTheStartIsMissingOrWrong) {
  SampleStore store;
  const auto files = store.snapshot();
  const Scan whole = scan(store);
  for (std::uint64_t number = 1; number <= store.segments; ++number) {
    for (const int how : {0, 1, 2, 3}) {
      put_back(store, files);
      switch (how) {
        case 0:
          store.files.remove(store.segment(number));
          break;
        case 1:
          store.flip(store.segment(number), 33);
          break;
        case 2:
          store.cut(store.segment(number), 4095);
          break;
        default:
          store.files.set_contents(store.segment(number), store.contents(store.segment(number == 1 ? 2 : 1)));
      }
      for (const ResumePoint& edge : whole.edges) {
        if (edge.segment.value() < number) { continue; }
        for (const bool knows : {false, true}) {
          const Scan got = scan_from(store, edge, knows);
          if (const bool is_looked_at = how == 0 || how == 2 || edge.segment.value() == number; !is_looked_at) {
            const auto& shown = whole.shown;
            const auto n = &edge - whole.edges.data();
            EXPECT_EQ(got.shown, std::vector(shown.begin() + n + 1, shown.end()));
            continue;
          }
          expect_damage(got);
          EXPECT_TRUE(got.shown.empty());
          const std::uint64_t met = how == 2 ? edge.segment.value() : number;
          EXPECT_EQ(got.facts.segments.size(), met - 1);
          EXPECT_EQ(got.facts.what,
                    "segment " + std::to_string(met) +
                        (how == 0 ? " is missing" : " has no readable header, or is not the one that belongs here"));
        }
      }
    }
  }
}

// A living writer: what was not there at the first look is there at the second.
TEST(ScanResume, BesideALivingWriter) {
  SampleStore store;
  const Scan whole = scan(store);
  const auto files = store.snapshot();
  const FrameAt& late = store.frames.back();
  const auto late_path = store.segment(late.segment);
  const auto late_bytes = store.contents(late_path);
  for (std::size_t n = 0; n + 1 < whole.edges.size(); ++n) {
    // The last frame arrives after its segment was read once.
    store.zero(late_path, late.begin, late.end);
    int reads = 0;
    store.files.set_fault_rule([&](const platform::SeamCall& call) -> std::optional<platform::SeamFault> {
      if (call.kind == World::Kind::kPread && call.path == late_path && call.offset + call.length > late.begin) {
        if (++reads == 2) { store.files.set_contents(late_path, late_bytes); }
      }
      return std::nullopt;
    });
    expect_from_edge(scan_from(store, whole.edges[n]), whole, n);
    EXPECT_EQ(reads, 2);
    store.files.set_fault_rule({});
  }
  // The segment that the start lies in got its name after the folder was listed.
  for (std::size_t n = 0; n < whole.edges.size(); ++n) {
    const auto path = store.segment(whole.edges[n].segment.value());
    if (whole.edges[n].segment == SegmentNumber(1)) { continue; }
    store.files.remove(path);
    int looks = 0;
    store.files.set_fault_rule([&](const platform::SeamCall& call) -> std::optional<platform::SeamFault> {
      if (call.kind == World::Kind::kList && ++looks == 2) { put_back(store, files); }
      return std::nullopt;
    });
    expect_from_edge(scan_from(store, whole.edges[n]), whole, n);
    store.files.set_fault_rule({});
  }
}

TEST(ScanResume, AMediumThatDoesNotReadIsAnError) {
  SampleStore store;
  const Scan whole = scan(store);
  const ResumePoint& start = whole.edges.back();
  store.files.set_fault_rule([&](const platform::SeamCall& call) -> std::optional<platform::SeamFault> {
    if (call.kind == World::Kind::kPread && call.path == store.segment(start.segment.value())) {
      return platform::SeamFault{.error = EIO};
    }
    return std::nullopt;
  });
  const auto visit = [](const ScannedFrame&) { return true; };
  const auto got = scan_log(store.files, store.folder, superblock_of(store), visit, {.start = start});
  ASSERT_TRUE(fails_with(got, ErrorCode::kIo));
  EXPECT_EQ(got.error().segment(), start.segment);
  const auto zeros = must(scan_log(store.files, store.folder, superblock_of(store), visit,
                                   {.unreadable = Unreadable::kZeros, .start = start}));
  EXPECT_EQ(judge(zeros.tail), Verdict::kDamaged);
}

}  // namespace
}  // namespace tidemark::engine
