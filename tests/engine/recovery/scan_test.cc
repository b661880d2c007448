// SPDX-License-Identifier: Apache-2.0
// Goal: opening finds what a log is, whatever became of its files: it cuts what is torn, refuses what is damaged and
// says where, takes away what nobody needs, and never touches a store that it refuses. Method: a store of several
// segments, with one thing done to its files at a time; each opening for reading too.
#include "engine/recovery/scan.h"

#include <algorithm>
#include <cerrno>
#include <functional>
#include <gtest/gtest.h>

#include "tests/engine/recovery/sample_store.h"

namespace tidemark::engine {
namespace {

using namespace test;

Result<ScanFacts> scan(SampleStore& store) {
  const auto loaded = must(load_superblocks(store.files, store.folder));
  return scan_log(store.files, store.folder, loaded->newest, [](const ScannedFrame&) { return true; });
}

// Opening for writing refuses a damaged store, changes nothing, and says from where on it is damaged; a reader shows
// what comes before, and then the error.
void expect_damaged(SampleStore& store, std::uint64_t events_before) {
  const auto before = store.snapshot();
  const auto refused = store.try_open(tiny_segments());
  ASSERT_TRUE(fails_with(refused, ErrorCode::kDamaged));
  EXPECT_NE(refused.error().message().find("position " + std::to_string(events_before)), std::string::npos)
      << to_string(refused.error());
  EXPECT_TRUE(fails_with(store.try_open({.accept_suspect_tail = true}), ErrorCode::kDamaged));
  EXPECT_EQ(store.snapshot(), before);

  Store reader = store.open({.read_only = true});
  EXPECT_EQ(reader.recovery().kind, RecoveryKind::kDamaged);
  Cursor cursor = reader.read(Query::all());
  Lines got;
  while (const Event* e = cursor.next()) { got.push_back(lines_of({OwnedEvent(*e)})[0]); }
  EXPECT_EQ(got, Lines(store.events.begin(), store.events.begin() + static_cast<std::ptrdiff_t>(events_before)));
  EXPECT_TRUE(fails_with(cursor.status(), ErrorCode::kDamaged));
  // The end cannot be read backward from, for it is not known.
  Cursor backward = reader.read(Query::all(), {.direction = Direction::kBackward});
  EXPECT_EQ(backward.next(), nullptr);
  EXPECT_TRUE(fails_with(backward.status(), ErrorCode::kDamaged));
  EXPECT_TRUE(fails_with(reader.streams(), ErrorCode::kDamaged));
  EXPECT_TRUE(fails_with(reader.event_by_id(EventId::from_name("none")), ErrorCode::kDamaged));
  EXPECT_EQ(store.snapshot(), before);
}

void expect_whole(SampleStore& store, std::uint64_t events) {
  Store opened = store.open(tiny_segments());
  EXPECT_EQ(lines(opened), Lines(store.events.begin(), store.events.begin() + static_cast<std::ptrdiff_t>(events)));
  EXPECT_EQ(must(append(opened, "stream-0", "more")).first, Position(events));
  must(opened.close());
  const auto report = store.verify();
  EXPECT_TRUE(report.whole()) << (report.damages.empty() ? "" : report.damages[0].what);
}

TEST(Scan, FactsOfAWholeStore) {
  SampleStore store;
  const auto facts = must(scan(store));
  EXPECT_EQ(facts.segments.size(), store.segments);
  EXPECT_EQ(facts.frames, SampleStore::kEvents);
  EXPECT_EQ(facts.frames_in_doubt, 0U);
  EXPECT_EQ(facts.end.position, Position(SampleStore::kEvents));
  EXPECT_EQ(facts.end.offset, Offset((store.segments - 1) * 4096 + store.frames.back().end));
  EXPECT_EQ(facts.watermark, facts.end.offset);
  EXPECT_EQ(facts.durable, facts.end);
  EXPECT_EQ(facts.bad_bytes, 0U);
  EXPECT_EQ(facts.epoch, 1U);
  EXPECT_EQ(facts.recorded_ns, store.frames.back().header.recorded_ns);
  EXPECT_EQ(facts.spare, nullptr);
  EXPECT_TRUE(facts.leftovers.empty());
  EXPECT_TRUE(facts.what.empty());
  EXPECT_EQ(judge(facts.tail), Verdict::kCleanEnd);
}

TEST(Scan, FramesPastTheWatermarkAreInDoubt) {
  SampleStore store(false);
  const auto facts = must(scan(store));
  EXPECT_EQ(facts.frames, SampleStore::kEvents);
  EXPECT_EQ(facts.frames_in_doubt, 1U);  // each frame tells that the one before it is durable
  EXPECT_EQ(facts.durable.position, Position(SampleStore::kEvents - 1));
  expect_whole(store, SampleStore::kEvents);
}

TEST(Scan, ADamagedFrameInEverySegment) {
  const std::uint64_t segments = SampleStore().segments;
  for (std::uint64_t number = 1; number <= segments; ++number) {
    SampleStore store;
    const FrameAt hit = store.in_segment(number).at(1);
    store.flip(store.segment(number), hit.begin + 100);
    const auto refused = store.try_open();
    ASSERT_TRUE(fails_with(refused, ErrorCode::kDamaged));
    EXPECT_EQ(refused.error().segment(), SegmentNumber(number));
    EXPECT_EQ(refused.error().offset(), Offset(hit.begin));
    EXPECT_EQ(refused.error().path(), store.segment(number));
    expect_damaged(store, hit.header.first_position);
  }
}

// Even zeros, that look like a clean end, are damage where something acknowledged stood.
TEST(Scan, AcknowledgedFramesMadeZero) {
  SampleStore store;
  const auto frames = store.in_segment(store.segments);
  store.zero(store.segment(store.segments), frames.back().begin, 4096);
  expect_damaged(store, SampleStore::kEvents - 1);
  SampleStore middle;
  const auto two = middle.in_segment(2);
  middle.zero(middle.segment(2), two[2].begin, 4096);
  expect_damaged(middle, two[2].header.first_position);
}

TEST(Scan, AMissingSegment) {
  const std::uint64_t segments = SampleStore().segments;
  for (std::uint64_t number = 1; number <= segments; ++number) {
    SampleStore store;
    store.files.remove(store.segment(number));
    expect_damaged(store, store.in_segment(number).front().header.first_position);
  }
}

TEST(Scan, ASegmentCutShort) {
  for (const std::uint64_t number : {1U, 3U}) {
    for (const std::uint64_t size : {0U, 100U, 512U, 2000U, 4095U}) {
      SampleStore store;
      store.cut(store.segment(number), size);
      const auto refused = store.try_open();
      ASSERT_TRUE(fails_with(refused, ErrorCode::kDamaged));
      EXPECT_TRUE(ok(store.try_open({.read_only = true})));
    }
  }
}

TEST(Scan, ExchangedSegments) {
  SampleStore store;
  const auto two = store.contents(store.segment(2));
  const auto three = store.contents(store.segment(3));
  store.files.set_contents(store.segment(2), three);
  store.files.set_contents(store.segment(3), two);
  expect_damaged(store, store.in_segment(2).front().header.first_position);
}

TEST(Scan, ADamagedHeaderOrFooterOfASealedSegment) {
  SampleStore header;
  header.flip(header.segment(2), 33);
  expect_damaged(header, header.in_segment(2).front().header.first_position);
  SampleStore footer;
  footer.flip(footer.segment(2), 4096 - 512 + 33);
  expect_damaged(footer, footer.in_segment(3).front().header.first_position);
}

// A frame that was cut out, with those after it moved up, is no log any more: a copy elsewhere is no frame.
TEST(Scan, AFrameTakenOut) {
  SampleStore store;
  const auto frames = store.in_segment(2);
  auto bytes = store.contents(store.segment(2));
  const auto begin = bytes.begin() + static_cast<std::ptrdiff_t>(frames[1].begin);
  std::rotate(begin, bytes.begin() + static_cast<std::ptrdiff_t>(frames[1].end),
              bytes.begin() + static_cast<std::ptrdiff_t>(frames.back().end));
  store.files.set_contents(store.segment(2), bytes);
  expect_damaged(store, frames[1].header.first_position);
}

TEST(Scan, ADamagedSpareIsTakenAway) {
  for (const bool empty : {false, true}) {
    SampleStore store;
    const auto spare = store.segment(store.segments + 1);
    store.files.set_contents(spare, std::vector<std::byte>(empty ? 0 : 4096, std::byte{7}));
    const auto facts = must(scan(store));
    EXPECT_EQ(facts.leftovers, std::vector{spare});
    Store opened = store.open(tiny_segments());
    EXPECT_FALSE(store.files.contents(spare));
    EXPECT_EQ(read(opened).size(), SampleStore::kEvents);
    must(opened.close());
    expect_whole(store, SampleStore::kEvents);
  }
}

TEST(Scan, ASpareWithSomethingInItIsTakenAway) {
  SampleStore store;
  const auto spare = store.segment(store.segments + 1);
  SegmentHeader header{};
  header.log_id = must(load_superblocks(store.files, store.folder))->newest.log_id;
  header.number = store.segments + 1;
  header.base = store.segments * 4096;
  header.size = 4096;
  std::vector<std::byte> bytes(4096);
  std::ranges::copy(encode_segment_header(header), bytes.begin());
  bytes[1000] = std::byte{1};
  store.files.set_contents(spare, bytes);
  expect_whole(store, SampleStore::kEvents);
  bytes[1000] = std::byte{0};
  SampleStore again;
  again.files.set_contents(spare, bytes);
  const auto facts = must(scan(again));
  ASSERT_NE(facts.spare, nullptr);
  EXPECT_EQ(facts.spare->path(), spare);
  expect_whole(again, SampleStore::kEvents);
}

// A segment was left, no superblock says for which one any more, and the file that follows is not to be read. It may be
// an unused segment; it may have held acknowledged events, and then it must not be thrown away unasked.
TEST(Scan, AnUnreadableSegmentAfterOneThatWasLeft) {
  SampleStore store;
  auto superblock = must(load_superblocks(store.files, store.folder))->newest;
  superblock.state = StoreState::kRunning;
  superblock.durable_end = kSegmentHeaderBytes;
  superblock.highest_segment = store.segments - 1;
  for (const auto name : kSuperblockNames) {
    store.files.set_contents(store.folder / name, encode_superblock(superblock));
  }
  const auto next = store.segment(store.segments);
  const std::vector<std::byte> before(4096, std::byte{7});
  store.files.set_contents(next, before);
  EXPECT_TRUE(fails_with(store.try_open(tiny_segments()), ErrorCode::kSuspectTail));
  EXPECT_EQ(store.contents(next), before);
  EXPECT_EQ(store.open({.read_only = true}).recovery().kind, RecoveryKind::kSuspect);
  EXPECT_FALSE(store.verify().whole());
  // Whoever accepts the loss finds it kept aside.
  OpenOptions accepting = tiny_segments();
  accepting.accept_suspect_tail = true;
  Store opened = store.open(accepting);
  EXPECT_EQ(opened.recovery().kind, RecoveryKind::kSuspectAccepted);
  EXPECT_EQ(read(opened).size(), store.in_segment(store.segments).front().header.first_position);
  EXPECT_EQ(store.contents(store.folder / rejected_file_name(opened.recovery().epoch)), before);
}

// A footer is of these frames and of no others, even if its own checksum is right.
TEST(Scan, AFooterThatDisagreesWithItsFrames) {
  const auto is_damage = [](const std::function<void(SegmentFooter&)>& change) -> bool {
    SampleStore store;
    auto bytes = store.contents(store.segment(2));
    const auto sector = std::span(bytes).last(kSegmentFooterBytes);
    SegmentFooter footer{};
    EXPECT_EQ(decode_segment_footer(sector, footer), BlockState::kGood);
    change(footer);
    std::ranges::copy(encode_segment_footer(footer), sector.begin());
    store.files.set_contents(store.segment(2), bytes);
    return fails_with(store.try_open(tiny_segments()), ErrorCode::kDamaged);
  };
  EXPECT_FALSE(is_damage([](SegmentFooter&) {}));
  EXPECT_TRUE(is_damage([](SegmentFooter& footer) { footer.digest ^= 1; }));
  EXPECT_TRUE(is_damage([](SegmentFooter& footer) { footer.previous_digest ^= 1; }));
  EXPECT_TRUE(is_damage([](SegmentFooter& footer) { ++footer.frame_count; }));
  EXPECT_TRUE(is_damage([](SegmentFooter& footer) { ++footer.event_count; }));
  EXPECT_TRUE(is_damage([](SegmentFooter& footer) { ++footer.next_position; }));
  EXPECT_TRUE(is_damage([](SegmentFooter& footer) { footer.last_trailer ^= 1; }));
  EXPECT_TRUE(is_damage([](SegmentFooter& footer) { footer.end += 8; }));
}

// A crash in a roll, after the footer and before the superblock: what the footer knows durable nobody else tells.
TEST(Scan, TheWatermarkOfAFooterAlone) {
  for (const bool has_watermark : {true, false}) {
    SampleStore store;
    auto superblock = must(load_superblocks(store.files, store.folder))->newest;
    superblock.state = StoreState::kRunning;
    superblock.durable_end = kSegmentHeaderBytes;
    superblock.highest_segment = 1;
    for (const auto name : kSuperblockNames) {
      store.files.set_contents(store.folder / name, encode_superblock(superblock));
    }
    for (std::uint64_t number = 2; number <= store.segments + 1; ++number) {
      store.files.remove(store.segment(number));
    }
    auto bytes = store.contents(store.segment(1));
    const FrameAt last = store.in_segment(1).back();
    std::ranges::fill(std::span(bytes).subspan(last.begin, last.end - last.begin), std::byte{0});
    const auto sector = std::span(bytes).last(kSegmentFooterBytes);
    SegmentFooter footer{};
    ASSERT_EQ(decode_segment_footer(sector, footer), BlockState::kGood);
    ASSERT_GE(footer.durable, last.end);
    if (!has_watermark) { footer.durable = 0; }
    std::ranges::copy(encode_segment_footer(footer), sector.begin());
    store.files.set_contents(store.segment(1), bytes);
    // Without it nothing tells the zeroed frame from one that never reached the disk.
    EXPECT_EQ(fails_with(store.try_open(tiny_segments()), ErrorCode::kDamaged), has_watermark);
  }
}

TEST(Scan, LeftoversAreRemovedByAWriterAndNotByAReader) {
  SampleStore store;
  const std::vector<std::string> names = {"segment-0000000099.log.tmp", "super-a.tmp", "super-b.tmp", "rejected-3.tmp"};
  for (const auto& name : names) { store.files.set_contents(store.folder / name, as_bytes("half")); }
  store.files.set_contents(store.folder / "note.txt", as_bytes("somebody else's"));
  { Store reader = store.open({.read_only = true}); }
  for (const auto& name : names) { EXPECT_TRUE(store.files.contents(store.folder / name)) << name; }
  { Store writer = store.open(tiny_segments()); }
  for (const auto& name : names) { EXPECT_FALSE(store.files.contents(store.folder / name)) << name; }
  EXPECT_TRUE(store.files.contents(store.folder / "note.txt"));
}

TEST(Scan, OneSuperblockGone) {
  for (const auto name : kSuperblockNames) {
    for (const int how : {0, 1, 2, 3}) {
      SampleStore store;
      const auto path = store.folder / name;
      switch (how) {
        case 0:
          store.files.remove(path);
          break;
        case 1:
          store.flip(path, 77);
          break;
        case 2:
          store.cut(path, 100);
          break;
        default:
          store.zero(path, 0, kSuperblockBytes);
      }
      Store reader = store.open({.read_only = true});
      EXPECT_TRUE(reader.recovery().superblock_lost);
      EXPECT_EQ(read(reader).size(), SampleStore::kEvents);
      must(reader.close());
      Store opened = store.open(tiny_segments());
      EXPECT_TRUE(opened.recovery().superblock_lost);
      EXPECT_EQ(lines(opened), store.events);
      must(opened.close());
      Store again = store.open(tiny_segments());
      EXPECT_FALSE(again.recovery().superblock_lost);
      EXPECT_EQ(again.recovery().epoch, 3U);
      must(again.close());
      EXPECT_TRUE(store.verify().whole());
    }
  }
}

TEST(Scan, BothSuperblocksGone) {
  SampleStore unreadable;
  for (const auto name : kSuperblockNames) { unreadable.flip(unreadable.folder / name, 77); }
  const auto before = unreadable.snapshot();
  EXPECT_TRUE(fails_with(unreadable.try_open(), ErrorCode::kDamaged));
  EXPECT_TRUE(fails_with(unreadable.try_open({.read_only = true}), ErrorCode::kDamaged));
  EXPECT_EQ(unreadable.snapshot(), before);
  // Deleted: a folder with segments that hold events is no place to make a new store in.
  SampleStore missing;
  for (const auto name : kSuperblockNames) { missing.files.remove(missing.folder / name); }
  const auto left = missing.snapshot();
  EXPECT_TRUE(fails_with(missing.try_open(), ErrorCode::kDamaged));
  EXPECT_TRUE(fails_with(missing.try_open({.create = false}), ErrorCode::kDamaged));
  EXPECT_EQ(missing.snapshot(), left);
}

TEST(Scan, SuperblocksOfTwoStores) {
  SampleStore store;
  auto bytes = store.contents(store.folder / kSuperblockNames[1]);
  Superblock other{};
  ASSERT_EQ(decode_superblock(bytes, other), BlockState::kGood);
  other.store_id[0] ^= std::byte{1};
  store.files.set_contents(store.folder / kSuperblockNames[1], encode_superblock(other));
  EXPECT_TRUE(fails_with(store.try_open(), ErrorCode::kDamaged));
}

// A failing medium is an error and not damage, and not the end of the log.
TEST(Scan, AMediumThatDoesNotReadIsAnError) {
  SampleStore store;
  store.files.set_fault_rule([](const platform::SeamCall& call) -> std::optional<platform::SeamFault> {
    if (call.kind == World::Kind::kPread && call.path.find("segment-0000000002") != std::string_view::npos) {
      return platform::SeamFault{.error = EIO};
    }
    return std::nullopt;
  });
  const auto before = store.snapshot();
  for (const bool read_only : {false, true}) {
    const auto refused = store.try_open({.read_only = read_only});
    ASSERT_TRUE(fails_with(refused, ErrorCode::kIo));
    EXPECT_EQ(refused.error().system_error(), EIO);
  }
  EXPECT_EQ(store.snapshot(), before);
  store.files.set_fault_rule({});
  expect_whole(store, SampleStore::kEvents);
}

// The ends of a log, by hand: frames after the last one that is durable, written and not synced, then harmed.
class Tail : public testing::Test {
 protected:
  World world;
  std::vector<FrameAt> frames;

