// SPDX-License-Identifier: Apache-2.0
// Goal: parts come back in the order in which they were given, whichever is folded first; errors come in their place;
// who takes never waits for threads that were stopped. Method: foldings that wait for one another, and stops before,
// while and after parts are given. What is made of parts: tests/store/projection_parts_test.cc.
#include "engine/subscribe/part_folder.h"

#include <atomic>
#include <chrono>
#include <gtest/gtest.h>
#include <thread>

#include "tests/store/support.h"

namespace tidemark::engine {
namespace {

using namespace test;
using namespace std::chrono_literals;

RangePart part_at(std::uint64_t first) { return {.first = Position(first), .end = Position(first + 1), .part = {}}; }

TEST(PartFolder, GivesPartsBackInOrder) {
  std::atomic<bool> second_is_folded = false;
  auto folder = must(PartFolder::start(2, [&](const RangePart& part, const std::stop_token&) -> Status {
    if (part.first == Position(0)) {
      while (!second_is_folded) { std::this_thread::yield(); }
    }
    if (part.first == Position(1)) { second_is_folded = true; }
    if (part.first == Position(2)) { return std::unexpected(Error(ErrorCode::kBusy, "later")); }
    return {};
  }));
  for (std::uint64_t n = 0; n < 4; ++n) { folder->give(part_at(n)); }
  EXPECT_EQ(folder->held(), 4u);
  EXPECT_EQ(must(folder->take()).first, Position(0));
  EXPECT_EQ(must(folder->take()).first, Position(1));
  EXPECT_TRUE(fails_with(folder->take(), ErrorCode::kBusy));
  EXPECT_EQ(must(folder->take()).first, Position(3));
  EXPECT_EQ(folder->held(), 0u);
}

TEST(PartFolder, IsStoppedAtAnyTime) {
  const PartFolder::Fold fold = [](const RangePart&, const std::stop_token& stop) -> Status {
    while (!stop.stop_requested()) { std::this_thread::yield(); }
    return std::unexpected(Error(ErrorCode::kStopped, "stopped"));
  };
  for (const unsigned threads : {1u, 2u}) {
    auto folder = must(PartFolder::start(threads, fold));
    for (std::uint64_t n = 0; n < 3; ++n) { folder->give(part_at(n)); }
    folder->request_stop();
    for (int n = 0; n < 3; ++n) { EXPECT_TRUE(fails_with(folder->take(), ErrorCode::kStopped)); }
    // By now its threads have ended.
    std::this_thread::sleep_for(20ms);
    for (int n = 0; n < 3; ++n) {
      folder->give(part_at(7));
      EXPECT_TRUE(fails_with(folder->take(), ErrorCode::kStopped));
    }
  }
  // Its end stops what it folds.
  auto folder = must(PartFolder::start(2, fold));
  for (std::uint64_t n = 0; n < 4; ++n) { folder->give(part_at(n)); }
}

}  // namespace
}  // namespace tidemark::engine
