// SPDX-License-Identifier: Apache-2.0
// Goal: a read as of a recorded time, as of a valid time, as of both, and in the order of valid times gives what a
// filter over everything read gives; an early end costs a few looks. Method: stores of random batches with times that
// are past, ahead, equal and extreme, read in random ways and held against the filter; calls counted at the seam;
// damage at the end.
#include <chrono>
#include <gtest/gtest.h>
#include <limits>
#include <optional>
#include <string>
#include <vector>

#include "tests/sampled.h"
#include "tests/store/random_events.h"

namespace tidemark {
namespace {

using namespace test;
using namespace std::chrono_literals;

// Events, queries and ways to read by chance, with times.
class RandomTimes {
 public:
  explicit RandomTimes(std::uint32_t seed) : random_(seed) {}

  void append_some(World& world, Store& store, int batches) {
    for (int i = 0; i < batches; ++i) {
      world.clock.advance(std::chrono::nanoseconds(random_.below(3'000'000'000)));
      AppendOptions options;
      if (random_.once_in(4)) { options.recorded = near(world.clock.now()); }
      must(store.append(batch(world.clock.now()), options));
    }
  }

  Query query() { return random_.query(); }

  ReadOptions options(const Query& query, const std::vector<OwnedEvent>& log) {
    ReadOptions options = random_.options(query, log.size());
    if (random_.once_in(3) && query.scope() == Query::Scope::kStream && !options.from_version) {
      options.from_position = Position(random_.below(log.size() + 3));
    }
    if (random_.once_in(3)) { options.limit = std::numeric_limits<std::uint64_t>::max(); }
    const OwnedEvent& one = log[random_.below(log.size())];
    if (random_.once_in(2)) {
      options.recorded_until = one.recorded + std::chrono::nanoseconds(random_.below(3)) - 1ns;
      if (random_.once_in(20)) { options.recorded_until = RecordedTime::max(); }
      if (random_.once_in(20)) { options.recorded_until = RecordedTime::min(); }
    }
    if (random_.once_in(2)) {
      options.valid_until = one.valid;
      if (random_.once_in(2) && one.valid < ValidTime::max() && one.valid > ValidTime::min()) {
        *options.valid_until += std::chrono::microseconds(random_.below(3)) - 1us;
      }
    }
    if (random_.once_in(2)) { options.order = Order::kValid; }
    return options;
  }

 private:
  RecordedTime near(RecordedTime now) { return now - std::chrono::nanoseconds(random_.below(20'000'000'000)); }

  Batch batch(RecordedTime now) {
    Batch batch;
    const std::string streams[] = {random_.one_of(RandomEvents::kStreams), random_.one_of(RandomEvents::kStreams)};
    for (std::uint64_t n = 1 + random_.below(4); n > 0; --n) {
      const std::string data = std::to_string(next_++);
      NewEvent event{.type = random_.one_of(RandomEvents::kTypes), .data = as_bytes(data)};
      if (random_.once_in(2)) { event.tags.emplace_back(random_.one_of(RandomEvents::kTags)); }
      if (random_.once_in(3)) { event.valid = valid(now); }
      batch.to(streams[random_.below(2)]).add(event);
    }
    return batch;
  }

  ValidTime valid(RecordedTime now) {
    if (random_.once_in(30)) { return random_.once_in(2) ? ValidTime::max() : ValidTime::min(); }
    const auto base = std::chrono::floor<std::chrono::microseconds>(now);
    // To the second, so that some are equal.
    return std::chrono::floor<std::chrono::seconds>(base) + std::chrono::seconds(random_.below(40)) - 20s;
  }

  RandomEvents random_;
  int next_ = 0;
};

std::string in_words(const Query& query, const ReadOptions& options) {
  std::string text = to_string(query) + (options.direction == Direction::kForward ? ", forward" : ", backward");
  if (options.from_version) { text += ", from version " + std::to_string(options.from_version->value()); }
  if (options.from_position) { text += ", from position " + std::to_string(options.from_position->value()); }
  if (options.recorded_until) {
    text += ", recorded until " + std::to_string(options.recorded_until->time_since_epoch().count());
  }
  if (options.valid_until) {
    text += ", valid until " + std::to_string(options.valid_until->time_since_epoch().count());
  }
  if (options.order == Order::kValid) { text += ", by valid time"; }
  return text + ", limit " + std::to_string(options.limit);
}

void expect_as_naive(const Store& store, RandomTimes& random, int rounds) {
  const auto log = read(store);
  const auto words = lines_of(log);
  int found = 0;
  for (int round = 0; round < rounds; ++round) {
    const Query query = random.query();
    const ReadOptions options = random.options(query, log);
    Lines expected;
    for (const std::uint64_t position : naive_read(log, query, options)) { expected.push_back(words[position]); }
    Cursor cursor = store.read(query, options);
    std::optional<Position> last;
    for (const OwnedEvent& event : log) {
      if (!options.recorded_until || event.recorded <= *options.recorded_until) { last = event.position; }
    }
    ASSERT_EQ(cursor.last_visible(), last) << in_words(query, options);
    Lines got;
    while (const Event* e = cursor.next()) { got.push_back(lines_of({OwnedEvent(*e)})[0]); }
    ASSERT_TRUE(ok(cursor.status())) << in_words(query, options);
    ASSERT_EQ(got, expected) << in_words(query, options);
    EXPECT_EQ(cursor.next(), nullptr);
    if (!got.empty()) { ++found; }
  }
  EXPECT_GT(found, rounds / 10) << "the queries show too little";
}

TEST(TimeTest, AsNaive) {
  for (std::uint32_t seed = 1; seed <= sampled(8); ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    World world;
    if (seed % 2 == 0) { world.index.table_events = 64; }
    RandomTimes random(seed);
    Store store = world.open(seed % 3 == 0 ? OpenOptions{} : tiny_segments());
    for (const int more : {3, 60, 200}) {
      random.append_some(world, store, more);
      expect_as_naive(store, random, 250);
      if (testing::Test::HasFatalFailure()) { return; }
    }
    must(store.close());
    store = world.open({.read_only = true});
    expect_as_naive(store, random, 150);
  }
}

// What a list says of a time is what the events up to it come to.
TEST(TimeTest, ListsAsNaive) {
  for (std::uint32_t seed = 1; seed <= sampled(4); ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    World world;
    if (seed % 2 == 0) { world.index.table_events = 64; }
    RandomTimes random(seed);
    Store store = world.open(tiny_segments());
    random.append_some(world, store, 120);
    auto log = read(store);
    for (std::size_t n = log.size();; n -= std::min<std::size_t>(n, 17)) {
      log.resize(n);
      const RecordedTime until = n == 0 ? RecordedTime::min() : log.back().recorded;
      const auto more = read(store, Query::all(), {.from_position = Position(n), .recorded_until = until});
      log.insert(log.end(), more.begin(), more.end());  // the rest of its batch
      Lines expected;
      for (const auto& [name, info] : naive_streams(log)) {
        expected.push_back(name + " " + std::to_string(info.events - 1) + " " +
                           std::to_string(info.last_position.value()));
      }
      Lines got;
      for (const auto& info : must(store.streams({.recorded_until = until}))) {
        got.push_back(info.name + " " + std::to_string(info.last_version.value()) + " " +
                      std::to_string(info.last_position.value()));
      }
      EXPECT_EQ(got, expected) << n;
      std::uint64_t tagged = 0;
      for (const auto& [name, info] : naive_tags(log)) { tagged += info.events; }
      std::uint64_t got_tagged = 0;
      for (const auto& info : must(store.tags({.recorded_until = until}))) { got_tagged += info.events; }
      EXPECT_EQ(got_tagged, tagged);
      if (log.empty()) { break; }
    }
  }
}

// The end is looked for by halving: each look reads one frame.
TEST(TimeTest, AnEarlyEndCostsAFewLooks) {
  World world;
  Store store = world.open();
  constexpr int kEvents = 4000;
  for (int i = 0; i < kEvents; ++i) { must(append(store, "s-" + std::to_string(i % 10), std::string(600, 'd'))); }
  const auto middle = read(store)[kEvents / 3].recorded;
  using Kind = platform::SeamCall::Kind;
  const auto reads = [&](const ReadOptions& options) {
    const std::uint64_t before = world.files.calls(Kind::kPread);
    Cursor cursor = store.read(Query::stream("s-3"), options);
    EXPECT_TRUE(ok(cursor.status()));
    return world.files.calls(Kind::kPread) - before;
  };
  EXPECT_EQ(reads({.access = Access::kCopied}), 0U);
  const std::uint64_t looks = reads({.recorded_until = middle, .access = Access::kCopied});
  EXPECT_GE(looks, 6U);
  EXPECT_LE(looks, 3U * 12U) << "a header and a body for each binary digit";
  EXPECT_EQ(read(store, Query::all(), {.recorded_until = middle}).size(), std::size_t{kEvents / 3 + 1});
}

// A store that cannot be read up to its end still knows what was known before the damage.
TEST(TimeTest, DamageAtTheEndIsToldWhereItMatters) {
  World world;
  Store store = world.open(tiny_segments());
  for (int i = 0; i < 60; ++i) { must(append(store, "a", std::string(100, 'd'))); }
  const auto all = read(store);
  must(store.close());
  for (const auto& path : world.files.files()) {
    if (path.extension() == ".run") { world.files.set_contents(path, {}); }
  }
  world.flip(world.segment(2), 1000);
  const Store reader = world.open({.read_only = true});
  const std::size_t whole = reader.info().events;
  ASSERT_GT(whole, 5U);
  ASSERT_LT(whole, all.size());
  for (const Order order : {Order::kPosition, Order::kValid}) {
    for (const Direction direction : {Direction::kForward, Direction::kBackward}) {
      const ReadOptions known{.direction = direction, .recorded_until = all[whole - 2].recorded, .order = order};
      EXPECT_EQ(read(reader, Query::stream("a"), known).size(), whole - 1);
      ReadOptions later = known;
      later.recorded_until = all.back().recorded;
      Cursor cursor = reader.read(Query::stream("a"), later);
      while (cursor.next() != nullptr) {}
      EXPECT_TRUE(fails_with(cursor.status(), ErrorCode::kDamaged));
    }
  }
  EXPECT_TRUE(ok(reader.streams({.recorded_until = all[whole - 2].recorded})));
  EXPECT_TRUE(fails_with(reader.streams({.recorded_until = all.back().recorded}), ErrorCode::kDamaged));
}

TEST(TimeTest, NothingIsKnownBeforeTheFirstEvent) {
  World world;
  Store store = world.open();
  EXPECT_TRUE(read(store, Query::all(), {.recorded_until = RecordedTime::max()}).empty());
  must(append(store, "a", "1"));
  const ReadOptions before{.recorded_until = read(store)[0].recorded - 1ns};
  Cursor cursor = store.read(Query::all(), before);
  EXPECT_EQ(cursor.next(), nullptr);
  EXPECT_TRUE(ok(cursor.status()));
  EXPECT_EQ(cursor.last_visible(), std::nullopt);
  EXPECT_TRUE(read(store, Query::stream("a"), before).empty());
  EXPECT_TRUE(
      read(store, Query::tag("t"), {.direction = Direction::kBackward, .recorded_until = RecordedTime()}).empty());
}

// A decision that rests on what was known then fails if anything that matches came later.
TEST(TimeTest, TheLastVisibleGuardsADecisionOnThePast) {
  World world;
  Store store = world.open();
  must(append(store, "a", "1"));
  const auto then = read(store)[0].recorded;
  must(append(store, "a", "2"));
  Cursor known = store.read(Query::stream("a"), {.recorded_until = then});
  while (known.next() != nullptr) {}
  Batch batch;
  batch.to("b").add(event("T"));
  batch.fail_if_match(Query::stream("a"), {.after = known.last_visible()});
  EXPECT_TRUE(fails_with(store.append(batch), ErrorCode::kMatchConflict));
}

TEST(TimeTest, AReadByValidTimeEndsWithItsStore) {
  World world;
  Store store = world.open();
  for (int i = 0; i < 10; ++i) { must(append(store, "a", std::to_string(i))); }
  Cursor before = store.read(Query::all(), {.order = Order::kValid});
  Cursor inside = store.read(Query::all(), {.order = Order::kValid});
  ASSERT_NE(inside.next(), nullptr);
  must(store.close());
  EXPECT_EQ(before.next(), nullptr);
  EXPECT_TRUE(fails_with(before.status(), ErrorCode::kClosed));
  EXPECT_EQ(inside.next(), nullptr);
  EXPECT_TRUE(fails_with(inside.status(), ErrorCode::kClosed));
}

}  // namespace
}  // namespace tidemark
