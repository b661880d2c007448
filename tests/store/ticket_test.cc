// SPDX-License-Identifier: Apache-2.0
// Goal: submitting fixes the order, tickets give the answers, callbacks come in that order on one thread and never
// inline, what is in flight is bounded, and closing completes every ticket. Method: gates in the file system's fault
// rule hold a sync for as long as a test needs it held.
#include <atomic>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <latch>
#include <map>
#include <set>
#include <thread>

#include "tests/store/support.h"

namespace tidemark {
namespace {

using namespace test;

Batch one(std::string_view stream, std::string_view data, Expect expect = Expect::any()) {
  Batch batch;
  batch.to(stream, expect).add(event("T", data));
  return batch;
}

// Holds every sync of a segment until the gate opens.
void hold_syncs(World& world, Gate& gate) {
  world.files.set_fault_rule([&gate](const platform::SeamCall& call) -> std::optional<platform::SeamFault> {
    if (call.kind == World::Kind::kDatasync && call.path.find("segment-") != std::string_view::npos) { gate.pass(); }
    return std::nullopt;
  });
}

TEST(Ticket, OrderIsFixedBySubmit) {
  World world;
  Store store = world.open();
  std::vector<Ticket> tickets;
  for (int i = 0; i < 10; ++i) {
    tickets.push_back(must(store.submit(one("s" + std::to_string(i % 2), std::to_string(i)))));
  }
  EXPECT_EQ(store.info().sequenced, Position(10));
  EXPECT_EQ(store.info().written, Position(0));
  EXPECT_FALSE(tickets[9].poll());
  const auto last = must(tickets[9].wait());
  EXPECT_EQ(last.first, Position(9));
  for (std::uint64_t i = 0; i < 10; ++i) {
    const auto answer = tickets[i].poll();
    ASSERT_TRUE(answer);
    ASSERT_TRUE(ok(*answer));
    EXPECT_EQ((*answer)->first, Position(i));
    EXPECT_EQ(must(tickets[i].wait()).first, Position(i));  // as often as one likes
  }
}

TEST(Ticket, ErrorsOfTheCallComeAtOnceAndConflictsByTicket) {
  World world;
  Store store = world.open();
  EXPECT_TRUE(fails_with(store.submit(one("", "x")), ErrorCode::kInvalidArgument));
  Ticket conflict = must(store.submit(one("a", "x", Expect::stream_exists())));
  EXPECT_TRUE(fails_with(conflict.wait(), ErrorCode::kVersionConflict));
  // A check against what is still under way is answered when that stands.
  Ticket first = must(store.submit(one("a", "x")));
  Ticket second = must(store.submit(one("a", "y", Expect::no_stream())));
  EXPECT_FALSE(second.poll());
  EXPECT_TRUE(ok(first.wait()));
  EXPECT_TRUE(fails_with(second.wait(), ErrorCode::kVersionConflict));
}

TEST(Ticket, ABufferedTicketNeedsNoSync) {
  World world;
  Store store = world.open();
  const auto syncs = world.files.calls(World::Kind::kDatasync);
  Ticket ticket = must(store.submit(one("a", "x"), {.durability = Durability::kBuffered}));
  EXPECT_TRUE(ok(ticket.wait()));
  EXPECT_EQ(world.files.calls(World::Kind::kDatasync), syncs);
}

TEST(Ticket, DroppingATicketCancelsNothing) {
  World world(true);
  Store store = world.open();
  (void)must(store.submit(one("a", "x")));
  EXPECT_TRUE(ok(store.wait_durable(Position(0))));
  EXPECT_EQ(lines(store), (Lines{"0 a@0 x"}));
}

TEST(Ticket, StoppingAWaitStopsNotTheAppend) {
  World world(true);
  Gate gate;
  Store store = world.open();
  hold_syncs(world, gate);
  Ticket ticket = must(store.submit(one("a", "x")));
  gate.wait_for(1);
  std::stop_source stop;
  stop.request_stop();
  EXPECT_TRUE(fails_with(ticket.wait(stop.get_token()), ErrorCode::kStopped));
  gate.open();
  EXPECT_TRUE(ok(ticket.wait()));
}

TEST(Ticket, AnAppendStoppedAfterItHasItsPlaceIsUnknown) {
  World world(true);
  Gate gate;
  Store store = world.open();
  hold_syncs(world, gate);
  Ticket ahead = must(store.submit(one("a", "1")));
  gate.wait_for(1);  // the disk is busy: the next append has to wait
  std::stop_source stop;
  Batch batch = one("a", "2");
  Result<Receipt> stopped = std::unexpected(Error(ErrorCode::kBusy, ""));
  std::jthread appender([&] { stopped = store.append(batch, {.stop = stop.get_token()}); });
  while (store.info().sequenced < Position(2)) { std::this_thread::yield(); }
  stop.request_stop();
  appender.join();
  EXPECT_TRUE(fails_with(stopped, ErrorCode::kOutcomeUnknown));
  gate.open();
  const auto again = must(store.append(batch));
  EXPECT_TRUE(again.already_appended);
  EXPECT_EQ(again.first, Position(1));
  EXPECT_EQ(lines(store), (Lines{"0 a@0 1", "1 a@1 2"}));
}

TEST(Ticket, CallbacksComeInOrderOnOneThreadAndNeverInline) {
  World world(true);
  Gate gate;
  std::latch done(21);
  std::mutex mutex;
  std::vector<std::uint64_t> order;
  std::set<std::thread::id> threads;
  Store store = world.open();
  hold_syncs(world, gate);
  std::vector<Ticket> tickets;
  const auto callback = [&](std::uint64_t n) {
    return [&, n](const Result<Receipt>&) {
      {
        const std::scoped_lock lock(mutex);
        order.push_back(n);
        threads.insert(std::this_thread::get_id());
      }
      done.count_down();
    };
  };
  for (std::uint64_t i = 0; i < 20; ++i) {
    // Every fourth is a conflict: its answer has its turn, too.
    tickets.push_back(must(store.submit(one("a", "x", i % 4 == 3 ? Expect::no_stream() : Expect::any()))));
    EXPECT_TRUE(ok(tickets.back().on_complete(callback(i))));
  }
  gate.wait_for(1);
  EXPECT_TRUE(order.empty());
  gate.open();
  // One that is complete when the callback is given.
  Ticket complete = must(store.submit(one("a", "x")));
  (void)must(complete.wait());
  EXPECT_TRUE(ok(complete.on_complete(callback(20))));
  done.wait();
  const std::scoped_lock lock(mutex);
  std::vector<std::uint64_t> expected(21);
  for (std::uint64_t i = 0; i <= 20; ++i) { expected[i] = i; }
  EXPECT_EQ(order, expected);
  EXPECT_EQ(threads.size(), 1U);
  EXPECT_FALSE(threads.contains(std::this_thread::get_id()));
}

// Callbacks that wait for their turn come in the order of submission, in whatever order they were given.
TEST(Ticket, CallbacksGivenInReverseStillComeInTheOrderOfSubmission) {
  World world(true);
  Gate first_called;
  std::latch done(5);
  std::vector<std::uint64_t> order;  // of the completion thread, until all are done
  Store store = world.open();
  std::vector<Ticket> tickets;
  for (int i = 0; i < 5; ++i) { tickets.push_back(must(store.submit(one("a", "x")))); }
  EXPECT_TRUE(ok(tickets[0].on_complete([&](const Result<Receipt>&) {
    first_called.pass();
    order.push_back(0);
    done.count_down();
  })));
  first_called.wait_for(1);
  for (std::uint64_t i = 5; i-- > 1;) {
    EXPECT_TRUE(ok(tickets[i].on_complete([&, i](const Result<Receipt>&) {
      order.push_back(i);
      done.count_down();
    })));
  }
  first_called.open();
  done.wait();
  EXPECT_EQ(order, (std::vector<std::uint64_t>{0, 1, 2, 3, 4}));
}

TEST(Ticket, OneCallbackATicket) {
  World world(true);
  std::latch done(1);
  Store store = world.open();
  Ticket ticket = must(store.submit(one("a", "x")));
  EXPECT_TRUE(fails_with(ticket.on_complete({}), ErrorCode::kInvalidArgument));
  EXPECT_TRUE(ok(ticket.on_complete([&](const Result<Receipt>& answer) {
    EXPECT_TRUE(ok(answer));
    done.count_down();
  })));
  EXPECT_TRUE(fails_with(ticket.on_complete([](const Result<Receipt>&) {}), ErrorCode::kInvalidArgument));
  done.wait();
}

TEST(Ticket, ACallbackMayAppend) {
  World world(true);
  std::latch done(1);
  Store store = world.open();
  Ticket ticket = must(store.submit(one("a", "x")));
  EXPECT_TRUE(ok(ticket.on_complete([&](const Result<Receipt>&) {
    EXPECT_TRUE(ok(append(store, "b", "y")));
    done.count_down();
  })));
  done.wait();
  EXPECT_EQ(lines(store), (Lines{"0 a@0 x", "1 b@0 y"}));
}

TEST(Ticket, TwoThreadsSubmitAndEachKeepsItsOrder) {
  World world(true);
  Store store = world.open();
  constexpr int kEach = 500;
  std::array<std::vector<Ticket>, 2> tickets;
  {
    std::vector<std::jthread> threads;
    for (unsigned t = 0; t < 2; ++t) {
      threads.emplace_back([&, t] {
        for (int i = 0; i < kEach; ++i) {
          tickets[t].push_back(must(store.submit(one("s" + std::to_string(t), std::to_string(i)))));
        }
      });
    }
  }
  std::set<std::uint64_t> positions;
  for (const auto& mine : tickets) {
    std::optional<Position> before;
    for (const Ticket& ticket : mine) {
      const auto receipt = must(ticket.wait());
      if (before) { EXPECT_GT(receipt.first, *before); }
      before = receipt.first;
      positions.insert(receipt.first.value());
    }
  }
  EXPECT_EQ(positions.size(), 2U * kEach);
  for (unsigned t = 0; t < 2; ++t) {
    const auto events = read(store, Query::stream("s" + std::to_string(t)));
    ASSERT_EQ(events.size(), static_cast<std::size_t>(kEach));
    for (int i = 0; i < kEach; ++i) { EXPECT_EQ(as_text(events[static_cast<std::size_t>(i)].data), std::to_string(i)); }
  }
}

TEST(Ticket, TooMuchInFlightIsBusyOrWaits) {
  World world;
  Store store = world.open();
  const std::string megabyte(std::size_t{1} << 20U, 'x');
  std::vector<Ticket> tickets;
  std::optional<Result<Ticket>> refused;
  for (int i = 0; i < 64 && !refused; ++i) {
    auto ticket = store.try_submit(one("a", megabyte));
    if (ticket) {
      tickets.push_back(*ticket);
    } else {
      refused = ticket;
    }
  }
  ASSERT_TRUE(refused);
  EXPECT_TRUE(fails_with(*refused, ErrorCode::kBusy));
  EXPECT_GE(tickets.size(), 8U);
  EXPECT_LE(tickets.size(), 16U);
  const Position sequenced = store.info().sequenced;
  EXPECT_EQ(sequenced, Position(tickets.size()));  // the refused one is not in
  // submit makes room instead.
  Ticket waited = must(store.submit(one("a", megabyte)));
  EXPECT_EQ(must(waited.wait()).first, sequenced);
  EXPECT_TRUE(ok(store.try_submit(one("a", megabyte))));
}

TEST(Ticket, ASlowDiskMakesTrySubmitBusyAndSubmitWait) {
  World world(true);
  Gate gate;
  Store store = world.open({.segment_bytes_first = std::uint64_t{64} << 20U});
  hold_syncs(world, gate);
  const std::string megabyte(std::size_t{1} << 20U, 'x');
  std::vector<Ticket> tickets;
  for (;;) {
    auto ticket = store.try_submit(one("a", megabyte));
    if (!ticket) {
      EXPECT_TRUE(fails_with(ticket, ErrorCode::kBusy));
      break;
    }
    tickets.push_back(*ticket);
    ASSERT_LE(tickets.size(), 16U);
  }
  std::stop_source stop;
  std::latch started(1);
  std::optional<ErrorCode> code;
  std::jthread stopped([&] {
    started.count_down();
    auto ticket = store.submit(one("a", megabyte), {.stop = stop.get_token()});
    if (!ticket) { code = ticket.error().code(); }
  });
  started.wait();
  stop.request_stop();
  stopped.join();
  EXPECT_EQ(code, ErrorCode::kStopped);
  EXPECT_EQ(store.info().sequenced, Position(tickets.size()));
  std::optional<Result<Ticket>> waited;
  std::jthread waiter([&] { waited = store.submit(one("a", megabyte)); });
  gate.open();
  waiter.join();
  ASSERT_TRUE(ok(*waited));
  EXPECT_EQ(must((*waited)->wait()).first, Position(tickets.size()));
}

TEST(Ticket, ClosingCompletesEveryTicketAndCallback) {
  World world(true);
  std::vector<Ticket> tickets;
  std::atomic<int> called = 0;
  Gate gate;
  {
    Store store = world.open();
    hold_syncs(world, gate);
    for (int i = 0; i < 50; ++i) {
      tickets.push_back(must(store.submit(one("a", "x"))));
      if (i % 2 == 0) {
        EXPECT_TRUE(ok(tickets.back().on_complete([&](const Result<Receipt>&) { ++called; })));
      }
    }
    gate.open();
    must(store.close());
    EXPECT_EQ(called, 25);
  }
  for (std::uint64_t i = 0; i < 50; ++i) {
    const auto answer = tickets[i].poll();
    ASSERT_TRUE(answer);
    ASSERT_TRUE(ok(*answer));
    EXPECT_EQ((*answer)->first, Position(i));
  }
  EXPECT_EQ(read(world.open()).size(), 50U);
}

TEST(Ticket, ATicketOutlivingItsStoreIsSafe) {
  for (const bool threads : {false, true}) {
    World world(threads);
    std::optional<Ticket> appended;
    std::optional<Ticket> conflict;
    {
      Store store = world.open();
      appended = must(store.submit(one("a", "x")));
      conflict = must(store.submit(one("a", "y", Expect::no_stream())));
    }
    EXPECT_TRUE(ok(appended->wait()));
    EXPECT_TRUE(fails_with(conflict->wait(), ErrorCode::kVersionConflict));
    // There is no thread any more that could call back.
    EXPECT_TRUE(fails_with(appended->on_complete([](const Result<Receipt>&) { ADD_FAILURE(); }), ErrorCode::kClosed));
  }
}

TEST(Ticket, SubmittersBesideACloseGetTheirAnswerOrClosed) {
  World world(true);
  Store store = world.open();
  std::latch running(4);
  std::array<std::vector<Ticket>, 4> tickets;
  std::array<std::optional<ErrorCode>, 4> ends;
  {
    std::vector<std::jthread> threads;
    for (unsigned t = 0; t < 4; ++t) {
      threads.emplace_back([&, t] {
        for (int i = 0;; ++i) {
          auto ticket = store.submit(one("s" + std::to_string(t), std::to_string(i)));
          if (!ticket) {
            ends[t] = ticket.error().code();
            if (i < 10) { running.count_down(); }
            return;
          }
          tickets[t].push_back(*ticket);
          if (i == 9) { running.count_down(); }
        }
      });
    }
    running.wait();
    must(store.close());
  }
  Store again = world.open();
  for (unsigned t = 0; t < 4; ++t) {
    EXPECT_EQ(ends[t], ErrorCode::kClosed);
    for (const Ticket& ticket : tickets[t]) { EXPECT_TRUE(ok(ticket.wait())); }
    EXPECT_EQ(read(again, Query::stream("s" + std::to_string(t))).size(), tickets[t].size());
  }
}

}  // namespace
}  // namespace tidemark
