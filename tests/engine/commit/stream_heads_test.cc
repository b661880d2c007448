// SPDX-License-Identifier: Apache-2.0
// Goal: a stream's number of events is told right or not at all; what must be kept is kept, and the rest is bounded.
// Method: more streams than two generations hold, with names of all lengths, held against what was set.
#include "engine/commit/stream_heads.h"

#include <gtest/gtest.h>
#include <optional>
#include <random>
#include <string>
#include <vector>

namespace tidemark::engine {
namespace {

class StreamHeadsTest : public testing::Test {
 protected:
  struct Stream {
    std::string name;
    std::uint64_t count = 0;
    Position batch_end;
  };
  StreamHeads heads;
  std::vector<Stream> streams;
  std::uint64_t next = 0;

  static index::Key key(const Stream& stream) { return index::make_key(index::KeyKind::kStream, stream.name); }
  void append(std::size_t n, Position kept) {
    Stream& stream = streams[n];
    stream.batch_end = Position(++next);
    heads.set(key(stream), ++stream.count, stream.batch_end, kept);
  }
  void make(std::size_t count, std::size_t name_bytes) {
    for (std::size_t n = 0; n < count; ++n) {
      std::string name = std::to_string(n);
      name.resize(std::max(name.size(), name_bytes * (n % 3) / 2), 'x');
      streams.push_back({std::move(name), 0, Position(0)});
    }
  }
  // How many are known; those are right.
  std::size_t known() {
    std::size_t known = 0;
    for (const Stream& stream : streams) {
      const auto count = heads.count(key(stream));
      if (!count) { continue; }
      EXPECT_EQ(*count, stream.count) << stream.name;
      ++known;
    }
    return known;
  }
};

TEST_F(StreamHeadsTest, NothingIsKnownOfWhatWasNotSet) {
  make(3, 10);
  EXPECT_EQ(known(), 0U);
  append(1, Position(0));
  EXPECT_EQ(known(), 1U);
  EXPECT_TRUE(heads.was_set_after(key(streams[1]), Position(0)));
  EXPECT_FALSE(heads.was_set_after(key(streams[1]), Position(1)));
  EXPECT_FALSE(heads.was_set_after(key(streams[0]), Position(0)));
}

TEST_F(StreamHeadsTest, TheLastOnesAreKnownAndTheRestIsBounded) {
  constexpr std::size_t kStreams = 120'000;  // of 96 + 250 bytes on average: some 40 MB
  make(kStreams, 500);
  for (std::size_t n = 0; n < kStreams; ++n) { append(n, Position(next)); }
  const std::size_t after_one_round = known();
  EXPECT_GT(after_one_round, kStreams / 4);
  EXPECT_LT(after_one_round, kStreams - 1000);
  EXPECT_FALSE(heads.count(key(streams[0])));
  for (std::size_t n = kStreams - 1000; n < kStreams; ++n) { ASSERT_TRUE(heads.count(key(streams[n]))); }
  // Those that are used again and again stay, whatever comes between.
  for (std::size_t n = 0; n < kStreams; ++n) {
    append(n, Position(next));
    if (n % 10 == 0) { append(n / 10 % 100, Position(next)); }
  }
  for (std::size_t n = 0; n < 100; ++n) { EXPECT_TRUE(heads.count(key(streams[n]))) << n; }
  EXPECT_LT(known(), kStreams - 1000);
}

TEST_F(StreamHeadsTest, WhatMustBeKeptIsKnown) {
  constexpr std::size_t kStreams = 120'000;
  make(kStreams, 500);
  for (std::size_t n = 0; n < kStreams; ++n) { append(n, Position(0)); }
  EXPECT_EQ(known(), kStreams);
  // From here on all but the last hundred may go.
  std::mt19937 random(1);
  for (int i = 0; i < 200'000; ++i) { append(random() % kStreams, Position(next - 100)); }
  std::size_t kept = 0;
  for (const Stream& stream : streams) {
    if (stream.batch_end.value() + 100 <= next) { continue; }
    ASSERT_TRUE(heads.count(key(stream)));
    ++kept;
  }
  EXPECT_GT(kept, 90U);
  EXPECT_LT(known(), kStreams);
}

TEST_F(StreamHeadsTest, TogetherAsOneByOne) {
  make(1000, 40);
  for (std::size_t n = 0; n < 1000; n += 3) { append(n, Position(next)); }
  for (const std::size_t some : {0U, 1U, 2U, 31U, 32U, 33U, 1000U}) {
    std::vector<StreamUse> uses;
    for (std::size_t n = 0; n < some; ++n) { uses.push_back({.key = key(streams[n])}); }
    std::vector<std::optional<std::uint64_t>> counts(some, 77);
    heads.counts(uses, counts);
    for (std::size_t n = 0; n < some; ++n) {
      EXPECT_EQ(counts[n], n % 3 == 0 ? std::optional<std::uint64_t>(1) : std::nullopt) << n;
    }
  }
}

}  // namespace
}  // namespace tidemark::engine
