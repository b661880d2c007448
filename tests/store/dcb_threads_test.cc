// SPDX-License-Identifier: Apache-2.0
// Goal: many threads appending under conditions get no answer that the log does not bear out: each accepted append's
// conditions held at its place, each conflict names the first event in the way, which was there for all to read with
// the durability asked for, and nothing is refused that nothing stood in the way of. Method: eight threads over few
// names, by append and by submit, durable and buffered; then the log is gone through with a filter. The seed is
// printed.
#include <atomic>
#include <functional>
#include <gtest/gtest.h>
#include <latch>
#include <map>
#include <random>
#include <thread>

#include "tests/naive_query.h"
#include "tests/store/support.h"

namespace tidemark {
namespace {

using namespace test;

constexpr unsigned kThreads = 8;
constexpr std::uint64_t kOnceNames = 60;

struct Condition {
  Query query;
  std::optional<Position> after;
};

// One append, as its thread saw it.
struct Attempt {
  std::vector<Condition> conditions;
  std::string token;
  std::uint64_t events = 0;
  std::uint64_t end_before = 0;  // how much showed before it was made
  std::uint64_t end_after = 0;   // and once it was answered, with the durability that it asked for
  std::optional<Result<Receipt>> answer;
};

class Worker {
 public:
  Worker(Store& store, unsigned number, std::uint32_t seed)
      : store_(store), number_(number), random_(seed * 64 + number) {}

  void run(int rounds) {
    for (int round = 0; round < rounds; ++round) {
      Attempt attempt;
      Batch batch = make(round, attempt);
      const AppendOptions options{.durability = once_in(2) ? Durability::kBuffered : Durability::kDurable};
      if (once_in(2)) {
        answered(attempt, store_.append(batch, options), *options.durability);
        attempts.push_back(std::move(attempt));
      } else {
        waiting_.push_back({must(store_.submit(batch, options)), std::move(attempt), *options.durability});
        if (waiting_.size() >= 4) { settle(); }
      }
    }
    settle();
  }

  std::vector<Attempt> attempts;

 private:
  struct Waiting {
    Ticket ticket;
    Attempt attempt;
    Durability durability;
  };

  bool once_in(std::uint64_t n) { return random_() % n == 0; }
  std::string some(const char* what, std::uint64_t n) { return what + std::to_string(random_() % n); }
  Query some_query() {
    switch (random_() % 5) {
      case 0:
        return Query::type(some("T", 3)).tags({some("t", 4)});
      case 1:
        return Query::category(some("c", 3)).tags({some("t", 4)});
      case 2:
        return Query::all().any_of({{.types = {some("T", 3)}, .tags = {some("t", 4)}}, {.tags = {some("once:", 60)}}});
      case 3:
        return Query::stream(some("c", 3) + "-" + std::to_string(random_() % 3));
      default:
        return Query::tag(some("t", 4));
    }
  }
  std::uint64_t end(Visibility visibility) {
    const auto last = store_.read(Query::all(), {.limit = 0, .visibility = visibility}).last_visible();
    return last ? last->value() + 1 : 0;
  }

  Batch make(int round, Attempt& attempt) {
    attempt.token = std::to_string(number_) + "." + std::to_string(round);
    attempt.end_before = end(Visibility::kWritten);
    Batch batch;
    std::vector<std::string> tags = {some("t", 4)};
    if (once_in(3)) {
      // A name that only one may take, ever.
      tags.push_back(some("once:", kOnceNames));
      attempt.conditions.push_back({Query::tag(tags.back()), std::nullopt});
    }
    for (auto n = 1 + random_() % 2; n > 0; --n) {
      const Query query = some_query();
      auto after = store_.read(query, {.visibility = Visibility::kWritten}).last_visible();
      if (after && once_in(4)) { after = Position(after->value() - std::min(after->value(), random_() % 4)); }
      attempt.conditions.push_back({query, after});
    }
    if (once_in(2)) { std::this_thread::yield(); }  // others come in between
    for (const auto& [query, after] : attempt.conditions) { batch.fail_if_match(query, {.after = after}); }
    attempt.events = once_in(6) ? 0 : 1 + random_() % 2;
    for (std::uint64_t i = 0; i < attempt.events; ++i) {
      const std::string type = some("T", 3);
      batch.to(some("c", 3) + "-" + std::to_string(random_() % 3))
          .add({.type = type, .data = as_bytes(attempt.token), .tags = {tags.begin(), tags.end()}});
    }
    return batch;
  }

