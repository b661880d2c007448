// SPDX-License-Identifier: Apache-2.0
// Goal: no wake, deadline or request to stop is lost, however it falls together with the start of a sleep.
// Method: many short rounds of two threads; a lost wake hangs and fails by the time limit of the test.
#include "platform/wait_word.h"

#include <gtest/gtest.h>
#include <thread>
#include <vector>

namespace tidemark::platform {
namespace {

using Clock = std::chrono::steady_clock;
using namespace std::chrono_literals;

TEST(WaitWord, LoadsStoresAndAdds) {
  WaitWord word(3);
  EXPECT_EQ(word.load(), 3u);
  word.store(7);
  EXPECT_EQ(word.add(2), 9u);
  EXPECT_EQ(word.load(), 9u);
}

TEST(WaitWord, DoesNotSleepOnAnotherValue) {
  const WaitWord word(1);
  word.wait(0);
  word.wait_until(0, Clock::now() + 1h);
  word.wait(0, std::stop_token());
}

TEST(WaitWord, PingPong) {
  constexpr std::uint32_t kRounds = 2000;
  WaitWord word(0);
  std::jthread other([&] {
    for (std::uint32_t i = 0; i < kRounds; ++i) {
      while (word.load() != 2 * i + 1) word.wait(2 * i);
      word.store(2 * i + 2);
      word.wake_one();
    }
  });
  for (std::uint32_t i = 0; i < kRounds; ++i) {
    word.store(2 * i + 1);
    word.wake_all();
    while (word.load() != 2 * i + 2) word.wait(2 * i + 1);
  }
  EXPECT_EQ(word.load(), 2 * kRounds);
}

TEST(WaitWord, WakesAll) {
  WaitWord word(0);
  std::atomic<int> awake = 0;
  {
    std::vector<std::jthread> sleepers;
    for (int i = 0; i < 8; ++i) {
      sleepers.emplace_back([&] {
        while (word.load() == 0) word.wait(0);
        ++awake;
      });
    }
    std::this_thread::sleep_for(5ms);
    EXPECT_EQ(awake, 0);
    word.store(1);
    word.wake_all();
  }
  EXPECT_EQ(awake, 8);
}

TEST(WaitWord, EndsAtTheDeadline) {
  const WaitWord word(0);
  const auto deadline = Clock::now() + 20ms;
  while (Clock::now() < deadline) word.wait_until(0, deadline);
  EXPECT_LT(Clock::now(), deadline + 10s);
  word.wait_until(0, Clock::now() - 1s);
  word.wait_until(0, Clock::time_point::min());
}

TEST(WaitWord, WakesBeforeTheDeadline) {
  WaitWord word(0);
  std::jthread other([&] {
    std::this_thread::sleep_for(5ms);
    word.store(1);
    word.wake_all();
  });
  const auto deadline = Clock::now() + 1h;
  while (word.load() == 0) word.wait_until(0, deadline);
  EXPECT_LT(Clock::now(), deadline);
}

TEST(WaitWord, AStopAtAnyMomentEndsTheSleep) {
  for (int round = 0; round < 2000; ++round) {
    const WaitWord word(0);
    std::stop_source source;
    std::jthread sleeper([&] {
      while (!source.stop_requested()) word.wait(0, source.get_token());
    });
    for (int spin = 0; spin < round; ++spin) std::atomic_signal_fence(std::memory_order_seq_cst);
    source.request_stop();
  }
}

TEST(WaitWord, AStopThatCameBeforeEndsItAtOnce) {
  const WaitWord word(0);
  std::stop_source source;
  source.request_stop();
  word.wait(0, source.get_token());
}

TEST(WaitWord, AStopWakesManyOfOneSource) {
  const WaitWord word(0);
  std::stop_source source;
  std::vector<std::jthread> sleepers;
  for (int i = 0; i < 8; ++i) {
    sleepers.emplace_back([&] {
      while (!source.stop_requested()) word.wait(0, source.get_token());
    });
  }
  std::this_thread::sleep_for(5ms);
  source.request_stop();
}

TEST(WaitWord, AChangeEndsASleepThatCouldBeStopped) {
  WaitWord word(0);
  std::stop_source source;
  std::jthread other([&] {
    std::this_thread::sleep_for(5ms);
    word.store(1);
    word.wake_all();
  });
  while (word.load() == 0) word.wait(0, source.get_token());
  EXPECT_FALSE(source.stop_requested());
}

}  // namespace
}  // namespace tidemark::platform
