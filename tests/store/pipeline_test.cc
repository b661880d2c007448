// SPDX-License-Identifier: Apache-2.0
// Goal: a consumer that appends events for what it is given, together with how far it is, answers each event once,
// whatever happens; what was stored last holds, alone or by a batch. Method: consumers ended by a loss of power, a kill
// and an error at every call, and by chance many times over, against the answers that there must be; stores put back
// to older copies, forked, extracted from, repaired; names taken from one way to the other.
#include <algorithm>
#include <cerrno>
#include <chrono>
#include <filesystem>
#include <gtest/gtest.h>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include "engine/format/checkpoint_file.h"
#include "engine/store/copies.h"
#include "engine/store/extractor.h"
#include "engine/store/salvager.h"
#include "tests/sampled.h"
#include "tests/store/support.h"

namespace tidemark {
namespace {

using namespace test;
using namespace std::chrono_literals;

// Every third question has no answer.
bool is_answered(std::string_view question) { return std::stoi(std::string(question)) % 3 != 2; }

// Answers what was asked, run by run, until it has caught up; the error that ended it.
Status answer(const Store& from, Store& into, const SubscribeOptions& options, std::mt19937_64& random) {
  auto consumer = from.subscribe(Query::category("question"), options);
  if (!consumer) { return std::unexpected(consumer.error()); }
  for (;;) {
    auto run = consumer->next_for(0s);
    if (!run) { return std::unexpected(run.error()); }
    if (run->empty() && run->state() == SubscriptionState::kCaughtUp) { return {}; }
    Batch batch;
    for (const Event& e : *run) {
      if (is_answered(as_text(e.data()))) { batch.to("answer-1").add(event("Answer", as_text(e.data()))); }
    }
    const auto durability = random() % 2 == 0 ? Durability::kBuffered : Durability::kDurable;
    if (&from == &into) {
      auto done = into.append(*consumer, batch, {.durability = durability});
      if (!done) { return std::unexpected(done.error()); }
    } else if (!batch.empty()) {
      auto place = consumer->checkpoint();
      if (!place) { return std::unexpected(place.error()); }
      auto done = into.append(batch.checkpoint("from elsewhere", *place), {.durability = durability});
      if (!done) { return std::unexpected(done.error()); }
    }
  }
}
Status answer(Store& store, std::mt19937_64& random) {
  return answer(store, store, {.resume = "answers", .run_events = 1 + random() % 4}, random);
}

void ask(Store& store, int first, int count) {
  for (int n = first; n < first + count; ++n) {
    must(append(store, "question-" + std::to_string(n % 5), std::to_string(n)));
  }
}

std::vector<int> answers_in(const Store& store) {
  std::vector<int> answers;
  for (const OwnedEvent& e : read(store, Query::stream("answer-1"), {.visibility = Visibility::kWritten})) {
    answers.push_back(std::stoi(std::string(as_text(e.data))));
  }
  return answers;
}

std::vector<int> answers_to(int questions) {
  std::vector<int> answers;
  for (int n = 0; n < questions; ++n) {
    if (is_answered(std::to_string(n))) { answers.push_back(n); }
  }
  return answers;
}

// Where a consumer of this name would begin.
Result<std::uint64_t> begins_at(const Store& store, const std::string& name = "reader") {
  auto subscription = store.subscribe(Query::all(), {.resume = name});
  if (!subscription) { return std::unexpected(subscription.error()); }
  return subscription->position() ? subscription->position()->value() + 1 : 0;
}

class PipelineTest : public testing::Test {
 protected:
  // Lets the reader store that it is through with this position: by a batch, or alone.
  void by_batch(std::optional<std::uint64_t> position) {
    Batch batch;
    batch.to("b").add(event("T"));
    must(store.append(batch.checkpoint("reader", position ? std::optional(Position(*position)) : std::nullopt)));
  }
  void alone(std::uint64_t position) {
    Subscription subscription = must(store.subscribe(Query::all(), {.resume = "reader"}));
    subscription.seek(Position(position + 1));
    must(subscription.commit());
  }

