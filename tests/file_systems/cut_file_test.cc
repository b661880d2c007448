// SPDX-License-Identifier: Apache-2.0
// Goal: a segment that somebody else cuts short under an open reader is an error of the reads that meet it and never a
// signal or a wrong event: with Access::kCopied and event_by_id() always, with Access::kMapped for what was not handed
// out before. Method: real files cut to every kind of length, below readers that have and have not been there before.
#include <algorithm>
#include <filesystem>
#include <gtest/gtest.h>
#include <string>
#include <vector>

#include "tests/file_systems/mounts.h"
#include "tidemark/tidemark.hpp"

namespace tidemark::file_systems {

namespace {

constexpr std::uint64_t kSegmentBytes = std::uint64_t{1} << 19U;
constexpr std::uint64_t kEvents = 75;  // 20 KB each: three segments
const SegmentNumber kCut(2);           // in the middle

std::string data_of(std::uint64_t n) {
  std::string data = std::to_string(n) + "/";
  data.resize(20'000, static_cast<char>('a' + n % 26));
  return data;
}

class CutFileTest : public testing::TestWithParam<std::uint64_t> {
 protected:
  void SetUp() override {
    auto store = Store::open(folder_, {.segment_bytes_first = kSegmentBytes, .segment_bytes_largest = kSegmentBytes});
    ASSERT_TRUE(store) << to_string(store.error());
    for (std::uint64_t n = 0; n < kEvents; ++n) {
      ASSERT_TRUE(store->append("stream", Expect::any(), {{.type = "Counted", .data = as_bytes(data_of(n))}},
                                {.durability = Durability::kBuffered}));
    }
    ASSERT_TRUE(store->wait_durable(Position(kEvents - 1)));
    Cursor all = store->read(Query::all());
    while (const Event* event = all.next()) { ids_.push_back(event->id()); }
    ASSERT_EQ(ids_.size(), kEvents);
    ASSERT_TRUE(store->close());
    ASSERT_TRUE(std::filesystem::exists(segment()));
    ASSERT_TRUE(std::filesystem::exists(folder_ / "segment-0000000003.log"));
  }

  [[nodiscard]] std::filesystem::path segment() const { return folder_ / "segment-0000000002.log"; }
  void cut() const { std::filesystem::resize_file(segment(), GetParam()); }
  Store open() const {
    auto store = Store::open(folder_, {.read_only = true});
    EXPECT_TRUE(store) << to_string(store.error());
    return std::move(*store);
  }

  // Reads to the end; every event given is right, and the end is an error that names the segment and where in it.
  static void expect_error(Cursor cursor, std::uint64_t from) {
    std::uint64_t n = from;
    while (const Event* event = cursor.next()) {
      ASSERT_EQ(event->position().value(), n);
      ASSERT_EQ(as_text(event->data()), data_of(n));
      ++n;
    }
    EXPECT_LT(n, kEvents);
    const auto ended = cursor.status();
    ASSERT_FALSE(ended) << "the cut was not noticed";
    EXPECT_TRUE(ended.error().code() == ErrorCode::kDamaged || ended.error().code() == ErrorCode::kIo)
        << to_string(ended.error());
    EXPECT_EQ(ended.error().segment(), kCut) << to_string(ended.error());
    EXPECT_TRUE(ended.error().offset().has_value()) << to_string(ended.error());
  }

  // Each event is found whole, or finding it is an error; those past the cut are errors.
  void expect_found_or_error(const Store& store) const {
    std::uint64_t errors = 0;
    for (std::uint64_t n = 0; n < kEvents; ++n) {
      const auto found = store.event_by_id(ids_[n]);
      if (!found) {
        ++errors;
        EXPECT_EQ(found.error().segment(), kCut) << to_string(found.error());
        continue;
      }
      ASSERT_TRUE(*found) << "an event that is there is said not to be";
      EXPECT_EQ(as_text((*found)->data), data_of(n));
    }
    EXPECT_GT(errors, 0U);
  }

  OwnFolder own_;
  const std::filesystem::path folder_ = own_.path() / "store";
  std::vector<EventId> ids_;
};

TEST_P(CutFileTest, BeforeTheReaderWasThere) {
  const Store store = open();
  cut();
  expect_error(store.read(Query::all(), {.access = Access::kCopied}), 0);
  expect_error(store.read(Query::all(), {.access = Access::kMapped}), 0);
  expect_found_or_error(store);
}

TEST_P(CutFileTest, CopiedAndFoundWhateverWasReadBefore) {
  const Store store = open();
  for (const Access access : {Access::kMapped, Access::kCopied}) {
    const auto all = store.read(Query::all(), {.access = access}).for_each([](const Event&) {});
    ASSERT_TRUE(all) << to_string(all.error());
  }
  Cursor before = store.read(Query::all(), {.access = Access::kCopied});
  for (int i = 0; i < 5; ++i) { ASSERT_NE(before.next(), nullptr); }
  cut();
  expect_error(std::move(before), 5);
  expect_error(store.read(Query::all(), {.access = Access::kCopied}), 0);
  expect_found_or_error(store);
}

TEST_P(CutFileTest, MappedPastWhatWasHandedOut) {
  const Store store = open();
  // The first event of the segment: the windows of 64 KiB up to its end have been handed out.
  Cursor mapped = store.read(Query::all(), {.access = Access::kMapped});
  std::uint64_t read = 0;
  while (read * 20'000 < kSegmentBytes + 20'000) {
    ASSERT_NE(mapped.next(), nullptr);
    ++read;
  }
  // What was handed out stays in the file, what was not goes.
  constexpr std::uint64_t kHandedOut = std::uint64_t{128} << 10U;
  std::filesystem::resize_file(segment(), std::max(GetParam(), kHandedOut));
  expect_error(std::move(mapped), read);
}

INSTANTIATE_TEST_SUITE_P(Lengths, CutFileTest, testing::Values(0, 1, 64, 4097, 65536, 100'000, 200'000, 300'000));

}  // namespace

}  // namespace tidemark::file_systems
