// SPDX-License-Identifier: Apache-2.0
// Goal: a read-only opening goes on with its log: it shows what a writer makes durable, that and nothing else, however
// the writer goes about it, and wakes who waits. Method: an opening for reading beside one for writing, in one process,
// in memory and on real files; with segments and tables of a few events; with the live page and without it.
// tests/crash/kill_test.cc does it with processes that are killed.
#include <array>
#include <chrono>
#include <filesystem>
#include <functional>
#include <gtest/gtest.h>
#include <optional>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

#include "engine/format/live_page.h"
#include "platform/io.h"
#include "tests/open_with_index.h"
#include "tests/store/random_events.h"
#include "tests/store/support.h"

namespace tidemark {
namespace {

using namespace test;
using namespace std::chrono_literals;

// All that tells one event from another.
std::vector<std::string> all_of(const Store& store, const Query& query = Query::all()) {
  std::vector<std::string> events;
  Cursor cursor = store.read(query);
  while (const Event* event = cursor.next()) {
    events.push_back(std::to_string(event->position().value()) + " " + std::string(event->stream()) + "@" +
                     std::to_string(event->version().value()) + " " + to_string(event->id()));
  }
  must(cursor.status());
  return events;
}

void append_one(Store& store, std::string_view stream = "loan-1", const AppendOptions& options = {}) {
  must(store.append(stream, Expect::any(), {{.type = "Counted", .data = as_bytes("some data of some length")}},
                    options));
}

class FollowTest : public testing::Test {
 protected:
  FollowTest() { world.index.table_events = 5; }

