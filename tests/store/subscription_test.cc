// SPDX-License-Identifier: Apache-2.0
// Goal: a subscription gives every event that matches, once, in order, whenever it came; it says how far it is; it ends
// with a reason. Method: what is given is held against a read of the same query; appenders beside subscribers of all
// kinds; stops, deadlines, closings and failures at the end.
#include <atomic>
#include <chrono>
#include <functional>
#include <gtest/gtest.h>
#include <optional>
#include <random>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

#include "tests/store/support.h"

namespace tidemark {
namespace {

using namespace test;
using namespace std::chrono_literals;

// All that comes until it has caught up.
std::vector<OwnedEvent> catch_up(Subscription& subscription) {
  std::vector<OwnedEvent> events;
  for (;;) {
    const tidemark::Run run = must(subscription.next_for(0s));
    for (const Event& event : run) { events.emplace_back(event); }
    if (run.empty() && run.state() == SubscriptionState::kCaughtUp) { return events; }
  }
}

Position store_position(const std::vector<OwnedEvent>& all, RecordedTime time) {
  return std::ranges::lower_bound(all, time, {}, &OwnedEvent::recorded)->position;
}

class SubscriptionTest : public testing::Test {
 protected:
  void append_some(int count) {
    for (int i = 0; i < count; ++i) {
      Batch batch;
      const std::string stream = (n_ % 3 == 0 ? "order-" : "loan-") + std::to_string(n_ % 7);
      batch.to(stream).add({.type = n_ % 2 == 0 ? "Even" : "Odd", .tags = {n_ % 5 == 0 ? "five" : "none"}});
      if (n_ % 4 == 0) { batch.to("audit").add({.type = "Seen"}); }
      must(store.append(batch));
      ++n_;
    }
  }

  World world;
  Store store = world.open(tiny_segments());
  const std::vector<Query> queries{Query::all(),
                                   Query::stream("loan-1"),
                                   Query::stream("audit"),
                                   Query::stream("nobody"),
                                   Query::category("order"),
                                   Query::category("loan").types({"Even"}),
                                   Query::stream("loan-2").types({"Even"}),
                                   Query::tag("five"),
                                   Query::type("Nothing")};

