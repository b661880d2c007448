// SPDX-License-Identifier: Apache-2.0
// Goal: a batch is recorded at the time that it is given, as far as times rise, and no time is taken that would hold up
// all that come later. Method: times before, at and after the last one and the clock, appended, read back and reopened.
#include <chrono>
#include <gtest/gtest.h>

#include "tests/store/support.h"

namespace tidemark {
namespace {

using namespace test;
using namespace std::chrono_literals;

TEST(RecordedTimeTest, AGivenRecordedTimeIsKeptWhereTimesRise) {
  World world;
  Store store = world.open();
  const auto at = [&](RecordedTime time) { return must(append(store, "a", "x", Expect::any(), {.recorded = time})); };
  const RecordedTime first = RecordedTime() + 1000s;
  EXPECT_EQ(at(first).recorded, first);
  EXPECT_EQ(at(first + 5ns).recorded, first + 5ns);
  EXPECT_EQ(at(first + 5ns).recorded, first + 6ns);
  EXPECT_EQ(at(first).recorded, first + 7ns);
  EXPECT_EQ(at(RecordedTime()).recorded, first + 8ns);
  const auto before = world.clock.now();
  const auto usual = must(append(store, "a", "y"));
  EXPECT_GT(usual.recorded, before);
  EXPECT_EQ(at(first).recorded, usual.recorded + 1ns);
  const auto events = read(store);
  EXPECT_EQ(events[0].recorded, first);
  EXPECT_EQ(events[0].valid, std::chrono::floor<std::chrono::microseconds>(first));
  must(store.close());
  store = world.open();
  EXPECT_EQ(at(first).recorded, usual.recorded + 2ns);
  EXPECT_EQ(lines(store).size(), 8U);
}

TEST(RecordedTimeTest, AGivenRecordedTimeThatCannotBeIsRefused) {
  World world;
  Store store = world.open();
  const auto try_at = [&](RecordedTime time) {
    Batch batch;
    batch.to("a").add(event("T"));
    const auto submitted = store.submit(batch, {.recorded = time});
    auto appended = store.append(batch, {.recorded = time});
    EXPECT_EQ(submitted.has_value(), appended.has_value());
    if (submitted) { (void)submitted->wait(); }
    return appended;
  };
  EXPECT_TRUE(fails_with(try_at(world.clock.now() + 24h * 365 * 73), ErrorCode::kClock));
  EXPECT_TRUE(fails_with(try_at(RecordedTime::max()), ErrorCode::kClock));
  EXPECT_TRUE(fails_with(try_at(world.clock.now() + 61s), ErrorCode::kClock));
  EXPECT_TRUE(fails_with(try_at(RecordedTime() - 1ns), ErrorCode::kInvalidArgument));
  EXPECT_TRUE(fails_with(try_at(RecordedTime::min()), ErrorCode::kInvalidArgument));
  EXPECT_EQ(store.info().events, 0U);
  EXPECT_TRUE(ok(try_at(world.clock.now() + 59s)));
  EXPECT_TRUE(ok(append(store, "a", "goes on")));
  must(store.close());
  store = world.open();  // a time that was taken stands in no opening's way
  EXPECT_EQ(store.recovery().clock_behind, 0ns);
}

// The same batch is the same whatever time it is given.
TEST(RecordedTimeTest, AGivenRecordedTimeIsNoPartOfABatchsIdentity) {
  World world;
  Store store = world.open();
  Batch batch;
  batch.to("a").add({.type = "T", .id = EventId::make()});
  const auto first = must(store.append(batch, {.recorded = RecordedTime() + 5s}));
  const auto again = must(store.append(batch, {.recorded = RecordedTime() + 9s}));
  EXPECT_TRUE(again.already_appended);
  EXPECT_EQ(again.recorded, first.recorded);
  EXPECT_EQ(again.recorded, RecordedTime() + 5s);
}

}  // namespace
}  // namespace tidemark