  World world;
};

TEST_F(FollowTest, ShowsWhatBecomesDurable) {
  Store writer = world.open(tiny_segments());
  append_one(writer);
  const Store reader = world.open({.read_only = true});
  EXPECT_EQ(all_of(reader).size(), 1u);
  // Segments roll and tables are closed, merged and made into files meanwhile.
  for (int i = 0; i < 300; ++i) {
    append_one(writer, "loan-" + std::to_string(i % 7));
    ASSERT_EQ(reader.info().events, writer.info().events);
  }
  EXPECT_GT(writer.info().segments, 3u);
  EXPECT_EQ(all_of(reader), all_of(writer));
  EXPECT_EQ(all_of(reader, Query::stream("loan-3")), all_of(writer, Query::stream("loan-3")));
  EXPECT_EQ(must(reader.stream("loan-5"))->last_version, must(writer.stream("loan-5"))->last_version);
  EXPECT_EQ(must(reader.types()).front().events, 301u);
}

TEST_F(FollowTest, TablesInMemoryGiveWayToTheWritersFiles) {
  Store writer = world.open(tiny_segments());
  const auto reader = must(engine::open_store(world.folder, {.read_only = true}, world.environment()));
  std::size_t most = 0;
  for (int i = 0; i < 400; ++i) {
    append_one(writer, "loan-" + std::to_string(i % 7));
    (void)reader->visible_end({});
    most = std::max(most, reader->catalog().view()->tables().size());
  }
  EXPECT_GT(reader->catalog().view()->runs().size(), 0u);
  EXPECT_LE(most, 8u) << "memory grows with the log";
}

TEST_F(FollowTest, ShowsNothingThatACrashCouldTake) {
  Store writer = world.open(tiny_segments());
  append_one(writer);
  const Store reader = world.open({.read_only = true});
  append_one(writer, "loan-1", {.durability = Durability::kBuffered});
  EXPECT_EQ(writer.info().written, Position(2));
  EXPECT_EQ(reader.info().events, 1u);
  append_one(writer);
  EXPECT_EQ(reader.info().events, 3u);
}

TEST_F(FollowTest, GoesOnWithTheNextWriter) {
  std::optional<Store> writer = world.open(tiny_segments());
  append_one(*writer);
  const Store reader = world.open({.read_only = true});
  const std::uint32_t epoch = reader.info().epoch;
  for (int life = 0; life < 5; ++life) {
    append_one(*writer);
    EXPECT_EQ(reader.info().events, writer->info().events);
    must(writer->close());
    writer.reset();
    EXPECT_EQ(all_of(reader).size(), static_cast<std::size_t>(2 + life));
    writer = world.open(tiny_segments());
  }
  EXPECT_EQ(reader.info().epoch, epoch + 5);
}

TEST_F(FollowTest, FollowsAStoreThatIsEmptyYet) {
  Store writer = world.open(tiny_segments());
  const Store reader = world.open({.read_only = true});
  EXPECT_TRUE(all_of(reader).empty());
  append_one(writer);
  EXPECT_EQ(all_of(reader).size(), 1u);
}

TEST_F(FollowTest, ManyBatchesAndQueriesAgreeWithTheWriter) {
  RandomEvents random(11);
  Store writer = world.open(tiny_segments());
  std::vector<Store> readers;
  for (int step = 0; step < 200; ++step) {
    must(writer.append(random.batch()));
    if (step % 40 == 0) { readers.push_back(world.open({.read_only = true})); }
    if (step % 17 != 0) { continue; }
    const Query query = random.query();
    const auto expected = all_of(writer, query);
    for (const Store& reader : readers) { ASSERT_EQ(all_of(reader, query), expected) << to_string(query); }
  }
}

TEST_F(FollowTest, WithoutAPageTheFilesTell) {
  Store writer = world.open(tiny_segments());
  append_one(writer);
  must(world.files.unlink(world.folder / engine::kLivePageName));
  const Store reader = world.open({.read_only = true});
  for (int i = 0; i < 10; ++i) { append_one(writer); }
  EXPECT_EQ(reader.info().events, 0u);  // it does not look at every call
  world.clock.advance(2s);
  // The last frame tells of those before it; that it is durable itself the superblock says later.
  EXPECT_EQ(reader.info().events, 10u);
  for (int i = 0; i < 50; ++i) {  // more than a segment holds
    append_one(writer);
    world.clock.advance(2s);
    EXPECT_GE(reader.info().events, writer.info().events - 1);
  }
  must(writer.close());
  world.clock.advance(2s);
  EXPECT_EQ(reader.info().events, 61u);
}

// One of another log, of another boot, damaged, of a time that no superblock tells of: none is believed. Each calls
// something durable that is not: a reader that believed it would show more, or find the log damaged.
TEST_F(FollowTest, APageThatIsNotTheWritersIsNotBelieved) {
  std::optional<Store> writer = world.open(tiny_segments());
  append_one(*writer);
  auto file = must(world.files.open(world.folder / engine::kLivePageName, platform::OpenMode::kReadWrite));
  const engine::FileId log_id = writer->info().log_id;
  const engine::FileId boot = world.machine.boot_id();
  append_one(*writer, "loan-1", {.durability = Durability::kBuffered});
  const Offset lie(writer->info().durable_offset.value() + 8);
  engine::FileId other{};
  other[0] = std::byte{9};
  const auto write_page = [&](const engine::FileId& log, const engine::FileId& of_boot, std::uint32_t epoch,
                              bool good) {
    auto start = engine::make_live_page_start(log, of_boot, epoch);
    if (!good) { start.start.checksum ^= 1U; }
    std::array<std::byte, engine::kLivePageMarkAt + sizeof(engine::LivePageMark)> bytes{};
    engine::store_as(bytes.data(), start);
    engine::store_as(bytes.data() + engine::kLivePageMarkAt, engine::make_live_page_mark(77, lie, epoch));
    must(platform::write_all(*file, bytes, 0));
  };
  const std::function<void()> lies[] = {
      [&] { write_page(other, boot, 1, true); },
      [&] { write_page(log_id, other, 1, true); },
      [&] { write_page(log_id, boot, 1, false); },
      [&] { write_page(log_id, boot, 2, true); },
  };
  for (const auto& tell : lies) {
    tell();
    const Store reader = world.open({.read_only = true});
    EXPECT_EQ(reader.info().events, 1u);
    EXPECT_EQ(all_of(reader).size(), 1u);
    tell();
    world.clock.advance(2s);
    EXPECT_EQ(all_of(reader).size(), 1u);
  }
  // The control: the writer's own page, with the same lie.
  write_page(log_id, boot, 1, true);
  const Store reader = world.open({.read_only = true});
  (void)reader.info();
  Cursor cursor = reader.read(Query::all());
  while (cursor.next() != nullptr) {}
  EXPECT_TRUE(fails_with(cursor.status(), ErrorCode::kDamaged));
}

// Left running by a writer of another boot: no page says anything, and a reader that waits takes nothing up meanwhile.
TEST_F(FollowTest, AStoreThatWasLeftRunningIsWaitedFor) {
  std::optional<Store> writer = world.open(tiny_segments());
  append_one(*writer);
  world.files.power_off();
  writer.reset();
  world.files.power_on(1, 1.0);
  world.machine.reboot();
  const Store reader = world.open({.read_only = true});
  EXPECT_EQ(all_of(reader).size(), 1u);
  const std::uint64_t maps = world.files.calls(World::Kind::kMap);
  for (int i = 0; i < 50; ++i) {
    world.clock.advance(1s);
    EXPECT_EQ(reader.info().events, 1u);
  }
  EXPECT_LE(world.files.calls(World::Kind::kMap) - maps, 50u);
  writer = world.open(tiny_segments());
  append_one(*writer);
  world.clock.advance(1s);
  EXPECT_EQ(reader.info().events, 2u);
  append_one(*writer);
  EXPECT_EQ(reader.info().events, 3u) << "by the page, at once";
}

// A reader that looks seldom, beside a writer whose index files lead far ahead of it: it goes on from them.
TEST_F(FollowTest, AReaderFarBehindGoesOnFromTheFiles) {
  Store writer = world.open(tiny_segments());
  append_one(writer, "loan-0");
  const auto reader = must(engine::open_store(world.folder, {.read_only = true}, world.environment()));
  for (int round = 0; round < 5; ++round) {
    for (int i = 0; i < 300; ++i) { append_one(writer, "loan-" + std::to_string(i % 7)); }
    EXPECT_EQ(reader->visible_end({}), writer.info().durable);
    EXPECT_LE(reader->catalog().view()->tables().size(), 8u);
  }
  const Store shown(reader);
  EXPECT_EQ(all_of(shown), all_of(writer));
  EXPECT_EQ(all_of(shown, Query::stream("loan-3")), all_of(writer, Query::stream("loan-3")));
}

// What is damaged beyond what was shown ends reads there, and what stands before it can be read.
TEST_F(FollowTest, DamageThatIsMetMeanwhileIsTold) {
  Store writer = world.open();
  for (int i = 0; i < 5; ++i) { append_one(writer); }
  const Store reader = world.open({.read_only = true});
  EXPECT_EQ(reader.info().events, 5u);
  const std::uint64_t begin = writer.info().durable_offset.value();
  append_one(writer);
  world.flip(world.segment(1), begin + 70);
  Cursor cursor = reader.read(Query::all());
  int events = 0;
  while (cursor.next() != nullptr) { ++events; }
  EXPECT_EQ(events, 5);
  EXPECT_TRUE(fails_with(cursor.status(), ErrorCode::kDamaged));
  EXPECT_TRUE(fails_with(reader.streams(), ErrorCode::kDamaged));
}

class LiveFollowTest : public testing::Test {
 protected:
  TempFolder folder;
  Store writer = must(open_with_index(folder.path() / "store", tiny_segments(), 20));
  const Store reader = must(open_with_index(folder.path() / "store", {.read_only = true}, 20));
};

// Whatever others do to the page: it is a help, and no part of the store.
TEST_F(LiveFollowTest, APageThatIsCutEndsNobody) {
  Subscription sleeping = must(reader.subscribe(Query::all()));
  Subscription spinning = must(reader.subscribe(Query::all(), {.spin = 1ms}));
  for (Subscription* subscription : {&sleeping, &spinning}) { (void)must(subscription->next_for(1ms)); }
  for (int n = 0; n < 3; ++n) {
    std::jthread cutter([&] {
      std::this_thread::sleep_for(20ms);
      std::filesystem::resize_file(folder.path() / "store" / "live", 0);
    });
    // Over the cut, and on without the page.
    for (Subscription* subscription : {&sleeping, &spinning}) { EXPECT_TRUE(ok(subscription->next_for(60ms))); }
    cutter.join();
    append_one(writer);
    for (Subscription* subscription : {&sleeping, &spinning}) {
      std::uint64_t given = 0;
      for (int tries = 0; tries < 100 && given == 0; ++tries) {
        const tidemark::Run run = must(subscription->next_for(100ms));
        for ([[maybe_unused]] const Event& event : run) { ++given; }
      }
      EXPECT_EQ(given, 1u);
    }
    EXPECT_EQ(all_of(reader), all_of(writer));
  }
}

TEST_F(LiveFollowTest, SubscribersAreGivenAllOfIt) {
  constexpr int kEvents = 2000;
  std::atomic<int> right = 0;
  std::vector<std::jthread> subscribers;
  for (int n = 0; n < 3; ++n) {
    subscribers.emplace_back([&, n] {
      const Query query = n == 0 ? Query::all() : Query::stream("loan-" + std::to_string(n));
      Subscription subscription = must(reader.subscribe(query, {.spin = n == 2 ? 100us : 0us}));
      std::vector<std::uint64_t> positions;
      const std::size_t wanted = n == 0 ? kEvents : kEvents / 4;
      while (positions.size() < wanted) {
        const tidemark::Run run = must(subscription.next_for(10s));
        for (const Event& event : run) { positions.push_back(event.position().value()); }
      }
      bool good = true;
      for (std::size_t i = 0; i < positions.size(); ++i) {
        good = good && positions[i] == (n == 0 ? i : i * 4 + static_cast<std::size_t>(n));
      }
      right += good ? 1 : 0;
    });
  }
  for (int i = 0; i < kEvents; ++i) { append_one(writer, "loan-" + std::to_string(i % 4)); }
  subscribers.clear();
  EXPECT_EQ(right, 3);
}

// What was written and not durable when the reader came may be cut off, and other events stand there later: here the
// frames that it saw are gone when the next writer comes. On a copy of a store, as one killed leaves it.
TEST_F(LiveFollowTest, KnowsNothingOfATailThatIsCut) {
  append_one(writer, "kept");
  append_one(writer, "lost", {.durability = Durability::kBuffered});
  const auto copy = folder.path() / "copy";
  std::filesystem::copy(folder.path() / "store", copy);
  const std::uint64_t durable = writer.info().durable_offset.value();
  const Store shown = must(open_with_index(copy, {.read_only = true}, 20));
  EXPECT_EQ(shown.info().events, 1u);
  const auto segment = copy / engine::segment_file_name(SegmentNumber(1));
  {
    auto file = must(platform::real_file_system().open(segment, platform::OpenMode::kReadWrite));
    must(platform::write_all(*file, std::vector<std::byte>(must(file->size()) - durable), durable));
  }
  Store next = must(open_with_index(copy, tiny_segments(), 20));
  append_one(next, "next");
  append_one(next, "next");
  EXPECT_EQ(all_of(shown), all_of(next));
  EXPECT_FALSE(must(shown.stream("lost")));
}

TEST_F(LiveFollowTest, ClosingTheReaderEndsAWait) {
  Store other = must(open_with_index(folder.path() / "store", {.read_only = true}, 20));
  Subscription subscription = must(other.subscribe(Query::all()));
  EXPECT_TRUE(must(subscription.next()).empty());  // caught up
  std::jthread closer([&] {
    std::this_thread::sleep_for(20ms);
    must(other.close());
  });
  const auto ended = subscription.next();
  EXPECT_TRUE(fails_with(ended, ErrorCode::kClosed));
}

TEST_F(LiveFollowTest, AStopEndsAWait) {
  Subscription subscription = must(reader.subscribe(Query::all()));
  EXPECT_TRUE(must(subscription.next()).empty());
  for (int i = 0; i < 50; ++i) {
    std::stop_source stop;
    std::jthread stopper([&] {
      if (i % 2 == 0) { std::this_thread::sleep_for(1ms); }
      stop.request_stop();
    });
    const auto ended = subscription.next(stop.get_token());
    EXPECT_TRUE(fails_with(ended, ErrorCode::kStopped));
  }
}

TEST_F(LiveFollowTest, WaitDurableWaitsForTheWriter) {
  std::jthread appender([&] {
    std::this_thread::sleep_for(20ms);
    for (int i = 0; i < 5; ++i) { append_one(writer); }
  });
  Store& waiter = const_cast<Store&>(reader);
  EXPECT_TRUE(ok(waiter.wait_durable(Position(4))));
  EXPECT_GE(reader.info().events, 5u);
  std::stop_source stop;
  stop.request_stop();
  EXPECT_TRUE(fails_with(waiter.wait_durable(Position(1000), stop.get_token()), ErrorCode::kStopped));
}

TEST_F(LiveFollowTest, AnotherStoreInItsPlaceIsTold) {
  append_one(writer);
  EXPECT_EQ(reader.info().events, 1u);
  must(writer.close());
  std::filesystem::rename(folder.path() / "store", folder.path() / "moved");
  Store stranger = must(open_with_index(folder.path() / "store", tiny_segments(), 20));
  append_one(stranger);
  Subscription subscription = must(reader.subscribe(Query::all()));
  for (int i = 0; i < 100; ++i) {
    auto run = subscription.next_for(100ms);
    if (!run) {
      EXPECT_EQ(run.error().code(), ErrorCode::kDamaged);
      return;
    }
    for (const Event& event : *run) { EXPECT_EQ(event.position(), Position(0)); }
  }
  FAIL() << "nobody noticed";
}

}  // namespace
}  // namespace tidemark
