// SPDX-License-Identifier: Apache-2.0
// Goal: what is appended is read back as it was given, in both directions, from anywhere, up to any limit, before and
// after reopening. Method: the public API on the real file system; every from and limit against slices of a vector.
#include <algorithm>
#include <gtest/gtest.h>

#include "tests/naive_query.h"
#include "tests/store/support.h"

namespace tidemark {
namespace {

using namespace test;

TEST(AppendAndRead, EveryFieldComesBack) {
  const TempFolder folder;
  const EventId id = EventId::from_name("the first");
  const ValidTime valid(std::chrono::microseconds(-62'135'596'800'000'000));  // year 1
  const auto check = [&](const Store& store) {
    const auto events = read(store);
    ASSERT_EQ(events.size(), 2U);
    const OwnedEvent& first = events[0];
    EXPECT_EQ(first.position, Position(0));
    EXPECT_EQ(first.stream, "loan-17");
    EXPECT_EQ(first.version, Version(0));
    EXPECT_EQ(first.id, id);
    EXPECT_EQ(first.type, "Submitted");
    EXPECT_EQ(first.valid, valid);
    EXPECT_EQ(as_text(first.data), "{\"amount\":20000}");
    EXPECT_EQ(as_text(first.metadata), std::string_view("m\0d", 3));
    EXPECT_EQ(first.tags, (std::vector<std::string>{"b", "a", "b"}));
    const OwnedEvent& second = events[1];
    EXPECT_EQ(second.version, Version(1));
    EXPECT_FALSE(second.id.is_nil());
    EXPECT_EQ(second.valid, std::chrono::floor<std::chrono::microseconds>(second.recorded));
    EXPECT_TRUE(second.data.empty());
    EXPECT_TRUE(second.metadata.empty());
    EXPECT_TRUE(second.tags.empty());
    EXPECT_EQ(first.recorded, second.recorded);  // one time a batch
  };
  {
    Store store = must(Store::open(folder.path()));
    const auto receipt = must(store.append("loan-17", Expect::no_stream(),
                                           {{.type = "Submitted",
                                             .data = as_bytes("{\"amount\":20000}"),
                                             .metadata = as_bytes(std::string_view("m\0d", 3)),
                                             .tags = {"b", "a", "b"},
                                             .valid = valid,
                                             .id = id},
                                            {.type = "Seen"}}));
    EXPECT_EQ(receipt.first, Position(0));
    EXPECT_EQ(receipt.count, 2U);
    EXPECT_EQ(receipt.last(), Position(1));
    EXPECT_FALSE(receipt.already_appended);
    EXPECT_EQ(receipt.streams, (std::vector<StreamReceipt>{{"loan-17", Version(0), Version(1)}}));
    EXPECT_EQ(receipt.recorded, read(store)[0].recorded);
    check(store);
    EXPECT_TRUE(ok(store.close()));
    EXPECT_TRUE(ok(store.close()));
  }
  check(must(Store::open(folder.path())));
}

class Slices : public testing::TestWithParam<Access> {
 protected:
  // 3 streams, 40 events, some batches of several.
  Slices() {
    for (int i = 0; i < 20; ++i) {
      Batch batch;
      batch.to("s" + std::to_string(i % 3)).add(event("T", "a" + std::to_string(i)));
      batch.to("s" + std::to_string((i * i + 1) % 3)).add(event("T", "b" + std::to_string(i)));
      must(store.append(batch));
    }
  }

  // What reading gives against what a slice of all gives.
  void check(const Query& query, std::optional<std::uint64_t> from, std::uint64_t limit, Direction direction) {
    Lines expected = lines(store, query);
    const std::uint64_t size = expected.size();
    if (direction == Direction::kForward) {
      const std::uint64_t skip = std::min(from.value_or(0), size);
      expected.erase(expected.begin(), expected.begin() + static_cast<std::ptrdiff_t>(skip));
    } else {
      expected.resize(from && *from < size ? *from + 1 : size);
      std::ranges::reverse(expected);
    }
    expected.resize(std::min<std::uint64_t>(limit, expected.size()));
    ReadOptions options{.direction = direction, .limit = limit, .access = GetParam()};
    if (from && query.scope() == Query::Scope::kStream) { options.from_version = Version(*from); }
    if (from && query.scope() == Query::Scope::kAll) { options.from_position = Position(*from); }
    EXPECT_EQ(lines(store, query, options), expected) << "from " << (from ? std::to_string(*from) : "none");
  }

  TempFolder folder;
  Store store = must(Store::open(folder.path(), {.segment_bytes_first = 4096, .segment_bytes_largest = 4096}));
};

TEST_P(Slices, AnyFromAnyLimitBothWays) {
  for (const Direction direction : {Direction::kForward, Direction::kBackward}) {
    for (const std::uint64_t limit : {0ULL, 1ULL, 7ULL, 1000ULL}) {
      for (const Query& query : {Query::all(), Query::stream("s0"), Query::stream("s1"), Query::stream("no such")}) {
        check(query, std::nullopt, limit, direction);
        for (std::uint64_t from = 0; from < 45; ++from) { check(query, from, limit, direction); }
        check(query, std::uint64_t{1} << 63U, limit, direction);
        check(query, std::numeric_limits<std::uint64_t>::max(), limit, direction);
      }
    }
  }
}

TEST_P(Slices, LongStreamIsPagedThroughInBothDirections) {
  for (int i = 0; i < 300; ++i) {
    must(append(store, "long", std::to_string(i), Expect::any(), {.durability = Durability::kBuffered}));
  }
  must(store.wait_durable(Position(339)));
  for (const std::uint64_t from : {0ULL, 63ULL, 64ULL, 65ULL, 128ULL, 299ULL, 300ULL}) {
    check(Query::stream("long"), from, 1000, Direction::kForward);
    check(Query::stream("long"), from, 1000, Direction::kBackward);
  }
}

INSTANTIATE_TEST_SUITE_P(Access, Slices, testing::Values(Access::kMapped, Access::kCopied),
                         [](const auto& one) { return one.param == Access::kMapped ? "Mapped" : "Copied"; });

TEST(AppendAndRead, FromOfTheWrongKindIsRefused) {
  World world;
  Store store = world.open();
  Cursor stream = store.read(Query::stream("a"), {.from_version = Version(0), .from_position = Position(0)});
  EXPECT_EQ(stream.next(), nullptr);
  EXPECT_TRUE(fails_with(stream.status(), ErrorCode::kInvalidArgument));
  Cursor all = store.read(Query::all(), {.from_version = Version(0)});
  EXPECT_EQ(all.next(), nullptr);
  EXPECT_TRUE(fails_with(all.status(), ErrorCode::kInvalidArgument));
}

TEST(AppendAndRead, AStreamFromAPosition) {
  World world;
  Store store = world.open();
  for (int i = 0; i < 40; ++i) { must(append(store, i % 3 == 0 ? "a" : "b", std::to_string(i))); }
  const auto log = read(store);
  for (const Query& query : {Query::stream("a"), Query::stream("b").types({"T"}), Query::stream("none")}) {
    for (const Direction direction : {Direction::kForward, Direction::kBackward}) {
      for (const std::uint64_t from : {0U, 1U, 2U, 3U, 20U, 38U, 39U, 40U, 99U}) {
        const ReadOptions options{.direction = direction, .from_position = Position(from)};
        std::vector<std::uint64_t> given;
        for (const auto& event : read(store, query, options)) { given.push_back(event.position.value()); }
        EXPECT_EQ(given, naive_read(log, query, options)) << to_string(query) << " from " << from;
      }
      const ReadOptions last{.direction = direction, .from_position = Position(UINT64_MAX)};
      EXPECT_EQ(read(store, query, last).size(), naive_read(log, query, last).size());
    }
  }
}

TEST(AppendAndRead, ACursorShowsTheLogAsItWasWhenTheReadBegan) {
  World world;
  Store store = world.open();
  must(append(store, "a", "1"));
  Cursor all = store.read(Query::all());
  Cursor one = store.read(Query::stream("a"));
  must(append(store, "a", "2"));
  EXPECT_EQ(events_of(std::move(all)).size(), 1U);
  EXPECT_EQ(events_of(std::move(one)).size(), 1U);
}

TEST(AppendAndRead, ARangeForAndAnEarlyStop) {
  World world;
  Store store = world.open();
  for (int i = 0; i < 5; ++i) { must(append(store, "a", std::to_string(i))); }
  Cursor cursor = store.read(Query::all());
  std::string seen;
  for (const Event& e : cursor) { seen += as_text(e.data()); }
  EXPECT_EQ(seen, "01234");
  EXPECT_TRUE(ok(cursor.status()));
  EXPECT_EQ(cursor.next(), nullptr);
  int visited = 0;
  EXPECT_TRUE(ok(store.read(Query::all()).for_each([&](const Event&) { return ++visited < 3; })));
  EXPECT_EQ(visited, 3);
}

TEST(AppendAndRead, FindStreamStreamsAndInfo) {
  World world;
  Store store = world.open();
  EXPECT_EQ(must(store.stream("a")).has_value(), false);
  EXPECT_TRUE(must(store.streams()).empty());
  const EventId id = EventId::from_name("x");
  must(store.append("b", Expect::any(), {{.type = "T", .data = as_bytes("x"), .id = id}}));
  must(append(store, "a", "1"));
  must(append(store, "c", "2"));
  must(append(store, "a", "3"));

  const auto found = must(store.event_by_id(id));
  ASSERT_TRUE(found);
  EXPECT_EQ(found->position, Position(0));
  EXPECT_EQ(found->stream, "b");
  EXPECT_FALSE(must(store.event_by_id(EventId::from_name("y"))));

  const auto a = must(store.stream("a"));
  ASSERT_TRUE(a);
  EXPECT_EQ(a->last_version, Version(1));
  EXPECT_EQ(a->last_position, Position(3));

  const auto names = [](const std::vector<StreamInfo>& streams) {
    Lines all;
    for (const auto& one : streams) { all.push_back(one.name); }
    return all;
  };
  EXPECT_EQ(names(must(store.streams())), (Lines{"a", "b", "c"}));
  EXPECT_EQ(names(must(store.streams({.after = "a", .limit = 1}))), (Lines{"b"}));
  EXPECT_EQ(names(must(store.streams({.after = "c"}))), Lines{});

  const StoreInfo info = store.info();
  EXPECT_EQ(info.events, 4U);
  EXPECT_EQ(info.streams, 3U);
  EXPECT_EQ(info.durable, Position(4));
  EXPECT_EQ(info.written, Position(4));
  EXPECT_EQ(info.sequenced, Position(4));
  EXPECT_EQ(info.format_major, kFormatMajor);
  EXPECT_EQ(info.epoch, 1U);
  EXPECT_FALSE(info.read_only);
  EXPECT_EQ(info.segments, 1U);
  EXPECT_GE(info.bytes, std::uint64_t{1} << 20U);
  EXPECT_EQ(info.last_recovery.kind, RecoveryKind::kCreated);
}

TEST(AppendAndRead, AfterCloseEverythingGivesClosed) {
  World world;
  Store store = world.open();
  const EventId id = EventId::from_name("x");
  must(store.append("a", Expect::any(), {{.type = "T", .id = id}}));
  Cursor before = store.read(Query::all());
  ASSERT_TRUE(ok(store.close()));
  EXPECT_EQ(before.next(), nullptr);
  EXPECT_TRUE(fails_with(before.status(), ErrorCode::kClosed));
  Cursor after = store.read(Query::all());
  EXPECT_EQ(after.next(), nullptr);
  EXPECT_TRUE(fails_with(after.status(), ErrorCode::kClosed));
  EXPECT_TRUE(fails_with(append(store, "a", ""), ErrorCode::kClosed));
  EXPECT_TRUE(fails_with(store.submit(Batch()), ErrorCode::kClosed));
  EXPECT_TRUE(fails_with(store.event_by_id(id), ErrorCode::kClosed));
  EXPECT_TRUE(fails_with(store.stream("a"), ErrorCode::kClosed));
  EXPECT_TRUE(fails_with(store.streams(), ErrorCode::kClosed));
  EXPECT_TRUE(fails_with(store.wait_durable(Position(0)), ErrorCode::kClosed));
}

TEST(AppendAndRead, ACursorMayOutliveItsStore) {
  World world;
  std::optional<Cursor> cursor;
  {
    Store store = world.open();
    must(append(store, "a", "1"));
    must(append(store, "a", "2"));
    cursor.emplace(store.read(Query::all()));
    ASSERT_NE(cursor->next(), nullptr);
  }
  EXPECT_EQ(cursor->next(), nullptr);
  EXPECT_TRUE(fails_with(cursor->status(), ErrorCode::kClosed));
}

TEST(AppendAndRead, MovingAStoreKeepsItOpenAndAssigningClosesTheOld) {
  World one;
  World two;
  Store a = one.open();
  must(append(a, "s", "1"));
  Store b = std::move(a);
  EXPECT_EQ(lines(b), (Lines{"0 s@0 1"}));
  b = two.open();
  EXPECT_TRUE(read(b).empty());
  EXPECT_EQ(lines(one.open()), (Lines{"0 s@0 1"}));
}

}  // namespace
}  // namespace tidemark
