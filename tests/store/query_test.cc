// SPDX-License-Identifier: Apache-2.0
// Goal: a read by a query gives exactly the events that match it, in order and whole, from wherever, however many and
// in whichever direction. Method: stores of random events, over many small segments and over few, read by random
// queries; each answer is held against a filter over everything read, event by event.
#include <cerrno>
#include <gtest/gtest.h>

#include "engine/store/salvager.h"
#include "tests/engine/recovery/sample_store.h"
#include "tests/store/random_events.h"

namespace tidemark {
namespace {

using namespace test;

const AppendOptions kBuffered{.durability = Durability::kBuffered};
const ReadOptions kWritten{.visibility = Visibility::kWritten};

// All of an event in words.
std::string described(const OwnedEvent& e) {
  std::string text = lines_of({e})[0] + " " + to_string(e.id) + " " + e.type + " " +
                     std::to_string(e.recorded.time_since_epoch().count()) + " " +
                     std::to_string(e.valid.time_since_epoch().count()) + " " + std::string(as_text(e.metadata));
  for (const std::string& tag : e.tags) { text += " #" + tag; }
  return text + (e.lost ? " lost" : "");
}

std::string in_words(const Query& query, const ReadOptions& options) {
  std::string text = to_string(query);
  text += options.direction == Direction::kForward ? ", forward" : ", backward";
  if (options.from_version) { text += ", from version " + std::to_string(options.from_version->value()); }
  if (options.from_position) { text += ", from position " + std::to_string(options.from_position->value()); }
  return text + ", limit " + std::to_string(options.limit) +
         (options.access == Access::kMapped ? ", mapped" : ", copied");
}

// Reads in many random ways; `log` is everything that shows.
void expect_as_naive(const Store& store, const std::vector<OwnedEvent>& log, RandomEvents& random, int rounds,
                     const ReadOptions& as = {}) {
  Lines words;
  for (const OwnedEvent& e : log) { words.push_back(described(e)); }
  int found = 0;
  for (int round = 0; round < rounds; ++round) {
    const Query query = random.query();
    ASSERT_EQ(query.objection(), "");
    ReadOptions options = random.options(query, log.size());
    options.visibility = as.visibility;
    options.at_least = as.at_least;
    Lines expected;
    for (const std::uint64_t position : naive_read(log, query, options)) { expected.push_back(words[position]); }
    Cursor cursor = store.read(query, options);
    ASSERT_EQ(cursor.last_visible(), log.empty() ? std::nullopt : std::optional(log.back().position));
    Lines got;
    while (const Event* e = cursor.next()) { got.push_back(described(OwnedEvent(*e))); }
    ASSERT_TRUE(ok(cursor.status())) << in_words(query, options);
    ASSERT_EQ(got, expected) << in_words(query, options);
    EXPECT_EQ(cursor.next(), nullptr);
    if (!got.empty()) { ++found; }
  }
  if (!log.empty() && rounds >= 60) { EXPECT_GT(found, rounds / 10) << "the queries show too little"; }
}

void fill(Store& store, RandomEvents& random, int batches, const AppendOptions& options = {}) {
  for (int i = 0; i < batches; ++i) { must(store.append(random.batch(), options)); }
}

std::string trace(std::uint32_t seed) { return "seed " + std::to_string(seed); }

// By turns segments of a few events, of some, and one for all.
OpenOptions segments_of(std::uint32_t seed) {
  if (seed % 3 == 0) { return {}; }
  return {.segment_bytes_first = 4096, .segment_bytes_largest = seed % 3 == 1 ? std::uint64_t{4096} : 65536};
}

TEST(QueryTest, AsNaive) {
  for (std::uint32_t seed = 1; seed <= 9; ++seed) {
    SCOPED_TRACE(trace(seed));
    World world;
    RandomEvents random(seed);
    Store store = world.open(segments_of(seed));
    // In between too: the last segment is looked up in another way than the others.
    for (int i = 0; i < 4; ++i) {
      fill(store, random, i * 30);
      expect_as_naive(store, read(store), random, 60);
      if (testing::Test::HasFatalFailure()) { return; }
    }
  }
}

TEST(QueryTest, AsNaiveAfterReopening) {
  for (std::uint32_t seed = 11; seed <= 16; ++seed) {
    SCOPED_TRACE(trace(seed));
    World world;
    RandomEvents random(seed);
    Store store = world.open(segments_of(seed));
    fill(store, random, 100);
    const auto written = read(store);
    must(store.close());
    store = world.open(segments_of(seed));
    const auto log = read(store);
    ASSERT_EQ(log.size(), written.size());
    expect_as_naive(store, log, random, 80);
    fill(store, random, 40);
    expect_as_naive(store, read(store), random, 80);
    world.files.kill_process();
    (void)store.close();
    store = world.open(segments_of(seed));
    expect_as_naive(store, read(store), random, 80);
  }
}

TEST(QueryTest, AsNaiveReadOnly) {
  for (std::uint32_t seed = 21; seed <= 24; ++seed) {
    SCOPED_TRACE(trace(seed));
    World world;
    RandomEvents random(seed);
    Store writer = world.open(segments_of(seed));
    fill(writer, random, 100);
    const Store beside = world.open({.read_only = true});
    const auto log = read(beside);
    EXPECT_GT(log.size(), 50U);
    expect_as_naive(beside, log, random, 60);
    fill(writer, random, 20);
    EXPECT_GT(read(beside).size(), log.size());  // it follows
    expect_as_naive(beside, read(beside), random, 60);
    must(writer.close());
    const Store after = world.open({.read_only = true});
    EXPECT_EQ(read(after).size(), read(beside).size());
    expect_as_naive(after, read(after), random, 60);
  }
}

TEST(QueryTest, AsNaiveOnTheRealFileSystem) {
  for (std::uint32_t seed = 31; seed <= 33; ++seed) {
    SCOPED_TRACE(trace(seed));
    const TempFolder folder;
    RandomEvents random(seed);
    Store store = must(Store::open(folder.path(), segments_of(seed)));
    fill(store, random, 100, kBuffered);
    must(store.wait_durable(Position(99)));
    expect_as_naive(store, read(store, Query::all(), kWritten), random, 80, kWritten);
    must(store.close());
    store = must(Store::open(folder.path(), {.read_only = true}));
    expect_as_naive(store, read(store), random, 80);
  }
}

// Some thousand events, so that what is found spans many segments and many steps of each list.
TEST(QueryTest, AsNaiveInALongLog) {
  World world;
  RandomEvents random(41);
  Store store = world.open({.segment_bytes_first = 16384, .segment_bytes_largest = 65536});
  fill(store, random, 1500, kBuffered);
  expect_as_naive(store, read(store, Query::all(), kWritten), random, 100, kWritten);
}

TEST(QueryTest, WhatIsNotDurableShowsOnlyToThoseWhoAsk) {
  for (std::uint32_t seed = 51; seed <= 54; ++seed) {
    SCOPED_TRACE(trace(seed));
    World world;
    RandomEvents random(seed);
    Store store = world.open({.segment_bytes_first = 65536, .segment_bytes_largest = 65536});
    // Few enough that no roll syncs them.
    for (int i = 0; i < 40; ++i) {
      must(store.append(random.one_of(RandomEvents::kStreams), Expect::any(), {{.type = "T", .tags = {"x", "é"}}},
                        i < 20 ? AppendOptions() : kBuffered));
    }
    ASSERT_EQ(store.info().durable, Position(20));
    const auto all = read(store, Query::all(), kWritten);
    ASSERT_EQ(all.size(), 40U);
    const std::vector durable(all.begin(), all.begin() + 20);
    expect_as_naive(store, durable, random, 60);
    expect_as_naive(store, durable, random, 60, {.visibility = Visibility::kDurable});
    expect_as_naive(store, all, random, 60, kWritten);
    EXPECT_EQ(read(store, Query::tag("x")).size(), 20U);
    EXPECT_EQ(read(store, Query::tag("x"), kWritten).size(), 40U);
    // A read that must see one's own append may see more, and says how far.
    for (std::uint64_t at = 18; at < 40; ++at) {
      Cursor cursor = store.read(Query::type("T"), {.at_least = Position(at)});
      ASSERT_TRUE(cursor.last_visible());
      ASSERT_GE(*cursor.last_visible(), Position(at));
      const std::vector seen(all.begin(),
                             all.begin() + static_cast<std::ptrdiff_t>(cursor.last_visible()->value() + 1));
      EXPECT_EQ(events_of(std::move(cursor)).size(), naive_read(seen, Query::type("T")).size());
      expect_as_naive(store, seen, random, 10, {.at_least = Position(at)});
    }
    must(store.wait_durable(Position(39)));
    expect_as_naive(store, all, random, 60);
  }
}

TEST(QueryTest, AStoreOpenedBufferedShowsWhatIsWritten) {
  World world;
  RandomEvents random(61);
  Store store = world.open({.durability = Durability::kBuffered});
  fill(store, random, 30);
  ASSERT_EQ(store.info().durable, Position(0));
  const auto all = read(store);
  ASSERT_GE(all.size(), 30U);
  expect_as_naive(store, all, random, 60);
  expect_as_naive(store, {}, random, 20, {.visibility = Visibility::kDurable});
}

// Submitted and not yet written: no reader sees it, whatever it asks for.
TEST(QueryTest, WhatIsOnlySequencedShowsToNobody) {
  World world;
  Store store = world.open();
  must(store.append("a-1", Expect::any(), {{.type = "T", .tags = {"x"}}}));
  Batch batch;
  batch.to("a-1").add({.type = "T", .tags = {"x"}});
  const Ticket ticket = must(store.submit(batch));
  for (const Query& query :
       {Query::tag("x"), Query::type("T"), Query::category("a"), Query::stream("a-1").tags({"x"})}) {
    EXPECT_EQ(read(store, query, kWritten).size(), 1U);
    EXPECT_EQ(store.read(query, kWritten).last_visible(), Position(0));
  }
  must(ticket.wait());
  EXPECT_EQ(read(store, Query::tag("x")).size(), 2U);
}

// Every frame of a store damaged in turn: placeholders are events of type "$lost" without tags, in the stream that is
// told for them.
TEST(QueryTest, AsNaiveInASalvagedStore) {
  const auto make = [](World& world, RandomEvents& random) {
    Store store = world.open(tiny_segments());
    fill(store, random, 25);
    must(store.close());
  };
  std::size_t frames = 0;
  {
    World world;
    RandomEvents random(71);
    make(world, random);
    frames = frames_of(world).size();
  }
  for (std::size_t n = 0; n < frames; n += 3) {
    SCOPED_TRACE("frame " + std::to_string(n));
    World world;
    RandomEvents random(71);
    make(world, random);
    const FrameAt hit = frames_of(world)[n];
    world.flip(world.segment(hit.segment), hit.begin + 100);
    const Salvage salvaged = must(engine::open_salvage(world.folder, world.environment()));
    const auto log = read(salvaged.store);
    const auto lost = read(salvaged.store, Query::type("$lost"));
    EXPECT_EQ(lost.size(), salvaged.events_lost);
    EXPECT_GE(lost.size(), 1U);
    for (const OwnedEvent& event : lost) { EXPECT_TRUE(event.lost); }
    expect_as_naive(salvaged.store, log, random, 40);
    if (n % 9 != 0) { continue; }
    // In a repaired store the placeholders are events as all others.
    const std::filesystem::path repaired = "/sim/repaired";
    EXPECT_EQ(must(engine::repair_store(world.folder, repaired, {}, world.environment(), {})).events_lost, lost.size());
    Store store(must(engine::open_store(repaired, {.create = false}, world.environment())));
    EXPECT_EQ(read(store, Query::type("$lost")).size(), lost.size());
    expect_as_naive(store, read(store), random, 40);
    Batch check;
    check.fail_if_match(Query::type("$lost"));
    const auto answer = store.append(check);
    ASSERT_TRUE(fails_with(answer, ErrorCode::kMatchConflict));
    EXPECT_EQ(answer.error().match_conflicts(), (std::vector<MatchConflict>{{0, lost.front().position}}));
  }
}

TEST(QueryTest, AFailedStoreShowsWhatIsDurable) {
  World world;
  Store store = world.open();
  must(store.append("a-1", Expect::any(), {{.type = "T", .tags = {"x"}}}));
  must(store.append("a-1", Expect::any(), {{.type = "T", .tags = {"x"}}}, kBuffered));
  const auto all = read(store, Query::all(), kWritten);
  ASSERT_EQ(all.size(), 2U);
  world.files.set_fault_rule([](const platform::SeamCall& call) -> std::optional<platform::SeamFault> {
    if (call.kind == World::Kind::kDatasync) { return platform::SeamFault{.error = EIO}; }
    return std::nullopt;
  });
  EXPECT_TRUE(fails_with(store.wait_durable(Position(1)), ErrorCode::kStoreFailed));
  for (const Query& query : {Query::tag("x"), Query::type("T"), Query::category("a"), Query::stream("a-1")}) {
    for (const ReadOptions& options : {ReadOptions(), kWritten, ReadOptions{.at_least = Position(1)}}) {
      EXPECT_EQ(read(store, query, options).size(), 1U);
      EXPECT_EQ(store.read(query, options).last_visible(), Position(0));
    }
  }
  EXPECT_EQ(must(store.tags()).at(0).events, 1U);
  EXPECT_EQ(must(store.categories()).at(0).last_position, Position(0));
}

TEST(QueryTest, PlaceholdersOfAnUnknownStreamAreInOneOfTheirOwn) {
  SampleStore sample;
  const FrameAt last = sample.frames.back();
  sample.flip(sample.segment(last.segment), last.begin + 100);
  const Salvage salvaged = must(engine::open_salvage(sample.folder, sample.environment()));
  EXPECT_EQ(read(salvaged.store, Query::category("$lost")).size(), 1U);
  EXPECT_EQ(read(salvaged.store, Query::stream("$lost").types({"$lost"})).size(), 1U);
  EXPECT_EQ(read(salvaged.store, Query::category("stream")).size(), SampleStore::kEvents - 1);
}

// A damaged store that is opened to look at: what matches before the damage, and then the damage. Who has enough before
// it is not told.
TEST(QueryTest, DamageEndsAReadThatWouldGoOnBehindIt) {
  SampleStore sample;
  const FrameAt hit = sample.frames[20];
  sample.flip(sample.segment(hit.segment), hit.begin + 100);
  const Store store = sample.open({.read_only = true});
  for (const Query& query : {Query::category("stream"), Query::type("T"), Query::type("none"), Query::tag("none"),
                             Query::stream("stream-3").types({"T"})}) {
    SCOPED_TRACE(to_string(query));
    Cursor cursor = store.read(query);
    std::uint64_t events = 0;
    while (const Event* e = cursor.next()) {
      EXPECT_LT(e->position(), Position(20));
      ++events;
    }
    EXPECT_TRUE(fails_with(cursor.status(), ErrorCode::kDamaged));
    const std::uint64_t before = query.scope() == Query::Scope::kStream ? 4 : 20;
    EXPECT_EQ(events, query == Query::type("none") || query == Query::tag("none") ? 0 : before);
  }
  Cursor enough = store.read(Query::type("T"), {.limit = 5});
  std::uint64_t events = 0;
  while (enough.next() != nullptr) { ++events; }
  EXPECT_EQ(events, 5U);
  EXPECT_TRUE(ok(enough.status()));
}

TEST(QueryTest, ACursorShowsTheLogAsItWasWhenTheReadBegan) {
  for (const Direction direction : {Direction::kForward, Direction::kBackward}) {
    World world;
    Store store = world.open(tiny_segments());
    const auto add = [&](int n) {
      for (int i = 0; i < n; ++i) {
        must(store.append("a-" + std::to_string(i % 3), Expect::any(),
                          {{.type = i % 2 == 0 ? "T" : "U", .tags = {"x"}}, {.type = "V"}}));
      }
    };
    add(30);
    for (const Query& query : {Query::category("a"), Query::tag("x"), Query::all().types({"T", "U"}),
                               Query::stream("a-1").types({"T", "V"})}) {
      const auto expected = naive_read(read(store), query, {.direction = direction});
      const std::uint64_t end = store.info().events;
      Cursor cursor = store.read(query, {.direction = direction});
      ASSERT_NE(cursor.next(), nullptr);
      add(30);
      EXPECT_EQ(cursor.last_visible(), Position(end - 1));
      std::size_t events = 1;
      while (cursor.next() != nullptr) { ++events; }
      EXPECT_TRUE(ok(cursor.status()));
      EXPECT_EQ(events, expected.size());
      EXPECT_EQ(cursor.last_visible(), Position(end - 1));
    }
  }
}

TEST(QueryTest, LastVisible) {
  World world;
  Store store = world.open();
  const std::vector<Query> queries = {Query::all(), Query::stream("a"), Query::category("a"), Query::type("T"),
                                      Query::type("none")};
  for (const Query& query : queries) { EXPECT_EQ(store.read(query).last_visible(), std::nullopt); }
  must(append(store, "a", "0"));
  must(append(store, "b", "1"));
  must(append(store, "a", "2", Expect::any(), kBuffered));
  for (const Query& query : queries) {
    SCOPED_TRACE(to_string(query));
    EXPECT_EQ(store.read(query).last_visible(), Position(1));
    EXPECT_EQ(store.read(query, kWritten).last_visible(), Position(2));
    EXPECT_EQ(store.read(query, {.direction = Direction::kBackward, .limit = 1}).last_visible(), Position(1));
    EXPECT_EQ(store.read(query, {.limit = 0}).last_visible(), Position(1));
    EXPECT_EQ(store.read(query, {.at_least = Position(2)}).last_visible(), Position(2));
  }
  EXPECT_EQ(
      store.read(Query::type("T"), {.direction = Direction::kBackward, .from_position = Position(0)}).last_visible(),
      Position(1));
  Cursor cursor = store.read(Query::type("none"));
  EXPECT_EQ(cursor.next(), nullptr);
  EXPECT_EQ(cursor.last_visible(), Position(1));
}

// The same word as stream, category, type and tag means four things.
TEST(QueryTest, NamesOfOneKindAreNotThoseOfAnother) {
  World world;
  Store store = world.open();
  must(store.append("n", Expect::any(), {{.type = "0"}}));
  must(store.append("n-1", Expect::any(), {{.type = "1"}}));
  must(store.append("other", Expect::any(), {{.type = "n"}}));
  must(store.append("other", Expect::any(), {{.type = "3", .tags = {"n"}}}));
  const auto positions = [&](const Query& query) {
    std::vector<std::uint64_t> found;
    for (const OwnedEvent& e : read(store, query)) { found.push_back(e.position.value()); }
    return found;
  };
  using Positions = std::vector<std::uint64_t>;
  EXPECT_EQ(positions(Query::stream("n")), Positions{0});
  EXPECT_EQ(positions(Query::category("n")), (Positions{0, 1}));
  EXPECT_EQ(positions(Query::type("n")), Positions{2});
  EXPECT_EQ(positions(Query::tag("n")), Positions{3});
  EXPECT_EQ(positions(Query::all().any_of({{.types = {"n"}}, {.tags = {"n"}}})), (Positions{2, 3}));
  EXPECT_EQ(positions(Query::category("n").types({"n"})), Positions{});
}

TEST(QueryTest, AnEventComesOnceHoweverOftenItMatches) {
  World world;
  Store store = world.open();
  must(store.append("a-1", Expect::any(), {{.type = "T", .tags = {"x", "y", "x"}}}));
  for (const Query& query :
       {Query::tag("x"), Query::all().tags({"x", "x"}), Query::all().types({"T", "T"}),
        Query::all().any_of({{.types = {"T"}}, {.types = {"T"}}, {.tags = {"x"}}, {.tags = {"y", "x"}}})}) {
    SCOPED_TRACE(to_string(query));
    EXPECT_EQ(read(store, query).size(), 1U);
    EXPECT_EQ(read(store, query, {.direction = Direction::kBackward}).size(), 1U);
  }
  EXPECT_EQ(read(store)[0].tags, (std::vector<std::string>{"x", "y", "x"}));
}

TEST(QueryTest, ACursorOutlivingItsStoreIsClosed) {
  World world;
  Store store = world.open();
  for (int i = 0; i < 3; ++i) { must(store.append("a-1", Expect::any(), {{.type = "T", .tags = {"x"}}})); }
  Cursor cursor = store.read(Query::tag("x"));
  ASSERT_NE(cursor.next(), nullptr);
  must(store.close());
  EXPECT_EQ(cursor.next(), nullptr);
  EXPECT_TRUE(fails_with(cursor.status(), ErrorCode::kClosed));
  Cursor later = store.read(Query::category("a"));
  EXPECT_EQ(later.next(), nullptr);
  EXPECT_TRUE(fails_with(later.status(), ErrorCode::kClosed));
}

}  // namespace
}  // namespace tidemark
