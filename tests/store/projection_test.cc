// SPDX-License-Identifier: Apache-2.0
// Goal: what a projection builds is the fold of the log, each event in it once, whatever fails and wherever it is
// stopped; what was dealt with before a rebuild is replayed, and nothing else; a point that is not of this log is
// refused. Method: a model with transactions, every call of it failing in turn, stops at every event, new projections
// on what the old ones left. Models in memory: projection_memory_test.cc; in parts: projection_parts_test.cc.
#include "tidemark/projection.hpp"

#include <chrono>
#include <gtest/gtest.h>
#include <new>
#include <numeric>
#include <stdexcept>
#include <stop_token>
#include <thread>
#include <vector>

#include "tests/store/ledger.h"
#include "tests/store/support.h"

namespace tidemark {
namespace {

using namespace test;
using namespace std::chrono_literals;
using Fault = Ledger::Fault;

class ProjectionTest : public testing::Test {
 protected:
  ProjectionTest() { add(12); }

  void add(int events) {
    for (int i = 0; i < events; ++i) { must(append(store, i % 3 == 0 ? "b" : "a", "x")); }
  }
  Projection open(const ProjectionOptions& options) { return must(Projection::open(store, options)); }
  ProjectionOptions in_runs_of(std::uint64_t events) {
    ProjectionOptions options = ledger.options();
    options.run_events = events;
    return options;
  }
  void expect_all_once() {
    EXPECT_EQ(ledger.committed().model, folded(store));
    EXPECT_EQ(ledger.committed().mails, positions_of(store));
  }

