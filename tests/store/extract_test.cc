// SPDX-License-Identifier: Apache-2.0
// Goal: an extraction holds the streams of which an event matches, whole, with everything but their positions as it
// was, and tells these too; nothing half is ever left under its name.
// Method: random lives and queries, compared event by event with what the store itself says; every call failed and
// crashed; the file of original positions damaged.
#include <algorithm>
#include <cerrno>
#include <gtest/gtest.h>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "engine/format/origin.h"
#include "engine/log/origin_file.h"
#include "engine/recovery/verify.h"
#include "engine/store/copies.h"
#include "engine/store/extractor.h"
#include "engine/store/salvager.h"
#include "tests/sampled.h"
#include "tests/store/index_life.h"
#include "tests/store/support.h"

namespace tidemark::test {
namespace {

const std::filesystem::path kNew = "/sim/new";

Result<ExtractReport> extract_into(World& world, const Query& query, const std::filesystem::path& into = kNew) {
  return engine::extract_streams(world.folder, query, into, {}, world.environment(), {});
}
Result<Store> try_open_at(World& world, const std::filesystem::path& folder, const OpenOptions& options = {}) {
  auto core = engine::open_store(folder, options, world.environment());
  if (!core) { return std::unexpected(std::move(core.error())); }
  return Store(std::move(*core));
}
Store open_at(World& world, const std::filesystem::path& folder, const OpenOptions& options = {}) {
  return must(try_open_at(world, folder, options));
}

// What must be in the extraction: the events of the matching streams.
std::vector<OwnedEvent> expected_of(const Store& store, const Query& query) {
  std::set<std::string> streams;
  for (const OwnedEvent& e : read(store, query)) { streams.insert(e.stream); }
  std::vector<OwnedEvent> events = read(store);
  std::erase_if(events, [&](const OwnedEvent& e) { return !streams.contains(e.stream); });
  return events;
}

void expect_extracted(const Store& shown, const std::vector<OwnedEvent>& expected) {
  const auto events = read(shown);
  ASSERT_EQ(events.size(), expected.size());
  for (std::size_t i = 0; i < events.size(); ++i) {
    const OwnedEvent& a = events[i];
    const OwnedEvent& b = expected[i];
    ASSERT_EQ(a.position.value(), i);
    ASSERT_EQ(must(shown.original_position(a.position)), b.position);
    ASSERT_EQ(a.stream, b.stream);
    ASSERT_EQ(a.version, b.version);
    ASSERT_EQ(a.id, b.id);
    ASSERT_EQ(a.type, b.type);
    ASSERT_EQ(a.recorded, b.recorded);
    ASSERT_EQ(a.valid, b.valid);
    ASSERT_EQ(a.data, b.data);
    ASSERT_EQ(a.metadata, b.metadata);
    ASSERT_EQ(a.tags, b.tags);
  }
  EXPECT_EQ(must(shown.original_position(Position(events.size()))), std::nullopt);
}

// Batches over several streams, valid times, metadata, ids made and given.
void append_rich(Store& store, std::uint64_t batches) {
  for (std::uint64_t i = 0; i < batches; ++i) {
    Batch batch;
    for (std::uint64_t n = 0; n < 1 + i % 4; ++n) {
      const std::string data = std::to_string(i) + "/" + std::to_string(n) + std::string(i % 7 * 40, 'x');
      NewEvent event{.type = i % 2 == 0 ? "Even" : "Odd", .data = as_bytes(data)};
      if (n % 2 == 1) { event.metadata = as_bytes("meta"); }
      if (i % 3 == 0) { event.tags = {"tag:a", "tag:b"}; }
      if (i % 5 == 0) { event.valid = ValidTime(std::chrono::microseconds(-static_cast<std::int64_t>(i))); }
      if (n % 3 == 0) { event.id = EventId::from_name(data); }
      batch.to("account-" + std::to_string((i * 3 + n) % 11)).add(event);
    }
    must(store.append(batch));
  }
}

TEST(ExtractTest, HasWholeStreamsAsTheyAre) {
  World world;
  {
    Store writer = world.open(tiny_segments());
    append_rich(writer, 60);
  }
  const Store store = world.open({.read_only = true});
  const std::vector<Query> queries{Query::all(), Query::stream("account-3"), Query::category("account"),
                                   Query::type("Odd"), Query::tag("tag:a").types({"Even"})};
  for (std::size_t i = 0; i < queries.size(); ++i) {
    SCOPED_TRACE(to_string(queries[i]));
    const auto expected = expected_of(store, queries[i]);
    const auto into = kNew / std::to_string(i);
    const auto report = must(extract_into(world, queries[i], into));
    EXPECT_EQ(report.events, expected.size());
    const Store shown = open_at(world, into, {.read_only = true});
    EXPECT_EQ(report.streams, shown.info().streams);
    std::set<RecordedTime> batches;
    for (const OwnedEvent& e : expected) { batches.insert(e.recorded); }
    EXPECT_EQ(report.batches, batches.size()) << "what was one batch is one";
    expect_extracted(shown, expected);
    if (HasFatalFailure()) { return; }
    EXPECT_NE(shown.info().log_id, store.info().log_id);
    EXPECT_TRUE(must(engine::verify_store(into, world.environment(), {})).whole());
  }
  EXPECT_EQ(must(store.original_position(Position(0))), std::nullopt);
  // An append that was made there is known here: its ids and content are the same.
  Store copy = open_at(world, kNew / "0");
  Batch again;
  again.to("account-0")
      .add({.type = "Even",
            .data = as_bytes("0/0"),
            .tags = {"tag:a", "tag:b"},
            .valid = ValidTime(std::chrono::microseconds(0)),
            .id = EventId::from_name("0/0")});
  EXPECT_TRUE(must(copy.append(again)).already_appended);
  must(append(copy, "account-0", "new"));
  EXPECT_EQ(must(copy.original_position(Position(read(copy).size() - 1))), std::nullopt);
}

TEST(ExtractTest, AnyLifeAndQuery) {
  for (std::uint64_t seed = 0; seed < sampled(50); ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    IndexedLife life(seed);
    life.open();
    for (std::uint64_t n = 5 + life.pick(60); n > 0; --n) { life.append_some(); }
    life.close();
    const Store store = life.world.open({.read_only = true});
    const Fact& some = life.facts[life.pick(life.facts.size())];
    const Query query = life.pick(3) == 0   ? Query::stream(some.stream)
                        : life.pick(2) == 0 ? Query::category(category_in_name(some.stream)).types({some.type})
                                            : Query::type(some.type);
    const auto expected = expected_of(store, query);
    must(extract_into(life.world, query));
    expect_extracted(open_at(life.world, kNew, {.read_only = true}), expected);
    if (HasFatalFailure()) { return; }
  }
}

TEST(ExtractTest, LargeFramesAndManyOfThem) {
  World world;
  Store store = world.open();
  Batch batch;
  for (int i = 0; i < 3000; ++i) {
    batch.to("s-" + std::to_string(i % 50)).add(event("T", std::to_string(i) + std::string(100, 'x')));
  }
  must(store.append(batch));
  must(append(store, "other", "so that the batch is known durable elsewhere"));
  must(store.close());
  store = world.open({.read_only = true});
  const auto expected = expected_of(store, Query::stream("s-7"));
  must(extract_into(world, Query::stream("s-7")));
  expect_extracted(open_at(world, kNew, {.read_only = true}), expected);
  must(extract_into(world, Query::all(), "/sim/all"));
  expect_extracted(open_at(world, "/sim/all", {.read_only = true}), read(store));
}

TEST(ExtractTest, IsRefused) {
  World world;
  EXPECT_TRUE(fails_with(extract_into(world, Query::all()), ErrorCode::kNotFound));
  Store store = world.open(tiny_segments());
  EXPECT_TRUE(fails_with(extract_into(world, Query::all()), ErrorCode::kInvalidArgument)) << "an empty store";
  append_rich(store, 20);
  EXPECT_TRUE(fails_with(extract_into(world, Query::stream("none")), ErrorCode::kInvalidArgument));
  EXPECT_TRUE(fails_with(extract_into(world, Query::stream("")), ErrorCode::kInvalidArgument));
  EXPECT_TRUE(fails_with(extract_into(world, Query::all(), world.folder), ErrorCode::kInvalidArgument));
  EXPECT_TRUE(fails_with(extract_into(world, Query::all(), world.folder / "inner"), ErrorCode::kInvalidArgument));
  world.files.set_contents("/sim/file", as_bytes("text"));
  EXPECT_TRUE(fails_with(extract_into(world, Query::all(), "/sim/file"), ErrorCode::kInvalidArgument));
  must(extract_into(world, Query::all()));
  EXPECT_TRUE(fails_with(extract_into(world, Query::all()), ErrorCode::kInvalidArgument)) << "it is there";
  must(store.close());
  world.flip(world.segment(1), 700);
  EXPECT_TRUE(fails_with(extract_into(world, Query::all(), "/sim/damaged"), ErrorCode::kDamaged));
  EXPECT_TRUE(fails_with(try_open_at(world, "/sim/damaged", {.read_only = true}), ErrorCode::kNotFound));
}

TEST(ExtractTest, CopiesKeepTheOriginalPositions) {
  World world;
  {
    Store store = world.open(tiny_segments());
    append_rich(store, 40);
  }
  must(extract_into(world, Query::stream("account-3")));
  const auto expected = expected_of(open_at(world, world.folder, {.read_only = true}), Query::stream("account-3"));
  {
    Store extracted = open_at(world, kNew);
    must(append(extracted, "own", "1"));
    must(extracted.backup("/sim/backup"));
    must(extracted.backup("/sim/backup", {.incremental = true}));
  }
  must(engine::fork_store(kNew, "/sim/fork", {.at = Position(1)}, world.environment(), {}));
  must(engine::repair_store(kNew, "/sim/repaired", {}, world.environment(), {}));
  for (const std::filesystem::path& folder : {std::filesystem::path("/sim/backup"), std::filesystem::path("/sim/fork"),
                                              std::filesystem::path("/sim/repaired")}) {
    Store shown = open_at(world, folder);
    EXPECT_EQ(must(shown.original_position(Position(1))), expected[1].position) << folder;
    must(append(shown, "own", "2"));
    EXPECT_EQ(must(shown.original_position(Position(shown.info().events - 1))), std::nullopt) << folder;
  }
}

TEST(ExtractTest, DamageToTheOriginalPositionsIsToldAndHitsNothingElse) {
  World world;
  {
    Store store = world.open();
    for (int i = 0; i < 3; ++i) {
      Batch batch;
      for (int n = 0; n < 400; ++n) { batch.to("s").add(event("T", std::to_string(n))); }
      must(store.append(batch));
    }
  }
  must(extract_into(world, Query::all()));
  const auto path = kNew / engine::kOriginName;
  const auto bytes = world.contents(path);
  ASSERT_EQ(bytes.size(), 4 * engine::kOriginBlockBytes);
  for (std::size_t at = 0; at < bytes.size(); at += 97) {
    world.flip(path, at);
    const Store shown = open_at(world, kNew, {.read_only = true});
    EXPECT_EQ(read(shown).size(), 1200u);
    unsigned told = 0;
    for (std::uint64_t position = 0; position < 1200; position += 100) {
      const auto original = shown.original_position(Position(position));
      if (original) {
        EXPECT_EQ(*original, Position(position));
      } else {
        EXPECT_TRUE(fails_with(original, ErrorCode::kDamaged));
        ++told;
      }
    }
    EXPECT_GT(told, 0u) << at;
    world.files.set_contents(path, bytes);
  }
  for (const std::size_t size : {0u, 100u, 4096u, 5000u, 12287u}) {
    world.files.set_contents(path, std::span(bytes).first(size));
    const Store shown = open_at(world, kNew, {.read_only = true});
    EXPECT_TRUE(fails_with(shown.original_position(Position(1199)), ErrorCode::kDamaged)) << size;
  }
  auto newer = bytes;
  engine::store_as<std::uint16_t>(newer.data() + offsetof(engine::BlockStart, format_major), 2);
  world.files.set_contents(path, newer);
  EXPECT_TRUE(fails_with(open_at(world, kNew).original_position(Position(0)), ErrorCode::kDamaged)) << "not resealed";
  world.files.remove(path);
  EXPECT_EQ(must(open_at(world, kNew).original_position(Position(0))), std::nullopt);
}

TEST(ExtractTest, CutShortOrFailedAnywhere) {
  for (const int fault : {0, EIO, ENOSPC, ENOMEM}) {
    std::uint64_t points = 0;
    for (bool reached = true; reached; points += kSampleStep) {
      SCOPED_TRACE("call " + std::to_string(points) + " fault " + std::to_string(fault));
      World world;
      std::vector<OwnedEvent> expected;
      Lines all;
      {
        Store store = world.open(tiny_segments());
        append_rich(store, 12);
        expected = expected_of(store, Query::stream("account-3"));
        all = lines(store);
      }
      const std::uint64_t first = world.files.calls();
      reached = false;
      world.files.set_fault_rule([&](const platform::SeamCall& call) -> std::optional<platform::SeamFault> {
        if (call.number != first + 1 + points) { return std::nullopt; }
        reached = true;
        if (fault == 0) { world.files.power_off(); }
        return platform::SeamFault{.error = fault};
      });
      const auto report = extract_into(world, Query::stream("account-3"));
      world.files.set_fault_rule({});
      if (fault == 0) { world.files.power_on(points, points % 3 == 0 ? 0.0 : 0.6); }
      if (!reached) { ASSERT_TRUE(ok(report)); }
      auto there = try_open_at(world, kNew, {.read_only = true});
      if (report) { ASSERT_TRUE(ok(there)); }
      if (!there) {
        ASSERT_TRUE(ok(extract_into(world, Query::stream("account-3"))));
        there = try_open_at(world, kNew, {.read_only = true});
      }
      expect_extracted(*there, expected);
      ASSERT_EQ(lines(open_at(world, world.folder, {.read_only = true})), all);
      if (HasFatalFailure()) { return; }
    }
    EXPECT_GT(points, 60u);
  }
}

}  // namespace
}  // namespace tidemark::test
