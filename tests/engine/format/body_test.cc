// SPDX-License-Identifier: Apache-2.0
// Goal: names, tags, times, metadata and ids come back from a frame's table and body; one event decodes alone; and
// whatever bytes stand there, decoding reads within bounds and ends. Method: batches decoded and held against what was
// added; every truncation, mutations and random bytes by seed, in exactly sized memory so that the address sanitizer
// sees one byte too many.
#include "engine/format/body.h"

#include <algorithm>
#include <array>
#include <gtest/gtest.h>
#include <memory>
#include <random>

#include "engine/recovery/scan.h"
#include "tests/engine/format/sample_frame.h"

namespace tidemark::engine {
namespace {

using namespace test;

// A frame taken apart, each part in memory of just its size.
struct Parts {
  FrameHeader header{};
  std::vector<std::byte> table;
  std::vector<std::byte> body;

  explicit Parts(EncodedBatch& batch, std::uint64_t version = 0) {
    const Bytes frame = assigned(batch, place_at(512), version);
    header = load_as<FrameHeader>(frame.data());
    const auto table_at = frame.subspan(kFrameHeaderBytes, header.table_bytes);
    const auto body_at = frame.subspan(kFrameHeaderBytes + header.table_bytes, header.body_bytes);
    table.assign(table_at.begin(), table_at.end());
    body.assign(body_at.begin(), body_at.end());
  }
  [[nodiscard]] std::optional<BodyView> open(bool check) const { return BodyView::open(header, table, body, check); }
};

// With two consumers' checkpoints, of this log and of another.
Batch with_checkpoints(Batch batch) {
  Checkpoint other{.log_id = {}, .position = Position(815), .epoch = 7, .check = 0x0123456789abcdef};
  other.log_id[3] = std::byte{9};
  return batch.checkpoint("reader", Position(4711)).checkpoint("elsewhere", other).checkpoint("new", std::nullopt);
}

// Goes through all that a body says, as a reader would; gives a number so that nothing is left out.
std::uint64_t read_all(const FrameHeader& header, Bytes table, Bytes body, bool check) {
  const auto view = BodyView::open(header, table, body, check);
  if (!view) { return 0; }
  std::uint64_t sum = 0;
  const auto add = [&](std::string_view text) {
    for (const char c : text) { sum += static_cast<unsigned char>(c); }
  };
  for (std::uint32_t i = 0; i < std::min(view->stream_count(), 1000U); ++i) {
    add(view->stream_name(i));
    sum += view->first_version(i).value();
  }
  for (std::uint32_t i = 0; i < view->checkpoint_count(); ++i) {
    add(view->checkpoint_name(i));
    sum += view->checkpoint(i).check + view->checkpoint(i).position.value_or(Position()).value();
  }
  EventRecord record;
  std::uint32_t at = view->events_begin();
  for (std::uint32_t i = 0; i < 100'000; ++i) {
    const auto after = view->event_at(at, check, record);
    if (!after) { break; }
    add(view->stream_name(record.stream));
    add(view->type_name(record.type));
    for (const std::uint32_t tag : record.tags) { add(view->tag_name(tag)); }
    add(as_text(record.data));
    add(as_text(record.metadata));
    if (*after <= at) {
      ADD_FAILURE() << "decoding does not get on";
      break;
    }
    at = *after;
  }
  for (const std::uint32_t offset : {0U, 1U, 7U, 0x7FFFFFFFU, 0xFFFFFFFFU}) {
    (void)view->event_at(offset, check, record);
  }
  return sum;
}

TEST(Body, EverythingComesBack) {
  for (const std::size_t count : {1U, 3U, 50U, 1000U}) {
    const Batch batch = rich_batch(count);
    auto encoded = must(EncodedBatch::encode(batch));
    const Parts parts(encoded, 41);
    EXPECT_EQ((parts.header.flags & frame_flags::kEventChecks) != 0, count == 1000);
    const auto view = parts.open(true);
    ASSERT_TRUE(view);
    EXPECT_EQ(view->stream_count(), std::min<std::size_t>(count, 4));
    std::size_t i = 0;
    const bool all =
        for_each_event(parts.header, *view, parts.body.size(), [&](const EventRecord& record, std::uint32_t at) {
          const std::string data(i * 7 % 100, static_cast<char>('a' + i % 26));
          EXPECT_EQ(view->stream_name(record.stream), "stream-" + std::to_string(i % 4));
          EXPECT_EQ(record.ordinal, i / 4);
          EXPECT_EQ(view->first_version(record.stream), Version(41));
          EXPECT_EQ(view->type_name(record.type), i % 3 == 0 ? "Opened" : "Changed");
          EXPECT_EQ(as_text(record.data), data);
          EXPECT_EQ(as_text(record.metadata), i % 2 == 0 ? "meta" : "");
          EXPECT_EQ(record.id_made, i % 2 == 0);
          EXPECT_EQ(record.id, encoded.events()[i].id);
          if (i % 2 == 1) { EXPECT_EQ(record.id, EventId::from_name(std::to_string(i))); }
          EXPECT_EQ(record.valid.has_value(), i % 5 == 2);
          if (record.valid) { EXPECT_EQ(record.valid->time_since_epoch().count(), static_cast<std::int64_t>(i) - 3); }
          std::vector<std::string_view> tags;
          for (const std::uint32_t tag : record.tags) { tags.push_back(view->tag_name(tag)); }
          const std::vector<std::string_view> expected{"red", "green", i % 8 == 1 ? "blue" : "red"};
          EXPECT_EQ(tags, i % 4 == 1 ? expected : std::vector<std::string_view>());
          EXPECT_EQ(encoded.events()[i].body_offset, at);
          // It decodes alone, checked by its own checksum.
          EventRecord alone;
          EXPECT_TRUE(view->event_at(at, true, alone));
          EXPECT_EQ(as_text(alone.data), data);
          ++i;
          return true;
        });
    EXPECT_TRUE(all);
    EXPECT_EQ(i, count);
  }
}

TEST(Body, CheckpointsComeBack) {
  for (const std::size_t count : {1U, 1000U}) {
    auto plain = must(EncodedBatch::encode(rich_batch(count)));
    EXPECT_EQ(Parts(plain).header.flags & frame_flags::kCheckpoints, 0);
    EXPECT_EQ(Parts(plain).open(true)->checkpoint_count(), 0U);
    auto encoded = must(EncodedBatch::encode(with_checkpoints(rich_batch(count))));
    const Parts parts(encoded);
    EXPECT_NE(parts.header.flags & frame_flags::kCheckpoints, 0);
    const auto view = parts.open(true);
    ASSERT_TRUE(view);
    ASSERT_EQ(view->checkpoint_count(), 3U);
    EXPECT_EQ(view->checkpoint_name(0), "reader");
    EXPECT_EQ(view->checkpoint(0), Checkpoint{.position = Position(4711)});
    EXPECT_EQ(view->checkpoint_name(1), "elsewhere");
    EXPECT_EQ(view->checkpoint(1).log_id[3], std::byte{9});
    EXPECT_EQ(view->checkpoint(1).position, Position(815));
    EXPECT_EQ(view->checkpoint(1).epoch, 7U);
    EXPECT_EQ(view->checkpoint(1).check, 0x0123456789abcdefU);
    EXPECT_EQ(view->checkpoint(2), Checkpoint());
    EXPECT_EQ(view->tag_count(), Parts(plain).open(true)->tag_count());
    const auto none = [](const EventRecord&, std::uint32_t) { return true; };
    EXPECT_TRUE(for_each_event(parts.header, *view, parts.body.size(), none, true));
  }
}

TEST(Body, VarintsOfEveryLength) {
  std::array<std::byte, 16> bytes{};
  for (unsigned bits = 0; bits <= 64; ++bits) {
    const std::uint64_t top = bits == 0 ? 0 : std::uint64_t{1} << (bits - 1);
    for (const std::uint64_t value : {top, top | 1U, top + (top - 1)}) {
      const auto size = static_cast<std::size_t>(put_varint(bytes.data(), value) - bytes.data());
      EXPECT_EQ(size, varint_bytes(value));
      EXPECT_LE(size, 10U);
    }
  }
}

// Where events have checksums of their own, a changed bit in the names or in the event asked for is noticed; one in
// another event is not this one's matter.
TEST(Body, ChecksOfOneEventAlone) {
  Batch batch;
  const std::string data(3000, 'd');
  for (int i = 0; i < 4; ++i) { batch.to("stream").add({.type = "Type", .data = as_bytes(data), .tags = {"tag"}}); }
  auto encoded = must(EncodedBatch::encode(with_checkpoints(batch)));
  Parts parts(encoded);
  ASSERT_TRUE(parts.header.flags & frame_flags::kEventChecks);
  const std::uint32_t begin = parts.open(true)->events_begin();
  for (std::size_t at = 0; at < begin; ++at) {
    parts.body[at] ^= std::byte{4};
    ASSERT_FALSE(parts.open(true)) << at;
    parts.body[at] ^= std::byte{4};
  }
  const std::uint32_t second = encoded.events()[1].body_offset;
  const std::uint32_t third = encoded.events()[2].body_offset;
  EventRecord record;
  for (std::size_t at = second; at < third; at += 3) {
    parts.body[at] ^= std::byte{4};
    const auto view = parts.open(true);
    ASSERT_TRUE(view);
    ASSERT_FALSE(view->event_at(second, true, record)) << at;
    ASSERT_TRUE(view->event_at(third, true, record));
    parts.body[at] ^= std::byte{4};
  }
}

TEST(HostileBody, EveryTruncation) {
  for (const std::size_t count : {5U, 300U}) {
    auto encoded = must(EncodedBatch::encode(with_checkpoints(rich_batch(count))));
    const Parts parts(encoded);
    for (std::size_t size = 0; size <= parts.body.size(); size += count == 5 ? 1 : 37) {
      const auto body = std::make_unique<std::byte[]>(size);
      std::copy_n(parts.body.begin(), size, body.get());
      for (const bool check : {false, true}) { (void)read_all(parts.header, parts.table, {body.get(), size}, check); }
    }
    for (std::size_t size = 0; size <= parts.table.size(); size += 8) {
      const auto table = std::make_unique<std::byte[]>(size);
      std::copy_n(parts.table.begin(), size, table.get());
      (void)read_all(parts.header, {table.get(), size}, parts.body, false);
    }
  }
}

TEST(HostileBody, Mutations) {
  const std::uint32_t seed = std::random_device()();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937 random(seed);
  for (const std::size_t count : {1U, 20U, 21U, 300U}) {
    const Batch batch = rich_batch(count);
    auto encoded = must(EncodedBatch::encode(count % 2 == 0 ? batch : with_checkpoints(batch)));
    const Parts good(encoded);
    for (int round = 0; round < 5000; ++round) {
      Parts bad = good;
      bad.body.shrink_to_fit();
      for (auto changes = 1 + random() % 4; changes > 0; --changes) {
        // Mostly near the front, where the lengths stand.
        const std::size_t at =
            random() % (random() % 2 == 0 ? std::min<std::size_t>(bad.body.size(), 100) : bad.body.size());
        switch (random() % 3) {
          case 0:
            bad.body[at] = static_cast<std::byte>(random());
            break;
          case 1:
            bad.body[at] = std::byte{0xFF};
            break;
          default:
            bad.body[at] ^= static_cast<std::byte>(1U << (random() % 8));
        }
      }
      if (random() % 8 == 0) { bad.header.flags ^= frame_flags::kEventChecks; }
      if (random() % 8 == 0) { bad.header.flags ^= frame_flags::kCheckpoints; }
      (void)read_all(bad.header, bad.table, bad.body, random() % 2 == 0);
    }
  }
}

TEST(HostileBody, RandomBytes) {
  const std::uint32_t seed = std::random_device()();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937 random(seed);
  for (int round = 0; round < 20'000; ++round) {
    const std::size_t size = random() % 200;
    const auto body = std::make_unique<std::byte[]>(size);
    for (std::size_t i = 0; i < size; ++i) {
      body[i] = static_cast<std::byte>(random() % (random() % 2 == 0 ? 4 : 256));
    }
    // Small counts at the front let it come further.
    if (size >= 12 && random() % 2 == 0) {
      for (std::size_t at = 0; at < 12; at += 4) {
        store_as(body.get() + at, static_cast<std::uint32_t>(random() % 3));
      }
    }
    const std::vector<std::byte> table(8 * (random() % 4), std::byte{1});
    FrameHeader header{};
    header.flags = static_cast<std::uint16_t>(random()) & frame_flags::kKnown;
    header.event_count = static_cast<std::uint32_t>(random());
    (void)read_all(header, table, {body.get(), size}, random() % 2 == 0);
  }
}

// Two names made one, or a name without a byte: the versions of a stream would be counted twice, or nobody's.
TEST(HostileBody, NamesThatAreNotRight) {
  const Batch batch = rich_batch(8);
  auto encoded = must(EncodedBatch::encode(batch));
  const Parts good(encoded);
  const auto view = good.open(true);
  ASSERT_TRUE(view);
  ASSERT_EQ(view->stream_count(), 4U);
  const auto* const body = good.body.data();
  const auto begin_of = [&](std::uint32_t i) {
    return static_cast<std::size_t>(reinterpret_cast<const std::byte*>(view->stream_name(i).data()) - body);
  };
  Parts twice = good;
  std::copy_n(body + begin_of(0), view->stream_name(0).size(),
              twice.body.begin() + static_cast<std::ptrdiff_t>(begin_of(3)));
  EXPECT_FALSE(twice.open(true));
  EXPECT_TRUE(twice.open(false));  // for who has checked before
  Parts empty = good;
  store_as(empty.body.data() + kBodyStartBytes + 4, load_as<std::uint32_t>(body + kBodyStartBytes));
  EXPECT_FALSE(empty.open(true));
  Parts backward = good;
  store_as<std::uint32_t>(backward.body.data() + kBodyStartBytes + 4, 1);
  EXPECT_FALSE(backward.open(true));
}

// Many have hashes that lead to one bit, and only two names are the same.
TEST(HostileBody, OneNameTwiceAmongMany) {
  constexpr std::uint32_t kStreams = 3000;
  Batch batch;
  for (std::uint32_t i = 0; i < kStreams; ++i) {
    batch.to("stream-" + std::to_string(10'000 + i)).add({.type = "type"});
  }
  auto encoded = must(EncodedBatch::encode(batch));
  const Parts good(encoded);
  const auto view = good.open(true);
  ASSERT_TRUE(view);
  const auto at = [&](std::uint32_t i) {
    return reinterpret_cast<const std::byte*>(view->stream_name(i).data()) - good.body.data();
  };
  std::mt19937 random(3);
  for (int round = 0; round < 50; ++round) {
    const auto one = static_cast<std::uint32_t>(random() % kStreams);
    const auto other = static_cast<std::uint32_t>((one + 1 + random() % (kStreams - 1)) % kStreams);
    Parts twice = good;
    std::copy_n(good.body.begin() + at(one), view->stream_name(one).size(), twice.body.begin() + at(other));
    EXPECT_FALSE(twice.open(true)) << one << " and " << other;
  }
}

TEST(HostileBody, AnEmptyOne) {
  EXPECT_EQ(read_all({}, {}, {}, true), 0U);
  const BodyView none;
  EventRecord record;
  EXPECT_FALSE(none.event_at(0, true, record));
}

}  // namespace
}  // namespace tidemark::engine
