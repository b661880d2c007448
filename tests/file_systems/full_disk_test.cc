// SPDX-License-Identifier: Apache-2.0
// Goal: a full disk is an error and nothing else: the store stays readable, opens while the disk is full, loses
// nothing, and takes appends again once there is room. Method: stores that fill small file systems on loop devices, and
// one that meets the limit of a file's size.
#include <fcntl.h>
#include <filesystem>
#include <gtest/gtest.h>
#include <optional>
#include <signal.h>
#include <string>
#include <sys/resource.h>
#include <unistd.h>

#include "tests/file_systems/mounts.h"
#include "tests/file_systems/worker_batch.h"
#include "tests/open_with_index.h"

namespace tidemark::file_systems {

namespace {

constexpr std::uint64_t kMebibyte = std::uint64_t{1} << 20U;

constexpr std::uint64_t kTableEvents = 50;  // index files are made while the disk runs full
OpenOptions small_segments() { return {.segment_bytes_first = 1U << 16U, .segment_bytes_largest = 1U << 20U}; }

// Appends the n-th event: 20 KB that tell n.
Result<Receipt> append_one(Store& store, std::uint64_t n) {
  std::string data = std::to_string(n) + "/";
  data.resize(20'000, static_cast<char>('a' + n % 26));
  return store.append("stream", n == 0 ? Expect::no_stream() : Expect::exactly(n - 1),
                      {{.type = "Counted", .data = as_bytes(data)}});
}

// Exactly so many are there, each whole.
void expect_events(const Store& store, std::uint64_t count) {
  for (const Access access : {Access::kMapped, Access::kCopied}) {
    std::uint64_t n = 0;
    Cursor all = store.read(Query::all(), {.access = access});
    while (const Event* event = all.next()) {
      const std::string begin = std::to_string(n) + "/";
      ASSERT_EQ(as_text(event->data()).substr(0, begin.size()), begin);
      ASSERT_EQ(event->data().size(), 20'000U);
      ++n;
    }
    EXPECT_TRUE(all.status()) << to_string(all.status().error());
    EXPECT_EQ(n, count);
  }
}

class FullDiskTest : public testing::TestWithParam<Kind> {};

TEST_P(FullDiskTest, IsAnErrorAndNothingElse) {
  const Kind kind = GetParam();
  std::string why;
  const auto disk = PlainDisk::make(kind, disk_bytes(kind), why);
  if (!disk) { GTEST_SKIP() << why; }
  why = disk->mount();
  if (!why.empty()) { GTEST_SKIP() << why; }
  // Room that can be made later, and most of the disk taken by others.
  const auto ballast = disk->path() / "ballast";
  const auto more_ballast = disk->path() / "more-ballast";
  const auto others = disk->path() / "others";
  const auto take = [](const std::filesystem::path& path, std::uint64_t bytes) {
    const int file = ::open(path.c_str(), O_CREAT | O_RDWR | O_CLOEXEC, 0600);
    const bool taken = file >= 0 && ::posix_fallocate(file, 0, static_cast<off_t>(bytes)) == 0;
    if (file >= 0) { ::close(file); }
    return taken;
  };
  ASSERT_TRUE(take(ballast, 6 * kMebibyte));
  ASSERT_TRUE(take(more_ballast, 8 * kMebibyte));
  const auto space = std::filesystem::space(disk->path());
  if (space.available > 24 * kMebibyte) { ASSERT_TRUE(take(others, space.available - 24 * kMebibyte)); }

  const auto folder = disk->path() / "store";
  std::uint64_t count = 0;
  std::uint64_t unknown = 0;  // appends that may be there or not
  {
    auto store = open_with_index(folder, small_segments(), kTableEvents);
    ASSERT_TRUE(store) << to_string(store.error());
    std::optional<Error> full;
    for (; !full; ++count) {
      ASSERT_LT(count, 100'000U) << "the disk is not full after 2 GB";
      if (auto receipt = append_one(*store, count); !receipt) { full = receipt.error(); }
    }
    --count;
    ASSERT_GT(count, 100U);
    if (kind == Kind::kBtrfs && full->code() == ErrorCode::kOutcomeUnknown) {
      // A copy-on-write file system may say so at a write or a sync into reserved space: then the store has failed.
      unknown = 1;
    } else {
      EXPECT_EQ(full->code(), ErrorCode::kNoSpace) << to_string(*full);
      expect_events(*store, count);
      // The next one tries again and finds the same, unless index files that were merged made room meanwhile. Of what
      // failed nothing was appended.
      auto again = append_one(*store, count);
      for (; again; again = append_one(*store, count)) { ASSERT_LT(++count, 100'000U); }
      EXPECT_EQ(again.error().code(), ErrorCode::kNoSpace) << to_string(again.error());
      expect_events(*store, count);
      // Room is made, and the same opening goes on.
      std::filesystem::remove(ballast);
      ::sync();
      for (int i = 0; i < 20; ++i, ++count) {
        const auto appended = append_one(*store, count);
        ASSERT_TRUE(appended) << to_string(appended.error());
      }
      auto receipt = append_one(*store, count);
      for (; receipt; receipt = append_one(*store, count)) { ++count; }
      if (kind == Kind::kBtrfs && receipt.error().code() == ErrorCode::kOutcomeUnknown) {
        unknown = 1;
      } else {
        EXPECT_EQ(receipt.error().code(), ErrorCode::kNoSpace) << to_string(receipt.error());
        EXPECT_TRUE(store->close());
      }
    }
  }
  const auto reading = open_with_index(folder, {.read_only = true}, kTableEvents);
  ASSERT_TRUE(reading) << to_string(reading.error());
  if (unknown == 0) { expect_events(*reading, count); }
  {
    auto store = open_with_index(folder, small_segments(), kTableEvents);
    ASSERT_TRUE(store) << "on a full disk: " << to_string(store.error());
    const std::uint64_t found = store->info().events;
    EXPECT_GE(found, count);
    EXPECT_LE(found, count + unknown);
    count = found;
    expect_events(*store, count);
    EXPECT_TRUE(store->close());
  }
  std::filesystem::remove(more_ballast);
  ::sync();
  auto store = open_with_index(folder, small_segments(), kTableEvents);
  ASSERT_TRUE(store) << to_string(store.error());
  for (int i = 0; i < 100; ++i, ++count) {
    const auto receipt = append_one(*store, count);
    ASSERT_TRUE(receipt) << to_string(receipt.error());
  }
  expect_events(*store, count);
  EXPECT_TRUE(store->close());
  const auto report = verify(folder);
  ASSERT_TRUE(report) << to_string(report.error());
  EXPECT_TRUE(report->whole());
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    EXPECT_NE(entry.path().extension(), ".tmp") << "what was begun is still there";
  }
}

INSTANTIATE_TEST_SUITE_P(FileSystems, FullDiskTest, testing::Values(Kind::kExt4, Kind::kXfs, Kind::kBtrfs),
                         [](const auto& one) { return std::string(to_string(one.param)); });

// The limit of a file's size, for as long as this object is there; its signal is ignored for ever.
class FileSizeLimit {
 public:
  explicit FileSizeLimit(std::uint64_t bytes) {
    ::signal(SIGXFSZ, SIG_IGN);
    ::getrlimit(RLIMIT_FSIZE, &before_);
    const rlimit now{bytes, before_.rlim_max};
    set_ = ::setrlimit(RLIMIT_FSIZE, &now) == 0;
  }
  ~FileSizeLimit() { ::setrlimit(RLIMIT_FSIZE, &before_); }
  FileSizeLimit(const FileSizeLimit&) = delete;
  FileSizeLimit& operator=(const FileSizeLimit&) = delete;
  [[nodiscard]] bool is_set() const { return set_; }

 private:
  rlimit before_{};
  bool set_ = false;
};

TEST(FileSizeLimitTest, CountsAsAFullDisk) {
  const OwnFolder own;
  const auto folder = own.path() / "store";
  std::uint64_t count = 0;
  {
    const FileSizeLimit limit(200'000);  // within the third size of segments
    ASSERT_TRUE(limit.is_set());
    auto store = open_with_index(folder, small_segments(), kTableEvents);
    ASSERT_TRUE(store) << to_string(store.error());
    std::optional<Error> full;
    for (; !full; ++count) {
      ASSERT_LT(count, 1'000U);
      if (auto receipt = append_one(*store, count); !receipt) { full = receipt.error(); }
    }
    --count;
    EXPECT_EQ(full->code(), ErrorCode::kNoSpace) << to_string(*full);
    EXPECT_GT(count, 5U);
    expect_events(*store, count);
    // A smaller segment would still fit, but the store does not change its plan.
    const auto again = append_one(*store, count);
    ASSERT_FALSE(again);
    EXPECT_EQ(again.error().code(), ErrorCode::kNoSpace) << to_string(again.error());
    EXPECT_TRUE(store->close());
    store = open_with_index(folder, small_segments(), kTableEvents);
    ASSERT_TRUE(store) << "under the limit: " << to_string(store.error());
    expect_events(*store, count);
  }
  auto store = open_with_index(folder, small_segments(), kTableEvents);
  ASSERT_TRUE(store) << to_string(store.error());
  for (int i = 0; i < 30; ++i, ++count) {
    const auto receipt = append_one(*store, count);
    ASSERT_TRUE(receipt) << to_string(receipt.error());
  }
  expect_events(*store, count);
}

}  // namespace

}  // namespace tidemark::file_systems
