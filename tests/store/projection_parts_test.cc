// SPDX-License-Identifier: Apache-2.0
// Goal: a model that is rebuilt from parts, on several threads, is the one that is built event by event, and what goes
// wrong with a part is told and mended. Method: random stores, queries, sizes of parts and numbers of threads; each
// function of a part failing in turn.
#include <atomic>
#include <gtest/gtest.h>
#include <mutex>
#include <new>
#include <set>
#include <stdexcept>
#include <stop_token>
#include <thread>

#include "tests/store/ledger.h"
#include "tests/store/random_events.h"
#include "tests/store/support.h"

namespace tidemark {
namespace {

using namespace test;

TEST(ProjectionParts, EqualTheFoldOfRandomStores) {
  for (std::uint32_t seed = 1; seed <= 25; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    RandomEvents random(seed);
    World world(true);
    Store store = world.open(tiny_segments());
    for (std::uint64_t n = random.below(400); n > 0; --n) { must(store.append(random.batch())); }
    for (int round = 0; round < 6; ++round) {
      Ledger ledger;
      ProjectionOptions options = ledger.options();
      options.query = round == 0 ? Query::all() : random.query();
      options.run_events = 1 + random.below(60);
      options.access = random.once_in(2) ? Access::kCopied : Access::kMapped;
      Projection projection = must(Projection::open(store, options));
      must(projection.catch_up());
      const auto sequential = ledger.committed();
      EXPECT_EQ(sequential.model, folded(store, options.query));
      must(store.append(random.batch()));  // is new, and comes behind the parts
      const RebuildOptions how{.threads = static_cast<unsigned>(1 + random.below(4)),
                               .part_events = random.once_in(4) ? 0 : 1 + random.below(90)};
      must(projection.rebuild(how));
      EXPECT_EQ(ledger.committed().model, folded(store, options.query));
      EXPECT_EQ(ledger.committed().mails, positions_of(store, options.query));
      // From its beginning, with what was there as history.
      Ledger fresh;
      ProjectionOptions of_fresh = fresh.options();
      of_fresh.query = options.query;
      of_fresh.replay_history = true;
      Projection first = must(Projection::open(store, of_fresh));
      must(first.rebuild(how));
      EXPECT_EQ(fresh.committed().model, ledger.committed().model);
      EXPECT_TRUE(fresh.committed().mails.empty());
    }
  }
}

class ProjectionPartsTest : public testing::Test {
 protected:
  ProjectionPartsTest() {
    for (int i = 0; i < 100; ++i) { must(append(store, "s-" + std::to_string(i % 7), "x")); }
  }
  void expect_all_once() {
    EXPECT_EQ(ledger.committed().model, folded(store));
    EXPECT_EQ(ledger.committed().mails, positions_of(store));
  }

