// SPDX-License-Identifier: Apache-2.0
// Goal: what a commit costs. One small durable commit in steady state is one write and one sync, and one write to the
// live page, which nobody waits for; what gathers while the disk is busy goes in one of each. Method: counting calls at
// the seam.
#include <gtest/gtest.h>
#include <latch>
#include <thread>

#include "tests/store/support.h"

namespace tidemark {
namespace {

using namespace test;

struct Count {
  explicit Count(const World& of) : world(of) {}

  const World& world;
  std::uint64_t writes = world.files.calls(World::Kind::kPwritev);
  std::uint64_t syncs = world.files.calls(World::Kind::kDatasync);
  std::uint64_t looks = world.files.calls(World::Kind::kCheckLock);
  std::uint64_t all = world.files.calls();

  void expect(std::uint64_t more_writes, std::uint64_t more_syncs, std::uint64_t others) const {
    const std::uint64_t marks = more_syncs;  // on the live page
    EXPECT_EQ(world.files.calls(World::Kind::kPwritev) - writes, more_writes + marks);
    EXPECT_EQ(world.files.calls(World::Kind::kDatasync) - syncs, more_syncs);
    // Before a write that is to be synced, a look at the lock's name.
    const std::uint64_t more_looks = world.files.calls(World::Kind::kCheckLock) - looks;
    EXPECT_LE(more_looks, more_syncs);
    EXPECT_EQ(world.files.calls() - all - more_looks, more_writes + marks + more_syncs + others);
  }
};

class GroupCommit : public testing::TestWithParam<bool> {};

TEST_P(GroupCommit, ASmallDurableCommitIsOneWriteAndOneSync) {
  World world(GetParam());
  Store store = world.open();
  must(append(store, "warm", "up"));
  for (int i = 0; i < 100; ++i) {
    const Count count(world);
    must(append(store, "a", std::string(static_cast<std::size_t>(i) * 17, 'x'),
                i == 0 ? Expect::no_stream() : Expect::stream_exists()));
    count.expect(1, 1, 0);
  }
}

TEST_P(GroupCommit, ABufferedCommitIsOneWrite) {
  World world(GetParam());
  Store store = world.open();
  must(append(store, "warm", "up"));
  for (int i = 0; i < 20; ++i) {
    const Count count(world);
    must(append(store, "a", "x", Expect::any(), {.durability = Durability::kBuffered}));
    count.expect(1, 0, 0);
  }
}

INSTANTIATE_TEST_SUITE_P(Threads, GroupCommit, testing::Bool(),
                         [](const auto& one) { return one.param ? "WithThreads" : "WithoutThreads"; });

TEST(GroupCommitOf, SeveralSubmitsAreOneWriteAndOneSync) {
  World world;
  Store store = world.open();
  std::vector<Ticket> tickets;
  const Count count(world);
  for (int i = 0; i < 50; ++i) {
    Batch batch;
    batch.to("s" + std::to_string(i)).add(event("T", "x"));
    tickets.push_back(must(store.submit(batch)));
  }
  count.expect(0, 0, 0);
  EXPECT_TRUE(ok(tickets.front().wait()));
  count.expect(1, 1, 0);
  for (const Ticket& ticket : tickets) { EXPECT_TRUE(ticket.poll().has_value()); }
  EXPECT_TRUE(ok(tickets.back().wait()));
  count.expect(1, 1, 0);
}

TEST(GroupCommitOf, AMixedGroupIsSyncedOnce) {
  World world;
  Store store = world.open();
  Batch batch;
  batch.to("a").add(event("T", "x"));
  Ticket buffered = must(store.submit(batch, {.durability = Durability::kBuffered}));
  const Count count(world);
  must(append(store, "a", "y"));
  count.expect(1, 1, 0);
  EXPECT_TRUE(buffered.poll().has_value());
}

// Appends that come while a sync runs gather, and then share one write and one sync.
TEST(GroupCommitOf, WhatGathersDuringASyncIsOneGroup) {
  World world(true);
  Gate gate;
  Store store = world.open();
  must(append(store, "warm", "up"));
  world.files.set_fault_rule([&](const platform::SeamCall& call) -> std::optional<platform::SeamFault> {
    if (call.kind == World::Kind::kDatasync) { gate.pass(); }
    return std::nullopt;
  });
  constexpr unsigned kThreads = 16;
  const Count count(world);
  std::vector<std::jthread> threads;
  threads.emplace_back([&] { must(append(store, "a", "first")); });
  gate.wait_for(1);
  for (unsigned t = 0; t < kThreads; ++t) {
    threads.emplace_back([&] { must(append(store, "a", "x")); });
  }
  while (store.info().sequenced < Position(2 + kThreads)) { std::this_thread::yield(); }
  EXPECT_EQ(store.info().durable, Position(1));
  gate.open();
  threads.clear();
  // info() lists the folder: those calls are not counted here. Two of the log; the live page may be told of both at
  // once.
  const auto writes = world.files.calls(World::Kind::kPwritev) - count.writes;
  EXPECT_TRUE(writes == 2U + 1U || writes == 2U + 2U) << writes;
  EXPECT_EQ(world.files.calls(World::Kind::kDatasync) - count.syncs, 2U);
  EXPECT_EQ(read(store).size(), 2U + kThreads);
}

// More batches than one write call takes parts are still one group.
TEST(GroupCommitOf, MoreBatchesThanAWriteTakes) {
  World world;
  Store store = world.open();
  std::vector<Ticket> tickets;
  const Count count(world);
  for (int i = 0; i < 2000; ++i) {
    Batch batch;
    batch.to("s").add(event("T", std::to_string(i)));
    tickets.push_back(must(store.submit(batch)));
  }
  EXPECT_TRUE(ok(tickets.back().wait()));
  count.expect(2, 1, 0);
  EXPECT_EQ(read(store).size(), 2000U);
}

TEST(GroupCommitOf, ADiskThatWritesShortIsAskedAgain) {
  World world;
  Store store = world.open();
  must(append(store, "a", "1"));
  world.files.set_fault_rule([](const platform::SeamCall& call) -> std::optional<platform::SeamFault> {
    if (call.kind == World::Kind::kPwritev && call.length > 100) { return platform::SeamFault{.only = 100}; }
    return std::nullopt;
  });
  must(append(store, "a", std::string(1000, 'x')));
  world.files.set_fault_rule({});
  EXPECT_EQ(read(store).at(1).data.size(), 1000U);
}

}  // namespace
}  // namespace tidemark
