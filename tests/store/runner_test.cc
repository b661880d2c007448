// SPDX-License-Identifier: Apache-2.0
// Goal: a runner gives each event once, in order, until it is stopped or the handler fails; what was not dealt with
// comes again. Method: handlers that fail, throw and stop at each event in turn; checkpoints looked at afterwards.
#include "tidemark/runner.hpp"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <gtest/gtest.h>
#include <stdexcept>
#include <thread>
#include <vector>

#include "tests/store/support.h"

namespace tidemark {
namespace {

using namespace test;
using namespace std::chrono_literals;

class RunnerTest : public testing::Test {
 protected:
  RunnerTest() {
    for (int i = 0; i < 12; ++i) { must(append(store, i % 3 == 0 ? "b" : "a", "x")); }
  }

  World world{true};
  Store store = world.open(tiny_segments());
};

TEST_F(RunnerTest, GivesAllAndWhatComes) {
  std::atomic<std::uint64_t> seen = 0;
  std::atomic<bool> in_order = true;
  Runner runner = must(Runner::start(must(store.subscribe(Query::all())), [&](const Event& event) -> Status {
    if (event.position().value() != seen) { in_order = false; }
    ++seen;
    return {};
  }));
  for (int i = 0; i < 20; ++i) { must(append(store, "a", "late")); }
  while (seen < 32) { std::this_thread::yield(); }
  runner.request_stop();
  EXPECT_TRUE(fails_with(runner.wait(), ErrorCode::kStopped));
  EXPECT_TRUE(in_order);
}

TEST_F(RunnerTest, AHandlerThatFailsIsGivenTheEventAgain) {
  for (std::uint64_t bad = 0; bad < 12; ++bad) {
    for (const bool throws : {false, true}) {
      std::vector<std::uint64_t> seen;
      Runner runner =
          must(Runner::start(must(store.subscribe(Query::all(), {.run_events = 5})), [&](const Event& event) -> Status {
            if (event.position().value() == bad) {
              if (throws) { throw std::runtime_error("no such account"); }
              return std::unexpected(Error(ErrorCode::kBusy, "later"));
            }
            seen.push_back(event.position().value());
            return {};
          }));
      const Status ended = runner.wait();
      ASSERT_TRUE(fails_with(ended, throws ? ErrorCode::kHandlerFailed : ErrorCode::kBusy));
      if (throws) { EXPECT_NE(ended.error().message().find("no such account"), std::string::npos); }
      ASSERT_EQ(seen.size(), bad);
      // The subscription stays usable.
      Subscription rest = runner.take();
      while (seen.size() < 12) {
        const tidemark::Run run = must(rest.next_for(0s));
        for (const Event& event : run) { seen.push_back(event.position().value()); }
      }
      for (std::uint64_t n = 0; n < 12; ++n) { ASSERT_EQ(seen[n], n); }
    }
  }
}

TEST_F(RunnerTest, CommitsWhatWasDealtWith) {
  {
    Runner runner = must(Runner::start(must(store.subscribe(Query::all(), {.resume = "runner", .run_events = 4})),
                                       [&](const Event& event) -> Status {
                                         if (event.position() == Position(6)) { throw 7; }
                                         return {};
                                       }));
    EXPECT_TRUE(fails_with(runner.wait(), ErrorCode::kHandlerFailed));
  }
  EXPECT_EQ(must(store.checkpoints()).at(0).checkpoint.position, Position(5));
  std::atomic<std::uint64_t> first = 99;
  Runner runner =
      must(Runner::start(must(store.subscribe(Query::all(), {.resume = "runner"})), [&](const Event& event) -> Status {
        std::uint64_t none = 99;
        first.compare_exchange_strong(none, event.position().value());
        return {};
      }));
  while (first == 99) { std::this_thread::yield(); }
  EXPECT_EQ(first, 6u);
}

TEST_F(RunnerTest, ByValidTimeNothingIsLostOrDoubled) {
  // Every second one is valid later than those after it.
  const auto now = std::chrono::floor<std::chrono::microseconds>(world.clock.now());
  for (int i = 0; i < 8; ++i) {
    const auto valid = now + std::chrono::seconds(i % 2 == 0 ? 60 - i : i);
    must(store.append("v", Expect::any(), {{.type = "V", .valid = valid}}));
  }
  world.clock.advance(90s);
  const auto take_all = [](Subscription& from, std::vector<std::uint64_t>& seen) {
    while (seen.size() < 20) {
      const tidemark::Run run = must(from.next_for(0s));
      for (const Event& event : run) { seen.push_back(event.position().value()); }
    }
  };
  std::vector<std::uint64_t> expected;
  Subscription all = must(store.subscribe(Query::all(), {.when_valid = true}));
  take_all(all, expected);
  ASSERT_FALSE(std::ranges::is_sorted(expected));
  for (std::uint64_t bad = 0; bad < 20; ++bad) {
    std::vector<std::uint64_t> seen;
    const auto handle = [&](const Event& event) -> Status {
      if (event.position().value() == bad) { throw std::runtime_error("not yet"); }
      seen.push_back(event.position().value());
      return {};
    };
    Runner runner = must(Runner::start(must(store.subscribe(Query::all(), {.when_valid = true})), handle));
    EXPECT_TRUE(fails_with(runner.wait(), ErrorCode::kHandlerFailed));
    Subscription rest = runner.take();
    take_all(rest, seen);
    ASSERT_EQ(seen, expected) << bad;
  }
}

TEST_F(RunnerTest, EndsWithItsStoreAndWhenDestroyed) {
  {
    Runner dropped = must(Runner::start(must(store.subscribe(Query::all())), [](const Event&) { return Status(); }));
  }
  Runner runner = must(Runner::start(must(store.subscribe(Query::all())), [](const Event&) { return Status(); }));
  must(store.close());
  EXPECT_TRUE(fails_with(runner.wait(), ErrorCode::kClosed));
}

}  // namespace
}  // namespace tidemark