  World world{true};
  Store store = world.open(tiny_segments());
  Ledger ledger;
};

TEST_F(ProjectionTest, BuildsWhatIsThereAndWhatComes) {
  {
    Projection projection = open(in_runs_of(5));
    EXPECT_EQ(projection.progress().lag, 12u);
    EXPECT_FALSE(projection.progress().position);
    must(projection.catch_up());
    expect_all_once();
    EXPECT_EQ(ledger.transactions, 3u);
    EXPECT_EQ(projection.progress().position, Position(11));
    EXPECT_EQ(projection.progress().state, SubscriptionState::kCaughtUp);
    add(4);
    EXPECT_EQ(projection.progress().lag, 4u);
    EXPECT_EQ(must(projection.next()), 4u);
    EXPECT_EQ(projection.progress().lag, 0u);
    EXPECT_FALSE(projection.progress().replaying);
    expect_all_once();
  }
  add(3);
  Projection again = open(ledger.options());
  must(again.catch_up());
  expect_all_once();
  // Nothing came: no transaction.
  const std::uint64_t before = ledger.transactions;
  must(again.catch_up());
  EXPECT_EQ(must(again.next_for(0s)), 0u);
  EXPECT_EQ(ledger.transactions, before);
}

TEST_F(ProjectionTest, FollowsUntilItIsStopped) {
  Projection projection = open(in_runs_of(3));
  Status ended;
  {
    std::jthread thread([&](const std::stop_token& stop) { ended = projection.follow(stop); });
    for (int i = 0; i < 30; ++i) {
      must(append(store, "late", "x"));
      (void)projection.progress();
    }
    while (projection.progress().position != Position(41)) { std::this_thread::yield(); }
    EXPECT_EQ(projection.progress().lag, 0u);
  }
  EXPECT_TRUE(fails_with(ended, ErrorCode::kStopped));
  expect_all_once();
}

TEST_F(ProjectionTest, WhatDoesNotMatchIsPassed) {
  ProjectionOptions options = ledger.options();
  options.query = Query::stream("nobody");
  options.progress_events = 5;
  Projection projection = open(options);
  must(projection.catch_up());
  EXPECT_EQ(projection.progress().position, Position(11));
  EXPECT_TRUE(ledger.committed().model.empty());
  EXPECT_EQ(must(parse_projection_point(ledger.committed().point.value())).checkpoint.position, Position(11));
}

TEST_F(ProjectionTest, RefusesWhatMakesNoSense) {
  const auto refused = [&](auto change) {
    ProjectionOptions options = ledger.options();
    change(options);
    EXPECT_TRUE(fails_with(Projection::open(store, options), ErrorCode::kInvalidArgument));
  };
  refused([](ProjectionOptions& o) { o.apply = nullptr; });
  refused([](ProjectionOptions& o) { o.storage.load = nullptr; });
  refused([](ProjectionOptions& o) { o.storage.begin = nullptr; });
  refused([](ProjectionOptions& o) { o.storage.commit = nullptr; });
  refused([](ProjectionOptions& o) { o.storage.roll_back = nullptr; });
  refused([](ProjectionOptions& o) { o.name = "both"; });
  refused([](ProjectionOptions& o) { o.restore = [] { return std::nullopt; }; });
  refused([](ProjectionOptions& o) { o.query = Query::all().types({}); });
  ProjectionOptions once = ledger.options();
  once.reset = nullptr;
  Projection projection = open(once);
  EXPECT_TRUE(fails_with(projection.reset(), ErrorCode::kInvalidArgument));
  EXPECT_TRUE(fails_with(projection.rebuild(), ErrorCode::kInvalidArgument));
  must(projection.catch_up());
  expect_all_once();
  // A name is looked at when it is taken.
  ProjectionOptions named{.apply = [](const Event&, bool) { return Status(); }, .name = "a\nb"};
  Projection bad = open(named);
  EXPECT_TRUE(fails_with(bad.catch_up(), ErrorCode::kInvalidArgument));
}

TEST_F(ProjectionTest, PointsAsText) {
  const Checkpoint at = must(must(store.subscribe(Query::all(), {.from_position = Position(5)})).checkpoint());
  const ProjectionPoint plain{.checkpoint = at};
  const ProjectionPoint replayed{.checkpoint = at, .replay_until = at};
  EXPECT_EQ(to_string(plain), to_string(at));
  for (const ProjectionPoint& point : {plain, replayed}) {
    EXPECT_LE(to_string(point).size(), 193u);
    EXPECT_EQ(must(parse_projection_point(to_string(point))), point);
  }
  for (const std::string& text : {std::string(), to_string(plain) + " ", to_string(replayed) + " ", " " + to_string(at),
                                  to_string(replayed) + " " + to_string(at), to_string(at) + "  " + to_string(at)}) {
    EXPECT_TRUE(fails_with(parse_projection_point(text), ErrorCode::kCheckpointUnknown)) << text;
  }
  // A model whose point somebody wrote over can be made anew.
  Projection projection = open(ledger.options());
  must(projection.catch_up());
  ledger.set_point("nonsense");
  Projection again = open(ledger.options());
  EXPECT_TRUE(fails_with(again.catch_up(), ErrorCode::kCheckpointUnknown));
  must(again.rebuild());
  expect_all_once();
}

// --- points that are not of this log ---

TEST_F(ProjectionTest, APointOfAnotherStoreIsRefused) {
  World elsewhere;
  Store other = elsewhere.open();
  for (int i = 0; i < 20; ++i) { must(append(other, "o", "y")); }
  Ledger foreign;
  must(must(Projection::open(other, foreign.options())).catch_up());
  const std::string theirs = foreign.committed().point.value();
  Projection projection = open(ledger.options());
  must(projection.catch_up());
  const std::string ours = ledger.committed().point.value();
  for (const std::string& text : {theirs, ours + " " + theirs}) {
    ledger.set_point(text);
    Projection late = open(ledger.options());
    EXPECT_TRUE(fails_with(late.catch_up(), ErrorCode::kCheckpointUnknown));
    EXPECT_TRUE(fails_with(late.next(), ErrorCode::kCheckpointUnknown));
    EXPECT_EQ(ledger.committed().point, text);
    // It stays usable: with the right point, or from the beginning.
    ledger.set_point(ours);
    must(late.catch_up());
    expect_all_once();
    ledger.set_point(text);
    Projection anew = open(ledger.options());
    must(anew.rebuild());
    expect_all_once();
  }
  add(2);
  must(projection.catch_up());
  expect_all_once();
}

TEST_F(ProjectionTest, APointPastTheEndIsRefused) {
  // The store is put back to an older copy: first it is shorter, then it is as long again with other events.
  must(store.close());
  const auto older = world.snapshot();
  store = world.open(tiny_segments());
  add(5);
  must(open(ledger.options()).catch_up());
  must(store.close());
  for (const auto& path : world.files.files()) {
    if (path.filename() != engine::kLockName) { ASSERT_TRUE(world.files.unlink(path)); }
  }
  for (const auto& [path, bytes] : older) { world.files.set_contents(path, bytes); }
  store = world.open(tiny_segments());
  Projection projection = open(ledger.options());
  EXPECT_TRUE(fails_with(projection.catch_up(), ErrorCode::kCheckpointUnknown));
  for (int i = 0; i < 9; ++i) { must(append(store, "other", "y")); }
  EXPECT_TRUE(fails_with(projection.catch_up(), ErrorCode::kCheckpointUnknown));
  must(projection.reset());
  EXPECT_EQ(projection.progress().replay_until, Position(20));
  must(append(store, "other", "new"));
  must(projection.catch_up());
  EXPECT_EQ(ledger.committed().model, folded(store));
  std::vector<std::uint64_t> mails(17);
  std::iota(mails.begin(), mails.end(), 0u);
  mails.push_back(21);
  EXPECT_EQ(ledger.committed().mails, mails);
}

// --- what fails ---

TEST_F(ProjectionTest, AnEventThatCannotBeAppliedHoldsUpNothingBeforeIt) {
  for (std::uint64_t bad = 0; bad < 12; ++bad) {
    for (const std::uint64_t run : {1u, 5u, 100u}) {
      for (const bool throws : {false, true}) {
        ledger = Ledger();
        bool mended = false;
        ProjectionOptions options = in_runs_of(run);
        options.apply = [&](const Event& event, bool replaying) -> Status {
          const Status done = ledger.apply(event, replaying);  // half done, as it were
          if (mended || event.position().value() != bad) { return done; }
          if (throws) { throw std::runtime_error("no such account"); }
          return std::unexpected(Error(ErrorCode::kBusy, "later"));
        };
        Projection projection = open(options);
        for (int i = 0; i < 3; ++i) {
          const Status ended = projection.catch_up();
          ASSERT_TRUE(fails_with(ended, throws ? ErrorCode::kHandlerFailed : ErrorCode::kBusy));
          if (throws) { EXPECT_NE(ended.error().message().find("no such account"), std::string::npos); }
          // What stands before it is committed already, for whoever comes next.
          ASSERT_EQ(ledger.committed().mails.size(), bad);
        }
        ASSERT_EQ(projection.progress().lag, 12 - bad);
        mended = true;
        if (bad % 2 == 0) {
          must(projection.catch_up());
        } else {
          must(open(options).catch_up());
        }
        expect_all_once();
      }
    }
  }
}

TEST_F(ProjectionTest, SeveralEventsThatCannotBeApplied) {
  std::vector<std::uint64_t> bad = {7, 3, 4, 11};
  ProjectionOptions options = ledger.options();
  options.apply = [&](const Event& event, bool replaying) -> Status {
    if (!bad.empty() && event.position().value() == bad.front()) {
      bad.erase(bad.begin());
      return std::unexpected(Error(ErrorCode::kBusy, "later"));
    }
    return ledger.apply(event, replaying);
  };
  Projection projection = open(options);
  while (!projection.catch_up()) {}
  EXPECT_TRUE(bad.empty());
  expect_all_once();
}

TEST_F(ProjectionTest, EveryCallOfTheStorageMayFail) {
  for (const Fault fault : {Fault::kError, Fault::kThrow, Fault::kAfterwards}) {
    bool was_reached = true;
    for (std::uint64_t call = 1; was_reached; ++call) {
      ledger = Ledger();
      ledger.fail(call, fault);
      Projection projection = open(in_runs_of(4));
      Status caught_up = projection.catch_up();
      was_reached = ledger.calls() >= call;
      ASSERT_EQ(!caught_up, was_reached);
      if (!caught_up) {
        ASSERT_TRUE(fails_with(caught_up, fault == Fault::kThrow ? ErrorCode::kHandlerFailed : ErrorCode::kBusy));
        if (call % 2 == 0) {
          must(projection.catch_up());
        } else {
          must(open(in_runs_of(4)).catch_up());
        }
      }
      expect_all_once();
    }
  }
}

TEST_F(ProjectionTest, EveryCallOfARebuildMayFail) {
  for (const unsigned threads : {1u, 2u}) {
    for (const Fault fault : {Fault::kError, Fault::kThrow, Fault::kAfterwards}) {
      bool was_reached = true;
      for (std::uint64_t call = 1; was_reached; ++call) {
        ledger = Ledger();
        Projection projection = open(in_runs_of(4));
        must(projection.catch_up());
        ledger.fail(call, fault);
        const Status rebuilt = projection.rebuild({.threads = threads, .part_events = 5});
        was_reached = ledger.calls() >= call;
        ledger.fail(0, Fault::kNone);
        ASSERT_EQ(!rebuilt, was_reached);
        if (call % 2 == 0) {
          must(projection.catch_up());
        } else {
          must(open(in_runs_of(4)).catch_up());
        }
        expect_all_once();
        must(projection.rebuild({.threads = threads, .part_events = 5}));
        expect_all_once();
      }
    }
  }
}

TEST_F(ProjectionTest, MemoryThatRunsOutIsAnErrorLikeOthers) {
  bool ran_out = false;
  ProjectionOptions options = ledger.options();
  options.apply = [&](const Event& event, bool replaying) {
    if (event.position() == Position(6) && !std::exchange(ran_out, true)) { throw std::bad_alloc(); }
    return ledger.apply(event, replaying);
  };
  Projection projection = open(options);
  EXPECT_TRUE(fails_with(projection.catch_up(), ErrorCode::kOutOfMemory));
  must(projection.catch_up());
  expect_all_once();
  options.apply = [](const Event&, bool) -> Status { throw 7; };
  add(1);
  EXPECT_TRUE(fails_with(open(options).catch_up(), ErrorCode::kHandlerFailed));
}

TEST_F(ProjectionTest, EndsWithItsStore) {
  Projection projection = open(ledger.options());
  must(projection.catch_up());
  Projection waiting = open(ledger.options());
  Status ended;
  {
    const std::jthread thread([&] { ended = waiting.follow(); });
    while (!waiting.progress().position) { std::this_thread::yield(); }
    must(store.close());
  }
  EXPECT_TRUE(fails_with(ended, ErrorCode::kClosed));
  EXPECT_TRUE(fails_with(projection.next(), ErrorCode::kClosed));
  EXPECT_TRUE(fails_with(projection.catch_up(), ErrorCode::kClosed));
  EXPECT_TRUE(fails_with(projection.rebuild(), ErrorCode::kClosed));
  EXPECT_EQ(projection.progress().lag, 0u);
  EXPECT_TRUE(fails_with(Projection::open(store, ledger.options()), ErrorCode::kClosed));
}

// --- what is replayed ---

TEST_F(ProjectionTest, WhatItWasThroughWithIsReplayed) {
  Projection projection = open(ledger.options());
  must(projection.catch_up());
  add(3);  // nobody has dealt with these
  must(projection.reset());
  EXPECT_TRUE(ledger.committed().model.empty());
  ProjectionProgress progress = projection.progress();
  EXPECT_TRUE(progress.replaying);
  EXPECT_EQ(progress.replay_until, Position(11));
  EXPECT_EQ(progress.lag, 15u);
  EXPECT_FALSE(progress.position);
  must(projection.catch_up());
  EXPECT_FALSE(projection.progress().replaying);
  expect_all_once();
  // The point says no more than it has to.
  EXPECT_FALSE(must(parse_projection_point(ledger.committed().point.value())).replay_until);
  must(projection.rebuild());
  expect_all_once();
}

// Stopped after each of its events, and gone on with by the same projection or another one, as after a crash.
TEST_F(ProjectionTest, ARebuildThatIsCutShortStillKnowsWhatIsReplayed) {
  for (std::uint64_t at = 0; at < 12; ++at) {
    for (const bool dies : {false, true}) {
      ledger = Ledger();
      std::optional<std::stop_source> stop;
      ProjectionOptions options = in_runs_of(4);
      options.apply = [&](const Event& event, bool replaying) {
        if (stop && event.position().value() == at) { stop->request_stop(); }
        return ledger.apply(event, replaying);
      };
      Projection projection = open(options);
      must(projection.catch_up());
      add(2);
      stop.emplace();
      const Status rebuilt = projection.rebuild({.stop = stop->get_token()});
      ASSERT_TRUE(fails_with(rebuilt, ErrorCode::kStopped));
      ASSERT_EQ(projection.progress().position, Position(at));
      stop.reset();
      Projection next = open(options);
      Projection& goes_on = dies ? next : projection;
      // A second rebuild in the middle of the first one knows too.
      if (at % 3 == 0) { must(goes_on.reset()); }
      must(goes_on.catch_up());
      expect_all_once();
    }
  }
}

TEST_F(ProjectionTest, ARebuildWhileOthersAppend) {
  for (const unsigned threads : {1u, 2u}) {
    ledger = Ledger();
    Projection projection = open(in_runs_of(7));
    std::jthread appender([&](const std::stop_token& stop) {
      for (int i = 0; i < 3000 && !stop.stop_requested(); ++i) {
        must(append(store, i % 2 == 0 ? "c" : "d", std::to_string(i)));
      }
    });
    for (int i = 0; i < 5; ++i) {
      must(projection.catch_up());
      must(projection.rebuild({.threads = threads, .part_events = 11}));
    }
    appender.request_stop();
    appender.join();
    must(projection.catch_up());
    expect_all_once();
  }
}

TEST_F(ProjectionTest, HistoryCountsAsReplayedWhereItIsSaid) {
  ProjectionOptions options = in_runs_of(4);
  options.replay_history = true;
  {
    // It dies before its first event, and more comes before the next one.
    Projection first = open(options);
    ledger.fail(4, Fault::kError);  // load, begin, commit; begin
    EXPECT_TRUE(fails_with(first.next_for(0s), ErrorCode::kBusy));
    EXPECT_TRUE(ledger.committed().point);
    EXPECT_TRUE(ledger.committed().model.empty());
  }
  add(3);
  Projection projection = open(options);
  must(projection.catch_up());
  EXPECT_EQ(ledger.committed().model, folded(store));
  EXPECT_EQ(ledger.committed().mails, (std::vector<std::uint64_t>{12, 13, 14}));
  must(projection.rebuild({.threads = 2, .part_events = 2}));
  EXPECT_EQ(ledger.committed().mails, (std::vector<std::uint64_t>{12, 13, 14}));
  EXPECT_EQ(ledger.committed().model, folded(store));
}

// What can be read is all that it can apply, and not all that was appended.
TEST_F(ProjectionTest, ADamageIsNotTheEnd) {
  must(store.close());
  world.flip(world.segment(1), 1500);
  const Store damaged = world.open({.read_only = true});
  const std::uint64_t readable = damaged.info().events;
  ASSERT_GT(readable, 2u);
  ASSERT_LT(readable, 12u);
  for (const unsigned threads : {1u, 2u}) {
    Ledger own;
    ProjectionOptions options = own.options();
    if (threads > 1) {
      options.part = [] {
        return ProjectionPart{.apply = [](const Event&) { return Status(); }, .merge = [] { return Status(); }};
      };
    }
    Projection projection = must(Projection::open(damaged, options));
    EXPECT_TRUE(fails_with(projection.catch_up(), ErrorCode::kDamaged));
    EXPECT_EQ(own.committed().mails.size(), readable);
    EXPECT_TRUE(fails_with(projection.rebuild({.threads = threads, .part_events = 1}), ErrorCode::kDamaged));
  }
}

TEST_F(ProjectionTest, AnEmptyStoreHasNoHistory) {
  World elsewhere;
  Store empty = elsewhere.open();
  ProjectionOptions options = ledger.options();
  options.replay_history = true;
  Projection projection = must(Projection::open(empty, options));
  must(projection.catch_up());
  must(projection.rebuild({.threads = 2}));
  EXPECT_FALSE(projection.progress().replaying);
  must(append(empty, "a", "x"));
  must(projection.catch_up());
  EXPECT_EQ(ledger.committed().mails, std::vector<std::uint64_t>{0});
}

}  // namespace
}  // namespace tidemark
