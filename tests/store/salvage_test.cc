// SPDX-License-Identifier: Apache-2.0
// Goal: of a damaged store everything that is whole can be read and copied, at its own position and version, what is
// lost has a placeholder, and the damaged store is not touched. Method: a store of five segments on the twin, damaged
// in every frame in turn and at random; what is shown is compared with what was written.
#include <algorithm>
#include <cerrno>
#include <gtest/gtest.h>
#include <random>
#include <ranges>
#include <set>

#include "engine/store/salvager.h"
#include "tests/engine/recovery/sample_store.h"
#include "tests/sampled.h"

namespace tidemark {
namespace {

using namespace test;

Result<Salvage> salvage(World& world) { return engine::open_salvage(world.folder, world.environment()); }

const std::filesystem::path kNew = "/sim/new";

Result<RepairReport> repair_into_new(World& world) {
  return engine::repair_store(world.folder, kNew, {}, world.environment(), {});
}

Store open_new(World& world) { return Store(must(engine::open_store(kNew, {.create = false}, world.environment()))); }

// Each stream's versions without a gap, whatever is lost.
void expect_dense(const Store& store) {
  for (const StreamInfo& stream : must(store.streams())) {
    const auto events = read(store, Query::stream(stream.name));
    ASSERT_EQ(events.size(), stream.last_version.value() + 1);
    for (std::size_t i = 0; i < events.size(); ++i) {
      EXPECT_EQ(events[i].version, Version(i));
      EXPECT_EQ(events[i].stream, stream.name);
    }
    EXPECT_EQ(events.back().position, stream.last_position);
    const auto back = read(store, Query::stream(stream.name), {.direction = Direction::kBackward});
    EXPECT_TRUE(
        std::ranges::equal(events, back | std::views::reverse, {}, &OwnedEvent::position, &OwnedEvent::position));
  }
}

// Everything but the lost positions as in `whole`; placeholders there.
void expect_all_but(const Store& store, const std::vector<OwnedEvent>& whole, const std::set<std::uint64_t>& lost) {
  const auto events = read(store);
  ASSERT_EQ(events.size(), whole.size());
  for (std::size_t i = 0; i < events.size(); ++i) {
    EXPECT_EQ(events[i].position, Position(i));
    EXPECT_EQ(events[i].lost, lost.contains(i)) << i;
    if (lost.contains(i)) {
      EXPECT_EQ(events[i].type, "$lost");
      EXPECT_TRUE(events[i].data.empty());
      continue;
    }
    EXPECT_EQ(lines_of({events[i]}), lines_of({whole[i]}));
    EXPECT_EQ(events[i].id, whole[i].id);
    EXPECT_EQ(events[i].recorded, whole[i].recorded);
    EXPECT_EQ(events[i].valid, whole[i].valid);
    EXPECT_EQ(must(store.event_by_id(events[i].id)).value().position, Position(i));
  }
  expect_dense(store);
}

std::vector<OwnedEvent> all_of(World& world) { return read(must(world.try_open({.read_only = true}))); }

TEST(SalvageTest, EachFrameInTurn) {
  const std::size_t frames = SampleStore().frames.size();
  for (std::size_t n = 0; n < frames; ++n) {
    SampleStore store;
    const auto whole = all_of(store);
    const FrameAt hit = store.frames[n];
    store.flip(store.segment(hit.segment), hit.begin + 100);
    const auto before = store.snapshot();
    const auto writes = store.writing_calls();
    const Salvage salvaged = must(salvage(store));
    EXPECT_EQ(store.writing_calls(), writes);
    EXPECT_EQ(store.snapshot(), before);
    const std::uint64_t position = hit.header.first_position;
    expect_all_but(salvaged.store, whole, {position});
    EXPECT_EQ(salvaged.events_lost, 1U);
    EXPECT_EQ(salvaged.report.events, SampleStore::kEvents - 1);
    const OwnedEvent placeholder = read(salvaged.store)[position];
    // A stream that goes on after it tells which stream it was.
    if (position + 5 < SampleStore::kEvents) {
      EXPECT_EQ(placeholder.stream, whole[position].stream);
      EXPECT_EQ(placeholder.version, whole[position].version);
    } else {
      EXPECT_EQ(placeholder.stream, "$lost");
    }
    const auto named = [&](const Damage& damage) {
      return damage.segment == SegmentNumber(hit.segment) && damage.offset == Offset(hit.begin) &&
             damage.first_position == Position(position) && damage.last_position == Position(position);
    };
    EXPECT_TRUE(std::ranges::any_of(salvaged.report.damages, named));
  }
}

TEST(SalvageTest, AMissingSegment) {
  SampleStore store;
  const auto whole = all_of(store);
  std::set<std::uint64_t> lost;
  for (const FrameAt& frame : store.in_segment(2)) { lost.insert(frame.header.first_position); }
  store.files.remove(store.segment(2));
  const Salvage salvaged = must(salvage(store));
  expect_all_but(salvaged.store, whole, lost);
  EXPECT_EQ(must(salvaged.store.streams()).size(), 5U);  // all of them go on, so that every lost event has its stream
}

TEST(SalvageTest, ReadsOnly) {
  SampleStore store;
  store.flip(store.segment(2), store.in_segment(2).front().begin + 100);
  Salvage salvaged = must(salvage(store));
  EXPECT_TRUE(fails_with(append(salvaged.store, "a", "1"), ErrorCode::kReadOnly));
  EXPECT_TRUE(salvaged.store.info().read_only);
  EXPECT_EQ(salvaged.store.info().events, SampleStore::kEvents);
}

TEST(SalvageTest, AWholeStoreIsShownWhole) {
  for (const bool closed : {true, false}) {
    SampleStore store(closed);
    const Salvage salvaged = must(salvage(store));
    EXPECT_EQ(lines(salvaged.store), store.events);
    EXPECT_TRUE(salvaged.report.whole());
    EXPECT_EQ(salvaged.events_lost, 0U);
  }
}

TEST(SalvageTest, WithoutSuperblocksOrHeaders) {
  SampleStore store;
  for (const auto name : engine::kSuperblockNames) { store.files.remove(store.folder / name); }
  store.flip(store.segment(1), 60);
  store.flip(store.segment(3), 60);
  const Salvage salvaged = must(salvage(store));
  EXPECT_EQ(lines(salvaged.store), store.events);
  EXPECT_GE(salvaged.report.damages.size(), 3U);
}

TEST(SalvageTest, AnUnreadableSector) {
  SampleStore store;
  const auto whole = all_of(store);
  store.files.set_fault_rule([&](const platform::SeamCall& call) -> std::optional<platform::SeamFault> {
    const bool hit = call.kind == platform::SeamCall::Kind::kPread && call.path == store.segment(3).native();
    return hit ? std::optional(platform::SeamFault{.error = EIO}) : std::nullopt;
  });
  std::set<std::uint64_t> lost;
  for (const FrameAt& frame : store.in_segment(3)) { lost.insert(frame.header.first_position); }
  const Salvage salvaged = must(salvage(store));
  expect_all_but(salvaged.store, whole, lost);
}

TEST(SalvageTest, UnreadableSuperblocks) {
  SampleStore store;
  store.files.set_fault_rule([&](const platform::SeamCall& call) -> std::optional<platform::SeamFault> {
    const bool hit =
        call.kind == platform::SeamCall::Kind::kPread && call.path.find("super-") != std::string_view::npos;
    return hit ? std::optional(platform::SeamFault{.error = EIO}) : std::nullopt;
  });
  EXPECT_TRUE(fails_with(store.try_open(), ErrorCode::kIo));
  EXPECT_EQ(lines(must(salvage(store)).store), store.events);
}

TEST(SalvageTest, AStreamOfTheSameNameIsLeftAlone) {
  World world;
  {
    Store store = world.open();
    must(append(store, "$lost", "mine"));
    must(append(store, "a", std::string(600, 'x')));
    must(append(store, "b", "2"));
    must(store.close());
  }
  world.flip(world.segment(1), frames_of(world)[1].begin + 100);
  const Salvage salvaged = must(salvage(world));
  EXPECT_EQ(lines(salvaged.store), (Lines{"0 $lost@0 mine", "1 $lost-2@0 ", "2 b@0 2"}));
}

TEST(SalvageTest, WhatIsNoStore) {
  World world;
  EXPECT_TRUE(fails_with(salvage(world), ErrorCode::kNotFound));
  must(world.files.make_folder(world.folder));
  EXPECT_TRUE(fails_with(salvage(world), ErrorCode::kNotFound));
  world.files.set_contents(world.folder / "letter.txt", {});
  EXPECT_TRUE(fails_with(salvage(world), ErrorCode::kNotAStore));
}

TEST(RepairTest, CopiesWhatIsWholeAndGoesOn) {
  SampleStore store;
  const auto whole = all_of(store);
  const FrameAt hit = store.in_segment(2)[1];
  store.flip(store.segment(2), hit.begin + 100);
  const auto before = store.snapshot();
  const RepairReport report = must(repair_into_new(store));
  EXPECT_EQ(report.events_copied, SampleStore::kEvents - 1);
  EXPECT_EQ(report.events_lost, 1U);
  EXPECT_FALSE(report.found.whole());
  auto after = store.snapshot();
  std::erase_if(after, [](const auto& file) { return file.first.starts_with(kNew.native()); });
  EXPECT_EQ(after, before);

  Store repaired = open_new(store);
  expect_all_but(repaired, whole, {hit.header.first_position});
  EXPECT_TRUE(must(engine::verify_store(kNew, store.environment(), {})).whole());
  const Store old = must(store.try_open({.read_only = true}));
  EXPECT_NE(repaired.info().log_id, old.info().log_id);
  EXPECT_EQ(must(append(repaired, "stream-0", "next", Expect::exactly(7))).first, Position(SampleStore::kEvents));
}

TEST(RepairTest, KeepsLargeFramesAndManyStreams) {
  World world;
  {
    Store store = world.open(tiny_segments());
    for (int i = 0; i < 30; ++i) {
      Batch batch;
      for (int n = 0; n < 40; ++n) {
        batch.to("s-" + std::to_string(n % 7))
            .add({.type = "T", .data = as_bytes(std::string_view("0123456789")), .tags = {"a:1", "b:2"}});
      }
      must(store.append(batch));
    }
    must(store.close());
  }
  const auto whole = all_of(world);
  const auto frames = frames_of(world);
  std::set<std::uint64_t> lost;
  for (const std::size_t n : {std::size_t{3}, std::size_t{4}, std::size_t{17}}) {
    world.flip(world.segment(frames[n].segment), frames[n].begin + 200);
    for (std::uint64_t i = 0; i < frames[n].header.event_count; ++i) {
      lost.insert(frames[n].header.first_position + i);
    }
  }
  must(repair_into_new(world));
  const Store repaired = open_new(world);
  expect_all_but(repaired, whole, lost);
  EXPECT_EQ(must(repaired.streams()).size(), 7U);
}

// A repaired store that is damaged and repaired again keeps its placeholders.
TEST(RepairTest, Twice) {
  SampleStore store;
  const auto whole = all_of(store);
  store.flip(store.segment(2), store.in_segment(2)[1].begin + 100);
  must(repair_into_new(store));
  World again;
  for (const auto& path : store.files.files()) {
    if (path.parent_path() == kNew) { again.files.set_contents(again.folder / path.filename(), store.contents(path)); }
  }
  again.flip(again.segment(1), frames_of(again)[0].begin + 100);
  must(repair_into_new(again));
  expect_all_but(open_new(again), whole, {0, store.in_segment(2)[1].header.first_position});
}

TEST(RepairTest, IsRefusedWhereSomethingIs) {
  SampleStore store;
  store.files.set_contents(kNew / "letter.txt", {});
  EXPECT_TRUE(fails_with(repair_into_new(store), ErrorCode::kInvalidArgument));
  EXPECT_TRUE(fails_with(engine::repair_store(store.folder, store.folder, {}, store.environment(), {}),
                         ErrorCode::kInvalidArgument));
}

// A repair that did not end leaves nothing that looks like a store under the new name, and can be done again.
TEST(RepairTest, AFullDiskIsAnErrorAndTheNextTryGoesOn) {
  SampleStore store;
  std::uint64_t used = 0;
  for (const auto& file : store.snapshot()) { used += file.second.size(); }
  for (const std::uint64_t room : {std::uint64_t{100}, std::uint64_t{10'000}, std::uint64_t{1} << 20U}) {
    store.files.set_capacity(used + room);
    EXPECT_TRUE(fails_with(repair_into_new(store), ErrorCode::kNoSpace));
    EXPECT_FALSE(store.files.contents(kNew / engine::kSuperblockNames[0]));
  }
  store.files.set_capacity(std::uint64_t{1} << 30U);
  must(repair_into_new(store));
  EXPECT_EQ(lines(open_new(store)), store.events);
}

// As when the power goes: the new store has its name only once it is whole and on the disk.
TEST(RepairTest, CutShortAnywhere) {
  for (std::uint64_t call = 1;; call += 3) {
    SampleStore store;
    const std::uint64_t until = store.files.calls() + call;
    store.files.set_fault_rule([&](const platform::SeamCall& seam) -> std::optional<platform::SeamFault> {
      if (seam.number == until) { store.files.power_off(); }
      return std::nullopt;
    });
    const bool ended = repair_into_new(store).has_value();
    store.files.set_fault_rule({});
    store.files.power_on(call, 0.5);
    if (store.files.contents(kNew / engine::kSuperblockNames[0])) {
      EXPECT_TRUE(must(engine::verify_store(kNew, store.environment(), {})).whole());
      EXPECT_EQ(lines(open_new(store)), store.events) << "call " << call;
    } else {
      EXPECT_FALSE(ended) << "call " << call;
      must(repair_into_new(store));
      EXPECT_EQ(lines(open_new(store)), store.events) << "call " << call;
    }
    if (ended) { break; }
  }
}

// Nobody can tell how many events stood behind the last whole frame; that something did is told.
TEST(RepairTest, ALostEnd) {
  SampleStore store;
  const FrameAt last = store.frames.back();
  store.zero(store.segment(last.segment), last.begin, last.begin + 64);
  const RepairReport report = must(repair_into_new(store));
  EXPECT_TRUE(report.end_lost);
  EXPECT_FALSE(report.lost_nothing());
  EXPECT_EQ(report.events_lost, 0U);
  EXPECT_TRUE(must(salvage(store)).end_lost);
  EXPECT_EQ(read(open_new(store)).size(), SampleStore::kEvents - 1);

  SampleStore emptied;
  for (std::uint64_t number = 1; number <= emptied.segments + 1; ++number) {
    emptied.files.remove(emptied.segment(number));
  }
  EXPECT_TRUE(must(repair_into_new(emptied)).end_lost);

  for (const bool closed : {true, false}) {
    SampleStore whole(closed);
    EXPECT_TRUE(must(repair_into_new(whole)).lost_nothing());
  }
}

// The first frames, the only frame: there is no time before theirs to take.
TEST(RepairTest, AHoleAtTheStart) {
  SampleStore store;
  const auto whole = all_of(store);
  std::set<std::uint64_t> lost;
  for (const std::uint64_t number : {1U, 2U}) {
    for (const FrameAt& frame : store.in_segment(number)) { lost.insert(frame.header.first_position); }
    store.files.remove(store.segment(number));
  }
  must(repair_into_new(store));
  expect_all_but(open_new(store), whole, lost);

  World world;
  {
    Store one = world.open();
    must(append(one, "a", std::string(500, 'x')));
    must(one.close());
  }
  world.flip(world.segment(1), frames_of(world)[0].begin + 100);
  EXPECT_EQ(must(repair_into_new(world)).events_lost, 1U);
  EXPECT_EQ(lines(open_new(world)), Lines{"0 $lost@0 "});
}

TEST(RepairTest, NotIntoTheDamagedStore) {
  SampleStore store;
  const auto before = store.snapshot();
  for (const auto* inside : {"sub", "sub/deeper"}) {
    EXPECT_TRUE(fails_with(engine::repair_store(store.folder, store.folder / inside, {}, store.environment(), {}),
                           ErrorCode::kInvalidArgument));
  }
  EXPECT_EQ(store.snapshot(), before);
}

// An emptied file is a missing segment, and no other is called damaged for it.
TEST(SalvageTest, AnEmptiedSegment) {
  SampleStore store;
  store.cut(store.segment(2), 0);
  const Salvage salvaged = must(salvage(store));
  EXPECT_EQ(salvaged.events_lost, store.in_segment(2).size());
  for (const Damage& damage : salvaged.report.damages) { EXPECT_EQ(damage.segment, SegmentNumber(2)); }
}

// Names that a person can act on, from every way of opening.
TEST(SalvageTest, WithoutSuperblocksOpeningsPointToRepair) {
  SampleStore store;
  for (const auto name : engine::kSuperblockNames) { store.files.remove(store.folder / name); }
  for (const bool read_only : {true, false}) {
    for (const bool create : {true, false}) {
      const auto opened = store.try_open({.read_only = read_only, .create = create});
      ASSERT_TRUE(fails_with(opened, ErrorCode::kDamaged));
      EXPECT_NE(opened.error().message().find("tidemark repair"), std::string::npos) << opened.error().message();
    }
  }
}

// Positions near the largest number: no memory is asked for.
TEST(RepairTest, HostilePositions) {
  SampleStore store;
  const FrameAt hit = store.in_segment(2)[1];
  auto bytes = store.contents(store.segment(2));
  const std::uint64_t far = std::uint64_t{1} << 60U;
  for (const FrameAt& frame : store.in_segment(2)) {
    if (frame.begin <= hit.begin) { continue; }
    auto header = frame.header;
    header.first_position += far;
    const engine::FramePlace place{engine::load_as<engine::SegmentHeader>(bytes.data()).log_id, 2, frame.begin};
    header.checksum = engine::frame_header_checksum(header, place);
    engine::store_as(bytes.data() + frame.begin, header);
    const auto whole = std::span(bytes).subspan(frame.begin, frame.end - frame.begin);
    engine::store_as(bytes.data() + frame.end - 8, engine::right_trailer(whole, header));
  }
  bytes[hit.begin + 100] ^= std::byte{1};
  store.files.set_contents(store.segment(2), bytes);
  EXPECT_TRUE(fails_with(salvage(store), ErrorCode::kDamaged));
  EXPECT_TRUE(fails_with(repair_into_new(store), ErrorCode::kDamaged));
}

// Several places at once, anywhere but in what names the log.
TEST(RepairTest, AnyDamage) {
  std::mt19937_64 random(11);
  for (std::uint64_t round = 0; round < sampled(300); ++round) {
    SampleStore store(round % 2 == 0);
    const std::uint64_t places = 1 + random() % 6;
    for (std::uint64_t i = 0; i < places; ++i) {
      const auto path = store.segment(1 + random() % store.segments);
      const std::uint64_t at = random() % 4096;
      if (random() % 2 == 0) {
        store.flip(path, at);
      } else {
        store.zero(path, at / 512 * 512, at / 512 * 512 + 512);
      }
    }
    const auto salvaged = salvage(store);
    ASSERT_TRUE(ok(salvaged)) << "round " << round;
    const auto shown = read(salvaged->store);
    ASSERT_LE(shown.size(), store.events.size());
    for (const OwnedEvent& event : shown) {
      if (event.lost) { continue; }
      ASSERT_EQ(lines_of({event})[0], store.events[event.position.value()]) << "round " << round;
    }
    expect_dense(salvaged->store);
    const auto repaired = repair_into_new(store);
    ASSERT_TRUE(ok(repaired)) << "round " << round;
    EXPECT_EQ(lines(open_new(store)), lines(salvaged->store));
    EXPECT_EQ(repaired->events_lost, salvaged->events_lost);
  }
}

}  // namespace
}  // namespace tidemark
