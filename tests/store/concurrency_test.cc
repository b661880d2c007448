// SPDX-License-Identifier: Apache-2.0
// Goal: many threads appending with expected versions lose and double nothing: every acknowledged event is there once,
// at the version and position of its receipt; every conflict carries what was expected and what was. Method: 64
// threads, 100 streams, each thread expecting what it last saw; the log is then held against the receipts. The seed is
// printed.
#include <atomic>
#include <functional>
#include <gtest/gtest.h>
#include <latch>
#include <map>
#include <random>
#include <thread>

#include "tests/store/support.h"

namespace tidemark {
namespace {

using namespace test;

struct Acknowledged {
  Receipt receipt;
  std::string token;
};

struct Worker {
  std::vector<Acknowledged> acknowledged;
  std::uint64_t conflicts = 0;
  std::vector<std::string> faults;
};

// What one thread does: appends to one or two streams, expecting the version it knows of, learning from conflicts.
void work(Store& store, unsigned number, int rounds, std::uint32_t seed, Worker& mine) {
  std::minstd_rand random(seed + number);
  std::map<std::string, std::optional<Version>> known;
  for (int round = 0; round < rounds; ++round) {
    const std::string token = std::to_string(number) + "." + std::to_string(round);
    Batch batch;
    std::map<std::string, Expect> expected;
    const int streams = random() % 4 == 0 ? 2 : 1;
    while (expected.size() < static_cast<std::size_t>(streams)) {
      const std::string name = "s" + std::to_string(random() % 100);
      const auto& version = known[name];
      expected.emplace(name, version ? Expect::exactly(*version) : Expect::no_stream());
    }
    for (const auto& [name, expect] : expected) { batch.to(name, expect).add(event("T", token)); }
    const AppendOptions options{.durability = random() % 8 == 0 ? Durability::kBuffered : Durability::kDurable};
    const auto answer = store.append(batch, options);
    if (answer) {
      for (const StreamReceipt& stream : answer->streams) { known[stream.stream] = stream.last; }
      mine.acknowledged.push_back({*answer, token});
    } else if (answer.error().code() == ErrorCode::kVersionConflict && !answer.error().conflicts().empty()) {
      ++mine.conflicts;
      for (const Conflict& conflict : answer.error().conflicts()) {
        const auto said = expected.find(conflict.stream);
        const auto as_expect = conflict.actual ? Expect::exactly(*conflict.actual) : Expect::no_stream();
        if (said == expected.end() || said->second != conflict.expected || as_expect == conflict.expected) {
          mine.faults.push_back(to_string(answer.error()));
        }
        known[conflict.stream] = conflict.actual;
      }
    } else {
      mine.faults.push_back(to_string(answer.error()));
    }
  }
}

void check(const std::vector<OwnedEvent>& log, const std::vector<Worker>& workers) {
  // The log itself: positions and versions without a gap, times rising from batch to batch.
  std::map<std::string, std::uint64_t> next;
  for (std::size_t i = 0; i < log.size(); ++i) {
    ASSERT_EQ(log[i].position, Position(i));
    ASSERT_EQ(log[i].version, Version(next[log[i].stream]++));
    if (i > 0) { ASSERT_GE(log[i].recorded, log[i - 1].recorded); }
  }
  std::size_t acknowledged = 0;
  std::uint64_t conflicts = 0;
  for (const Worker& worker : workers) {
    EXPECT_EQ(worker.faults, std::vector<std::string>{});
    conflicts += worker.conflicts;
    for (const auto& [receipt, token] : worker.acknowledged) {
      ASSERT_EQ(receipt.count, receipt.streams.size());
      for (std::uint64_t i = 0; i < receipt.count; ++i) {
        const OwnedEvent& e = log.at(receipt.first.value() + i);
        ASSERT_EQ(as_text(e.data), token);
        ASSERT_EQ(e.stream, receipt.streams[i].stream);
        ASSERT_EQ(e.version, receipt.streams[i].first);
        ASSERT_EQ(e.recorded, receipt.recorded);
        ++acknowledged;
      }
    }
  }
  // Each receipt's tokens are its own, so equal counts mean: nothing is there twice, nothing is there unasked.
  EXPECT_EQ(acknowledged, log.size());
  EXPECT_GT(conflicts, 0U);
}

void run(Store& store, int rounds, const std::function<Store()>& reopen) {
  constexpr unsigned kThreads = 64;
  const std::uint32_t seed = std::random_device()();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::vector<Worker> workers(kThreads);
  {
    std::latch start(kThreads);
    std::vector<std::jthread> threads;
    for (unsigned t = 0; t < kThreads; ++t) {
      threads.emplace_back([&, t] {
        start.arrive_and_wait();
        work(store, t, rounds, seed, workers[t]);
      });
    }
  }
  check(read(store, Query::all(), {.visibility = Visibility::kWritten}), workers);
  ASSERT_TRUE(ok(store.close()));
  check(read(reopen()), workers);
}

TEST(Concurrency, SixtyFourThreadsOnAHundredStreams) {
  World world(true);
  Store store = world.open({.segment_bytes_first = 4096, .segment_bytes_largest = 65536});
  run(store, 60, [&] { return world.open(); });
}

TEST(Concurrency, SixtyFourThreadsOnTheRealFileSystem) {
  const TempFolder folder;
  Store store = must(Store::open(folder.path()));
  run(store, 10, [&] { return must(Store::open(folder.path())); });
}

// While some append, others read: a prefix, in order, without a gap, never shorter than before.
TEST(Concurrency, ReadersBesideWritersSeeAGrowingPrefix) {
  World world(true);
  Store store = world.open({.segment_bytes_first = 4096, .segment_bytes_largest = 16384});
  std::atomic<bool> done = false;
  std::vector<std::string> faults;
  std::jthread reader([&] {
    std::uint64_t seen = 0;
    while (!done) {
      std::uint64_t next = 0;
      std::map<std::string, std::uint64_t> versions;
      auto cursor = store.read(Query::all());
      const auto status = cursor.for_each([&](const Event& e) {
        if (e.position() != Position(next++)) { faults.push_back("a gap before " + std::to_string(next)); }
        if (e.version() != Version(versions[std::string(e.stream())]++)) { faults.push_back("a version is missing"); }
      });
      if (!status) { faults.push_back(to_string(status.error())); }
      if (next < seen) { faults.push_back("the log became shorter"); }
      seen = next;
    }
  });
  {
    std::vector<std::jthread> writers;
    for (int t = 0; t < 4; ++t) {
      writers.emplace_back([&, t] {
        for (int i = 0; i < 200; ++i) {
          Batch batch;
          batch.to("s" + std::to_string(t)).add(event("T", "x"));
          batch.to("shared").add(event("T", "y"));
          must(store.append(batch));
        }
      });
    }
  }
  done = true;
  reader.join();
  EXPECT_EQ(faults, std::vector<std::string>{});
  EXPECT_EQ(read(store).size(), 1600U);
}

}  // namespace
}  // namespace tidemark
