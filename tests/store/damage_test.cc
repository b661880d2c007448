// SPDX-License-Identifier: Apache-2.0
// Goal: damage met while reading ends a cursor with an error that says where, on mapped and on copied access alike, and
// never gives a wrong byte. Method: every byte of an acknowledged frame is changed in turn after the store was opened;
// files are cut short, and media made to fail, behind the store's back.
#include <cerrno>
#include <gtest/gtest.h>

#include "tests/store/support.h"

namespace tidemark {
namespace {

using namespace test;

class DamageMet : public testing::TestWithParam<Access> {
 protected:
  World world;

  // Reads all; gives the error, and checks that everything before it is as it was.
  std::optional<Error> error_of(Store& store, const Lines& expected) {
    Cursor cursor = store.read(Query::all(), {.access = GetParam()});
    Lines got;
    while (const Event* e = cursor.next()) {
      got.push_back(lines_of({OwnedEvent(*e)})[0]);
      if (got.size() > expected.size()) { break; }
    }
    EXPECT_EQ(got, Lines(expected.begin(), expected.begin() + static_cast<std::ptrdiff_t>(got.size())));
    if (cursor.status()) {
      EXPECT_EQ(got.size(), expected.size());
      return std::nullopt;
    }
    EXPECT_EQ(cursor.next(), nullptr);  // and stays there
    return cursor.status().error();
  }
};

TEST_P(DamageMet, EveryByteOfAFrame) {
  {
    Store store = world.open(tiny_segments());
    must(append(store, "a", "first"));
    must(append(store, "stream", "second"));
    must(append(store, "a", "third"));
  }
  Lines expected;
  std::uint64_t begin = 512;
  std::uint64_t end = 0;
  {
    Store store = world.open(tiny_segments());
    expected = lines(store);
    const auto bytes = world.contents(world.segment(1));
    const auto first = engine::load_as<engine::FrameHeader>(bytes.data() + begin);
    begin = engine::frame_end(begin, first.table_bytes, first.body_bytes);
    const auto second = engine::load_as<engine::FrameHeader>(bytes.data() + begin);
    end = engine::frame_end(begin, second.table_bytes, second.body_bytes);
  }
  for (std::uint64_t at = begin; at < end; ++at) {
    Store store = world.open(tiny_segments());
    world.flip(world.segment(1), at);
    const auto error = error_of(store, expected);
    world.flip(world.segment(1), at);
    ASSERT_TRUE(error) << at;
    EXPECT_EQ(error->code(), ErrorCode::kDamaged);
    EXPECT_EQ(error->segment(), SegmentNumber(1));
    EXPECT_EQ(error->offset(), Offset(begin));
    EXPECT_EQ(error->path(), world.segment(1));
    EXPECT_NE(error->message().find("position 1"), std::string::npos);
  }
}

TEST_P(DamageMet, AnotherStreamIsStillRead) {
  Store store = world.open(tiny_segments());
  must(append(store, "a", "first"));
  must(append(store, "b", "second"));
  must(append(store, "a", "third"));
  const auto bytes = world.contents(world.segment(1));
  const auto first = engine::load_as<engine::FrameHeader>(bytes.data() + 512);
  world.flip(world.segment(1), engine::frame_end(512, first.table_bytes, first.body_bytes) + 80);
  EXPECT_EQ(lines(store, Query::stream("a"), {.access = GetParam()}), (Lines{"0 a@0 first", "2 a@1 third"}));
  Cursor hit = store.read(Query::stream("b"), {.access = GetParam()});
  EXPECT_EQ(hit.next(), nullptr);
  EXPECT_TRUE(fails_with(hit.status(), ErrorCode::kDamaged));
  // Appends go on.
  EXPECT_TRUE(ok(append(store, "b", "fourth")));
}

TEST_P(DamageMet, AFileCutShortByOthers) {
  Store store = world.open(tiny_segments());
  for (int i = 0; i < 12; ++i) { must(append(store, "a", std::string(800, 'x'))); }
  const auto expected = lines(store);
  must(store.close());
  store = world.open(tiny_segments());
  auto bytes = world.contents(world.segment(2));
  bytes.resize(1000);
  world.files.set_contents(world.segment(2), bytes);
  const auto error = error_of(store, expected);
  ASSERT_TRUE(error);
  EXPECT_EQ(error->code(), ErrorCode::kDamaged);
  EXPECT_EQ(error->segment(), SegmentNumber(2));
}

TEST_P(DamageMet, AMediumThatFailsIsAnError) {
  Store store = world.open(tiny_segments());
  for (int i = 0; i < 12; ++i) { must(append(store, "a", std::string(800, 'x'))); }
  const auto expected = lines(store);
  must(store.close());
  store = world.open(tiny_segments());
  const auto kind = GetParam() == Access::kMapped ? World::Kind::kPopulate : World::Kind::kPread;
  world.files.set_fault_rule([&](const platform::SeamCall& call) -> std::optional<platform::SeamFault> {
    if (call.kind == kind && call.path.find("segment-0000000002") != std::string_view::npos) {
      return platform::SeamFault{.error = EIO};
    }
    return std::nullopt;
  });
  const auto error = error_of(store, expected);
  ASSERT_TRUE(error);
  EXPECT_EQ(error->code(), ErrorCode::kIo);
  EXPECT_EQ(error->segment(), SegmentNumber(2));
  EXPECT_EQ(error->system_error(), EIO);
  // Once the medium answers, a new read goes through.
  world.files.set_fault_rule({});
  EXPECT_FALSE(error_of(store, expected));
}

TEST_P(DamageMet, AFileThatIsGone) {
  Store store = world.open(tiny_segments());
  for (int i = 0; i < 12; ++i) { must(append(store, "a", std::string(800, 'x'))); }
  const auto expected = lines(store);
  must(store.close());
  store = world.open(tiny_segments());
  world.files.remove(world.segment(2));
  EXPECT_TRUE(error_of(store, expected));
}

INSTANTIATE_TEST_SUITE_P(Access, DamageMet, testing::Values(Access::kMapped, Access::kCopied),
                         [](const auto& one) { return one.param == Access::kMapped ? "Mapped" : "Copied"; });

TEST(Access, CopiedEqualsMapped) {
  World world;
  Store store = world.open({.segment_bytes_first = 4096, .segment_bytes_largest = 65536});
  for (int i = 0; i < 30; ++i) {
    Batch batch;
    for (int n = 0; n <= i; ++n) {
      batch.to("s" + std::to_string(n % 3))
          .add({.type = "T" + std::string(static_cast<std::size_t>(n % 2), 'x') == "T" ? "T" : "U",
                .data = as_bytes(std::string_view("0123456789abcdefghij").substr(0, static_cast<std::size_t>(n % 20))),
                .metadata = as_bytes("meta"),
                .tags = {"one", "two"}});
    }
    must(store.append(batch));
  }
  const auto mapped = read(store);
  const auto copied = read(store, Query::all(), {.access = Access::kCopied});
  ASSERT_EQ(mapped.size(), copied.size());
  for (std::size_t i = 0; i < mapped.size(); ++i) {
    EXPECT_EQ(mapped[i].position, copied[i].position);
    EXPECT_EQ(mapped[i].stream, copied[i].stream);
    EXPECT_EQ(mapped[i].version, copied[i].version);
    EXPECT_EQ(mapped[i].id, copied[i].id);
    EXPECT_EQ(mapped[i].type, copied[i].type);
    EXPECT_EQ(mapped[i].recorded, copied[i].recorded);
    EXPECT_EQ(mapped[i].valid, copied[i].valid);
    EXPECT_EQ(mapped[i].data, copied[i].data);
    EXPECT_EQ(mapped[i].metadata, copied[i].metadata);
    EXPECT_EQ(mapped[i].tags, copied[i].tags);
  }
}

}  // namespace
}  // namespace tidemark
