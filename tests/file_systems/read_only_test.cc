// SPDX-License-Identifier: Apache-2.0
// Goal: a store on a file system that is read-only can be read in every way, not a byte of the disk changes, and
// opening for writing says why it cannot. Method: stores that were closed and stores whose writer was killed, on loop
// devices; the disk's bytes before and after.
#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstddef>
#include <filesystem>
#include <gtest/gtest.h>
#include <optional>
#include <signal.h>
#include <string>
#include <thread>
#include <vector>

#include "tests/file_systems/mounts.h"
#include "tests/file_systems/worker_batch.h"

namespace tidemark::file_systems {

namespace {

struct Case {
  Kind kind;
  bool killed;
  bool remounted;  // read-only after it was mounted writable, instead of from the start
};

class ReadOnlyMountTest : public testing::TestWithParam<Case> {};

// A store with some segments; what was acknowledged.
std::vector<Acknowledged> write_store(const std::filesystem::path& store, bool killed) {
  std::vector<std::string> call = {STORE_WORKER, "write", store.string()};
  if (!killed) {
    call.insert(call.end(), {"--batches", "100"});
    const Ended ended = run_program(call);
    EXPECT_EQ(ended.exit_code, 0);
    return read_lines(ended.said);
  }
  const Ended ended = run_program(call, -1, [](int process) {
    std::this_thread::sleep_for(std::chrono::milliseconds(500));
    ::kill(process, SIGKILL);
  });
  EXPECT_EQ(ended.signal, SIGKILL);
  return read_lines(ended.said);
}

TEST_P(ReadOnlyMountTest, IsReadAndNeverWritten) {
  const auto [kind, killed, remounted] = GetParam();
  std::string why;
  const auto disk = PlainDisk::make(kind, disk_bytes(kind), why);
  if (!disk) { GTEST_SKIP() << why; }
  why = disk->mount();
  if (!why.empty()) { GTEST_SKIP() << why; }
  const auto folder = disk->path() / "store";
  const std::vector<Acknowledged> acknowledged = write_store(folder, killed);
  ASSERT_FALSE(acknowledged.empty());
  if (remounted) {
    ASSERT_EQ(disk->remount(true), "");
  } else {
    disk->unmount();
    ASSERT_EQ(disk->mount(true), "");
  }
  const auto bytes = disk->disk().bytes();
  const std::vector<std::byte> before(bytes.begin(), bytes.end());
  const auto changed_before = std::filesystem::last_write_time(disk->disk().file());

  // In the same boot as the killed writer the last group may not be shown (docs/recovery.md).
  const std::vector<Acknowledged> due = killed ? std::vector<Acknowledged>() : acknowledged;
  std::uint64_t events = 0;
  for (const Access access : {Access::kMapped, Access::kCopied}) {
    const auto store = Store::open(folder, {.read_only = true});
    ASSERT_TRUE(store) << to_string(store.error());
    Shown shown;
    EXPECT_EQ(check_shown(*store, due, access, shown), std::nullopt);
    EXPECT_GT(shown.events, 0U);
    EXPECT_EQ(store->info().events, shown.events);
    events = shown.events;
    const auto streams = store->streams();
    ASSERT_TRUE(streams) << to_string(streams.error());
    EXPECT_FALSE(streams->empty());
    Store copy = *Store::open(folder, {.read_only = true});
    const auto refused = copy.append("stream", Expect::any(), {{.type = "Refused"}});
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code(), ErrorCode::kReadOnly);
  }
  const auto report = verify(folder);
  ASSERT_TRUE(report) << to_string(report.error());
  EXPECT_TRUE(report->whole());
  const auto writing = Store::open(folder);
  ASSERT_FALSE(writing);
  EXPECT_EQ(writing.error().code(), ErrorCode::kIo) << to_string(writing.error());
  EXPECT_EQ(writing.error().system_error(), EROFS) << to_string(writing.error());
  const auto made = Store::open(disk->path() / "another");
  ASSERT_FALSE(made);
  EXPECT_EQ(made.error().code(), ErrorCode::kIo) << to_string(made.error());

  EXPECT_TRUE(std::ranges::equal(bytes, before)) << "the disk has changed";
  EXPECT_EQ(std::filesystem::last_write_time(disk->disk().file()), changed_before) << "the disk was written to";

  // Writable again, the store goes on.
  ASSERT_EQ(disk->remount(false), "");
  {
    auto store = Store::open(folder);
    ASSERT_TRUE(store) << to_string(store.error());
    Shown shown;
    EXPECT_EQ(check_shown(*store, acknowledged, Access::kMapped, shown), std::nullopt);
    EXPECT_GE(shown.events, events);
    EXPECT_TRUE(store->append("stream", Expect::any(), {{.type = "GoesOn"}}));
  }
}

INSTANTIATE_TEST_SUITE_P(FileSystems, ReadOnlyMountTest,
                         testing::Values(Case{Kind::kExt4, false, false}, Case{Kind::kExt4, true, false},
                                         Case{Kind::kExt4, true, true}, Case{Kind::kXfs, false, true},
                                         Case{Kind::kXfs, true, false}, Case{Kind::kBtrfs, false, true},
                                         Case{Kind::kBtrfs, true, false}),
                         [](const auto& one) {
                           return std::string(to_string(one.param.kind)) + (one.param.killed ? "Killed" : "Closed") +
                                  (one.param.remounted ? "Remounted" : "Mounted");
                         });

}  // namespace

}  // namespace tidemark::file_systems
