// SPDX-License-Identifier: Apache-2.0
// Goal: every subscriber is given the filter of the log, in order, once: whether it is fast or slow, there from the
// beginning or late, all or a part, in this process or another. Method: eight appenders and sixteen subscribers, two of
// them in other processes, for some seconds; afterwards what each was given is held against a read of the same query.
//   TIDEMARK_DELIVERY_SECONDS=600 delivery_tests
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <gtest/gtest.h>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "tests/crash/child_process.h"
#include "tests/crash/kill_content.h"
#include "tests/open_with_index.h"
#include "tests/temporary_folder.h"
#include "tidemark/tidemark.hpp"

namespace tidemark::crash {
namespace {

using namespace std::chrono_literals;

// Events in order, in few bytes.
struct Given {
  std::uint64_t events = 0;
  std::uint64_t digest = 0;
  std::optional<Position> last = {};
  bool in_order = true;

  void add(const Event& event) {
    if (last && event.position() <= *last) { in_order = false; }
    last = event.position();
    digest = kill_digest(digest, event);
    ++events;
  }
};

class Subscriber {
 public:
  struct Kind {
    Query query;
    std::chrono::milliseconds rests = {};  // after each run
    std::chrono::milliseconds late = {};   // before it begins, at the beginning of the log
    std::chrono::nanoseconds spin = {};
  };

  Subscriber(const Store& store, Kind kind) : kind_(std::move(kind)), thread_([this, &store] { run(store); }) {}
  // Where the test failed before it said how far to go: no further than it is.
  ~Subscriber() { finish(Position(0)); }
  Subscriber(const Subscriber&) = delete;
  Subscriber& operator=(const Subscriber&) = delete;

  // Goes on until it has been given all up to this position.
  void finish(Position last) { last_.store(last.value()); }
  void join() { thread_.join(); }
  [[nodiscard]] const Query& query() const { return kind_.query; }
  [[nodiscard]] const Given& given() const { return given_; }
  [[nodiscard]] const Status& status() const { return status_; }

 private:
  void run(const Store& store) {
    std::this_thread::sleep_for(kind_.late);
    auto subscription = store.subscribe(kind_.query, {.run_events = 100, .spin = kind_.spin});
    while (subscription) {
      auto run = subscription->next_for(100ms);
      if (!run) {
        status_ = std::unexpected(std::move(run.error()));
        return;
      }
      for (const Event& event : *run) { given_.add(event); }
      const std::uint64_t last = last_.load();
      if (last != UINT64_MAX && subscription->position() && subscription->position()->value() >= last) { return; }
      if (last == UINT64_MAX) { std::this_thread::sleep_for(kind_.rests); }
    }
    if (!subscription) { status_ = std::unexpected(std::move(subscription.error())); }
  }

  const Kind kind_;
  std::atomic<std::uint64_t> last_ = UINT64_MAX;
  Given given_;
  Status status_;
  std::jthread thread_;
};

Given read_all(const Store& store, const Query& query) {
  Given read;
  auto cursor = store.read(query);
  while (const Event* event = cursor.next()) { read.add(*event); }
  EXPECT_TRUE(cursor.status());
  return read;
}

TEST(Delivery, EverySubscriberIsGivenTheFilterOfTheLog) {
  const char* const text = std::getenv("TIDEMARK_DELIVERY_SECONDS");
  const std::chrono::seconds length(text != nullptr ? std::atoi(text) : 4);
  const test::TemporaryFolder own("delivery");
  const auto folder = own.path() / "store";
  // Small tables and segments, so that files are made, merged and removed all the time.
  auto store = open_with_index(folder, {.segment_bytes_first = 1U << 16U, .segment_bytes_largest = 1U << 24U}, 2000);
  ASSERT_TRUE(store) << to_string(store.error());

  std::vector<std::unique_ptr<Subscriber>> subscribers;
  const auto subscribe = [&](Subscriber::Kind kind) {
    subscribers.push_back(std::make_unique<Subscriber>(*store, std::move(kind)));
  };
  for (int i = 0; i < 3; ++i) { subscribe({.query = Query::all()}); }
  subscribe({.query = Query::all(), .spin = 50us});
  for (int i = 0; i < 2; ++i) { subscribe({.query = Query::all(), .rests = 20ms}); }
  for (int i = 0; i < 2; ++i) { subscribe({.query = Query::all(), .late = length / 2}); }
  subscribe({.query = Query::stream("a-3")});
  subscribe({.query = Query::stream("nobody")});
  subscribe({.query = Query::category("b"), .rests = 5ms});
  subscribe({.query = Query::type("Even"), .late = length / 3});
  subscribe({.query = Query::tag("rare")});
  subscribe({.query = Query::category("a").types({"Odd"}), .rests = 50ms});
  Process first({KILL_READER, folder.string(), "follow"});
  Process second({KILL_READER, folder.string(), "follow"});

  const auto end = std::chrono::steady_clock::now() + length;
  {
    std::vector<std::jthread> appenders;
    for (int thread = 0; thread < 8; ++thread) {
      appenders.emplace_back([&, thread] {
        for (std::uint64_t n = 0; std::chrono::steady_clock::now() < end; ++n) {
          Batch batch;
          const std::string stream = (thread % 2 == 0 ? "a-" : "b-") + std::to_string(thread);
          const std::string data = kill_content(stream, n);
          batch.to(stream).add({.type = n % 2 == 0 ? "Even" : "Odd", .data = as_bytes(data)});
          if (n % 7 == 0) { batch.to("c").add({.type = "Both", .data = as_bytes(data), .tags = {"some"}}); }
          if (n % 211 == 0) { batch.to("d").add({.type = "Both", .tags = {"rare"}}); }
          const bool buffered = n % 5 == 0;
          auto done = store->append(batch, {.durability = buffered ? Durability::kBuffered : Durability::kDurable});
          ASSERT_TRUE(done) << to_string(done.error());
        }
      });
    }
  }
  const std::uint64_t events = store->info().sequenced.value();
  ASSERT_GT(events, 100U);
  const Position last(events - 1);
  ASSERT_TRUE(store->wait_durable(last));
  for (const auto& subscriber : subscribers) { subscriber->finish(last); }
  for (const auto& subscriber : subscribers) {
    subscriber->join();
    SCOPED_TRACE(to_string(subscriber->query()));
    ASSERT_TRUE(subscriber->status()) << to_string(subscriber->status().error());
    const Given read = read_all(*store, subscriber->query());
    EXPECT_TRUE(subscriber->given().in_order);
    EXPECT_EQ(subscriber->given().events, read.events);
    EXPECT_EQ(subscriber->given().digest, read.digest);
  }
  const Given all = read_all(*store, Query::all());
  EXPECT_EQ(all.events, events);
  const std::string end_of_all = std::to_string(all.events) + " " + std::to_string(all.digest) + "\n";
  EXPECT_TRUE(first.hears(end_of_all)) << "the first of the other processes was not given all, or something else";
  EXPECT_TRUE(second.hears(end_of_all)) << "the second of the other processes was not given all, or something else";
  std::printf("%llu events, of which %llu were rare\n", static_cast<unsigned long long>(events),
              static_cast<unsigned long long>(read_all(*store, Query::tag("rare")).events));
}

}  // namespace
}  // namespace tidemark::crash