  World world{true};
  Store store = world.open(tiny_segments());
  Ledger ledger;
};

TEST_F(ProjectionPartsTest, AreFoldedOnSeveralThreads) {
  std::mutex mutex;
  std::set<std::thread::id> threads;
  std::atomic<int> parts = 0;
  Gate gate;
  ProjectionOptions options = ledger.options();
  std::atomic<bool> was_held = false;
  options.part = [&, right = options.part]() -> Result<ProjectionPart> {
    ++parts;
    auto part = right();
    part->apply = [&, apply = part->apply](const Event& event) {
      {
        const std::scoped_lock lock(mutex);
        threads.insert(std::this_thread::get_id());
      }
      // Both threads are inside at once, or this never ends.
      if (event.position().value() % 10 == 0 && event.position().value() < 20) { gate.pass(); }
      return apply(event);
    };
    return part;
  };
  Projection projection = must(Projection::open(store, options));
  must(projection.catch_up());
  EXPECT_EQ(parts, 0);
  {
    const std::jthread opener([&] {
      gate.wait_for(2);
      was_held = true;
      gate.open();
    });
    must(projection.rebuild({.threads = 2, .part_events = 10}));
  }
  EXPECT_TRUE(was_held);
  EXPECT_EQ(parts, 10);
  EXPECT_EQ(threads.size(), 2u);
  EXPECT_FALSE(threads.contains(std::this_thread::get_id()));
  expect_all_once();
  // Where the projection does not say that it may be, and with one thread, there are none.
  must(projection.rebuild());
  EXPECT_EQ(parts, 10);
  options.part = nullptr;
  must(must(Projection::open(store, options)).rebuild({.threads = 2, .part_events = 10}));
  expect_all_once();
}

TEST_F(ProjectionPartsTest, WhatIsNewComesOneByOne) {
  Projection projection = must(Projection::open(store, ledger.options()));
  EXPECT_EQ(must(projection.next_for({})), 100u);
  for (int i = 0; i < 40; ++i) { must(append(store, "late", "x")); }
  must(projection.rebuild({.threads = 3, .part_events = 8}));
  expect_all_once();
}

// What a function of a part does at its n-th call.
enum class Mishap : std::uint8_t {
  kPartFails,
  kPartThrows,
  kApplyFails,
  kApplyThrows,
  kApplyThrowsNoMemory,
  kMergeFails,
  kMergeThrows,
  kNoApply,
  kNoMerge
};

TEST_F(ProjectionPartsTest, WhatFailsIsToldAndTheModelGoesOn) {
  for (const auto mishap :
       {Mishap::kPartFails, Mishap::kPartThrows, Mishap::kApplyFails, Mishap::kApplyThrows,
        Mishap::kApplyThrowsNoMemory, Mishap::kMergeFails, Mishap::kMergeThrows, Mishap::kNoApply, Mishap::kNoMerge}) {
    for (std::uint64_t at = 0; at < 10; at += 3) {
      SCOPED_TRACE(std::to_string(static_cast<int>(mishap)) + " in part " + std::to_string(at));
      ledger = Ledger();
      ProjectionOptions options = ledger.options();
      std::uint64_t made = 0;
      bool mended = false;
      options.part = [&, right = options.part]() -> Result<ProjectionPart> {
        auto part = right();
        if (mended || made++ != at) { return part; }
        const auto busy = [] { return std::unexpected(Error(ErrorCode::kBusy, "later")); };
        switch (mishap) {
          case Mishap::kPartFails:
            return busy();
          case Mishap::kPartThrows:
            throw std::runtime_error("no part");
          case Mishap::kApplyFails:
            part->apply = [=](const Event&) -> Status { return busy(); };
            break;
          case Mishap::kApplyThrows:
            part->apply = [](const Event&) -> Status { throw 7; };
            break;
          case Mishap::kApplyThrowsNoMemory:
            part->apply = [](const Event&) -> Status { throw std::bad_alloc(); };
            break;
          case Mishap::kMergeFails:
            part->merge = [=, merge = part->merge]() -> Status {
              (void)merge();
              return busy();
            };
            break;
          case Mishap::kMergeThrows:
            part->merge = [merge = part->merge]() -> Status {
              (void)merge();
              throw std::runtime_error("no room");
            };
            break;
          case Mishap::kNoApply:
            part->apply = nullptr;
            break;
          case Mishap::kNoMerge:
            part->merge = nullptr;
            break;
        }
        return part;
      };
      ErrorCode expected = ErrorCode::kHandlerFailed;
      if (mishap == Mishap::kPartFails || mishap == Mishap::kApplyFails || mishap == Mishap::kMergeFails) {
        expected = ErrorCode::kBusy;
      } else if (mishap == Mishap::kApplyThrowsNoMemory) {
        expected = ErrorCode::kOutOfMemory;
      } else if (mishap == Mishap::kNoApply || mishap == Mishap::kNoMerge) {
        expected = ErrorCode::kInvalidArgument;
      }
      Projection projection = must(Projection::open(store, options));
      must(projection.catch_up());
      const RebuildOptions how{.threads = 2, .part_events = 10};
      EXPECT_TRUE(fails_with(projection.rebuild(how), expected));
      mended = true;
      if (at % 2 == 0) {
        must(projection.catch_up());
      } else {
        must(projection.rebuild(how));
      }
      expect_all_once();
    }
  }
}

// A model in memory that a merge left half done is emptied again.
TEST_F(ProjectionPartsTest, AFailedMergeInMemoryBeginsAnew) {
  std::string model;
  bool fails = false;
  std::vector<std::uint64_t> mails;
  ProjectionOptions options;
  options.apply = [&](const Event& event, bool replaying) -> Status {
    model += std::to_string(event.position().value()) + " ";
    if (!replaying) { mails.push_back(event.position().value()); }
    return {};
  };
  options.reset = [&]() -> Status {
    model.clear();
    return {};
  };
  options.part = [&]() -> Result<ProjectionPart> {
    auto text = std::make_shared<std::string>();
    return ProjectionPart{.apply = [text](const Event& event) -> Status {
                            *text += std::to_string(event.position().value()) + " ";
                            return {};
                          },
                          .merge = [&, text]() -> Status {
                            model += *text;
                            if (fails && text->starts_with("50 ")) {
                              return std::unexpected(Error(ErrorCode::kBusy, "half done"));
                            }
                            return {};
                          }};
  };
  Projection projection = must(Projection::open(store, options));
  must(projection.catch_up());
  const std::string right = model;
  must(projection.rebuild({.threads = 2, .part_events = 25}));
  EXPECT_EQ(model, right);
  fails = true;
  EXPECT_TRUE(fails_with(projection.rebuild({.threads = 2, .part_events = 25}), ErrorCode::kBusy));
  must(projection.catch_up());
  EXPECT_EQ(model, right);
  EXPECT_EQ(mails, positions_of(store));
}

TEST_F(ProjectionPartsTest, CanBeStopped) {
  for (const std::uint64_t at : {0u, 5u, 33u, 99u}) {
    ledger = Ledger();
    std::stop_source stop;
    ProjectionOptions options = ledger.options();
    options.part = [&, right = options.part]() -> Result<ProjectionPart> {
      auto part = right();
      part->apply = [&, apply = part->apply](const Event& event) {
        if (event.position().value() == at) { stop.request_stop(); }
        return apply(event);
      };
      return part;
    };
    Projection projection = must(Projection::open(store, options));
    must(projection.catch_up());
    EXPECT_TRUE(fails_with(projection.rebuild({.threads = 2, .part_events = 10, .stop = stop.get_token()}),
                           ErrorCode::kStopped) ||
                at == 99);
    must(must(Projection::open(store, options)).catch_up());
    expect_all_once();
    // Stopped before it began: the model is emptied, and nothing else done.
    EXPECT_TRUE(fails_with(projection.rebuild({.threads = 2, .part_events = 10, .stop = stop.get_token()}),
                           ErrorCode::kStopped));
    EXPECT_TRUE(ledger.committed().model.empty());
    must(projection.catch_up());
    expect_all_once();
  }
}

}  // namespace
}  // namespace tidemark
