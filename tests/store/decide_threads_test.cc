// SPDX-License-Identifier: Apache-2.0
// Goal: however many decide at once, each decides on all that was decided before it. Method: threads that decide on one
// stream, on two queries over the same events, and beside plain appenders; what they build keeps a rule that any
// decision on less than the whole would break.
#include <atomic>
#include <gtest/gtest.h>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

#include "tests/store/support.h"

namespace tidemark {
namespace {

using namespace test;

constexpr ErrorCode kFull = ErrorCode::kNotFound;

class DecideThreads : public testing::Test {
 protected:
  World world{true};
  Store store = world.open();
};

// Each decision appends the number of events that it saw: any that saw too few would repeat one. Decisions alone never
// get in each other's way, since they take turns.
TEST_F(DecideThreads, DecisionsOnOneStreamTakeTurns) {
  constexpr int kThreads = 8;
  constexpr int kEach = 40;
  std::atomic<int> rounds = 0;
  std::vector<std::jthread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < kEach; ++i) {
        const auto durability = (i + t) % 3 == 0 ? Durability::kDurable : Durability::kBuffered;
        const auto receipt = store.decide("counter",
                                          [&](Cursor& history, Batch& out) -> Status {
                                            ++rounds;
                                            std::uint64_t n = 0;
                                            while (history.next() != nullptr) { ++n; }
                                            out.to("counter").add(event("Counted", std::to_string(n)));
                                            return {};
                                          },
                                          {.durability = durability});
        ASSERT_TRUE(ok(receipt));
      }
    });
  }
  threads.clear();
  EXPECT_EQ(rounds, kThreads * kEach);
  const auto events = read(store, Query::stream("counter"), {.visibility = Visibility::kWritten});
  ASSERT_EQ(events.size(), static_cast<std::size_t>(kThreads * kEach));
  for (std::size_t i = 0; i < events.size(); ++i) { ASSERT_EQ(as_text(events[i].data), std::to_string(i)); }
}

// Two kinds of decisions look at the same events in other ways: they do not take turns, and keep both rules by asking
// again. Nobody joins more than two clubs, and no club has more than three members.
TEST_F(DecideThreads, DecisionsThatOverlapKeepTheirRules) {
  constexpr int kPeople = 12;
  constexpr int kClubs = 4;
  std::atomic<int> joined = 0;
  std::vector<std::jthread> threads;
  for (int t = 0; t < 6; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < kPeople * kClubs / 2; ++i) {
        const std::string person = "person:" + std::to_string((i * 5 + t) % kPeople);
        const std::string club = "club:" + std::to_string((i + t * 3) % kClubs);
        const Query either = Query::all().any_of({{.tags = {person}}, {.tags = {club}}});
        const auto receipt = store.decide(either, [&](Cursor& history, Batch& out) -> Status {
          int clubs = 0;
          int members = 0;
          while (const Event* const e = history.next()) {
            clubs += e->tags()[0] == person ? 1 : 0;
            members += e->tags()[1] == club ? 1 : 0;
          }
          if (clubs == 2 || members == 3) { return std::unexpected(Error(kFull, "full")); }
          out.to(person).add({.type = "Joined", .tags = {person, club}});
          return {};
        });
        if (receipt) { ++joined; }
        ASSERT_TRUE(receipt || receipt.error().code() == kFull) << to_string(receipt.error());
      }
    });
  }
  threads.clear();
  EXPECT_EQ(store.info().events, static_cast<std::uint64_t>(joined));
  EXPECT_EQ(joined, 3 * kClubs) << "everybody tried until all was full";
  for (int i = 0; i < kPeople; ++i) { EXPECT_LE(read(store, Query::tag("person:" + std::to_string(i))).size(), 2U); }
  for (int i = 0; i < kClubs; ++i) { EXPECT_EQ(read(store, Query::tag("club:" + std::to_string(i))).size(), 3U); }
}

// Money comes in by plain appends and goes out by decisions: the balance is never below nothing.
TEST_F(DecideThreads, BesidePlainAppends) {
  std::vector<std::jthread> threads;
  for (int t = 0; t < 2; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 60; ++i) {
        ASSERT_TRUE(ok(store.append("account", Expect::any(), {event("In")}, {.durability = Durability::kBuffered})));
      }
    });
  }
  for (int t = 0; t < 3; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 60; ++i) {
        const auto receipt = store.decide("account", [&](Cursor& history, Batch& out) -> Status {
          int balance = 0;
          while (const Event* const e = history.next()) { balance += e->type() == "In" ? 1 : -1; }
          if (balance == 0) { return std::unexpected(Error(kFull, "nothing there")); }
          out.to("account").add(event("Out"));
          return {};
        });
        ASSERT_TRUE(receipt || receipt.error().code() == kFull) << to_string(receipt.error());
      }
    });
  }
  threads.clear();
  int balance = 0;
  for (const OwnedEvent& e : read(store, Query::stream("account"), {.visibility = Visibility::kWritten})) {
    balance += e.type == "In" ? 1 : -1;
    ASSERT_GE(balance, 0) << "at version " << e.version.value();
  }
}

TEST_F(DecideThreads, TheWaitForTheTurnCanBeStopped) {
  Gate gate;
  std::jthread holder([&] {
    EXPECT_TRUE(ok(store.decide("a", [&](Cursor&, Batch& out) -> Status {
      gate.pass();
      out.to("a").add(event("T"));
      return {};
    })));
  });
  gate.wait_for(1);
  std::stop_source stop;
  std::atomic<bool> called = false;
  std::jthread waiter([&] {
    const auto answer = store.decide("a",
                                     [&](Cursor&, Batch&) -> Status {
                                       called = true;
                                       return {};
                                     },
                                     {.stop = stop.get_token()});
    EXPECT_TRUE(fails_with(answer, ErrorCode::kStopped));
  });
  EXPECT_TRUE(ok(store.append("a", Expect::any(), {event("T")}))) << "a turn keeps nobody from appending";
  stop.request_stop();
  waiter.join();
  EXPECT_FALSE(called);
  gate.open();
  holder.join();
  EXPECT_EQ(store.info().events, 2U);
}

// Whoever waits for a turn ends with the store.
TEST_F(DecideThreads, ClosingEndsWhoWaits) {
  Gate gate;
  std::vector<std::jthread> threads;
  threads.emplace_back([&] {
    const auto answer = store.decide("a", [&](Cursor&, Batch& out) -> Status {
      gate.pass();
      out.to("a").add(event("T"));
      return {};
    });
    EXPECT_TRUE(fails_with(answer, ErrorCode::kClosed));
  });
  gate.wait_for(1);
  for (int i = 0; i < 3; ++i) {
    threads.emplace_back([&] {
      const auto answer = store.decide("a", [](Cursor&, Batch&) -> Status { return {}; });
      EXPECT_TRUE(fails_with(answer, ErrorCode::kClosed));
    });
  }
  EXPECT_TRUE(ok(store.close()));
  gate.open();
  threads.clear();
}

}  // namespace
}  // namespace tidemark
