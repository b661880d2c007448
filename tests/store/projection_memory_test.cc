// SPDX-License-Identifier: Apache-2.0
// Goal: a model in memory is the fold of the log in each process, from its beginning or from what was saved; what was
// dealt with by its name is replayed, also where something fails. Method: one projection after the other by the same
// name, each with an empty model, as processes come one after the other; functions and files that fail.
#include <cerrno>
#include <chrono>
#include <gtest/gtest.h>
#include <map>
#include <stdexcept>
#include <string>
#include <vector>

#include "tests/store/ledger.h"
#include "tests/store/support.h"
#include "tidemark/projection.hpp"

namespace tidemark {
namespace {

using namespace test;
using namespace std::chrono_literals;

class ProjectionMemoryTest : public testing::Test {
 protected:
  ProjectionMemoryTest() { add(12); }

  void add(int events) {
    for (int i = 0; i < events; ++i) { must(append(store, i % 3 == 0 ? "b" : "a", "x")); }
  }
  Projection open(const ProjectionOptions& options) { return must(Projection::open(store, options)); }

  World world{true};
  Store store = world.open(tiny_segments());
};

// A model in memory, as a process has it from its beginning to its end.
struct Memory {
  std::map<std::string, std::string> model;
  std::vector<std::uint64_t>* mails;

