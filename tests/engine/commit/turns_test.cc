// SPDX-License-Identifier: Apache-2.0
// Goal: one at a time has the turn, in the order in which they came, and who stops waiting is in nobody's way. Method:
// threads that are let go one after the other, so that their order is known.
#include "engine/commit/turns.h"

#include <gtest/gtest.h>
#include <optional>
#include <stop_token>
#include <thread>
#include <vector>

#include "tests/store/support.h"

namespace tidemark::engine {
namespace {

using namespace test;

TEST(Turns, OneAtATimeInOrder) {
  Turns turns;
  std::optional<Turns::Turn> first(must(turns.take(7, {})));
  std::vector<int> order;
  std::vector<std::jthread> threads;
  std::vector<std::stop_source> stops(6);
  for (int i = 0; i < 6; ++i) {
    threads.emplace_back([&, i] {
      auto turn = turns.take(7, stops[static_cast<std::size_t>(i)].get_token());
      if (i == 2) {
        EXPECT_TRUE(fails_with(turn, ErrorCode::kStopped));
      } else {
        ASSERT_TRUE(ok(turn));
        order.push_back(i);  // the turn is what guards it
      }
    });
    // It waits by now, most likely; if not, the next ones come later still.
    std::this_thread::sleep_for(std::chrono::milliseconds(30));
  }
  stops[2].request_stop();
  threads[2].join();
  EXPECT_TRUE(order.empty());
  first.reset();
  threads.clear();
  EXPECT_EQ(order, (std::vector<int>{0, 1, 3, 4, 5}));
}

TEST(Turns, OtherThingsDoNotWait) {
  Turns turns;
  const auto one = must(turns.take(1, {}));
  const auto two = must(turns.take(2, {}));
  std::stop_source stop;
  stop.request_stop();
  EXPECT_TRUE(fails_with(turns.take(1, stop.get_token()), ErrorCode::kStopped));
  EXPECT_TRUE(ok(turns.take(3, stop.get_token()))) << "there was nothing to wait for";
}

TEST(Turns, AMovedTurnIsGivenBackOnce) {
  Turns turns;
  {
    auto one = must(turns.take(1, {}));
    const auto two = std::move(one);
  }
  auto again = must(turns.take(1, {}));
  again.give_back();
  again.give_back();
  EXPECT_TRUE(ok(turns.take(1, {})));
}

TEST(Turns, KnowsWhoIsInside) {
  Turns turns;
  Turns others;
  auto turn = must(turns.take(1, {}));
  EXPECT_FALSE(turns.is_inside());
  {
    const Turns::Inside inside(turn);
    EXPECT_TRUE(turns.is_inside());
    EXPECT_FALSE(others.is_inside());
    std::jthread([&] { EXPECT_FALSE(turns.is_inside()); }).join();
  }
  EXPECT_FALSE(turns.is_inside());
}

}  // namespace
}  // namespace tidemark::engine
