// SPDX-License-Identifier: Apache-2.0
// Goal: a dump tells of every byte of a segment file once, shows what stands there, and says what is wrong, whatever
// was done to the file. Method: each segment of a small store whole; then each single byte of one changed, cut, or
// zeroed.
#include "engine/recovery/dump.h"

#include <algorithm>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <map>
#include <random>
#include <string>
#include <vector>

#include "tests/engine/recovery/sample_store.h"
#include "tests/sampled.h"

namespace tidemark::engine {
namespace {

using namespace test;
using ::testing::HasSubstr;
using Kind = SegmentPiece::Kind;

// What of a piece stays after the call.
struct Piece {
  Kind kind;
  std::uint64_t offset;
  std::uint64_t bytes;
  std::string what;
  std::map<std::string, std::string> fields;
  std::vector<std::uint64_t> positions;
  std::vector<std::string> streams;
  std::vector<std::string> data;
};

// Every byte is told of once, and as it stands in the file.
std::vector<Piece> dump(World& world, const std::filesystem::path& path) {
  const auto bytes = world.contents(path);
  std::vector<Piece> pieces;
  std::uint64_t at = 0;
  const Status done = dump_segment(world.files, path, [&](const SegmentPiece& piece) {
    EXPECT_EQ(piece.offset, at);
    EXPECT_TRUE(piece.bytes > 0 || bytes.empty());
    at += piece.bytes;
    const auto there = Bytes(bytes).subspan(piece.offset, piece.bytes);
    if (piece.kind == Kind::kZeros) {
      EXPECT_TRUE(all_zero(there));
    } else {
      EXPECT_TRUE(std::ranges::equal(piece.raw, there));
    }
    Piece kept{piece.kind, piece.offset, piece.bytes, piece.what, {}, {}, {}, {}};
    for (const auto& [name, value] : piece.fields) { EXPECT_TRUE(kept.fields.emplace(name, value).second) << name; }
    for (const DumpedEvent& event : piece.events) {
      EXPECT_GE(event.offset, piece.offset);
      EXPECT_LE(event.offset + event.bytes, piece.offset + piece.bytes);
      kept.positions.push_back(event.position.value());
      kept.streams.emplace_back(event.stream);
      kept.data.emplace_back(as_text(event.data));
    }
    pieces.push_back(std::move(kept));
    return !testing::Test::HasFailure();
  });
  EXPECT_TRUE(ok(done));
  EXPECT_EQ(at, bytes.size());
  return pieces;
}

std::vector<Piece> wrong_ones(const std::vector<Piece>& pieces) {
  std::vector<Piece> wrong;
  std::ranges::copy_if(pieces, std::back_inserter(wrong), [](const Piece& piece) { return !piece.what.empty(); });
  return wrong;
}

TEST(Dump, OfAWholeStoreIsWhatWasAppended) {
  SampleStore store;
  const auto calls = store.writing_calls();
  std::uint64_t next = 0;
  for (std::uint64_t number = 1; number <= store.segments; ++number) {
    const auto pieces = dump(store, store.segment(number));
    EXPECT_TRUE(wrong_ones(pieces).empty());
    ASSERT_GE(pieces.size(), 3U);
    EXPECT_EQ(pieces[0].kind, Kind::kHeader);
    EXPECT_EQ(pieces[0].fields.at("number"), std::to_string(number));
    EXPECT_EQ(pieces[0].fields.at("size"), "4096");
    for (const Piece& piece : pieces) {
      if (piece.kind != Kind::kFrame) { continue; }
      ASSERT_EQ(piece.positions, std::vector{next});
      EXPECT_EQ(piece.fields.at("first_position"), std::to_string(next));
      EXPECT_EQ(piece.streams[0], "stream-" + std::to_string(next % 5));
      EXPECT_EQ(piece.data[0], std::to_string(next) + std::string(300 + next * 13 % 200, 'x'));
      ++next;
    }
    const bool is_last = number == store.segments;
    EXPECT_EQ(pieces.back().kind, is_last ? Kind::kZeros : Kind::kFooter);
    if (!is_last) { EXPECT_EQ(pieces.back().fields.at("next_position"), std::to_string(next)); }
  }
  EXPECT_EQ(next, SampleStore::kEvents);
  EXPECT_EQ(store.writing_calls(), calls);
}

// Any byte that is another one is told of, where it is, and hides nothing else.
TEST(Dump, EveryByteChanged) {
  SampleStore store;
  const auto path = store.segment(2);
  const auto whole = dump(store, path);
  const auto bytes = store.contents(path);
  for (std::size_t at = 0; at < bytes.size() && !HasFailure(); at += kSampleStep) {
    SCOPED_TRACE(at);
    auto changed = bytes;
    changed[at] ^= std::byte{0x20};
    store.files.set_contents(path, changed);
    const auto pieces = dump(store, path);
    const auto wrong = wrong_ones(pieces);
    ASSERT_FALSE(wrong.empty());
    if (at < kSegmentHeaderBytes) {
      EXPECT_EQ(wrong[0].kind, Kind::kHeader);
      continue;
    }
    ASSERT_EQ(wrong.size(), 1U);
    EXPECT_LE(wrong[0].offset, at);
    EXPECT_GT(wrong[0].offset + wrong[0].bytes, at);
    // All the others are as they were.
    for (const Piece& piece : whole) {
      if (at >= piece.offset && at < piece.offset + piece.bytes) { continue; }
      const bool is_there = std::ranges::any_of(pieces, [&](const Piece& other) {
        return other.kind == piece.kind && other.offset == piece.offset && other.data == piece.data;
      });
      EXPECT_TRUE(is_there || piece.kind == Kind::kZeros) << to_string(piece.kind) << " at " << piece.offset;
    }
  }
}

TEST(Dump, CutAndZeroedAnywhere) {
  SampleStore store;
  const auto path = store.segment(2);
  const auto bytes = store.contents(path);
  for (std::size_t size = 0; size <= bytes.size() && !HasFailure(); size += 7 * kSampleStep) {
    SCOPED_TRACE(size);
    store.files.set_contents(path, bytes);
    store.cut(path, size);
    EXPECT_EQ(wrong_ones(dump(store, path)).empty(), false);
    if (size < 8) { continue; }
    store.files.set_contents(path, bytes);
    store.zero(path, size / 8, std::min(bytes.size(), size / 8 + 700));
    EXPECT_EQ(wrong_ones(dump(store, path)).empty(), false);
  }
}

// The frames tell of themselves, whatever became of what stands around them.
TEST(Dump, FramesAreShownWithoutTheirSurroundings) {
  SampleStore store;
  const auto path = store.segment(2);
  const auto bytes = store.contents(path);
  const auto frames = store.in_segment(2);
  ASSERT_GE(frames.size(), 3U);
  const auto data_of = [&](const std::vector<Piece>& pieces) {
    std::vector<std::string> data;
    for (const Piece& piece : pieces) { data.insert(data.end(), piece.data.begin(), piece.data.end()); }
    return data;
  };
  const auto all = data_of(dump(store, path));
  ASSERT_EQ(all.size(), frames.size());

  store.zero(path, 0, kSegmentHeaderBytes);
  auto pieces = dump(store, path);
  EXPECT_EQ(data_of(pieces), all);
  EXPECT_THAT(pieces[1].what, HasSubstr("the segment's header would say"));

  store.files.set_contents(path, bytes);
  store.cut(path, frames[1].end);
  pieces = dump(store, path);
  EXPECT_EQ(data_of(pieces), (std::vector{all[0], all[1]}));
  EXPECT_EQ(pieces.back().kind, Kind::kFrame) << "no footer is made up";
  EXPECT_EQ(pieces.back().what, "");
  EXPECT_THAT(pieces[0].what, HasSubstr("the file has " + std::to_string(frames[1].end) + " bytes"));

  auto longer = bytes;
  longer.insert(longer.end(), 6, std::byte{'x'});
  store.files.set_contents(path, longer);
  pieces = dump(store, path);
  EXPECT_EQ(data_of(pieces), all);
  ASSERT_GE(pieces.size(), 2U);
  EXPECT_EQ(pieces[pieces.size() - 2].kind, Kind::kFooter);
  EXPECT_EQ(pieces[pieces.size() - 2].what, "");
  EXPECT_THAT(pieces.back().what, HasSubstr("behind the segment's end"));

  // A frame of another segment, put in the place of one.
  auto foreign = bytes;
  const auto other = store.in_segment(3)[0];
  const auto from = store.contents(store.segment(3));
  std::copy_n(from.begin() + static_cast<std::ptrdiff_t>(other.begin),
              std::min(other.end - other.begin, frames[2].end - frames[0].begin),
              foreign.begin() + static_cast<std::ptrdiff_t>(frames[0].begin));
  store.files.set_contents(path, foreign);
  pieces = dump(store, path);
  EXPECT_EQ(pieces[1].kind, Kind::kFrame);
  EXPECT_THAT(pieces[1].what, HasSubstr("belongs to another place"));
  EXPECT_EQ(pieces[1].positions, std::vector{other.header.first_position});
}

TEST(Dump, OfRandomBytesEnds) {
  SampleStore store;
  const auto path = store.segment(2);
  const auto bytes = store.contents(path);
  std::mt19937_64 random(5);
  for (std::uint64_t round = 0; round < sampled(300) && !HasFailure(); ++round) {
    SCOPED_TRACE(round);
    auto changed = bytes;
    for (std::uint64_t n = 1 + random() % 20; n > 0; --n) {
      const std::size_t from = random() % changed.size();
      const std::size_t to = random() % changed.size();
      const std::size_t length = std::min({random() % 600, changed.size() - from, changed.size() - to});
      std::ranges::copy_n(bytes.begin() + static_cast<std::ptrdiff_t>(from), static_cast<std::ptrdiff_t>(length),
                          changed.begin() + static_cast<std::ptrdiff_t>(to));
    }
    store.files.set_contents(path, changed);
    (void)dump(store, path);
  }
}

TEST(Dump, SaysWhatItCannotRead) {
  SampleStore store;
  const auto ignore = [](const SegmentPiece&) { return true; };
  EXPECT_TRUE(
      fails_with(dump_segment(store.files, store.folder / "segment-0000000099.log", ignore), ErrorCode::kNotFound));
  const auto other = dump_segment(store.files, store.folder / "super-a", ignore);
  ASSERT_TRUE(fails_with(other, ErrorCode::kInvalidArgument));
  EXPECT_THAT(other.error().message(), HasSubstr("no segment"));
  // A medium that fails is said of the piece, and the rest is told.
  store.files.set_fault_rule([](const platform::SeamCall& call) -> std::optional<platform::SeamFault> {
    const bool hit =
        call.kind == platform::SeamCall::Kind::kPread && call.offset <= 600 && call.offset + call.length > 600;
    return hit ? std::optional(platform::SeamFault{.error = EIO}) : std::nullopt;
  });
  std::uint64_t told = 0;
  std::string what;
  ASSERT_TRUE(ok(dump_segment(store.files, store.segment(1), [&](const SegmentPiece& piece) {
    told += piece.bytes;
    what += piece.what;
    return true;
  })));
  store.files.set_fault_rule({});
  EXPECT_EQ(told, 4096U);
  EXPECT_THAT(what, HasSubstr("the medium does not give back"));
  // Who has seen enough says so.
  std::size_t calls = 0;
  ASSERT_TRUE(ok(dump_segment(store.files, store.segment(1), [&](const SegmentPiece&) { return ++calls < 2; })));
  EXPECT_EQ(calls, 2U);
}

}  // namespace
}  // namespace tidemark::engine