  // A durable event, then two buffered batches that a killed process leaves behind.
  Tail() {
    Store store = world.open();
    const AppendOptions buffered{.durability = Durability::kBuffered};
    must(append(store, "a", "durable"));
    must(append(store, "a", std::string(1500, 'x'), Expect::any(), buffered));
    must(append(store, "a", std::string(1500, 'y'), Expect::any(), buffered));
    world.files.kill_process();
    (void)store.close();
    frames = frames_of(world);
  }
  void change(const std::function<void(std::vector<std::byte>&)>& how) {
    auto bytes = world.contents(world.segment(1));
    how(bytes);
    world.files.set_contents(world.segment(1), bytes);
  }
  static void zero(std::vector<std::byte>& bytes, std::uint64_t begin, std::uint64_t end) {
    std::fill(bytes.begin() + static_cast<std::ptrdiff_t>(begin), bytes.begin() + static_cast<std::ptrdiff_t>(end),
              std::byte{0});
  }
  void expect_kept(RecoveryKind kind, std::uint64_t events, const OpenOptions& options = {}) {
    auto store = world.try_open(options);
    ASSERT_TRUE(ok(store));
    EXPECT_EQ(store->recovery().kind, kind);
    EXPECT_EQ(read(*store).size(), events);
    EXPECT_EQ(store->recovery().events_kept, events);
    EXPECT_EQ(store->recovery().bytes_cut > 0, kind != RecoveryKind::kCleanEnd);
    must(append(*store, "a", "after", Expect::exactly(events - 1)));
    must(store->close());
    EXPECT_TRUE(must(verify_store(world.folder, world.environment(), {})).whole());
    EXPECT_EQ(read(world.open()).size(), events + 1);
  }
};

TEST_F(Tail, Untouched) { expect_kept(RecoveryKind::kCleanEnd, 3); }

TEST_F(Tail, TheLastFrameNeverArrived) {
  change([&](auto& bytes) { zero(bytes, frames[2].begin, frames[2].end); });
  expect_kept(RecoveryKind::kCleanEnd, 2);
}

// C: the header's sector did not arrive, the rest did.
TEST_F(Tail, ItsHeaderIsMissing) {
  change([&](auto& bytes) { zero(bytes, frames[2].begin, round_up(frames[2].begin + 1, 512)); });
  expect_kept(RecoveryKind::kTornTail, 2);
}

// C: a sector in the middle did not arrive.
TEST_F(Tail, AMiddleSectorIsMissing) {
  const std::uint64_t sector = round_up(frames[2].begin + 64, 512);
  change([&](auto& bytes) { zero(bytes, sector, sector + 512); });
  expect_kept(RecoveryKind::kTornTail, 2);
}

// C: it was cut off at any byte.
TEST_F(Tail, CutOffAtAnyByte) {
  const auto whole = world.snapshot();
  for (std::uint64_t at = frames[2].begin + 1; at < frames[2].end; at += 7) {
    for (const auto& [path, bytes] : whole) { world.files.set_contents(path, bytes); }
    change([&](auto& bytes) { zero(bytes, at, frames[2].end); });
    SCOPED_TRACE(at - frames[2].begin);
    expect_kept(RecoveryKind::kTornTail, 2);
    if (HasFailure()) { return; }
  }
}

// C: a middle frame is torn; what follows it, though whole, was never acknowledged either.
TEST_F(Tail, AFrameBeforeAWholeOneIsTorn) {
  change([&](auto& bytes) { zero(bytes, frames[1].begin, round_up(frames[1].begin + 1, 512)); });
  expect_kept(RecoveryKind::kTornTail, 1);
}

// D: a changed byte is not what a torn write leaves.
TEST_F(Tail, AChangedByteIsSuspect) {
  change([&](auto& bytes) { bytes[frames[2].begin + 300] ^= std::byte{1}; });
  const auto before = world.snapshot();
  const auto refused = world.try_open();
  ASSERT_TRUE(fails_with(refused, ErrorCode::kSuspectTail));
  EXPECT_EQ(refused.error().segment(), SegmentNumber(1));
  EXPECT_EQ(refused.error().offset(), Offset(frames[2].begin));
  EXPECT_EQ(world.snapshot(), before);
  Store reader = world.open({.read_only = true});
  EXPECT_EQ(reader.recovery().kind, RecoveryKind::kSuspect);
  must(reader.close());
  const auto report = must(verify_store(world.folder, world.environment(), {}));
  ASSERT_EQ(report.damages.size(), 1U);
  EXPECT_EQ(report.damages[0].offset, Offset(frames[2].begin));
  expect_kept(RecoveryKind::kSuspectAccepted, 2, {.accept_suspect_tail = true});
}

// A: a later frame's watermark proves that the damaged one was durable, although no superblock knows.
TEST_F(Tail, AWatermarkAfterTheDamageProvesIt) {
  {
    Store store = world.open();
    must(append(store, "a", "1"));
    must(append(store, "a", "2"));
    must(append(store, "a", "3"));
    world.files.kill_process();
    (void)store.close();
  }
  frames = frames_of(world);
  ASSERT_EQ(frames.size(), 6U);
  change([&](auto& bytes) { zero(bytes, frames[3].begin, round_up(frames[3].begin + 1, 64)); });
  const auto before = world.snapshot();
  const auto refused = world.try_open({.accept_suspect_tail = true});
  ASSERT_TRUE(fails_with(refused, ErrorCode::kDamaged));
  EXPECT_EQ(refused.error().offset(), Offset(frames[3].begin));
  EXPECT_EQ(world.snapshot(), before);
}

TEST_F(Tail, TheRejectedBytesAreKeptAside) {
  const auto bytes = world.contents(world.segment(1));
  change([&](auto& all) { zero(all, frames[2].begin + 1000, frames[2].end); });
  const auto torn = world.contents(world.segment(1));
  Store store = world.open();
  const auto& report = store.recovery();
  EXPECT_EQ(report.kind, RecoveryKind::kTornTail);
  ASSERT_FALSE(report.rejected.empty());
  const auto kept = world.contents(report.rejected);
  EXPECT_EQ(kept.size(), report.bytes_cut);
  EXPECT_TRUE(std::equal(kept.begin(), kept.end(), torn.begin() + static_cast<std::ptrdiff_t>(frames[2].begin)));
  // In their place are zeros.
  const auto after = world.contents(world.segment(1));
  EXPECT_TRUE(all_zero(std::span(after).subspan(frames[2].begin)));
}

// What was zeroed is nowhere else any more.
TEST_F(Tail, TheRejectedBytesOutliveThePower) {
  change([&](auto& all) { zero(all, frames[2].begin + 1000, frames[2].end); });
  std::filesystem::path rejected;
  std::vector<std::byte> kept;
  {
    Store store = world.open();
    rejected = store.recovery().rejected;
    kept = world.contents(rejected);
    world.files.power_off();
    (void)store.close();
  }
  world.files.power_on(1, 0.0);
  EXPECT_FALSE(kept.empty());
  EXPECT_EQ(world.contents(rejected), kept);
}

TEST_F(Tail, ADiskWithoutRoomForTheRejectedBytesIsRecoveredAllTheSame) {
  change([&](auto& bytes) { zero(bytes, frames[2].begin + 1000, frames[2].end); });
  std::uint64_t used = 0;
  for (const auto& path : world.files.files()) { used += world.contents(path).size(); }
  world.files.set_capacity(used);
  Store store = world.open();
  EXPECT_EQ(store.recovery().kind, RecoveryKind::kTornTail);
  EXPECT_TRUE(store.recovery().rejected.empty());
  EXPECT_EQ(read(store).size(), 2U);
  must(append(store, "a", "after"));
}

// Recovery itself may crash at any of its calls, with any part of what it wrote lost.
TEST_F(Tail, RecoveryMayCrashAnywhere) {
  change([&](auto& bytes) { zero(bytes, frames[2].begin + 1000, frames[2].end); });
  const auto torn = world.snapshot();
  for (const double keep : {0.0, 0.5, 1.0}) {
    for (std::uint64_t at = 1;; ++at) {
      World own;
      for (const auto& [path, bytes] : torn) { own.files.set_contents(path, bytes); }
      const std::uint64_t start = own.files.calls();
      own.files.set_fault_rule([&](const platform::SeamCall& call) -> std::optional<platform::SeamFault> {
        if (call.number == start + at) { own.files.power_off(); }
        return std::nullopt;
      });
      const bool done = own.try_open().has_value();
      own.files.set_fault_rule({});
      if (done) { break; }
      own.files.power_on(at * 31, keep);
      Store again = own.open();
      ASSERT_EQ(lines(again).size(), 2U) << "call " << at << " keep " << keep;
      must(append(again, "a", "after", Expect::exactly(1)));
    }
  }
}

// Somebody cuts the file while it is scanned: what was there when its size was asked is not there when it is read.
TEST_F(Tail, AFileThatShrinksWhileItIsScanned) {
  for (std::uint64_t size = frames[2].begin + 1; size < frames[2].end; size += 61) {
    world.files.set_fault_rule([&](const platform::SeamCall& call) -> std::optional<platform::SeamFault> {
      if (call.kind != World::Kind::kPread || call.path.find("segment-") == std::string_view::npos) {
        return std::nullopt;
      }
      if (call.offset >= size) { return platform::SeamFault{.only = 0}; }
      return platform::SeamFault{.only = std::min(call.length, size - call.offset)};
    });
    const auto loaded = must(load_superblocks(world.files, world.folder));
    const auto facts = scan_log(world.files, world.folder, loaded->newest, [](const ScannedFrame&) { return true; });
    if (facts) { EXPECT_EQ(facts->frames, 2U) << size; }
    (void)verify_store(world.folder, world.environment(), {});
    world.files.set_fault_rule({});
  }
}

}  // namespace
}  // namespace tidemark::engine
