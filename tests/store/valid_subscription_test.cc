// SPDX-License-Identifier: Apache-2.0
// Goal: a subscription by valid time gives each event once, none before it is due, by due time and position among those
// that are there, and goes on over restarts without a loss and without a second time. Method: random logs and times,
// consumers that stop anywhere and go on from what they stored, held against the log; waits that end when something
// falls due; ends and refusals.
#include <algorithm>
#include <chrono>
#include <gtest/gtest.h>
#include <map>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "tests/sampled.h"
#include "tests/store/random_events.h"

namespace tidemark {
namespace {

using namespace test;
using namespace std::chrono_literals;
using std::chrono::floor;
using std::chrono::microseconds;

using Key = std::pair<ValidTime, Position>;

Key key_of(const OwnedEvent& e) { return {std::max(e.valid, floor<microseconds>(e.recorded)), e.position}; }

// All that comes until nothing is due.
std::vector<OwnedEvent> catch_up(Subscription& subscription) {
  std::vector<OwnedEvent> events;
  for (;;) {
    const tidemark::Run run = must(subscription.next_for(0s));
    for (const Event& event : run) { events.emplace_back(event); }
    if (run.empty() && run.state() == SubscriptionState::kCaughtUp) { return events; }
  }
}

class ValidSubscriptionTest : public testing::Test {
 protected:
  ValidTime now() { return floor<microseconds>(world.clock.now()); }
  Position add(std::string_view data, std::optional<ValidTime> valid = {}, std::string_view stream = "a") {
    return must(store.append(stream, Expect::any(), {{.type = "T", .data = as_bytes(data), .valid = valid}})).first;
  }
  Lines data_of(const std::vector<OwnedEvent>& events) {
    Lines all;
    for (const auto& e : events) { all.emplace_back(as_text(e.data)); }
    return all;
  }
  Lines caught_up(Subscription& subscription) { return data_of(catch_up(subscription)); }

