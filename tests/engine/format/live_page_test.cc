// SPDX-License-Identifier: Apache-2.0
// Goal: a live page says something only if it is of this log and this run of the machine, and whole; its bytes are
// those of the specification. Method: golden bytes; every bit of a right page flipped; pages of others.
#include "engine/format/live_page.h"

#include <array>
#include <gtest/gtest.h>
#include <string>

namespace tidemark::engine {
namespace {

using Page = std::array<std::byte, kLivePageMarkAt + sizeof(LivePageMark)>;

FileId id(std::uint8_t first) {
  FileId made{};
  for (std::size_t i = 0; i < made.size(); ++i) { made[i] = static_cast<std::byte>(first + i); }
  return made;
}

const FileId kLog = id(0x10);
const FileId kBoot = id(0x40);

Page page_of(const FileId& log, const FileId& boot, std::uint32_t epoch, std::uint64_t durable,
             std::uint32_t mark_epoch) {
  Page page{};
  store_as(page.data(), make_live_page_start(log, boot, epoch));
  store_as(page.data() + kLivePageMarkAt, make_live_page_mark(9, Offset(durable), mark_epoch));
  return page;
}

TEST(LivePage, SaysHowFarTheLogIsDurable) {
  const auto mark = read_live_mark(page_of(kLog, kBoot, 3, 4711, 3), kLog, kBoot);
  ASSERT_TRUE(mark);
  EXPECT_EQ(mark->epoch, 3u);
  EXPECT_EQ(mark->word, 9u);
  EXPECT_EQ(mark->durable, Offset(4711));
}

TEST(LivePage, IsGolden) {
  const Page page = page_of(kLog, kBoot, 3, 4711, 3);
  std::string hex;
  for (const std::byte b : page) {
    constexpr const char* kDigits = "0123456789abcdef";
    hex += kDigits[std::to_integer<unsigned>(b) >> 4U];
    hex += kDigits[std::to_integer<unsigned>(b) & 15U];
  }
  EXPECT_EQ(hex,
            "544d534c49564500335a9946010000001011"
            "12131415161718191a1b1c1d1e1f404142434445464748494a4b4c4d4e4f0300"
            "0000000000000000000000000000090000000000000067120000000000004f857f8735236202");
}

TEST(LivePage, AnotherLogsOrAnotherBootsSaysNothing) {
  EXPECT_FALSE(read_live_mark(page_of(id(1), kBoot, 3, 4711, 3), kLog, kBoot));
  EXPECT_FALSE(read_live_mark(page_of(kLog, id(1), 3, 4711, 3), kLog, kBoot));
  // Where the system does not tell, one run of the machine looks like the next.
  EXPECT_FALSE(read_live_mark(page_of(kLog, FileId{}, 3, 4711, 3), kLog, FileId{}));
  // A writer that was shut out, and did not notice yet.
  EXPECT_FALSE(read_live_mark(page_of(kLog, kBoot, 4, 4711, 3), kLog, kBoot));
}

TEST(LivePage, HalfOfOneSaysNothing) {
  const Page page = page_of(kLog, kBoot, 3, 4711, 3);
  EXPECT_FALSE(read_live_mark(Page{}, kLog, kBoot));
  for (std::size_t size = 0; size < page.size(); ++size) {
    EXPECT_FALSE(read_live_mark(std::span(page).first(size), kLog, kBoot));
  }
  const Page next = [&] {
    Page made = page;
    store_as(made.data() + kLivePageMarkAt, make_live_page_mark(10, Offset(5000), 3));
    return made;
  }();
  for (std::size_t cut = kLivePageMarkAt + 1; cut < page.size(); ++cut) {
    Page torn = page;
    std::copy_n(next.begin(), cut, torn.begin());
    if (torn != page && torn != next) { EXPECT_FALSE(read_live_mark(torn, kLog, kBoot)) << cut; }
  }
}

TEST(LivePage, EveryFlippedBitIsNoticed) {
  const Page page = page_of(kLog, kBoot, 3, 4711, 3);
  for (std::size_t bit = 0; bit < page.size() * 8; ++bit) {
    Page damaged = page;
    damaged[bit / 8] ^= std::byte{1} << (bit % 8);
    EXPECT_FALSE(read_live_mark(damaged, kLog, kBoot)) << bit;
  }
}

}  // namespace
}  // namespace tidemark::engine