  World world;
  Store store = world.open(tiny_segments());
  std::mt19937_64 random{1};
};

TEST_F(PipelineTest, AnswersEachQuestionOnce) {
  ask(store, 0, 30);
  must(answer(store, random));
  EXPECT_EQ(answers_in(store), answers_to(30));
  ask(store, 30, 10);
  must(answer(store, random));
  must(answer(store, random));
  EXPECT_EQ(answers_in(store), answers_to(40));
  const auto stored = must(store.checkpoints());
  ASSERT_EQ(stored.size(), 1u);
  EXPECT_EQ(stored[0].name, "answers");
  EXPECT_EQ(must(store.checkpoint("answers")), stored[0].checkpoint);
  EXPECT_TRUE(ok(store.subscribe(Query::all(), {.after = stored[0].checkpoint})));
}

TEST_F(PipelineTest, WhatWasStoredLastHolds) {
  ask(store, 0, 10);
  EXPECT_EQ(must(store.checkpoint("reader")), std::nullopt);
  const auto expect = [&](std::uint64_t next) {
    EXPECT_EQ(must(begins_at(store)), next);
    EXPECT_EQ(must(store.checkpoint("reader"))->position, next == 0 ? std::nullopt : std::optional(Position(next - 1)));
    const Store reader = world.open({.read_only = true});
    EXPECT_EQ(must(begins_at(reader)), next);
    EXPECT_EQ(must(reader.checkpoints()).at(0).checkpoint, must(store.checkpoint("reader")));
  };
  by_batch(4);
  expect(5);
  alone(6);
  expect(7);
  alone(2);  // back
  expect(3);
  by_batch(7);
  expect(8);
  by_batch(1);
  expect(2);
  alone(1);
  expect(2);
  by_batch(std::nullopt);
  expect(0);
  alone(0);
  expect(1);
  must(store.close());
  store = world.open(tiny_segments());
  expect(1);
}

TEST_F(PipelineTest, WhatIsForgottenDoesNotComeBack) {
  ask(store, 0, 10);
  for (const bool was_alone : {false, true}) {
    by_batch(4);
    if (was_alone) { alone(5); }
    {
      const Subscription subscription = must(store.subscribe(Query::all(), {.resume = "reader"}));
      EXPECT_TRUE(fails_with(store.remove_checkpoint("reader"), ErrorCode::kLocked));
    }
    EXPECT_TRUE(must(store.remove_checkpoint("reader")));
    EXPECT_FALSE(must(store.remove_checkpoint("reader")));
    EXPECT_EQ(must(store.checkpoint("reader")), std::nullopt);
    EXPECT_TRUE(must(store.checkpoints()).empty());
    must(store.close());
    store = world.open(tiny_segments());
    EXPECT_EQ(must(begins_at(store)), 0u);
  }
  by_batch(3);
  EXPECT_EQ(must(begins_at(store)), 4u);
  // A file that is damaged is in nobody's way.
  alone(5);
  const auto file = world.folder / engine::checkpoint_file_name("reader");
  world.flip(file, 40);
  world.flip(file, 4096 + 40);
  EXPECT_TRUE(fails_with(begins_at(store), ErrorCode::kDamaged));
  EXPECT_TRUE(fails_with(store.checkpoint("reader"), ErrorCode::kDamaged));
  EXPECT_TRUE(must(store.checkpoints()).empty()) << "nobody knows which is newer";
  EXPECT_TRUE(must(store.remove_checkpoint("reader")));
  EXPECT_EQ(must(begins_at(store)), 0u);
}

// The sync fails under a batch that was written: the place behind it must not be stored without it.
TEST_F(PipelineTest, AFailedSyncLeavesNoPlaceWithoutItsAnswers) {
  ask(store, 0, 6);
  {
    Subscription consumer = must(store.subscribe(Query::category("question"), {.resume = "reader", .run_events = 2}));
    auto run = must(consumer.next_for(0s));
    for ([[maybe_unused]] const Event& e : run) { continue; }
    Batch answers;
    answers.to("answer-1").add(event("Answer", "0 and 1"));
    must(store.append(consumer, answers, {.durability = Durability::kBuffered}));
    run = must(consumer.next_for(0s));
    for ([[maybe_unused]] const Event& e : run) { continue; }
    world.files.set_fault_rule([](const platform::SeamCall& call) -> std::optional<platform::SeamFault> {
      const bool is_log = call.path.find("segment") != std::string_view::npos;
      if (!is_log || call.kind != platform::SeamCall::Kind::kDatasync) { return std::nullopt; }
      return platform::SeamFault{.error = EIO};
    });
    EXPECT_TRUE(fails_with(consumer.commit(), ErrorCode::kStoreFailed));
    EXPECT_TRUE(fails_with(consumer.commit(), ErrorCode::kStoreFailed)) << "nor later";
  }
  EXPECT_TRUE(fails_with(store.remove_checkpoint("reader"), ErrorCode::kStoreFailed));
  world.files.set_fault_rule({});
  world.files.power_off();
  (void)store.close();
  world.files.power_on(1, 0.0);
  world.machine.reboot();
  store = world.open(tiny_segments());
  EXPECT_EQ(must(begins_at(store)), 0u);
  EXPECT_TRUE(answers_in(store).empty());
}

TEST_F(PipelineTest, ACommitAfterAFailedOneIsWritten) {
  ask(store, 0, 10);
  by_batch(5);
  {
    Subscription consumer = must(store.subscribe(Query::all(), {.resume = "reader"}));
    world.files.set_fault_rule([](const platform::SeamCall& call) -> std::optional<platform::SeamFault> {
      if (call.kind != platform::SeamCall::Kind::kDatasync || call.number % 2 == 0) { return std::nullopt; }
      return platform::SeamFault{.error = EIO};
    });
    consumer.seek(Position(9));
    while (consumer.commit()) { consumer.seek(consumer.position() == Position(8) ? Position(8) : Position(9)); }
    world.files.set_fault_rule({});  // and yet it may be found
    consumer.seek(Position(6));
    must(consumer.commit());
  }
  EXPECT_EQ(must(begins_at(store)), 6u);
}

// Neither storing a later place nor forgetting needs the event at which the stored one is.
TEST_F(PipelineTest, ADamagedEventAtThePlaceIsInNobodysWay) {
  ask(store, 0, 3);
  must(append(store, "question-1", std::string(1500, 'x')));
  ask(store, 4, 3);
  by_batch(3);
  {
    Subscription consumer = must(store.subscribe(Query::all(), {.resume = "reader"}));
    consumer.seek(Position(6));
    world.flip(world.segment(1), 1800);
    EXPECT_TRUE(fails_with(store.checkpoint("reader"), ErrorCode::kDamaged));
    must(consumer.commit());
  }
  EXPECT_EQ(must(store.checkpoint("reader"))->position, Position(5));
  by_batch(3);
  EXPECT_TRUE(must(store.remove_checkpoint("reader")));
  EXPECT_EQ(must(store.checkpoint("reader")), std::nullopt);
}

TEST_F(PipelineTest, WhatADamageHidesIsNotTakenForNothing) {
  ask(store, 0, 10);
  by_batch(4);
  ask(store, 10, 30);
  by_batch(20);
  must(store.close());
  world.flip(world.segment(2), 700);
  const Store damaged = world.open({.read_only = true});
  EXPECT_TRUE(fails_with(damaged.checkpoint("reader"), ErrorCode::kDamaged));
  EXPECT_TRUE(fails_with(begins_at(damaged), ErrorCode::kDamaged));
  EXPECT_TRUE(fails_with(damaged.checkpoint("nobody"), ErrorCode::kDamaged));
}

// One of the store's own log is kept as a position, which a repair keeps; one of another log as it is given.
TEST_F(PipelineTest, GivenWithItsProofItIsTheSame) {
  ask(store, 0, 10);
  const auto at = [](const Store& of, std::uint64_t position) {
    return must(must(of.subscribe(Query::all(), {.from_position = Position(position + 1)})).checkpoint());
  };
  Batch batch;
  batch.to("b").add(event("T"));
  must(store.append(batch.checkpoint("reader", at(store, 4))));
  EXPECT_EQ(must(begins_at(store)), 5u);
  must(store.close());
  must(engine::repair_store(world.folder, "/sim/repaired", {}, world.environment(), {}));
  const Store repaired(must(engine::open_store("/sim/repaired", tiny_segments(), world.environment())));
  EXPECT_EQ(must(begins_at(repaired)), 5u);
  // A fork that takes in from the store that it came from.
  must(engine::fork_store(world.folder, "/sim/fork", {.at = Position(6)}, world.environment(), {}));
  Store fork(must(engine::open_store("/sim/fork", tiny_segments(), world.environment())));
  store = world.open(tiny_segments());
  for (const std::uint64_t position : {9u, 3u}) {
    Batch taken;
    taken.to("b").add(event("T"));
    must(fork.append(taken.checkpoint("from the store", at(store, position))));
    const auto place = must(fork.checkpoint("from the store"));
    EXPECT_EQ(place, at(store, position));
    EXPECT_TRUE(ok(store.subscribe(Query::all(), {.after = place})));
  }
}

// A consumer in the writer's process must see what it appended a moment ago, durable or not.
TEST_F(PipelineTest, WhatIsOnItsWayCounts) {
  ask(store, 0, 10);
  for (std::uint64_t n = 0; n < 5; ++n) {
    Batch batch;
    batch.to("b").add(event("T"));
    const auto ticket =
        must(store.submit(batch.checkpoint("reader", Position(n)), {.durability = Durability::kBuffered}));
    EXPECT_EQ(must(begins_at(store)), n + 1);
  }
}

TEST_F(PipelineTest, CommitStoresNothingThatABatchHasStored) {
  ask(store, 0, 4);
  Subscription consumer = must(store.subscribe(Query::category("question"), {.resume = "reader"}));
  auto run = must(consumer.next_for(0s));
  for ([[maybe_unused]] const Event& e : run) { continue; }
  Batch batch;
  batch.to("b").add(event("T"));
  must(store.append(consumer, batch));
  const auto before = world.files.calls(platform::SeamCall::Kind::kDatasync);
  must(consumer.commit());
  EXPECT_EQ(world.files.calls(platform::SeamCall::Kind::kDatasync), before);
  EXPECT_FALSE(world.files.contents(world.folder / engine::checkpoint_file_name("reader")));
  Batch nothing;
  run = must(consumer.next_for(0s));  // past the answer
  must(store.append(consumer, nothing));
  EXPECT_TRUE(world.files.contents(world.folder / engine::checkpoint_file_name("reader")));
}

TEST_F(PipelineTest, TheSameBatchAgainStoresNothingAgain) {
  ask(store, 0, 10);
  Batch batch;
  batch.to("b").add(event("T"));
  batch.checkpoint("reader", Position(3)).checkpoint("another", Position(1)).checkpoint("reader", Position(4));
  must(store.append(batch));
  EXPECT_EQ(must(begins_at(store)), 5u);
  EXPECT_EQ(must(begins_at(store, "another")), 2u);
  alone(8);
  EXPECT_TRUE(must(store.append(batch)).already_appended);
  EXPECT_EQ(must(begins_at(store)), 9u);
  {
    // A consumer that appends it again is through with what it was given, all the same.
    Subscription consumer = must(store.subscribe(Query::all(), {.resume = "reader"}));
    consumer.seek(Position(10));
    EXPECT_TRUE(must(store.append(consumer, batch)).already_appended);
  }
  EXPECT_EQ(must(begins_at(store)), 10u);
  batch.clear();
  batch.to("b").add(event("T"));
  must(store.append(batch));
  EXPECT_EQ(must(begins_at(store, "another")), 2u);
}

TEST_F(PipelineTest, WhatMakesNoSenseIsRefused) {
  ask(store, 0, 3);
  const auto refused = [&](const Batch& batch, ErrorCode code) {
    EXPECT_TRUE(fails_with(store.append(batch), code));
    EXPECT_TRUE(fails_with(store.submit(batch), code));
  };
  Batch empty;
  refused(empty.checkpoint("reader", Position(1)), ErrorCode::kInvalidArgument);
  refused(empty.check("question-0", Expect::stream_exists()), ErrorCode::kInvalidArgument);
  EXPECT_TRUE(fails_with(empty.validate(), ErrorCode::kInvalidArgument));
  Batch batch;
  batch.to("b").add(event("T"));
  const auto with = [&](std::string_view name, std::optional<Position> position) {
    Batch copy = batch;
    return copy.checkpoint(name, position);
  };
  refused(with("reader", Position(3)), ErrorCode::kInvalidArgument);
  refused(with("reader", Position(UINT64_MAX)), ErrorCode::kInvalidArgument);
  refused(with("", Position(1)), ErrorCode::kInvalidArgument);
  refused(with("a\nb", Position(1)), ErrorCode::kInvalidArgument);
  refused(with(std::string(256, 'n'), Position(1)), ErrorCode::kLimitExceeded);
  Batch many = batch;
  for (std::size_t n = 0; n < limits::kCheckpointsPerBatchMax; ++n) {
    many.checkpoint("reader" + std::to_string(n), Position(1));
  }
  EXPECT_TRUE(ok(many.validate()));
  refused(many.checkpoint("one more", Position(1)), ErrorCode::kLimitExceeded);
  Checkpoint wrong = must(must(store.subscribe(Query::all(), {.from_end = true})).checkpoint());
  EXPECT_EQ(wrong.position, Position(2));
  wrong.check ^= 1;
  Batch lying = batch;
  refused(lying.checkpoint("reader", wrong), ErrorCode::kCheckpointUnknown);
  EXPECT_TRUE(must(store.checkpoints()).empty());

  Subscription nameless = must(store.subscribe(Query::all()));
  EXPECT_TRUE(fails_with(store.append(nameless, batch), ErrorCode::kInvalidArgument));
  const Store reader = world.open({.read_only = true});
  Subscription elsewhere = must(reader.subscribe(Query::all(), {.resume = "elsewhere"}));
  EXPECT_TRUE(fails_with(store.append(elsewhere, batch), ErrorCode::kInvalidArgument));

  // What else an empty batch asks for is asked first.
  Subscription consumer = must(store.subscribe(Query::all(), {.resume = "reader"}));
  auto run = must(consumer.next_for(0s));
  for ([[maybe_unused]] const Event& e : run) { continue; }
  Batch checks;
  checks.check("question-0", Expect::no_stream());
  EXPECT_TRUE(fails_with(store.append(consumer, checks), ErrorCode::kVersionConflict));
  EXPECT_EQ(must(store.checkpoint("reader")), std::nullopt);
  checks.clear();
  checks.check("question-0", Expect::stream_exists());
  EXPECT_EQ(must(store.append(consumer, checks)).count, 0u);
  EXPECT_EQ(must(store.checkpoint("reader"))->position, Position(2));
}

// Each event of one store is answered once in another one, which keeps the place.
TEST_F(PipelineTest, FromOneStoreIntoAnother) {
  const std::filesystem::path target = "/sim/target";
  ask(store, 0, 60);
  for (std::uint64_t n = 1;; ++n) {
    if (n > 1) { ask(store, 60 + static_cast<int>(n), 1); }
    Store into(must(engine::open_store(target, tiny_segments(), world.environment())));
    const auto place = must(into.checkpoint("from elsewhere"));
    if (place) {
      EXPECT_EQ(place->log_id, store.info().log_id);
      EXPECT_TRUE(
          fails_with(into.subscribe(Query::all(), {.resume = "from elsewhere"}), ErrorCode::kCheckpointUnknown));
    }
    std::uint64_t calls = 0;
    world.files.set_fault_rule([&](const platform::SeamCall& call) -> std::optional<platform::SeamFault> {
      if (!call.path.starts_with(target.string()) || ++calls < n) { return std::nullopt; }
      return platform::SeamFault{.error = EIO};
    });
    const auto done = answer(store, into, {.after = place, .run_events = 2}, random);
    world.files.set_fault_rule({});
    (void)into.close();
    if (!done) { continue; }
    const Store back(must(engine::open_store(target, tiny_segments(), world.environment())));
    const auto asked = read(store, Query::category("question"));
    std::vector<int> expected;
    for (const OwnedEvent& e : asked) {
      if (is_answered(as_text(e.data))) { expected.push_back(std::stoi(std::string(as_text(e.data)))); }
    }
    EXPECT_EQ(answers_in(back), expected);
    EXPECT_GT(n, 10u);
    return;
  }
}

TEST_F(PipelineTest, AStoreThatWasPutBackKnowsWhatItsBatchesTell) {
  ask(store, 0, 10);
  by_batch(2);
  const std::filesystem::path older = "/sim/older";
  must(store.backup(older));
  by_batch(5);
  alone(8);
  must(store.close());
  // The folder of today, but of the log what there was.
  const auto file = engine::checkpoint_file_name("reader");
  world.files.set_contents(older / file, world.contents(world.folder / file));
  {
    // Who only reads may not see the end of the log yet, and must not write over what is newer.
    const Store back(must(engine::open_store(older, {.read_only = true}, world.environment())));
    EXPECT_TRUE(fails_with(begins_at(back), ErrorCode::kCheckpointUnknown));
    EXPECT_TRUE(fails_with(back.checkpoint("reader"), ErrorCode::kCheckpointUnknown));
  }
  {
    Store back(must(engine::open_store(older, tiny_segments(), world.environment())));
    EXPECT_EQ(must(begins_at(back)), 3u) << "what the consumer had appended behind it is gone";
    for (int i = 0; i < 6; ++i) { must(append(back, "other", "now")); }
    EXPECT_EQ(must(begins_at(back)), 3u);
    EXPECT_EQ(must(back.checkpoints()).at(0).checkpoint.position, Position(2));
  }
  // Where the log that is left has none there is nothing to fall back to, and it is told.
  const auto with_none = older.string() + "-of-another";
  {
    Store back(must(engine::open_store(with_none, tiny_segments(), world.environment())));
    for (int i = 0; i < 12; ++i) { must(append(back, "other", "now")); }
  }
  world.files.set_contents(std::filesystem::path(with_none) / file, world.contents(older / file));
  Store back(must(engine::open_store(with_none, tiny_segments(), world.environment())));
  EXPECT_TRUE(fails_with(begins_at(back), ErrorCode::kCheckpointUnknown));
  EXPECT_TRUE(fails_with(back.checkpoint("reader"), ErrorCode::kCheckpointUnknown));
  EXPECT_TRUE(must(back.remove_checkpoint("reader")));
  EXPECT_EQ(must(begins_at(back)), 0u);
}

TEST_F(PipelineTest, CopiesTakeThemAlong) {
  ask(store, 0, 40);
  must(answer(store, random));
  const std::uint64_t begin = must(begins_at(store, "answers"));
  const std::uint64_t end = store.info().events;
  must(store.backup("/sim/backup"));
  must(store.close());
  Store backup(must(engine::open_store("/sim/backup", tiny_segments(), world.environment())));
  ask(backup, 40, 10);
  must(answer(backup, random));
  EXPECT_EQ(answers_in(backup), answers_to(50));
  // A fork in whose last segment, which it copies, batches stored some.
  for (std::uint64_t at = 40; at < end; at += 5) {
    const std::filesystem::path fork = "/sim/fork" + std::to_string(at);
    const auto report = engine::fork_store(world.folder, fork, {.at = Position(at)}, world.environment(), {});
    if (!report) {
      EXPECT_TRUE(fails_with(report, ErrorCode::kInvalidArgument));  // in the midst of a batch
      continue;
    }
    Store copy(must(engine::open_store(fork, tiny_segments(), world.environment())));
    ask(copy, 40, 10);
    must(answer(copy, random));
    EXPECT_EQ(answers_in(copy), answers_to(50)) << at;
  }
  // What is extracted has other positions: nothing of them goes along.
  must(engine::extract_streams(world.folder, Query::all(), "/sim/extracted", {}, world.environment(), {}));
  const Store extracted(must(engine::open_store("/sim/extracted", tiny_segments(), world.environment())));
  EXPECT_TRUE(must(extracted.checkpoints()).empty());
  EXPECT_EQ(lines(extracted).size(), end);
  // A repair keeps positions.
  must(engine::repair_store(world.folder, "/sim/repaired", {}, world.environment(), {}));
  const Store repaired(must(engine::open_store("/sim/repaired", tiny_segments(), world.environment())));
  ASSERT_EQ(must(repaired.checkpoints()).size(), 1u);
  EXPECT_GT(must(begins_at(repaired, "answers")), 0u);
  EXPECT_LE(must(begins_at(repaired, "answers")), begin);
}

// The consumer of a store is ended n calls on, again and again, by a loss of power, a kill or an error; at last it is
// let through. Questions come in between. Each has its answer, once, in order.
enum class End : std::uint8_t { kPower, kKill, kError };

void live(std::uint64_t seed, std::uint64_t first_end, End how) {
  std::mt19937_64 random(seed);
  World world;
  int asked = 0;
  for (int life = 0; life < 6; ++life) {
    std::optional<Store> store = world.open(tiny_segments());
    const int more = 3 + static_cast<int>(random() % 8);
    ask(*store, asked, more);
    asked += more;
    const bool is_last = life == 5;
    const std::uint64_t end = is_last ? UINT64_MAX : life == 0 ? first_end : 1 + random() % 60;
    std::uint64_t calls = 0;
    world.files.set_fault_rule([&](const platform::SeamCall&) -> std::optional<platform::SeamFault> {
      if (++calls != end) { return std::nullopt; }
      if (how == End::kError) { return platform::SeamFault{.error = random() % 2 == 0 ? EIO : ENOSPC}; }
      how == End::kPower ? world.files.power_off() : world.files.kill_process();
      return std::nullopt;
    });
    const auto done = answer(*store, random);
    world.files.set_fault_rule({});
    if (is_last) {
      must(done);
      EXPECT_EQ(answers_in(*store), answers_to(asked));
      return;
    }
    // What a failed sync has lost shows when the power goes.
    if (how == End::kPower || (how == End::kError && random() % 2 == 0)) {
      world.files.power_off();
      store.reset();
      world.files.power_on(random(), static_cast<double>(random() % 3) / 2);
      world.machine.reboot();
    } else if (how == End::kKill) {
      world.files.kill_process();
      store.reset();
    } else {
      (void)store->close();
    }
  }
}

TEST(PipelineFaults, ALossOfPowerAtEachCallDoublesAndLosesNothing) {
  for (std::uint64_t n = 1; n <= 80 && !testing::Test::HasFailure(); n += kSampleStep) {
    for (std::uint64_t seed = 1; seed <= 4; ++seed) {
      SCOPED_TRACE("call " + std::to_string(n) + " seed " + std::to_string(seed));
      live(seed, n, End::kPower);
    }
  }
}

TEST(PipelineFaults, AKillAtEachCallDoublesAndLosesNothing) {
  for (std::uint64_t n = 1; n <= 80 && !testing::Test::HasFailure(); n += kSampleStep) {
    for (std::uint64_t seed = 1; seed <= 4; ++seed) {
      SCOPED_TRACE("call " + std::to_string(n) + " seed " + std::to_string(seed));
      live(seed, n, End::kKill);
    }
  }
}

TEST(PipelineFaults, AnErrorAtEachCallDoublesAndLosesNothing) {
  for (std::uint64_t n = 1; n <= 80 && !testing::Test::HasFailure(); n += kSampleStep) {
    for (std::uint64_t seed = 1; seed <= 4; ++seed) {
      SCOPED_TRACE("call " + std::to_string(n) + " seed " + std::to_string(seed));
      live(seed, n, End::kError);
    }
  }
}

}  // namespace
}  // namespace tidemark
