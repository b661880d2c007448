// SPDX-License-Identifier: Apache-2.0
// Goal: who waits for an index file, because the disk takes its time or the file is built again, holds up nobody who
// does not need the same. Method: reads of index files, or of the log for one of them, are held at the seam; while a
// reader stands there others append and read to their ends, and the reader still stands there. Order is shown, not
// time.
#include <atomic>
#include <cerrno>
#include <functional>
#include <gtest/gtest.h>
#include <string>
#include <thread>
#include <vector>

#include "index/run_format.h"
#include "tests/store/support.h"

namespace tidemark {
namespace {

using namespace test;
using platform::SeamCall;
using platform::SeamFault;

constexpr std::uint64_t kStreams = 10'000;

std::string stream_name(std::uint64_t n) { return "a-stream-with-a-long-name-" + std::to_string(n); }

thread_local bool is_held = false;  // this thread waits at the gate

// A store of many streams, known by one index file of several windows; of these a few were read.
class IndexWaits : public testing::Test {
 protected:
  void SetUp() override {
    world.index = {.files = true, .table_events = 20'000, .merge_runs = 100, .close_events = 1};
    Store store = world.open();
    for (std::uint64_t n = 0; n < kStreams;) {
      Batch batch;
      for (int i = 0; i < 500; ++i, ++n) { batch.to(stream_name(n)).add(event("T", std::to_string(n))); }
      must(store.append(batch));
    }
    must(store.close());
    for (const auto& path : world.files.files()) {
      if (path.extension() == ".run") { run_ = path; }
    }
    ASSERT_GT(world.contents(run_).size(), 6 * index::kWindowBytes);
  }

  // What needs no more of the index file than it has needed before.
  void go_on(Store& store) {
    must(append(store, "warm", "more"));
    must(append(store, stream_name(0), "more", Expect::stream_exists()));
    const auto warm = read(store, Query::stream("warm"));
    EXPECT_EQ(warm.size(), ++appended_);
    EXPECT_EQ(read(store, Query::stream(stream_name(0))).size(), 1 + appended_);
    EXPECT_EQ(must(store.event_by_id(warm.back().id))->stream, "warm");
    const auto after = store.info().durable;
    EXPECT_EQ(read(store, Query::all(), {.from_position = Position(kStreams)}).size(), after.value() - kStreams);
  }

  // A thread does what waits at the gate; meanwhile go_on(), and all others come to their ends.
  void expect_others_go_on(Store& store, Gate& gate, const std::function<void()>& waits) {
    std::atomic<bool> is_done = false;
    {
      std::jthread reader([&] {
        is_held = true;
        waits();
        is_done = true;
      });
      gate.wait_for(1);
      for (int i = 0; i < 20; ++i) { go_on(store); }
      {
        std::vector<std::jthread> others;
        for (int thread = 0; thread < 3; ++thread) {
          others.emplace_back([&, thread] {
            for (int i = 0; i < 20; ++i) { must(append(store, "warm", std::to_string(thread))); }
            for (int i = 0; i < 20; ++i) { EXPECT_GT(read(store, Query::stream("warm")).size(), 0U); }
          });
        }
      }
      EXPECT_FALSE(is_done);
      gate.open();
    }
    EXPECT_TRUE(is_done);
  }

  World world{true};
  std::filesystem::path run_;
  std::uint64_t appended_ = 0;
};

TEST_F(IndexWaits, APageThatTakesLongHoldsUpNobodyElse) {
  Store store = world.open();
  go_on(store);
  Gate gate;
  world.files.set_fault_rule([&](const SeamCall& call) -> std::optional<SeamFault> {
    if (call.kind == SeamCall::Kind::kPopulate && call.path == run_.string()) { gate.pass(); }
    return std::nullopt;
  });
  expect_others_go_on(store, gate, [&] {
    for (std::uint64_t n = 0; n < kStreams; n += 400) {
      EXPECT_EQ(lines(store, Query::stream(stream_name(n)), {.limit = 1}),
                Lines{std::to_string(n) + " " + stream_name(n) + "@0 " + std::to_string(n)});
    }
  });
  world.files.set_fault_rule({});
  must(store.close());
}

// A file that is built again is read for from the log.
TEST_F(IndexWaits, AFileThatIsBuiltAgainHoldsUpNobodyElse) {
  Store store = world.open();
  go_on(store);
  Gate gate;
  world.files.set_fault_rule([&](const SeamCall& call) -> std::optional<SeamFault> {
    if (call.kind == SeamCall::Kind::kPread && is_held && call.path.ends_with(".log")) { gate.pass(); }
    if (call.kind == SeamCall::Kind::kPopulate && call.path == run_.string()) { return SeamFault{.error = EIO}; }
    return std::nullopt;
  });
  expect_others_go_on(store, gate, [&] {
    for (std::uint64_t n = 0; n < kStreams; n += 400) {
      EXPECT_EQ(lines(store, Query::stream(stream_name(n)), {.limit = 1}),
                Lines{std::to_string(n) + " " + stream_name(n) + "@0 " + std::to_string(n)});
    }
  });
  world.files.set_fault_rule({});
  must(store.close());
}

// However many streams were appended to before a kill, and however large the index is: an opening looks none of them
// up.
TEST_F(IndexWaits, AnOpeningAfterAKillLooksUpNoStream) {
  {
    Store store = world.open();
    for (std::uint64_t n = 0; n < kStreams; n += 100) { must(append(store, stream_name(n), "more")); }
    world.files.kill_process();
  }
  std::atomic<std::uint64_t> windows = 0;
  world.files.set_fault_rule([&](const SeamCall& call) -> std::optional<SeamFault> {
    if (call.kind == SeamCall::Kind::kPopulate && call.path == run_.string()) { ++windows; }
    return std::nullopt;
  });
  Store store = world.open();
  EXPECT_LE(windows, 3U);  // its header and its checksums
  EXPECT_EQ(store.info().events, kStreams + kStreams / 100);
  for (std::uint64_t n = 0; n < kStreams; n += 50) {
    const bool has_two = n % 100 == 0;
    EXPECT_EQ(read(store, Query::stream(stream_name(n))).size(), has_two ? 2U : 1U);
    must(append(store, stream_name(n), "again", Expect::exactly(has_two ? 1 : 0)));
  }
  EXPECT_GT(windows, 6U);
  must(store.close());
}

}  // namespace
}  // namespace tidemark