  World world;
  Store store = world.open(tiny_segments());
};

TEST_F(ValidSubscriptionTest, HoldsWhatIsYetToCome) {
  auto subscription = must(store.subscribe(Query::all(), {.when_valid = true}));
  EXPECT_EQ(subscription.valid_point(), (ValidPoint{{}, {}, ValidTime::min(), {}}));
  const ValidTime start = now();
  add("past", start - 24h);
  add("in 20 s", start + 20s);
  add("now");
  add("in 10 s", start + 10s);
  EXPECT_EQ(caught_up(subscription), (Lines{"past", "now"}));
  EXPECT_EQ(subscription.held(), 2U);
  EXPECT_EQ(subscription.position(), Position(0)) << "the one behind it is held";
  EXPECT_EQ(subscription.lag(), 0U);
  EXPECT_EQ(subscription.valid_point()->lowest, Position(1));
  EXPECT_EQ(subscription.valid_point()->read, Position(4));
  EXPECT_EQ(subscription.valid_point()->position, Position(2));
  world.clock.advance(9s);
  EXPECT_EQ(caught_up(subscription), Lines{});
  world.clock.advance(2s);
  EXPECT_EQ(caught_up(subscription), Lines{"in 10 s"});
  EXPECT_EQ(subscription.position(), Position(0));
  add("between", start + 15s);
  world.clock.advance(20s);
  EXPECT_EQ(caught_up(subscription), (Lines{"between", "in 20 s"}));
  EXPECT_EQ(subscription.held(), 0U);
  EXPECT_EQ(subscription.position(), Position(4));
}

// A log of the past comes in the order in which it was due, without waiting, and nothing is kept for long.
TEST_F(ValidSubscriptionTest, CatchesUpInTheOrderOfDueTimes) {
  RandomEvents random(5);
  const ValidTime start = now();
  for (int i = 0; i < 400; ++i) {
    world.clock.advance(std::chrono::milliseconds(random.below(2000)));
    std::optional<ValidTime> valid;
    if (random.once_in(3)) {
      valid = floor<std::chrono::seconds>(now()) + std::chrono::seconds(random.below(60)) - 10s;
    }
    if (random.once_in(50)) { valid = start + 24h * 365 * 8000; }
    add(std::to_string(i), valid, i % 4 == 0 ? "even-1" : "odd-1");
  }
  world.clock.advance(24h);
  for (const Query& query : {Query::all(), Query::category("even")}) {
    auto log = read(store, query);
    std::erase_if(log, [&](const OwnedEvent& e) { return e.valid > now(); });
    std::ranges::sort(log, {}, key_of);
    auto subscription = must(store.subscribe(query, {.when_valid = true, .run_events = 7}));
    std::vector<OwnedEvent> given;
    std::uint64_t held_most = 0;
    for (;;) {
      const tidemark::Run run = must(subscription.next_for(0s));
      for (const Event& event : run) {
        given.emplace_back(event);
        held_most = std::max(held_most, subscription.held());
      }
      if (run.empty()) { break; }
    }
    EXPECT_EQ(lines_of(given), lines_of(log));
    EXPECT_LT(held_most, 80U) << "what is due is not kept while the rest is read";
  }
}

// The state that a consumer keeps, whatever it is at: given once, none lost.
TEST_F(ValidSubscriptionTest, GivesEachOnceOverRestarts) {
  for (std::uint32_t seed = 1; seed <= sampled(40); ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    World own;
    Store bank = own.open(tiny_segments());
    RandomEvents random(seed);
    const Query query = random.once_in(2) ? Query::all() : Query::category("loan");
    std::optional<ValidPoint> stored;
    std::map<Position, int> given;
    std::optional<Key> highest;
    int n = 0;
    const auto now_there = [&] { return floor<microseconds>(own.clock.now()); };
    const auto append_some = [&] {
      for (std::uint64_t k = random.below(12); k > 0; --k) {
        Batch batch;
        for (std::uint64_t events = 1 + random.below(3); events > 0; --events) {
          NewEvent event{.type = "T"};
          if (random.once_in(2)) { event.valid = now_there() + std::chrono::milliseconds(random.below(8000)) - 2000ms; }
          batch.to(random.once_in(2) ? "loan-1" : "other-" + std::to_string(n)).add(event);
          ++n;
        }
        AppendOptions options;  // history that is loaded late: due long ago
        if (random.once_in(5)) { options.recorded = own.clock.now() - 3s; }
        must(bank.append(batch, options));
        own.clock.advance(std::chrono::milliseconds(random.below(300)));
      }
    };
    for (int session = 0; session < 25; ++session) {
      if (random.once_in(4)) {
        if (random.once_in(2)) { own.files.kill_process(); }
        (void)bank.close();
        bank = own.open(tiny_segments());
      }
      append_some();
      auto subscription = must(
          bank.subscribe(query, {.from_valid_point = stored, .when_valid = true, .run_events = 1 + random.below(6)}));
      for (std::uint64_t runs = random.below(8); runs > 0; --runs) {
        const tidemark::Run run = must(subscription.next_for(0s));
        std::uint64_t take = random.below(8);
        for (const Event& view : run) {
          const OwnedEvent event(view);
          const Key key = key_of(event);
          EXPECT_EQ(++given[event.position], 1) << "given twice: " << event.position.value();
          EXPECT_LE(key.first, std::max(now_there(), floor<microseconds>(event.recorded))) << "before it is due";
          highest = std::max(highest.value_or(key), key);
          EXPECT_EQ(subscription.valid_point()->due, highest->first);
          EXPECT_EQ(subscription.valid_point()->position, highest->second);
          if (take-- == 0) { break; }
        }
        if (random.once_in(3)) { append_some(); }
        stored = subscription.valid_point();
        own.clock.advance(std::chrono::milliseconds(random.below(1500)));
      }
    }
    own.clock.advance(60s);
    auto last = must(bank.subscribe(query, {.from_valid_point = stored, .when_valid = true}));
    for (const OwnedEvent& event : catch_up(last)) {
      EXPECT_EQ(++given[event.position], 1) << "given twice: " << event.position.value();
    }
    EXPECT_EQ(last.held(), 0U);
    EXPECT_EQ(last.position()->next(), Position(bank.info().events));
    const auto all = read(bank, query);
    EXPECT_EQ(given.size(), all.size());
    for (const OwnedEvent& event : all) { EXPECT_TRUE(given.contains(event.position)) << event.position.value(); }
    if (HasFailure()) { return; }
  }
}

// What became durable after its turn comes at once, before anything else is read.
TEST_F(ValidSubscriptionTest, WhatComesTooLateForItsTurnComesAtOnce) {
  const ValidTime start = now();
  add("in 10 s", start + 10s);
  auto subscription = must(store.subscribe(Query::all(), {.when_valid = true}));
  EXPECT_EQ(caught_up(subscription), Lines{});
  world.clock.advance(11s);
  EXPECT_EQ(caught_up(subscription), Lines{"in 10 s"});
  // Its valid time lies ahead of when it was recorded, and still before what was given last.
  Batch ahead;
  ahead.to("a").add({.type = "T", .data = as_bytes("late 0"), .valid = start + 8s});
  must(store.append(ahead, {.recorded = world.clock.now() - 6s}));
  must(append(store, "a", "late 1", Expect::any(), {.recorded = world.clock.now() - 5s}));
  must(append(store, "a", "late 2", Expect::any(), {.recorded = world.clock.now() - 4s}));
  // Whoever stops between any two of them goes on with the rest.
  std::optional<ValidPoint> point = subscription.valid_point();
  for (std::uint64_t i = 0; i < 3; ++i) {
    auto next = must(store.subscribe(Query::all(), {.from_valid_point = point, .when_valid = true}));
    const tidemark::Run run = must(next.next_for(0s));
    for (const Event& event : run) {
      EXPECT_EQ(as_text(event.data()), "late " + std::to_string(i));
      break;
    }
    point = next.valid_point();
    EXPECT_EQ(point, (ValidPoint{Position(2 + i), Position(2 + i), start + 10s, Position(0)}));
  }
  EXPECT_EQ(caught_up(subscription), (Lines{"late 0", "late 1", "late 2"}));
}

// A log ahead of the clock is its own clock: who has set the clock back gets what is not held for another reason.
TEST_F(ValidSubscriptionTest, AClockThatIsSetBackHoldsNothingUp) {
  auto subscription = must(store.subscribe(Query::all(), {.when_valid = true}));
  const ValidTime start = now();
  add("in 5 s", start + 5s);
  world.clock.advance(3s);
  add("in 3 s");
  world.clock.jump(-2h);
  add("also");
  EXPECT_EQ(caught_up(subscription), (Lines{"in 3 s", "also"}));
  world.clock.advance(2h + 3s);
  EXPECT_EQ(caught_up(subscription), Lines{"in 5 s"});
}

TEST_F(ValidSubscriptionTest, SeekForgetsWhatIsHeld) {
  const ValidTime start = now();
  add("0", start + 10s);
  add("1");
  add("2", start + 10s);
  auto subscription = must(store.subscribe(Query::all(), {.when_valid = true}));
  EXPECT_EQ(caught_up(subscription), Lines{"1"});
  subscription.seek(Position(2));
  EXPECT_EQ(subscription.held(), 0U);
  world.clock.advance(11s);
  EXPECT_EQ(caught_up(subscription), Lines{"2"});
  subscription.seek(Position(0));
  EXPECT_EQ(caught_up(subscription), (Lines{"1", "0", "2"}));
}

TEST_F(ValidSubscriptionTest, BeginsWhereItIsTold) {
  const ValidTime start = now();
  add("0");
  add("1", start + 10s);
  const auto second = read(store)[1].recorded;
  add("2");
  auto from = must(store.subscribe(Query::all(), {.from_position = Position(1), .when_valid = true}));
  auto recorded = must(store.subscribe(Query::all(), {.from_recorded = second, .when_valid = true}));
  auto end = must(store.subscribe(Query::all(), {.from_end = true, .when_valid = true}));
  add("3");
  world.clock.advance(11s);
  EXPECT_EQ(caught_up(from), (Lines{"2", "3", "1"}));
  EXPECT_EQ(caught_up(recorded), (Lines{"2", "3", "1"}));
  EXPECT_EQ(caught_up(end), (Lines{"3"}));
}

TEST_F(ValidSubscriptionTest, WhatCannotBeAskedForIsRefused) {
  const auto refused = [&](const SubscribeOptions& options) {
    return fails_with(store.subscribe(Query::all(), options), ErrorCode::kInvalidArgument);
  };
  EXPECT_TRUE(refused({.from_valid_point = ValidPoint{}}));
  EXPECT_TRUE(refused({.from_position = Position(0), .from_valid_point = ValidPoint{}, .when_valid = true}));
  EXPECT_TRUE(
      refused({.from_valid_point = ValidPoint{.lowest = Position(2), .read = Position(1)}, .when_valid = true}));
  auto usual = must(store.subscribe(Query::all()));
  EXPECT_EQ(usual.valid_point(), std::nullopt);
  EXPECT_EQ(usual.held(), 0U);
}

// A point may be ahead of what an opening shows: then nothing is given that comes after what is not seen yet.
TEST_F(ValidSubscriptionTest, APointAheadOfTheLogWaits) {
  const ValidTime start = now();
  add("0", start + 1s);
  world.clock.advance(10s);
  auto subscription =
      must(store.subscribe(Query::all(), {.from_valid_point = ValidPoint{Position(0), Position(3), start, Position(2)},
                                          .when_valid = true}));
  EXPECT_EQ(caught_up(subscription), Lines{});
  add("1", start + 500ms);
  add("2");
  EXPECT_EQ(caught_up(subscription), (Lines{"0", "1", "2"}));
}

TEST_F(ValidSubscriptionTest, DamageOfWhatIsHeldIsAnErrorEachTime) {
  const ValidTime start = now();
  for (int i = 0; i < 40; ++i) { add(std::string(100, 'd'), start + 10s); }
  auto subscription = must(store.subscribe(Query::all(), {.when_valid = true, .access = Access::kCopied}));
  EXPECT_EQ(caught_up(subscription), Lines{});
  world.flip(world.segment(1), 1000);
  world.clock.advance(11s);
  int given = 0;
  for (int errors = 0; errors < 3;) {
    const auto run = subscription.next_for(0s);
    if (!run) {
      EXPECT_TRUE(fails_with(run, ErrorCode::kDamaged));
      ++errors;
      continue;
    }
    ASSERT_FALSE(run->empty());
    for (const Event& event : *run) { given = static_cast<int>(event.position().value()) + 1; }
  }
  EXPECT_LT(given, 40);
  EXPECT_EQ(subscription.held(), static_cast<std::uint64_t>(40 - given));
}

TEST_F(ValidSubscriptionTest, AReadOnlyOpeningWaitsToo) {
  const ValidTime start = now();
  add("0", start + 10s);
  add("1");
  must(store.close());
  Store reader = world.open({.read_only = true});
  auto subscription = must(reader.subscribe(Query::all(), {.when_valid = true}));
  EXPECT_EQ(caught_up(subscription), Lines{"1"});
  EXPECT_TRUE(must(subscription.next_for(0s)).empty());
  EXPECT_EQ(subscription.held(), 1U);
  world.clock.advance(11s);
  EXPECT_EQ(data_of({OwnedEvent(*must(subscription.next()).begin())}), Lines{"0"});
}

// --- with threads ---

TEST(LiveValidSubscriptionTest, AWaitEndsWhenSomethingFallsDue) {
  const TempFolder folder;
  Store store = must(Store::open(folder.path()));
  const auto wall = [] { return floor<microseconds>(std::chrono::system_clock::now()); };
  const ValidTime due = wall() + 150ms;
  must(store.append("a", Expect::any(), {{.type = "T", .valid = due + 24h * 365 * 8000}, {.type = "T", .valid = due}}));
  auto waiting = must(store.subscribe(Query::all(), {.when_valid = true}));
  EXPECT_TRUE(must(waiting.next()).empty()) << "caught up";
  const auto began = std::chrono::steady_clock::now();
  const tidemark::Run run = must(waiting.next());
  EXPECT_GE(wall(), due);
  EXPECT_LT(std::chrono::steady_clock::now() - began, 5s);
  ASSERT_FALSE(run.empty());
  EXPECT_EQ(run.begin()->position(), Position(1));
  EXPECT_EQ(waiting.held(), 1U);
  EXPECT_TRUE(must(waiting.next_for(20ms)).empty());
  const std::jthread closer([&] {
    std::this_thread::sleep_for(20ms);
    must(store.close());
  });
  EXPECT_TRUE(fails_with(waiting.next(), ErrorCode::kClosed));
}

TEST(LiveValidSubscriptionTest, AClockThatIsSetForwardIsNoticed) {
  World world{true};
  Store store = world.open();
  const ValidTime due = floor<microseconds>(world.clock.now()) + 24h;
  must(store.append("a", Expect::any(), {{.type = "T", .valid = due}}));
  auto waiting = must(store.subscribe(Query::all(), {.when_valid = true}));
  EXPECT_TRUE(must(waiting.next()).empty());
  const std::jthread setter([&] {
    std::this_thread::sleep_for(30ms);
    world.clock.jump(25h);
  });
  EXPECT_EQ(must(waiting.next()).begin()->position(), Position(0));
}

// Appenders of all kinds of times beside a subscriber that waits.
TEST(LiveValidSubscriptionTest, GivesEachOnceWhileOthersAppend) {
  const TempFolder folder;
  Store store = must(Store::open(folder.path()));
  constexpr int kEach = 300;
  std::vector<std::jthread> appenders;
  for (int t = 0; t < 3; ++t) {
    appenders.emplace_back([&, t] {
      for (int i = 0; i < kEach; ++i) {
        const auto valid = floor<microseconds>(std::chrono::system_clock::now()) + microseconds((i % 7) * 3000 - 6000);
        must(store.append("s-" + std::to_string(t), Expect::any(), {{.type = "T", .valid = valid}}));
      }
    });
  }
  auto subscription = must(store.subscribe(Query::all(), {.when_valid = true}));
  std::vector<int> given(3 * kEach);
  const auto began = std::chrono::steady_clock::now();
  for (int n = 0; n < 3 * kEach;) {
    const tidemark::Run run = must(subscription.next_for(20s));
    ASSERT_LT(std::chrono::steady_clock::now() - began, 60s) << n << " came";
    for (const Event& event : run) {
      ++given[event.position().value()];
      EXPECT_LE(event.valid(), floor<microseconds>(std::chrono::system_clock::now()));
      ++n;
    }
  }
  EXPECT_EQ(std::ranges::count(given, 1), 3 * kEach);
}

}  // namespace
}  // namespace tidemark