  ProjectionOptions options(std::string name = {}) {
    return {.apply = [this](const Event& event, bool replaying) -> Status {
              model[std::string(event.stream())] += std::to_string(event.position().value()) + " ";
              if (!replaying) { mails->push_back(event.position().value()); }
              return {};
            },
            .reset = [this]() -> Status {
              model.clear();
              return {};
            },
            .name = std::move(name),
            .run_events = 5};
  }
};

TEST_F(ProjectionMemoryTest, ItIsFoldedFromTheBeginning) {
  std::vector<std::uint64_t> mails;
  for (int process = 0; process < 3; ++process) {
    Memory memory{.model = {}, .mails = &mails};
    Projection projection = open(memory.options("mailer"));
    must(projection.catch_up());
    EXPECT_EQ(memory.model, folded(store));
    EXPECT_EQ(mails, positions_of(store));
    add(2);
    EXPECT_EQ(must(projection.next()), 2u);
    must(projection.rebuild());
    EXPECT_EQ(memory.model, folded(store));
    EXPECT_EQ(mails, positions_of(store));
    Memory second{.model = {}, .mails = &mails};
    Projection other = open(second.options("mailer"));
    EXPECT_TRUE(fails_with(other.catch_up(), ErrorCode::kLocked));
    add(2);  // for the next process
  }
  // Without a name nobody knows of other processes.
  mails.clear();
  Memory memory{.model = {}, .mails = &mails};
  Projection projection = open(memory.options());
  must(projection.catch_up());
  must(projection.rebuild());
  EXPECT_EQ(memory.model, folded(store));
  EXPECT_EQ(mails, positions_of(store));
}

TEST_F(ProjectionMemoryTest, AResetWithinAReplayKnowsToo) {
  std::vector<std::uint64_t> mails;
  for (const char* const name : {"", "mailer"}) {
    mails.clear();
    Memory memory{.model = {}, .mails = &mails};
    Projection projection = open(memory.options(name));
    must(projection.catch_up());
    must(projection.reset());
    EXPECT_EQ(must(projection.next_for(0s)), 5u);
    EXPECT_TRUE(projection.progress().replaying);
    must(projection.reset());
    EXPECT_EQ(projection.progress().replay_until, Position(11));
    must(projection.catch_up());
    EXPECT_EQ(memory.model, folded(store));
    EXPECT_EQ(mails, positions_of(store));
  }
}

// What was dealt with and could not be committed under the name is committed before anything else is done.
TEST_F(ProjectionMemoryTest, ANameThatCannotBeCommitted) {
  std::vector<std::uint64_t> mails;
  {
    Memory memory{.model = {}, .mails = &mails};
    Projection projection = open(memory.options("mailer"));
    EXPECT_EQ(must(projection.next_for(0s)), 5u);
    world.files.set_fault_rule([&](const platform::SeamCall& call) -> std::optional<platform::SeamFault> {
      if (call.path.find("checkpoint-") == std::string_view::npos) { return std::nullopt; }
      return platform::SeamFault{.error = EIO};
    });
    EXPECT_TRUE(fails_with(projection.catch_up(), ErrorCode::kIo));
    EXPECT_EQ(mails.size(), 10u);
    EXPECT_TRUE(fails_with(projection.catch_up(), ErrorCode::kIo));
    EXPECT_TRUE(fails_with(projection.next_for(0s), ErrorCode::kIo));
    EXPECT_TRUE(fails_with(projection.reset(), ErrorCode::kIo));
    EXPECT_EQ(mails.size(), 10u);
    world.files.set_fault_rule({});
    must(projection.reset());
  }
  Memory memory{.model = {}, .mails = &mails};
  Projection projection = open(memory.options("mailer"));
  must(projection.catch_up());
  EXPECT_EQ(memory.model, folded(store));
  EXPECT_EQ(mails, positions_of(store));
}

TEST_F(ProjectionMemoryTest, WhatFailsComesAgain) {
  std::vector<std::uint64_t> mails;
  for (std::uint64_t bad = 0; bad < 12; ++bad) {
    mails.clear();
    Memory memory{.model = {}, .mails = &mails};
    ProjectionOptions options = memory.options("mailer-" + std::to_string(bad));
    options.apply = [&, right = options.apply](const Event& event, bool replaying) {
      if (event.position().value() == bad) { throw std::runtime_error("not yet"); }
      return right(event, replaying);
    };
    {
      Projection projection = open(options);
      EXPECT_TRUE(fails_with(projection.catch_up(), ErrorCode::kHandlerFailed));
      EXPECT_EQ(projection.progress().lag, 12 - bad);
      EXPECT_TRUE(fails_with(projection.catch_up(), ErrorCode::kHandlerFailed));
      EXPECT_EQ(mails.size(), bad);
    }
    // What was dealt with was committed by name before the error was told.
    Memory next{.model = {}, .mails = &mails};
    Projection projection = open(next.options("mailer-" + std::to_string(bad)));
    must(projection.catch_up());
    EXPECT_EQ(next.model, folded(store));
    EXPECT_EQ(mails, positions_of(store));
  }
}

TEST_F(ProjectionMemoryTest, HistoryMayCountAsReplayed) {
  std::vector<std::uint64_t> mails;
  for (const char* const name : {"", "mailer"}) {
    mails.clear();
    Memory memory{.model = {}, .mails = &mails};
    ProjectionOptions options = memory.options(name);
    options.replay_history = true;
    const std::uint64_t before = positions_of(store).size();
    {
      Projection projection = open(options);
      EXPECT_EQ(must(projection.next_for(0s)), 5u);
      EXPECT_TRUE(projection.progress().replaying);
    }
    memory.model.clear();
    add(1);
    Projection projection = open(options);
    must(projection.catch_up());
    EXPECT_EQ(memory.model, folded(store));
    // Without a name the second opening is a first one again.
    EXPECT_EQ(mails, *name == '\0' ? std::vector<std::uint64_t>{} : std::vector<std::uint64_t>{before});
  }
}

TEST_F(ProjectionMemoryTest, AFailedResetIsRepeatedFirst) {
  std::vector<std::uint64_t> mails;
  Memory memory{.model = {}, .mails = &mails};
  int resets = 0;
  ProjectionOptions options = memory.options();
  options.reset = [&, right = options.reset]() -> Status {
    if (++resets < 3) { return std::unexpected(Error(ErrorCode::kBusy, "later")); }
    return right();
  };
  Projection projection = open(options);
  must(projection.catch_up());
  EXPECT_TRUE(fails_with(projection.reset(), ErrorCode::kBusy));
  EXPECT_TRUE(fails_with(projection.catch_up(), ErrorCode::kBusy));
  must(projection.catch_up());
  EXPECT_EQ(resets, 3);
  EXPECT_EQ(memory.model, folded(store));
  EXPECT_EQ(mails, positions_of(store));
}

TEST_F(ProjectionMemoryTest, ItGoesOnFromWhatWasRestored) {
  std::vector<std::uint64_t> mails;
  const Checkpoint saved = must(must(store.subscribe(Query::all(), {.from_position = Position(7)})).checkpoint());
  const auto model_then = [&] {
    std::map<std::string, std::string> model;
    for (const auto& event : read(store, Query::all(), {.limit = 7})) {
      model[event.stream] += std::to_string(event.position.value()) + " ";
    }
    return model;
  };
  int tries = 0;
  Memory memory{.model = {}, .mails = &mails};
  ProjectionOptions options = memory.options();
  options.restore = [&]() -> Result<std::optional<Checkpoint>> {
    if (++tries == 1) { throw std::runtime_error("the file is away"); }
    memory.model = model_then();
    return saved;
  };
  Projection projection = open(options);
  EXPECT_TRUE(fails_with(projection.catch_up(), ErrorCode::kHandlerFailed));
  must(projection.catch_up());
  EXPECT_EQ(memory.model, folded(store));
  EXPECT_EQ(mails, (std::vector<std::uint64_t>{7, 8, 9, 10, 11}));
  // A rebuild does not believe what was saved.
  must(projection.rebuild());
  EXPECT_EQ(tries, 2);
  EXPECT_EQ(memory.model, folded(store));
  EXPECT_EQ(mails.size(), 5u);

  // What is restored of another log is refused; to build it anew is possible.
  Checkpoint foreign = saved;
  foreign.check ^= 1U;
  options.restore = [&]() -> Result<std::optional<Checkpoint>> { return foreign; };
  Projection wrong = open(options);
  EXPECT_TRUE(fails_with(wrong.catch_up(), ErrorCode::kCheckpointUnknown));
  EXPECT_TRUE(fails_with(wrong.catch_up(), ErrorCode::kCheckpointUnknown));
  must(wrong.rebuild());
  EXPECT_EQ(memory.model, folded(store));
}

// The name is behind what was restored: those events are given for what they do to the world.
TEST_F(ProjectionMemoryTest, WhatWasRestoredIsNotDealtWithByName) {
  std::vector<std::uint64_t> given;
  std::vector<std::uint64_t> mails;
  ProjectionOptions options;
  options.name = "mailer";
  options.apply = [&](const Event& event, bool replaying) -> Status {
    given.push_back(event.position().value());
    if (!replaying) { mails.push_back(event.position().value()); }
    return {};
  };
  must(open(options).catch_up());
  add(4);
  const Checkpoint end = must(must(store.subscribe(Query::all(), {.from_end = true})).checkpoint());
  options.restore = [&]() -> Result<std::optional<Checkpoint>> { return end; };
  given.clear();
  must(open(options).catch_up());
  EXPECT_EQ(given, (std::vector<std::uint64_t>{12, 13, 14, 15}));
  EXPECT_EQ(mails, positions_of(store));
  given.clear();
  Projection last = open(options);
  must(last.catch_up());
  EXPECT_TRUE(given.empty());
  // Restored to an earlier place than the name's: that much is replayed.
  const Checkpoint early = must(must(store.subscribe(Query::all(), {.from_position = Position(9)})).checkpoint());
  ASSERT_TRUE(last.progress().position);
  last = open({.apply = [](const Event&, bool) { return Status(); }});  // lets go of the name
  options.restore = [&]() -> Result<std::optional<Checkpoint>> { return early; };
  must(open(options).catch_up());
  EXPECT_EQ(given, (std::vector<std::uint64_t>{9, 10, 11, 12, 13, 14, 15}));
  EXPECT_EQ(mails, positions_of(store));
}

TEST_F(ProjectionMemoryTest, ANamesCheckpointThatIsUnknownIsToBeRemoved) {
  std::vector<std::uint64_t> mails;
  must(store.close());
  const auto older = world.snapshot();
  store = world.open(tiny_segments());
  add(5);
  Memory memory{.model = {}, .mails = &mails};
  must(open(memory.options("mailer")).catch_up());
  must(store.close());
  const auto is_checkpoint = [](const std::filesystem::path& path) {
    return path.string().find("checkpoint-") != std::string::npos;
  };
  for (const auto& path : world.files.files()) {
    if (path.filename() != engine::kLockName && !is_checkpoint(path)) { ASSERT_TRUE(world.files.unlink(path)); }
  }
  for (const auto& [path, bytes] : older) { world.files.set_contents(path, bytes); }
  store = world.open(tiny_segments());
  Memory next{.model = {}, .mails = &mails};
  Projection projection = open(next.options("mailer"));
  EXPECT_TRUE(fails_with(projection.catch_up(), ErrorCode::kCheckpointUnknown));
  EXPECT_TRUE(fails_with(projection.rebuild(), ErrorCode::kCheckpointUnknown));
  EXPECT_TRUE(must(store.remove_checkpoint("mailer")));
  must(projection.catch_up());
  EXPECT_EQ(next.model, folded(store));
}

}  // namespace
}  // namespace tidemark
