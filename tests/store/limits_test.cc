// SPDX-License-Identifier: Apache-2.0
// Goal: what is at a limit goes in and comes back; what is one over it is refused with an error that names the limit,
// and nothing is appended. Method: each limit, exactly at it and one past it, through the public API.
#include <gtest/gtest.h>

#include "tests/store/support.h"

namespace tidemark {
namespace {

using namespace test;

class Limits : public testing::Test {
 protected:
  World world;
  Store store = world.open({.segment_bytes_first = std::uint64_t{32} << 20U});

  void expect_over(const Result<Receipt>& result, std::uint64_t limit) {
    ASSERT_TRUE(fails_with(result, ErrorCode::kLimitExceeded));
    EXPECT_NE(result.error().message().find(std::to_string(limit)), std::string::npos) << result.error().message();
    EXPECT_TRUE(read(store).empty());
  }
};

TEST_F(Limits, StreamNames) {
  expect_over(append(store, std::string(1025, 's'), ""), 1024);
  EXPECT_TRUE(fails_with(append(store, "", ""), ErrorCode::kInvalidArgument));
  EXPECT_TRUE(fails_with(append(store, "a\nb", ""), ErrorCode::kInvalidArgument));
  EXPECT_TRUE(fails_with(append(store, "\xC3", ""), ErrorCode::kInvalidArgument));
  Batch check;
  check.check(std::string(1025, 's'), Expect::any());
  expect_over(store.append(check), 1024);
  must(append(store, std::string(1024, 's'), ""));
  EXPECT_EQ(read(store, Query::stream(std::string(1024, 's'))).size(), 1U);
}

TEST_F(Limits, Types) {
  const std::string long_type(256, 't');
  expect_over(store.append("a", Expect::any(), {event(long_type)}), 255);
  EXPECT_TRUE(fails_with(store.append("a", Expect::any(), {event("")}), ErrorCode::kInvalidArgument));
  EXPECT_TRUE(fails_with(store.append("a", Expect::any(), {event("a\x7F")}), ErrorCode::kInvalidArgument));
  must(store.append("a", Expect::any(), {event(std::string_view(long_type).substr(1))}));
  EXPECT_EQ(read(store).at(0).type.size(), 255U);
}

TEST_F(Limits, Tags) {
  const std::string long_tag(256, 't');
  expect_over(store.append("a", Expect::any(), {{.type = "T", .tags = {"fine", long_tag}}}), 255);
  EXPECT_TRUE(fails_with(store.append("a", Expect::any(), {{.type = "T", .tags = {""}}}), ErrorCode::kInvalidArgument));
  expect_over(store.append("a", Expect::any(), {{.type = "T", .tags = std::vector<std::string_view>(65, "t")}}), 64);
  std::vector<std::string> names;
  for (int i = 0; i < 64; ++i) { names.push_back(std::string(253, 't') + std::to_string(10 + i)); }
  must(store.append("a", Expect::any(), {{.type = "T", .tags = {names.begin(), names.end()}}}));
  EXPECT_EQ(read(store).at(0).tags, names);
}

TEST_F(Limits, EventBytes) {
  const std::string data(limits::kEventBytesMax - 10, 'd');
  const std::string metadata(11, 'm');
  const auto event_of = [&](std::size_t metadata_bytes) {
    return NewEvent{.type = "T",
                    .data = as_bytes(data),
                    .metadata = as_bytes(std::string_view(metadata).substr(0, metadata_bytes))};
  };
  expect_over(store.append("a", Expect::any(), {event_of(11)}), limits::kEventBytesMax);
  must(store.append("a", Expect::any(), {event_of(10)}));
  const auto events = read(store);
  EXPECT_EQ(events.at(0).data.size(), data.size());
  EXPECT_EQ(events.at(0).metadata.size(), 10U);
}

TEST_F(Limits, BatchBytes) {
  const std::string data(limits::kEventBytesMax, 'd');
  Batch batch;
  auto stream = batch.to("a");
  for (int i = 0; i < 4; ++i) { stream.add(event("T", data)); }
  expect_over(store.append(batch), limits::kBatchBytesMax);
  expect_over(store.append(batch), limits::kBatchBytesMax);
  batch.clear();
  auto again = batch.to("a");
  for (int i = 0; i < 3; ++i) { again.add(event("T", data)); }
  again.add(event("T", std::string_view(data).substr(1000)));
  must(store.append(batch));
  EXPECT_EQ(read(store).size(), 4U);
  must(store.close());
  EXPECT_EQ(read(world.open()).size(), 4U);
}

TEST_F(Limits, ABatchThatNamesNoStreamIsInvalid) {
  EXPECT_TRUE(fails_with(store.append(Batch()), ErrorCode::kInvalidArgument));
}

TEST_F(Limits, ABadEventAmongGoodOnesRefusesAll) {
  Batch batch;
  batch.to("a").add(event("T", "1")).add(event("", "2")).add(event("T", "3"));
  EXPECT_TRUE(fails_with(store.append(batch), ErrorCode::kInvalidArgument));
  EXPECT_TRUE(read(store).empty());
  EXPECT_EQ(store.info().sequenced, Position(0));
}

TEST_F(Limits, ValidTimesReachFar) {
  const std::vector<ValidTime> times = {ValidTime::min(), ValidTime::max(), ValidTime(),
                                        ValidTime(std::chrono::microseconds(253'402'300'799'999'999))};
  for (const ValidTime time : times) { must(store.append("a", Expect::any(), {{.type = "T", .valid = time}})); }
  const auto events = read(store);
  for (std::size_t i = 0; i < times.size(); ++i) { EXPECT_EQ(events[i].valid, times[i]); }
}

}  // namespace
}  // namespace tidemark
