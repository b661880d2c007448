// SPDX-License-Identifier: Apache-2.0
// Goal: while members of a consumer group in other processes are killed at random, no event is lost, none comes before
// an earlier one of its stream, and none comes again once its acknowledgement has returned. Method: this process
// appends; workers come, are killed and come again; what they said is put in the order of its times.
//   TIDEMARK_KILL_CYCLES=2000 group_kill_tests
#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <gtest/gtest.h>
#include <map>
#include <memory>
#include <random>
#include <set>
#include <sstream>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "tests/crash/child_process.h"
#include "tests/temporary_folder.h"
#include "tidemark/tidemark.hpp"

namespace tidemark::crash {
namespace {

using namespace std::chrono_literals;

// What a worker said: that it was given an event, or that it acknowledged one.
struct Said {
  std::int64_t time = 0;
  bool is_ack = false;
  std::uint64_t position = 0;
  std::string stream = {};
};

void add_said(const std::string& text, std::vector<Said>& all) {
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    ASSERT_FALSE(line.starts_with("error")) << line;
    std::istringstream words(line);
    std::string kind;
    Said said;
    words >> kind >> said.time >> said.position >> said.stream;
    said.is_ack = kind == "a";
    all.push_back(said);
  }
}

TEST(GroupKill, NothingIsLostAndNothingAcknowledgedComesAgain) {
  const char* const text = std::getenv("TIDEMARK_KILL_CYCLES");
  const int kills = text != nullptr ? std::atoi(text) : 60;
  const test::TemporaryFolder own("group-kill");
  const auto folder = own.path() / "store";
  auto store = Store::open(folder, {.segment_bytes_first = 1U << 16U, .segment_bytes_largest = 1U << 20U});
  ASSERT_TRUE(store) << to_string(store.error());
  ASSERT_TRUE(store->group("work", Query::category("a")));

  std::mt19937_64 random(1);
  std::vector<Said> said;
  std::atomic<bool> stop = false;
  std::uint64_t redelivered = 0;
  {
    std::jthread appender([&] {
      for (std::uint64_t n = 0; !stop; ++n) {
        Batch batch;
        batch.to("a-" + std::to_string(n % 30)).add({.type = "Work"});
        if (n % 3 == 0) { batch.to("b-" + std::to_string(n % 5)).add({.type = "Other"}); }
        ASSERT_TRUE(store->append(batch));
        std::this_thread::sleep_for(1ms);
      }
    });
    const auto start = [&] {
      return std::make_unique<Process>(
          std::vector<std::string>{GROUP_WORKER, folder.string(), std::to_string(random())});
    };
    std::vector<std::unique_ptr<Process>> workers;
    for (int n = 0; n < 3; ++n) { workers.push_back(start()); }
    for (int n = 0; n < kills; ++n) {
      std::this_thread::sleep_for(std::chrono::milliseconds(random() % 60));
      auto& worker = workers[random() % workers.size()];
      add_said(worker->kill(), said);
      if (testing::Test::HasFatalFailure()) { break; }
      worker = start();
    }
    stop = true;
    appender.join();
    // Until all of it is dealt with.
    const Position end = store->info().durable;
    for (int n = 0; n < 600 && store->group("work")->info()->next < end; ++n) { std::this_thread::sleep_for(100ms); }
    EXPECT_GE(store->group("work")->info()->next, end);
    for (auto& worker : workers) { add_said(worker->kill(), said); }
  }
  EXPECT_TRUE(store->group("work")->parked()->empty());

  std::ranges::sort(said, {}, [](const Said& one) { return std::pair(one.time, one.is_ack); });
  std::map<std::string, std::uint64_t> last;
  std::set<std::uint64_t> given;
  std::set<std::uint64_t> acked;
  for (const Said& one : said) {
    if (one.is_ack) {
      acked.insert(one.position);
      continue;
    }
    EXPECT_FALSE(acked.contains(one.position)) << one.position << " was acknowledged, and came again";
    redelivered += given.insert(one.position).second ? 0 : 1;
    const auto before = last.find(one.stream);
    if (before != last.end()) { EXPECT_GE(one.position, before->second) << "out of order in " << one.stream; }
    last[one.stream] = one.position;
  }
  std::uint64_t events = 0;
  auto all = store->read(Query::category("a"));
  while (const Event* event = all.next()) {
    EXPECT_TRUE(given.contains(event->position().value())) << event->position().value() << " is lost";
    ++events;
  }
  EXPECT_TRUE(all.status());
  EXPECT_EQ(given.size(), events);
  EXPECT_GT(redelivered, 0U);
  std::printf("%d kills, %llu events, %llu given again\n", kills, static_cast<unsigned long long>(events),
              static_cast<unsigned long long>(redelivered));
}

}  // namespace
}  // namespace tidemark::crash
