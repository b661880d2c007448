// SPDX-License-Identifier: Apache-2.0
// Goal: a forked child can neither use, nor end, nor unlock the store of its parent, and says so; the parent goes on.
// Method: on the twin, a machine that says that it is another process; on the real one, forked children that try, with
// the store's own threads running in the parent.
#include <csignal>
#include <functional>
#include <gtest/gtest.h>
#include <memory>
#include <optional>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/store/support.h"

namespace tidemark {
namespace {

using namespace test;

TEST(ForkTest, EveryCallInTheChildSaysSo) {
  World world;
  auto store = std::make_unique<Store>(world.open());
  must(append(*store, "a", "1"));
  Batch batch;
  batch.to("a").add(event("T", "2"));
  const Ticket ticket = must(store->submit(batch));
  Cursor before = store->read(Query::all());
  const auto calls = world.writing_calls();

  world.machine.fork();
  EXPECT_TRUE(fails_with(append(*store, "a", "3"), ErrorCode::kForked));
  EXPECT_TRUE(fails_with(store->submit(batch), ErrorCode::kForked));
  EXPECT_TRUE(fails_with(store->try_submit(batch), ErrorCode::kForked));
  EXPECT_TRUE(fails_with(ticket.wait(), ErrorCode::kForked));
  ASSERT_TRUE(ticket.poll());
  EXPECT_TRUE(fails_with(*ticket.poll(), ErrorCode::kForked));
  EXPECT_TRUE(fails_with(ticket.on_complete([](const Result<Receipt>&) {}), ErrorCode::kForked));
  EXPECT_TRUE(fails_with(store->wait_durable(Position(0)), ErrorCode::kForked));
  EXPECT_EQ(before.next(), nullptr);
  EXPECT_TRUE(fails_with(before.status(), ErrorCode::kForked));
  Cursor after = store->read(Query::stream("a"));
  EXPECT_EQ(after.next(), nullptr);
  EXPECT_TRUE(fails_with(after.status(), ErrorCode::kForked));
  EXPECT_TRUE(fails_with(store->event_by_id(EventId{}), ErrorCode::kForked));
  EXPECT_TRUE(fails_with(store->stream("a"), ErrorCode::kForked));
  EXPECT_TRUE(fails_with(store->streams(), ErrorCode::kForked));
  EXPECT_EQ(store->info().events, 0U);
  EXPECT_TRUE(fails_with(store->close(), ErrorCode::kForked));
  EXPECT_EQ(world.writing_calls(), calls);
  // What a child destroys it leaves in memory: the parent frees it.
  world.machine.leave_child();
}

// Runs work in a forked child; gives how the child ended: 0 for true.
int in_child(const std::function<bool()>& work) {
  const pid_t child = ::fork();
  if (child == 0) { ::_exit(work() ? 0 : 1); }
  int status = 0;
  EXPECT_EQ(::waitpid(child, &status, 0), child);
  return status;
}

const OpenOptions kAnywhere{.allow_unsafe_file_system = true};

TEST(ForkTest, TheParentGoesOn) {
  const TempFolder temp;
  const auto folder = temp.path() / "store";
  std::optional<Store> store = must(Store::open(folder, kAnywhere));
  must(append(*store, "a", "1"));
  EXPECT_EQ(in_child([&] {
              const bool refused = fails_with(append(*store, "a", "of the child"), ErrorCode::kForked) &&
                                   fails_with(store->close(), ErrorCode::kForked);
              store.reset();  // waits for no thread, unlocks nothing
              return refused && fails_with(Store::open(folder, kAnywhere), ErrorCode::kLocked);
            }),
            0);
  must(append(*store, "a", "2"));
  EXPECT_TRUE(fails_with(Store::open(folder, kAnywhere), ErrorCode::kLocked));
  must(store->close());
  // A child's own opening is its own; its parent's marks say nothing about it.
  EXPECT_EQ(in_child([&] {
              Store own = must(Store::open(folder, kAnywhere));
              return append(own, "a", "3").has_value() && own.close().has_value();
            }),
            0);
  const Store again = must(Store::open(folder, kAnywhere));
  EXPECT_EQ(lines(again), (Lines{"0 a@0 1", "1 a@1 2", "2 a@2 3"}));
}

// As with a server that forks its workers and is then killed: its successor need not wait for them.
TEST(ForkTest, AChildThatOutlivesItsParentHoldsNoLock) {
  const TempFolder temp;
  const auto folder = temp.path() / "store";
  int ready[2];
  int leave[2];
  ASSERT_EQ(::pipe(ready), 0);
  ASSERT_EQ(::pipe(leave), 0);
  const pid_t parent = ::fork();
  ASSERT_GE(parent, 0);  // what is killed below must never be -1: every process of the machine
  if (parent == 0) {
    ::close(leave[1]);
    auto store = Store::open(folder, kAnywhere);
    const bool appended = store && append(*store, "a", "1");
    if (::fork() == 0) {
      char word = appended ? 'y' : 'n';
      [[maybe_unused]] ssize_t n = ::write(ready[1], &word, 1);
      n = ::read(leave[0], &word, 1);
      ::_exit(0);
    }
    ::pause();
    ::_exit(1);
  }
  char word = 0;
  ASSERT_EQ(::read(ready[0], &word, 1), 1);
  EXPECT_EQ(word, 'y');
  ::kill(parent, SIGKILL);
  ::waitpid(parent, nullptr, 0);
  const auto store = Store::open(folder, kAnywhere);
  EXPECT_TRUE(ok(store));
  for (const int end : {ready[0], ready[1], leave[0], leave[1]}) { ::close(end); }
}

}  // namespace
}  // namespace tidemark