 private:
  int n_ = 0;
};

TEST_F(SubscriptionTest, GivesWhatIsThereAndThenWhatComes) {
  std::vector<Subscription> subscriptions;
  std::vector<std::vector<OwnedEvent>> given(queries.size());
  for (const Query& query : queries) { subscriptions.push_back(must(store.subscribe(query))); }
  for (const int more : {0, 1, 40, 0, 3, 200}) {
    append_some(more);
    for (std::size_t i = 0; i < queries.size(); ++i) {
      for (auto& event : catch_up(subscriptions[i])) { given[i].push_back(std::move(event)); }
      EXPECT_EQ(lines_of(given[i]), lines(store, queries[i])) << to_string(queries[i]);
      EXPECT_EQ(subscriptions[i].lag(), 0U);
      const auto last = store.read(Query::all()).last_visible();
      EXPECT_EQ(subscriptions[i].position(), last) << "behind what does not match, too";
    }
  }
}

TEST_F(SubscriptionTest, BeginsWhereItIsTold) {
  append_some(50);
  const std::uint64_t events = store.info().events;
  for (const Query& query : queries) {
    for (const std::uint64_t from : {std::uint64_t{0}, std::uint64_t{1}, std::uint64_t{17}, events - 1, events}) {
      auto subscription = must(store.subscribe(query, {.from_position = Position(from)}));
      Lines expected;
      for (const auto& event : read(store, query)) {
        if (event.position >= Position(from)) { expected.push_back(lines_of({event})[0]); }
      }
      EXPECT_EQ(lines_of(catch_up(subscription)), expected) << to_string(query) << " from " << from;
    }
  }
  auto ahead = must(store.subscribe(Query::all(), {.from_position = Position(events + 3)}));
  auto at_end = must(store.subscribe(Query::all(), {.from_end = true}));
  EXPECT_TRUE(catch_up(at_end).empty());
  append_some(10);
  EXPECT_EQ(catch_up(at_end).front().position, Position(events));
  EXPECT_EQ(catch_up(ahead).front().position, Position(events + 3));
}

TEST_F(SubscriptionTest, BeginsAtATime) {
  append_some(100);
  const auto all = read(store);
  for (const auto& event : all) {
    // The events of one batch have one time.
    const auto first = std::ranges::lower_bound(all, event.recorded, {}, &OwnedEvent::recorded)->position;
    EXPECT_EQ(store.position_at(event.recorded), first);
    EXPECT_EQ(store.position_at(event.recorded - 1ns), first);
    const auto after = std::ranges::upper_bound(all, event.recorded, {}, &OwnedEvent::recorded);
    EXPECT_EQ(store.position_at(event.recorded + 1ns), after == all.end() ? Position(all.size()) : after->position);
  }
  EXPECT_EQ(store.position_at(RecordedTime::min()), Position(0));
  EXPECT_EQ(store.position_at(RecordedTime::max()), Position(all.size()));
  auto subscription = must(store.subscribe(Query::all(), {.from_recorded = all[30].recorded}));
  EXPECT_EQ(catch_up(subscription).front().recorded, all[30].recorded);
}

TEST_F(SubscriptionTest, ATimeAheadIsWaitedFor) {
  append_some(3);
  const auto wanted = read(store).back().recorded + 10s;
  auto subscription = must(store.subscribe(Query::all(), {.from_recorded = wanted}));
  append_some(2);
  EXPECT_TRUE(catch_up(subscription).empty());
  world.clock.advance(10s);
  append_some(1);
  const auto first = must(store.position_at(wanted));
  EXPECT_EQ(catch_up(subscription).front().position, first);
  EXPECT_GE(first, Position(5));
}

TEST_F(SubscriptionTest, WhatCannotBeAskedForIsRefused) {
  const auto refused = [&](const Query& query, const SubscribeOptions& options) {
    return fails_with(store.subscribe(query, options), ErrorCode::kInvalidArgument);
  };
  EXPECT_TRUE(refused(Query::all().any_of({{}}), {}));
  EXPECT_TRUE(refused(Query::all(), {.from_position = Position(0), .from_end = true}));
  EXPECT_TRUE(refused(Query::all(), {.from_recorded = RecordedTime(), .from_end = true}));
  EXPECT_TRUE(refused(Query::all(), {.from_position = Position(0), .from_recorded = RecordedTime()}));
}

TEST_F(SubscriptionTest, WhatIsNotTakenFromARunComesInTheNext) {
  append_some(20);
  auto subscription = must(store.subscribe(Query::all(), {.run_events = 5}));
  Lines taken;
  for (int round = 0; taken.size() < store.info().events; ++round) {
    const tidemark::Run run = must(subscription.next());
    ASSERT_FALSE(run.empty());
    if (round % 3 == 0) { continue; }
    int n = 0;
    for (const Event& event : run) {
      taken.push_back(lines_of({OwnedEvent(event)})[0]);
      EXPECT_EQ(subscription.position(), event.position());
      if (++n == 2 && round % 3 == 1) { break; }
      EXPECT_LE(n, 5);
    }
  }
  EXPECT_EQ(taken, lines(store));
}

TEST_F(SubscriptionTest, SeekGoesBackAndForth) {
  append_some(20);
  auto subscription = must(store.subscribe(Query::all()));
  const auto all = lines_of(catch_up(subscription));
  subscription.seek(Position(3));
  EXPECT_EQ(subscription.position(), Position(2));
  const tidemark::Run half = must(subscription.next());
  for (const Event& event : half) {
    EXPECT_EQ(event.position(), Position(3));
    break;
  }
  subscription.seek(Position(0));
  EXPECT_EQ(half.begin(), std::default_sentinel);
  EXPECT_EQ(must(subscription.next()).state(), SubscriptionState::kCatchingUp);
  EXPECT_EQ(lines_of(catch_up(subscription)), all);
}

TEST_F(SubscriptionTest, TellsItsState) {
  append_some(30);
  auto subscription = must(store.subscribe(Query::category("loan"), {.run_events = 4, .behind_events = 10}));
  EXPECT_EQ(must(subscription.next()).state(), SubscriptionState::kCatchingUp);
  (void)catch_up(subscription);
  append_some(2);
  tidemark::Run run = must(subscription.next());
  EXPECT_EQ(run.state(), SubscriptionState::kCaughtUp);
  EXPECT_FALSE(run.empty());
  (void)catch_up(subscription);
  append_some(20);
  EXPECT_GT(subscription.lag(), 20U);
  run = must(subscription.next());
  EXPECT_EQ(run.state(), SubscriptionState::kFellBehind);
  for (const Event& event : run) { (void)event; }
  EXPECT_EQ(must(subscription.next()).state(), SubscriptionState::kFellBehind);
  for (;;) {
    run = must(subscription.next_for(0s));
    for (const Event& event : run) { (void)event; }
    if (run.empty()) { break; }
  }
  EXPECT_EQ(run.state(), SubscriptionState::kCaughtUp);
  EXPECT_EQ(to_string(SubscriptionState::kFellBehind), "fell behind");
}

TEST_F(SubscriptionTest, TellsOfProgressPastWhatDoesNotMatch) {
  auto subscription = must(store.subscribe(Query::type("Nothing"), {.progress_events = 8}));
  EXPECT_EQ(must(subscription.next()).state(), SubscriptionState::kCaughtUp);
  for (int round = 0; round < 5; ++round) {
    append_some(7);  // eight or nine events
    const tidemark::Run run = must(subscription.next());
    EXPECT_TRUE(run.empty());
    EXPECT_EQ(subscription.position()->next(), Position(store.info().events));
  }
}

TEST_F(SubscriptionTest, ADeadlineGivesAnEmptyRun) {
  append_some(1);
  auto subscription = must(store.subscribe(Query::stream("nobody")));
  EXPECT_TRUE(must(subscription.next_for(0s)).empty());
  EXPECT_TRUE(must(subscription.next_for(0s)).empty());
  EXPECT_TRUE(must(subscription.next_for(-1s)).empty());
  const auto began = std::chrono::steady_clock::now();
  EXPECT_TRUE(must(subscription.next_for(20ms)).empty());
  EXPECT_GE(std::chrono::steady_clock::now() - began, 20ms);
}

TEST_F(SubscriptionTest, OnlyWhatIsDurableIsGiven) {
  auto subscription = must(store.subscribe(Query::all()));
  must(append(store, "a", "kept", Expect::any(), {.durability = Durability::kBuffered}));
  EXPECT_TRUE(catch_up(subscription).empty());
  must(append(store, "a", "durable"));
  EXPECT_EQ(lines_of(catch_up(subscription)), (Lines{"0 a@0 kept", "1 a@1 durable"}));
}

TEST_F(SubscriptionTest, AReadOnlyOpeningWaitsForTheNextWriter) {
  append_some(5);
  const auto expected = lines(store);
  must(store.close());
  Store reader = world.open({.read_only = true});
  auto subscription = must(reader.subscribe(Query::all()));
  EXPECT_EQ(lines_of(catch_up(subscription)), expected);
  EXPECT_TRUE(must(subscription.next_for(1ms)).empty());
  store = world.open(tiny_segments());
  must(append(store, "late", "x"));
  EXPECT_EQ(catch_up(subscription).size(), 1u);
  subscription.seek(Position(0));
  EXPECT_EQ(lines_of(catch_up(subscription)), lines(store));
}

TEST_F(SubscriptionTest, AFailedStoreGivesWhatIsDurableAndEnds) {
  append_some(5);
  const auto expected = lines(store);
  auto subscription = must(store.subscribe(Query::all()));
  world.files.set_fault_rule([](const platform::SeamCall& call) -> std::optional<platform::SeamFault> {
    if (call.kind != platform::SeamCall::Kind::kDatasync) { return std::nullopt; }
    return platform::SeamFault{.error = EIO};
  });
  EXPECT_FALSE(append(store, "a", "lost"));
  world.files.set_fault_rule({});
  EXPECT_EQ(lines_of(catch_up(subscription)), expected);
  EXPECT_TRUE(fails_with(subscription.next(), ErrorCode::kStoreFailed));
}

TEST_F(SubscriptionTest, DamageIsAnErrorAndTheRestOfTheSubscriptionGoesOn) {
  append_some(40);
  const auto expected = lines(store);
  must(store.close());
  store = world.open(tiny_segments());
  world.flip(world.segment(2), 1000);
  auto subscription = must(store.subscribe(Query::all()));
  Lines given;
  for (int errors = 0; errors < 3;) {
    const auto run = subscription.next_for(0s);
    if (!run) {
      EXPECT_TRUE(fails_with(run, ErrorCode::kDamaged));
      EXPECT_EQ(subscription.position()->next(), Position(given.size()));
      ++errors;
      continue;
    }
    ASSERT_FALSE(run->empty());
    for (const Event& event : *run) { given.push_back(lines_of({OwnedEvent(event)})[0]); }
  }
  EXPECT_LT(given.size(), expected.size());
  EXPECT_EQ(given, Lines(expected.begin(), expected.begin() + static_cast<std::ptrdiff_t>(given.size())));
}

// A read-only opening shows what is whole before the damage, and never says that this is all.
TEST_F(SubscriptionTest, ADamagedEndIsToldEachTime) {
  append_some(40);
  const auto all = read(store);
  must(store.close());
  for (const auto& path : world.files.files()) {
    if (path.extension() == ".run") { world.files.set_contents(path, {}); }
  }
  world.flip(world.segment(2), 1000);
  Store reader = world.open({.read_only = true});
  auto subscription = must(reader.subscribe(Query::all()));
  std::size_t given = 0;
  for (int errors = 0; errors < 3;) {
    const auto run = subscription.next_for(0s);
    if (!run) {
      EXPECT_TRUE(fails_with(run, ErrorCode::kDamaged));
      ++errors;
      continue;
    }
    ASSERT_FALSE(run->empty());
    for (const Event& event : *run) { given = event.position().value() + 1; }
  }
  EXPECT_GT(given, 0U);
  EXPECT_LT(given, all.size());
  auto behind = must(reader.subscribe(Query::all(), {.from_end = true}));
  EXPECT_TRUE(fails_with(behind.next_for(0s), ErrorCode::kDamaged));
  EXPECT_EQ(reader.position_at(all[given / 2].recorded), store_position(all, all[given / 2].recorded));
  EXPECT_TRUE(fails_with(reader.position_at(all.back().recorded), ErrorCode::kDamaged));
}

TEST_F(SubscriptionTest, AClosedStoreEndsIt) {
  append_some(3);
  auto before = must(store.subscribe(Query::all()));
  auto inside = must(store.subscribe(Query::all()));
  const tidemark::Run run = must(inside.next());
  auto iterator = run.begin();
  must(store.close());
  EXPECT_TRUE(fails_with(before.next(), ErrorCode::kClosed));
  ++iterator;
  EXPECT_EQ(iterator, std::default_sentinel);
  EXPECT_TRUE(fails_with(inside.next(), ErrorCode::kClosed));
  EXPECT_TRUE(fails_with(store.subscribe(Query::all()), ErrorCode::kClosed));
  EXPECT_TRUE(fails_with(store.position_at({}), ErrorCode::kClosed));
}

// --- with threads ---

class LiveSubscriptionTest : public testing::Test {
 protected:
  World world{true};
  Store store = world.open();
};

// Whoever waits is woken by each of these.
TEST_F(LiveSubscriptionTest, AWaitEndsByAnEventAStopOrAClosing) {
  auto waiting = must(store.subscribe(Query::all(), {.from_end = true}));
  EXPECT_TRUE(must(waiting.next()).empty());
  {
    const std::jthread appender([&] {
      std::this_thread::sleep_for(20ms);
      must(append(store, "a", "1"));
    });
    const tidemark::Run run = must(waiting.next());
    ASSERT_FALSE(run.empty());
    EXPECT_EQ(as_text(run.begin()->data()), "1");
  }
  (void)catch_up(waiting);
  {
    const std::jthread appender([&] {
      std::this_thread::sleep_for(20ms);
      must(append(store, "a", "2", Expect::any(), {.durability = Durability::kBuffered}));
      std::this_thread::sleep_for(5ms);
      must(store.wait_durable(Position(1)));
    });
    EXPECT_EQ(as_text(must(waiting.next()).begin()->data()), "2");
  }
  (void)catch_up(waiting);
  {
    std::stop_source stop;
    const std::jthread stopper([&] {
      std::this_thread::sleep_for(20ms);
      stop.request_stop();
    });
    EXPECT_TRUE(fails_with(waiting.next(stop.get_token()), ErrorCode::kStopped));
    EXPECT_TRUE(fails_with(waiting.next(stop.get_token()), ErrorCode::kStopped));
  }
  const std::jthread closer([&] {
    std::this_thread::sleep_for(20ms);
    must(store.close());
  });
  EXPECT_TRUE(fails_with(waiting.next(), ErrorCode::kClosed));
}

// Closing waits for completions, and so must not be waited for by one.
TEST_F(LiveSubscriptionTest, ACompletionThatWaitsForEventsEndsWithTheStore) {
  must(append(store, "a", "1"));
  auto waiting = must(store.subscribe(Query::all()));
  Gate gate;
  std::optional<Result<tidemark::Run>> answer;
  Batch batch;
  batch.to("a").add(event("T"));
  const Ticket ticket = must(store.submit(batch));
  must(ticket.on_complete([&](const Result<Receipt>&) {
    gate.pass();
    do {
      answer = waiting.next();
      if (*answer) {
        for (const Event& one : **answer) { (void)one; }
      }
    } while (*answer);
  }));
  gate.wait_for(1);
  gate.open();
  std::this_thread::sleep_for(20ms);
  must(store.close());
  ASSERT_TRUE(answer);
  EXPECT_TRUE(fails_with(*answer, ErrorCode::kClosed));
}

TEST_F(LiveSubscriptionTest, AWaitEndsWhenTheStoreFails) {
  must(append(store, "a", "1"));
  auto waiting = must(store.subscribe(Query::all()));
  (void)catch_up(waiting);
  world.files.set_fault_rule([](const platform::SeamCall& call) -> std::optional<platform::SeamFault> {
    if (call.kind != platform::SeamCall::Kind::kDatasync) { return std::nullopt; }
    return platform::SeamFault{.error = EIO};
  });
  const std::jthread appender([&] {
    std::this_thread::sleep_for(20ms);
    EXPECT_FALSE(append(store, "a", "2"));
  });
  EXPECT_TRUE(fails_with(waiting.next(), ErrorCode::kStoreFailed));
}

// Progress is told of although too little was passed for it, once no more comes.
TEST_F(LiveSubscriptionTest, ProgressIsToldOfWhenIdle) {
  auto waiting = must(store.subscribe(Query::type("Nothing"), {.progress_events = 1000}));
  EXPECT_TRUE(must(waiting.next()).empty());
  must(append(store, "a", "1"));
  EXPECT_TRUE(must(waiting.next()).empty());
  EXPECT_EQ(waiting.position(), Position(0));
}

// Appenders of all kinds beside subscribers of all kinds: early and late, filtered, slow, spinning, with deadlines.
TEST_F(LiveSubscriptionTest, ManyAppendersAndSubscribersBesideEachOther) {
  constexpr int kAppenders = 4;
  constexpr int kRounds = 150;
  const std::vector<Query> queries{Query::all(),         Query::category("s"),
                                   Query::stream("s-1"), Query::tag("even"),
                                   Query::type("T1"),    Query::all().any_of({{.types = {"T0"}}, {.tags = {"even"}}})};
  std::atomic<bool> appended = false;
  struct Given {
    Query query = Query::all();
    std::vector<std::string> lines;
    std::string fault;
  };
  std::vector<Given> all(12);
  {
    std::vector<std::jthread> subscribers;
    for (std::size_t i = 0; i < all.size(); ++i) {
      all[i].query = queries[i % queries.size()];
      subscribers.emplace_back([&, i] {
        Given& mine = all[i];
        if (i >= 8) { std::this_thread::sleep_for(std::chrono::milliseconds(10 * (i - 7))); }
        SubscribeOptions options{.run_events = 1 + i * 7, .progress_events = 1 + i * 10};
        if (i % 4 == 0) { options.spin = 50us; }
        auto subscription = must(store.subscribe(mine.query, options));
        for (;;) {
          const bool last_look = appended.load();
          const auto run = i % 3 == 0 ? subscription.next_for(5ms) : subscription.next_for(50ms);
          if (!run) {
            mine.fault = to_string(run.error());
            return;
          }
          for (const Event& event : *run) {
            mine.lines.push_back(lines_of({OwnedEvent(event)})[0]);
            if (i == 5) { std::this_thread::sleep_for(200us); }
          }
          if (run->empty() && last_look && subscription.lag() == 0) { return; }
        }
      });
    }
    std::vector<std::jthread> appenders;
    for (int a = 0; a < kAppenders; ++a) {
      appenders.emplace_back([&, a] {
        std::minstd_rand random(static_cast<std::uint32_t>(a + 1));
        for (int round = 0; round < kRounds; ++round) {
          Batch batch;
          for (auto n = 1 + random() % 4; n > 0; --n) {
            const std::string stream = (random() % 3 == 0 ? "r-" : "s-") + std::to_string(random() % 4);
            const std::string type = "T" + std::to_string(random() % 3);
            const std::string data = std::to_string(a) + "." + std::to_string(round);
            batch.to(stream).add({.type = type, .data = as_bytes(data), .tags = {round % 2 == 0 ? "even" : "odd"}});
          }
          must(store.append(batch, {.durability = random() % 4 == 0 ? Durability::kBuffered : Durability::kDurable}));
        }
      });
    }
    appenders.clear();
    must(append(store, "end", "end"));
    appended = true;
  }
  for (const Given& given : all) {
    EXPECT_EQ(given.fault, "");
    EXPECT_EQ(given.lines, lines(store, given.query)) << to_string(given.query);
  }
}

}  // namespace
}  // namespace tidemark