  void answered(Attempt& attempt, Result<Receipt> answer, Durability durability) {
    attempt.answer = std::move(answer);
    attempt.end_after = end(durability == Durability::kDurable ? Visibility::kDurable : Visibility::kWritten);
  }

  void settle() {
    for (Waiting& one : waiting_) {
      answered(one.attempt, one.ticket.wait(), one.durability);
      attempts.push_back(std::move(one.attempt));
    }
    waiting_.clear();
  }

  Store& store_;
  unsigned number_;
  std::minstd_rand random_;
  std::vector<Waiting> waiting_;
};

void check_accepted(const std::vector<OwnedEvent>& log, const Attempt& attempt) {
  const Receipt& receipt = **attempt.answer;
  ASSERT_EQ(receipt.count, attempt.events);
  for (std::uint64_t i = 0; i < receipt.count; ++i) {
    ASSERT_EQ(as_text(log.at(receipt.first.value() + i).data), attempt.token);
  }
  // A check without events held at some moment after what showed when it was made.
  const std::uint64_t place = receipt.count > 0 ? receipt.first.value() : attempt.end_before;
  if (receipt.count > 0) {
    EXPECT_GE(place, attempt.end_before);
    EXPECT_GE(attempt.end_after, place + receipt.count);
  }
  for (const auto& [query, after] : attempt.conditions) {
    EXPECT_EQ(first_match(log, query, after, place), std::nullopt)
        << to_string(query) << " after " << (after ? std::to_string(after->value()) : "none") << " at " << place;
  }
}

void check_refused(const std::vector<OwnedEvent>& log, const Attempt& attempt) {
  const Error& error = attempt.answer->error();
  ASSERT_EQ(error.code(), ErrorCode::kMatchConflict) << to_string(error);
  ASSERT_FALSE(error.match_conflicts().empty());
  std::vector<bool> failed(attempt.conditions.size());
  std::uint64_t seen = attempt.end_before;  // the decision was made on at least so much of the log
  for (const auto& [n, position] : error.match_conflicts()) {
    const auto& [query, after] = attempt.conditions.at(n);
    EXPECT_EQ(first_match(log, query, after, log.size()), position) << to_string(query);
    EXPECT_LT(position, Position(attempt.end_after)) << "nobody could see it yet";
    seen = std::max(seen, position.value() + 1);
    failed[n] = true;
  }
  for (std::size_t n = 0; n < failed.size(); ++n) {
    if (failed[n]) { continue; }
    const auto& [query, after] = attempt.conditions[n];
    EXPECT_EQ(first_match(log, query, after, seen), std::nullopt) << "not told: " << to_string(query);
  }
}

void check(const std::vector<OwnedEvent>& log, const std::vector<Worker>& workers) {
  std::uint64_t events = 0;
  std::uint64_t refused = 0;
  std::uint64_t overtaken = 0;  // by an event that did not show yet when the append was made
  for (const Worker& worker : workers) {
    for (const Attempt& attempt : worker.attempts) {
      if (*attempt.answer) {
        check_accepted(log, attempt);
        events += attempt.events;
      } else {
        check_refused(log, attempt);
        ++refused;
        overtaken += attempt.answer->error().match_conflicts().back().position >= Position(attempt.end_before) ? 1 : 0;
      }
      if (testing::Test::HasFatalFailure()) { return; }
    }
  }
  EXPECT_EQ(events, log.size());
  EXPECT_GT(refused, 20U);
  EXPECT_GT(overtaken, 20U) << "the threads hardly meet";
  // Of the names that only one append may take none was taken twice; one append may give it to both its events.
  std::map<std::string, std::string> taken;
  for (const OwnedEvent& event : log) {
    for (const std::string& tag : event.tags) {
      if (!tag.starts_with("once:")) { continue; }
      const std::string token(as_text(event.data));
      EXPECT_EQ(taken.try_emplace(tag, token).first->second, token) << tag;
    }
  }
  EXPECT_GT(taken.size(), kOnceNames / 4);
}

void run(Store& store, int rounds, const std::function<Store()>& reopen) {
  const std::uint32_t seed = std::random_device()();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::vector<Worker> workers;
  for (unsigned t = 0; t < kThreads; ++t) { workers.emplace_back(store, t, seed); }
  {
    std::latch start(kThreads);
    std::vector<std::jthread> threads;
    for (Worker& worker : workers) {
      threads.emplace_back([&] {
        start.arrive_and_wait();
        worker.run(rounds);
      });
    }
  }
  check(read(store, Query::all(), {.visibility = Visibility::kWritten}), workers);
  ASSERT_TRUE(ok(store.close()));
  check(read(reopen()), workers);
}

TEST(DcbThreads, EveryAnswerIsBorneOutByTheLog) {
  World world(true);
  Store store = world.open({.segment_bytes_first = 4096, .segment_bytes_largest = 16384});
  // A disk that takes its time, so that much is under way.
  world.files.set_fault_rule([](const platform::SeamCall& call) -> std::optional<platform::SeamFault> {
    if (call.kind == World::Kind::kDatasync) { std::this_thread::sleep_for(std::chrono::microseconds(100)); }
    return std::nullopt;
  });
  run(store, 300, [&] { return world.open(); });
}

TEST(DcbThreads, EveryAnswerIsBorneOutByTheLogOnTheRealFileSystem) {
  const TempFolder folder;
  Store store = must(Store::open(folder.path()));
  run(store, 50, [&] { return must(Store::open(folder.path())); });
}

// Who is refused can read at once what stood in the way, and so decide anew: nobody is refused again by what it has
// read.
TEST(DcbThreads, ACounterThatAllIncrease) {
  World world(true);
  Store store = world.open({.segment_bytes_first = 4096, .segment_bytes_largest = 65536});
  constexpr std::uint64_t kEach = 25;
  const Query counted = Query::type("Counted").tags({"counter:1"});
  {
    std::vector<std::jthread> threads;
    for (unsigned t = 0; t < kThreads; ++t) {
      threads.emplace_back([&, t] {
        for (std::uint64_t done = 0; done < kEach;) {
          Cursor cursor = store.read(counted, {.direction = Direction::kBackward, .limit = 1});
          std::uint64_t next = 0;
          must(cursor.for_each([&](const Event& e) { next = std::stoull(std::string(as_text(e.data()))) + 1; }));
          const std::string data = std::to_string(next);
          Batch batch;
          batch.to("counter-" + std::to_string(t))
              .add({.type = "Counted", .data = as_bytes(data), .tags = {"counter:1"}});
          batch.fail_if_match(counted, {.after = cursor.last_visible()});
          const auto answer = store.append(batch);
          if (answer) {
            ++done;
          } else {
            ASSERT_TRUE(fails_with(answer, ErrorCode::kMatchConflict));
            const Position in_the_way = answer.error().match_conflicts().at(0).position;
            ASSERT_GE(store.read(counted).last_visible(), in_the_way);
          }
        }
      });
    }
  }
  const auto events = read(store, counted);
  ASSERT_EQ(events.size(), kEach * kThreads);
  for (std::size_t i = 0; i < events.size(); ++i) { EXPECT_EQ(as_text(events[i].data), std::to_string(i)); }
}

// Two that wait for room in the log, each under the condition that the other is not there: their conditions are looked
// at again once there is room.
TEST(DcbThreads, OfTwoThatWaitForRoomOneIsRefused) {
  for (int round = 0; round < 3; ++round) {
    World world(true);
    Gate gate;
    Store store = world.open({.segment_bytes_first = std::uint64_t{64} << 20U});
    world.files.set_fault_rule([&](const platform::SeamCall& call) -> std::optional<platform::SeamFault> {
      if (call.kind == World::Kind::kDatasync && call.path.find("segment-") != std::string_view::npos) { gate.pass(); }
      return std::nullopt;
    });
    const std::string megabyte(std::size_t{1} << 20U, 'x');
    std::vector<Ticket> filling;
    for (;;) {
      Batch batch;
      batch.to("filling").add(event("Filling", megabyte));
      auto ticket = store.try_submit(batch);
      if (!ticket) { break; }
      filling.push_back(std::move(*ticket));
    }
    std::atomic<int> accepted = 0;
    std::atomic<int> refused = 0;
    {
      std::latch started(5);
      std::vector<std::jthread> threads;
      for (int t = 0; t < 4; ++t) {
        threads.emplace_back([&] {
          Batch batch;
          batch.to("one").add({.type = "One", .data = as_bytes(megabyte), .tags = {"one"}});
          batch.fail_if_match(Query::tag("one"));
          started.count_down();
          const auto answer = store.append(batch);
          ++(answer ? accepted : refused);
          if (!answer) { EXPECT_TRUE(fails_with(answer, ErrorCode::kMatchConflict)); }
        });
      }
      started.arrive_and_wait();
      gate.open();
    }
    EXPECT_EQ(accepted, 1);
    EXPECT_EQ(refused, 3);
    EXPECT_EQ(read(store, Query::tag("one")).size(), 1U);
    EXPECT_GE(filling.size(), 8U);
  }
}

// One that waits for a new segment is overtaken by smaller ones, so many that the first of them is no longer remembered
// when its conditions are looked at again.
TEST(DcbThreads, WhoWaitsForASegmentIsToldOfAllThatOvertookIt) {
  World world(true);
  Gate gate;
  constexpr std::uint64_t kSegment = std::uint64_t{8} << 20U;
  Store store = world.open({.segment_bytes_first = kSegment, .segment_bytes_largest = kSegment});
  must(append(store, "warm", "up"));
  world.files.set_fault_rule([&](const platform::SeamCall& call) -> std::optional<platform::SeamFault> {
    if (call.kind == World::Kind::kAllocate || call.kind == World::Kind::kWriteZeros) { gate.pass(); }
    return std::nullopt;
  });
  Result<Receipt> waited;
  std::jthread waiter([&] {
    const std::string data(kSegment, 'x');
    Batch batch;
    batch.to("large").add({.type = "Large", .data = as_bytes(data), .tags = {"one"}});
    batch.fail_if_match(Query::stream("other")).fail_if_match(Query::tag("one"), {.after = Position(0)});
    waited = store.append(batch);
  });
  gate.wait_for(1);
  must(store.append("small", Expect::any(), {{.type = "Small", .tags = {"one"}}}));
  for (int i = 0; i < 5000; ++i) {
    must(append(store, "small", "x", Expect::any(), {.durability = Durability::kBuffered}));
  }
  EXPECT_EQ(store.info().sequenced, Position(5002));
  gate.open();
  waiter.join();
  ASSERT_TRUE(fails_with(waited, ErrorCode::kMatchConflict));
  EXPECT_EQ(waited.error().match_conflicts(), (std::vector<MatchConflict>{{1, Position(1)}}));
}

// Beside appends a list is of one moment: each event has one type, one stream and one category.
TEST(DcbThreads, ListsBesideAppendsAreOfOneMoment) {
  World world(true);
  Store store = world.open({.segment_bytes_first = 4096, .segment_bytes_largest = 65536});
  std::atomic<bool> done = false;
  std::vector<std::string> faults;
  std::jthread reader([&] {
    const auto expect_whole = [&](const char* what, std::uint64_t events, std::optional<Position> last) {
      if (events != (last ? last->value() + 1 : 0)) { faults.emplace_back(what); }
    };
    const auto expect_names = [&](const char* what, const Result<std::vector<NameInfo>>& infos) {
      std::uint64_t events = 0;
      std::optional<Position> last;
      for (const NameInfo& info : must(infos)) {
        events += info.events;
        last = std::max(last, std::optional(info.last_position));
      }
      expect_whole(what, events, last);
    };
    while (!done) {
      expect_names("types", store.types());
      expect_names("categories", store.categories());
      std::uint64_t events = 0;
      std::optional<Position> last;
      for (const StreamInfo& info : must(store.streams())) {
        events += info.last_version.value() + 1;
        last = std::max(last, std::optional(info.last_position));
      }
      expect_whole("streams", events, last);
      const auto tagged = read(store, Query::tag("odd"));
      for (std::size_t i = 1; i < tagged.size(); ++i) {
        if (tagged[i - 1].position >= tagged[i].position) { faults.emplace_back("out of order"); }
      }
      (void)must(store.tags({.prefix = "t"}));
    }
  });
  {
    std::vector<std::jthread> writers;
    for (int t = 0; t < 4; ++t) {
      writers.emplace_back([&, t] {
        for (int i = 0; i < 150; ++i) {
          Batch batch;
          const std::string type = "T" + std::to_string(i % 40);
          const std::string tag = "t" + std::to_string(i);
          batch.to("s" + std::to_string(t) + "-" + std::to_string(i % 7)).add({.type = type, .tags = {tag, "odd"}});
          batch.to("shared").add(event(type, "y"));
          const bool buffered = i % 3 == 0;
          must(store.append(batch, {.durability = buffered ? Durability::kBuffered : Durability::kDurable}));
        }
      });
    }
  }
  done = true;
  reader.join();
  EXPECT_EQ(faults, std::vector<std::string>{});
  must(store.wait_durable(Position(1199)));
  EXPECT_EQ(read(store, Query::tag("odd")).size(), 600U);
}

}  // namespace
}  // namespace tidemark
