// SPDX-License-Identifier: Apache-2.0
// Goal: a stream folds into the same state with snapshots and without, now and as of a version, and a decision on that
// state is one on all that happened. Method: random lives of a counter, loaded in every way after each step.
#include "tidemark/aggregate.hpp"

#include <gtest/gtest.h>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "tests/store/support.h"
#include "tidemark/retry.hpp"

namespace tidemark {
namespace {

using namespace test;

// All that happened, one letter an event.
struct Story {
  std::string text;
};

void tell(Story& story, const Event& event) { story.text += event.type(); }

SnapshotCodec<Story> codec(std::string schema = "story/1") {
  return {.schema = std::move(schema),
          .encode =
              [](const Story& story) {
                const Bytes bytes = as_bytes(story.text);
                return std::vector<std::byte>(bytes.begin(), bytes.end());
              },
          .decode = [](Bytes bytes) { return std::optional(Story{std::string(as_text(bytes))}); }};
}

class Aggregate : public testing::Test {
 protected:
  World world;
  Store store = world.open();
  std::string told;

  void put(Durability durability = Durability::kDurable) {
    const std::string type(1, static_cast<char>('a' + told.size() % 26));
    must(store.append("story", Expect::any(), {event(type)}, {.durability = durability}));
    told += type;
  }
};

TEST_F(Aggregate, NothingIsTheStateOfAStreamThatIsNotThere) {
  const auto loaded = must(load<Story>(store, "story", tell));
  EXPECT_EQ(loaded.state.text, "");
  EXPECT_FALSE(loaded.version);
  EXPECT_EQ(loaded.expect(), Expect::no_stream());
  EXPECT_TRUE(ok(save_snapshot(store, "story", loaded, codec())));
  EXPECT_FALSE(must(store.snapshot("story", {.schema = "story/1"})));
}

TEST_F(Aggregate, AllEventsInOrder) {
  for (int i = 0; i < 5; ++i) { put(); }
  put(Durability::kBuffered);
  const auto loaded = must(load<Story>(store, "story", tell));
  EXPECT_EQ(loaded.state.text, "abcdef") << "also what is not durable yet";
  EXPECT_EQ(loaded.folded, 6U);
  EXPECT_EQ(loaded.expect(), Expect::exactly(5));
  EXPECT_EQ(must(load<Story>(store, "story", tell, {.until = Version(2)})).state.text, "abc");
  EXPECT_EQ(must(load<Story>(store, "story", tell, {.until = Version(99)})).version, Version(5));
}

TEST_F(Aggregate, WithSnapshotsTheSameAndLessIsRead) {
  std::mt19937_64 random(11);
  for (int step = 0; step < 300; ++step) {
    switch (random() % 4) {
      case 0:
        if (const auto loaded = must(load<Story>(store, "story", tell, codec())); loaded.version) {
          must(save_snapshot(store, "story", loaded, codec()));
          EXPECT_EQ(must(load<Story>(store, "story", tell, codec())).folded, 0U);
        }
        break;
      case 1:
        if (!told.empty()) {
          const LoadOptions old{.until = Version(random() % told.size())};
          must(save_snapshot(store, "story", must(load<Story>(store, "story", tell, old)), codec()));
        }
        break;
      default:
        put(random() % 2 == 0 ? Durability::kDurable : Durability::kBuffered);
    }
    const auto plain = must(load<Story>(store, "story", tell));
    const auto quick = must(load<Story>(store, "story", tell, codec()));
    ASSERT_EQ(plain.state.text, told);
    ASSERT_EQ(quick.state.text, told);
    ASSERT_EQ(quick.version, plain.version);
    ASSERT_LE(quick.folded, plain.folded);
    if (told.empty()) { continue; }
    const std::uint64_t until = random() % told.size();
    ASSERT_EQ(must(load<Story>(store, "story", tell, codec(), {.until = Version(until)})).state.text,
              told.substr(0, until + 1));
  }
}

TEST_F(Aggregate, ASnapshotThatCannotBeReadIsLeftAside) {
  for (int i = 0; i < 5; ++i) { put(); }
  must(save_snapshot(store, "story", must(load<Story>(store, "story", tell)), codec()));
  EXPECT_EQ(must(load<Story>(store, "story", tell, codec())).folded, 0U);
  EXPECT_EQ(must(load<Story>(store, "story", tell, codec("story/2"))).folded, 5U) << "another program's";
  auto picky = codec();
  picky.decode = [](Bytes) { return std::optional<Story>(); };
  const auto loaded = must(load<Story>(store, "story", tell, picky));
  EXPECT_EQ(loaded.folded, 5U);
  EXPECT_EQ(loaded.state.text, told);
}

TEST_F(Aggregate, AFoldMayFail) {
  for (int i = 0; i < 5; ++i) { put(); }
  const auto fold = [](Story& story, const Event& event) -> Status {
    if (event.type() == "d") { return std::unexpected(Error(ErrorCode::kNotFound, "what is d?")); }
    tell(story, event);
    return {};
  };
  EXPECT_TRUE(fails_with(load<Story>(store, "story", fold), ErrorCode::kNotFound));
  EXPECT_EQ(must(load<Story>(store, "story", fold, {.until = Version(2)})).state.text, "abc");
  const auto never = [](const Story&, Batch&) -> Status { throw std::logic_error("it was asked"); };
  EXPECT_TRUE(fails_with(decide<Story>(store, "story", fold, never), ErrorCode::kNotFound));
}

TEST_F(Aggregate, AppendingWhatWasLoaded) {
  put();
  const auto loaded = must(load<Story>(store, "story", tell));
  put();
  EXPECT_TRUE(fails_with(store.append("story", loaded.expect(), {event("x")}), ErrorCode::kVersionConflict));
}

TEST_F(Aggregate, DecidesOnTheState) {
  for (int i = 0; i < 4; ++i) { put(); }
  must(save_snapshot(store, "story", must(load<Story>(store, "story", tell)), codec()));
  put();
  std::vector<std::string> seen;
  const auto append_x = [&](const Story& story, Batch& out) -> Status {
    seen.push_back(story.text);
    out.to("story").add(event("x"));
    if (seen.size() % 2 == 1) {
      std::jthread([&] { put(); }).join();
    }
    return {};
  };
  std::uint64_t folded = 0;
  const auto fold = [&](Story& story, const Event& event) {
    ++folded;
    tell(story, event);
  };
  EXPECT_TRUE(ok(decide<Story>(store, "story", fold, append_x)));
  EXPECT_EQ(folded, 5U + 6U);
  told += "x";
  folded = 0;
  EXPECT_TRUE(ok(decide<Story>(store, "story", fold, append_x, codec())));
  EXPECT_EQ(folded, 3U + 4U) << "what is in the snapshot is not read again";
  EXPECT_EQ(seen, (std::vector<std::string>{"abcde", "abcdef", "abcdefx", "abcdefxh"}));
}

TEST_F(Aggregate, RetryOnConflict) {
  put();
  int attempts = 0;
  const auto work = [&](bool interfere) {
    return [&, interfere]() -> Result<Receipt> {
      ++attempts;
      const auto loaded = load<Story>(store, "story", tell);
      if (!loaded) { return std::unexpected(loaded.error()); }
      if (interfere && attempts < 3) { put(); }
      return store.append("story", loaded->expect(), {event("x")});
    };
  };
  EXPECT_TRUE(ok(retry_on_conflict(5, work(true))));
  EXPECT_EQ(attempts, 3);
  attempts = 0;
  EXPECT_TRUE(fails_with(retry_on_conflict(2, work(true)), ErrorCode::kVersionConflict));
  EXPECT_EQ(attempts, 2);
  EXPECT_TRUE(ok(retry_on_conflict(0, work(false)))) << "at least once";
  attempts = 0;
  EXPECT_TRUE(fails_with(retry_on_conflict(5,
                                           [&]() -> Status {
                                             ++attempts;
                                             return std::unexpected(Error(ErrorCode::kIo, "no"));
                                           }),
                         ErrorCode::kIo));
  EXPECT_EQ(attempts, 1) << "another error is nothing to try again";
}

}  // namespace
}  // namespace tidemark
