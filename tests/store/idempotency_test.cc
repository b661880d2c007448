// SPDX-License-Identifier: Apache-2.0
// Goal: an append repeated with the same ids is answered with the original receipt and written once; ids used otherwise
// are a conflict. Method: every case of the rules, each on a store that stays open, on one that was opened again, and
// while the first append is still under way.
#include <cerrno>
#include <functional>
#include <gtest/gtest.h>

#include "tests/store/support.h"

namespace tidemark {
namespace {

using namespace test;

enum class First : std::uint8_t { kDurable, kBuffered, kUnderWay, kReopened };

EventId id(int n) { return EventId::from_name("event " + std::to_string(n)); }

NewEvent with_id(int n, std::string_view data = "d") { return {.type = "T", .data = as_bytes(data), .id = id(n)}; }

class Idempotency : public testing::TestWithParam<First> {
 protected:
  World world;
  Store store = world.open(tiny_segments());
  std::optional<Ticket> ticket;

  // What was appended first, in the way that the parameter says; gives its receipt.
  Receipt first(const Batch& batch) {
    must(append(store, "before", "x"));
    Receipt receipt;
    switch (GetParam()) {
      case First::kDurable:
        receipt = must(store.append(batch));
        break;
      case First::kBuffered:
        receipt = must(store.append(batch, {.durability = Durability::kBuffered}));
        break;
      case First::kUnderWay:
        ticket = must(store.submit(batch));
        break;
      case First::kReopened:
        receipt = must(store.append(batch));
        // Enough to leave the segment, and what is remembered of it, behind.
        for (int i = 0; i < 10; ++i) { must(append(store, "between", std::string(1000, 'x'))); }
        must(store.close());
        store = world.open(tiny_segments());
        break;
    }
    return receipt;
  }
  void expect_original(const Result<Receipt>& again, Receipt receipt) {
    if (ticket) { receipt = must(ticket->wait()); }
    ASSERT_TRUE(ok(again));
    EXPECT_TRUE(again->already_appended);
    EXPECT_EQ(again->first, receipt.first);
    EXPECT_EQ(again->count, receipt.count);
    EXPECT_EQ(again->recorded, receipt.recorded);
    EXPECT_EQ(again->streams, receipt.streams);
  }
  std::size_t events() { return read(store, Query::all(), {.visibility = Visibility::kWritten}).size(); }
};

Batch two_streams(Expect expect = Expect::any()) {
  Batch batch;
  batch.to("a", expect).add(with_id(1)).add(with_id(2));
  batch.to("b").add({.type = "U",
                     .metadata = as_bytes("m"),
                     .tags = {"x", "y"},
                     .valid = ValidTime(std::chrono::microseconds(5)),
                     .id = id(3)});
  batch.to("a").add(with_id(4));
  return batch;
}

TEST_P(Idempotency, AllKnownGivesTheOriginalReceipt) {
  const Receipt receipt = first(two_streams());
  expect_original(store.append(two_streams()), receipt);
  const std::size_t before = events();
  expect_original(store.append(two_streams()), receipt);
  EXPECT_EQ(events(), before);
}

TEST_P(Idempotency, WhateverWasExpected) {
  const Receipt receipt = first(two_streams(Expect::no_stream()));
  Batch again = two_streams(Expect::no_stream());
  again.check("never was", Expect::stream_exists());
  expect_original(store.append(again), receipt);
  expect_original(store.append(two_streams(Expect::exactly(77))), receipt);
}

TEST_P(Idempotency, ASubmittedRepetitionToo) {
  const Receipt receipt = first(two_streams());
  expect_original(must(store.submit(two_streams())).wait(), receipt);
}

TEST_P(Idempotency, OtherContentOrCompanyIsAConflict) {
  (void)first(two_streams());
  using Change = std::function<void(Batch&)>;
  const std::vector<std::pair<std::string, Change>> changes = {
      {"other data", [](Batch& b) { b.to("a").add(with_id(1, "other")).add(with_id(2)); }},
      {"other type",
       [](Batch& b) { b.to("a").add({.type = "Other", .data = as_bytes("d"), .id = id(1)}).add(with_id(2)); }},
      {"metadata",
       [](Batch& b) {
         b.to("a").add({.type = "T", .data = as_bytes("d"), .metadata = as_bytes("m"), .id = id(1)}).add(with_id(2));
       }},
      {"tags",
       [](Batch& b) {
         b.to("a").add({.type = "T", .data = as_bytes("d"), .tags = {"t"}, .id = id(1)}).add(with_id(2));
       }},
      {"valid time",
       [](Batch& b) {
         b.to("a").add({.type = "T", .data = as_bytes("d"), .valid = ValidTime(), .id = id(1)}).add(with_id(2));
       }},
      {"other stream", [](Batch& b) { b.to("c").add(with_id(1)).add(with_id(2)); }},
      {"other order", [](Batch& b) { b.to("a").add(with_id(2)).add(with_id(1)); }},
      {"a new id among them", [](Batch& b) { b.to("a").add(with_id(1)).add(with_id(2)).add(with_id(99)); }},
      {"a made id among them", [](Batch& b) { b.to("a").add(with_id(1)).add(event("T")); }},
      {"a gap", [](Batch& b) { b.to("a").add(with_id(1)).add(with_id(4)); }},
  };
  const std::size_t before = events() + (ticket ? 4 : 0);
  for (const auto& [name, change] : changes) {
    Batch batch;
    change(batch);
    EXPECT_TRUE(fails_with(store.append(batch), ErrorCode::kIdConflict)) << name;
  }
  EXPECT_EQ(events(), before);
}

TEST_P(Idempotency, IdsOfTwoBatchesTogetherAreAConflict) {
  Batch one;
  one.to("a").add(with_id(1));
  must(store.append(one));
  Batch two;
  two.to("a").add(with_id(2));
  (void)first(two);
  Batch both;
  both.to("a").add(with_id(1)).add(with_id(2));
  EXPECT_TRUE(fails_with(store.append(both), ErrorCode::kIdConflict));
}

TEST_P(Idempotency, TheSameBatchWithMadeIdsAppendsOnce) {
  Batch batch;
  batch.to("a").add(event("T", "1")).add(event("T", "2"));
  batch.to("b").add(with_id(1));
  const Receipt receipt = first(batch);
  expect_original(store.append(batch), receipt);
  expect_original(store.append(batch), receipt);
}

TEST_P(Idempotency, ALargeBatchToo) {
  Batch batch;
  auto stream = batch.to("a");
  const std::string data(1000, 'x');
  for (int i = 0; i < 100; ++i) { stream.add(with_id(i, data)); }
  const Receipt receipt = first(batch);
  expect_original(store.append(batch), receipt);
}

std::string name_of(const testing::TestParamInfo<First>& info) {
  switch (info.param) {
    case First::kDurable:
      return "Durable";
    case First::kBuffered:
      return "Buffered";
    case First::kUnderWay:
      return "UnderWay";
    case First::kReopened:
      return "Reopened";
  }
  return {};
}

INSTANTIATE_TEST_SUITE_P(First, Idempotency,
                         testing::Values(First::kDurable, First::kBuffered, First::kUnderWay, First::kReopened),
                         name_of);

TEST(IdempotencyRules, UnknownIdsLetTheConditionsDecide) {
  World world;
  Store store = world.open();
  must(append(store, "a", "1"));
  Batch batch;
  batch.to("a", Expect::no_stream()).add(with_id(1));
  EXPECT_TRUE(fails_with(store.append(batch), ErrorCode::kVersionConflict));
  // A failed attempt leaves nothing behind: the same batch still can go in later.
  Batch later;
  later.to("a", Expect::exactly(0)).add(with_id(1));
  EXPECT_FALSE(must(store.append(later)).already_appended);
}

TEST(IdempotencyRules, ABatchThatFailedCanBeTriedAgain) {
  World world;
  Store store = world.open();
  Batch batch;
  batch.to("a", Expect::stream_exists()).add(event("T", "made"));
  EXPECT_TRUE(fails_with(store.append(batch), ErrorCode::kVersionConflict));
  must(append(store, "a", "1"));
  EXPECT_FALSE(must(store.append(batch)).already_appended);
  EXPECT_TRUE(must(store.append(batch)).already_appended);
  EXPECT_EQ(read(store).size(), 2U);
}

TEST(IdempotencyRules, AClearedBatchIsANewOne) {
  World world;
  Store store = world.open();
  Batch batch;
  batch.to("a").add(event("T", "same"));
  must(store.append(batch));
  batch.clear();
  batch.to("a").add(event("T", "same"));
  EXPECT_FALSE(must(store.append(batch)).already_appended);
  EXPECT_EQ(read(store).size(), 2U);
}

TEST(IdempotencyRules, ACopyOfAnAppendedBatchIsTheSameBatch) {
  World world;
  Store store = world.open();
  Batch batch;
  batch.to("a").add(event("T", "same"));
  must(store.append(batch));
  const Batch copy = batch;
  EXPECT_TRUE(must(store.append(copy)).already_appended);
}

// An id stands for one event in the whole store: a copy taken before the append carries the same made ids.
TEST(IdempotencyRules, ACopyTakenBeforeTheAppendDoublesNoId) {
  World world;
  Store store = world.open();
  Batch batch;
  batch.to("a").add(event("T", "same"));
  const Batch copy = batch;
  must(store.append(batch));
  (void)store.append(copy);
  const auto events = read(store);
  ASSERT_FALSE(events.empty());
  for (std::size_t i = 1; i < events.size(); ++i) { EXPECT_NE(events[i].id, events[0].id); }
}

TEST(IdempotencyRules, TheSameIdTwiceOrANilIdIsInvalid) {
  World world;
  Store store = world.open();
  Batch twice;
  twice.to("a").add(with_id(1));
  twice.to("b").add(with_id(1));
  EXPECT_TRUE(fails_with(store.append(twice), ErrorCode::kInvalidArgument));
  EXPECT_TRUE(
      fails_with(store.append("a", Expect::any(), {{.type = "T", .id = EventId()}}), ErrorCode::kInvalidArgument));
  EXPECT_TRUE(read(store).empty());
}

// After an unknown outcome the same batch is tried on the reopened store, whether the first attempt survived (the
// process was killed: what was written still shows) or not (the power went, and a failed sync had lost it).
TEST(IdempotencyRules, AfterAnUnknownOutcomeTheSameBatchDoublesNothing) {
  for (const bool survives : {false, true}) {
    World world;
    Store store = world.open();
    must(append(store, "a", "before"));
    Batch batch;
    batch.to("a", Expect::exactly(0)).add(event("T", "unsure")).add(event("T", "unsure"));
    world.files.set_fault_rule([](const platform::SeamCall& call) -> std::optional<platform::SeamFault> {
      if (call.kind == World::Kind::kDatasync) { return platform::SeamFault{.error = EIO}; }
      return std::nullopt;
    });
    EXPECT_TRUE(fails_with(store.append(batch), ErrorCode::kOutcomeUnknown));
    world.files.set_fault_rule({});
    if (survives) {
      world.files.kill_process();
    } else {
      world.files.power_off();
      world.files.power_on(1, 0.0);
    }
    (void)store.close();
    Store again = world.open();
    const auto receipt = must(again.append(batch));
    EXPECT_EQ(receipt.already_appended, survives);
    EXPECT_EQ(lines(again), (Lines{"0 a@0 before", "1 a@1 unsure", "2 a@2 unsure"}));
  }
}

}  // namespace
}  // namespace tidemark
