// SPDX-License-Identifier: Apache-2.0
// Goal: every call on the seam is counted and can be failed, cut short or refused for lack of space, also while many
// threads use it.
#include "platform/sim/sim_file_system.h"

#include <atomic>
#include <cerrno>
#include <gtest/gtest.h>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "platform/io.h"
#include "tests/platform/support.h"

namespace tidemark::platform {
namespace {

using test::filled;
using test::must;
using test::read_all;
using test::text_of;
using test::write_text;
using Kind = SeamCall::Kind;

constexpr std::size_t kKinds = static_cast<std::size_t>(Kind::kCheckFile) + 1;

// One call of every kind; gives the errno of each.
std::vector<int> call_all(SimFileSystem& fs, File& file, const Mapping& mapping, FileLock& held) {
  const auto number = [](const auto& result) { return result ? 0 : result.error().system_error(); };
  std::vector<std::byte> into(4);
  const Bytes part = as_bytes("text");
  return {
      number(fs.open("a", OpenMode::kRead)),
      number(file.pread(into, 8)),
      number(file.pwritev({&part, 1}, 16)),
      number(file.datasync()),
      number(file.allocate(1000)),
      number(file.write_zeros(10)),
      number(file.size()),
      number(file.map()),
      number(mapping.populate(1, 2)),
      number(fs.rename("b", "c")),
      number(fs.link("c", "e")),
      number(fs.unlink("c")),
      number(fs.list("")),
      number(fs.make_folder("d")),
      number(fs.check_inner_folder("d")),
      number(fs.sync_folder("")),
      number(fs.lock("lock")),
      number(fs.is_locked("lock")),
      number(fs.traits("")),
      number(held.check()),
      number(file.check()),
  };
}

struct SimFileSystemTest : testing::Test {
  SimFileSystem fs;
  std::unique_ptr<File> file = must(fs.open("a", OpenMode::kCreate));
  std::unique_ptr<Mapping> mapping;

  SimFileSystemTest() {
    write_text(*file, "0123456789");
    must(fs.open("b", OpenMode::kCreate));
    mapping = must(file->map());
  }
};

TEST_F(SimFileSystemTest, EveryCallIsCountedAndShownToTheRule) {
  const auto held = must(fs.lock("held"));
  std::vector<std::uint64_t> before;
  for (std::size_t kind = 0; kind < kKinds; ++kind) before.push_back(fs.calls(static_cast<Kind>(kind)));
  std::vector<std::string> seen;
  std::uint64_t last = fs.calls();
  fs.set_fault_rule([&](const SeamCall& call) -> std::optional<SeamFault> {
    EXPECT_EQ(call.number, ++last);
    seen.push_back(std::string(to_string(call.kind)) + " " + std::string(call.path) + " " +
                   std::to_string(call.offset) + " " + std::to_string(call.length));
    return std::nullopt;
  });
  EXPECT_EQ(call_all(fs, *file, *mapping, *held), std::vector<int>(kKinds, 0));
  EXPECT_EQ(fs.calls(), last);
  for (std::size_t kind = 0; kind < kKinds; ++kind)
    EXPECT_EQ(fs.calls(static_cast<Kind>(kind)), before[kind] + 1) << kind;
  const std::vector<std::string> expected = {
      "open a 0 0",         "pread a 8 4",   "pwritev a 16 4",     "datasync a 0 0",    "allocate a 0 1000",
      "write_zeros a 0 10", "size a 0 0",    "map a 0 0",          "populate a 1 2",    "rename b 0 0",
      "link c 0 0",         "unlink c 0 0",  "list  0 0",          "make_folder d 0 0", "check_folder d 0 0",
      "sync_folder  0 0",   "lock lock 0 0", "is_locked lock 0 0", "traits  0 0",       "check_lock held 0 0",
      "check_file a 0 0"};
  EXPECT_EQ(seen, expected);
}

TEST_F(SimFileSystemTest, EveryCallCanBeFailedAndThenDoesNothing) {
  const auto held = must(fs.lock("held"));
  fs.set_fault_rule([](const SeamCall&) { return SeamFault{.error = EDQUOT}; });
  const auto files = fs.files();
  EXPECT_EQ(call_all(fs, *file, *mapping, *held), std::vector<int>(kKinds, EDQUOT));
  EXPECT_EQ(fs.files(), files);
  EXPECT_EQ(text_of(*fs.contents("a")), "0123456789");
  fs.set_fault_rule(nullptr);
  EXPECT_EQ(call_all(fs, *file, *mapping, *held), std::vector<int>(kKinds, 0));
}

TEST_F(SimFileSystemTest, ShortCounts) {
  fs.set_fault_rule([](const SeamCall&) { return SeamFault{.only = 3}; });
  const std::vector<Bytes> parts = {as_bytes("ab"), as_bytes("cdef")};
  EXPECT_EQ(must(file->pwritev(parts, 0)), 3u);
  std::vector<std::byte> into(10);
  EXPECT_EQ(must(file->pread(into, 0)), 3u);
  EXPECT_EQ(text_of(*fs.contents("a")), "abc3456789");

  fs.set_fault_rule([](const SeamCall&) { return SeamFault{.error = EIO, .only = 1}; });
  EXPECT_EQ(file->pwritev(parts, 8).error().system_error(), EIO);
  EXPECT_EQ(text_of(*fs.contents("a")), "abc34567a9");
  EXPECT_EQ(file->datasync().error().system_error(), EIO);
}

TEST_F(SimFileSystemTest, PowerOffFromWithinARuleFailsThatCall) {
  fs.set_fault_rule([&](const SeamCall& call) -> std::optional<SeamFault> {
    if (call.kind == Kind::kPwritev) fs.power_off();
    return std::nullopt;
  });
  const Bytes part = as_bytes("text");
  EXPECT_EQ(file->pwritev({&part, 1}, 0).error().system_error(), EIO);
  EXPECT_EQ(text_of(*fs.contents("a")), "0123456789");
  EXPECT_EQ(file->size().error().system_error(), EIO);
}

TEST_F(SimFileSystemTest, CapacityEndsInNoSpace) {
  fs.set_capacity(1000);
  ASSERT_EQ(must(file->size()), 10u);
  EXPECT_EQ(file->allocate(1001).error().code(), ErrorCode::kNoSpace);
  EXPECT_EQ(file->write_zeros(1001).error().code(), ErrorCode::kNoSpace);
  EXPECT_EQ(must(file->size()), 10u);
  const auto other = must(fs.open("other", OpenMode::kCreate));
  must(other->allocate(900));
  const Status written = write_all(*file, filled(200, 'x'), 0);
  ASSERT_FALSE(written);
  EXPECT_EQ(written.error().code(), ErrorCode::kNoSpace);
  EXPECT_EQ(must(file->size()), 100u) << "what fits is written";
  must(write_all(*other, filled(900, 'x'), 0));
  must(fs.unlink("other"));
  must(write_all(*file, filled(200, 'x'), 0));
  fs.set_capacity(50);
  EXPECT_FALSE(file->allocate(300));
  must(write_all(*file, filled(200, 'y'), 0));
}

TEST_F(SimFileSystemTest, PopulateOfAFileCutShortIsAnError) {
  must(mapping->populate(0, 10));
  fs.set_contents("a", as_bytes("0123"));
  must(mapping->populate(0, 4));
  EXPECT_EQ(mapping->populate(0, 10).error().system_error(), EFAULT);
}

TEST_F(SimFileSystemTest, TooLargeIsOutOfMemory) {
  const Bytes part = as_bytes("x");
  EXPECT_EQ(file->pwritev({&part, 1}, std::uint64_t{1} << 62).error().code(), ErrorCode::kOutOfMemory);
  EXPECT_EQ(read_all(*file), "0123456789");
}

TEST_F(SimFileSystemTest, FilesOutliveTheFileSystem) {
  auto disk = std::make_unique<SimFileSystem>();
  const auto orphan = must(disk->open("a", OpenMode::kCreate));
  const auto lock = must(disk->lock("lock"));
  disk.reset();
  write_text(*orphan, "text");
  EXPECT_EQ(read_all(*orphan), "text");
}

TEST_F(SimFileSystemTest, PathsAreNormalized) {
  must(fs.make_folder("./x//y/"));
  write_text(*must(fs.open("x/../x/y/./z", OpenMode::kCreate)), "text");
  EXPECT_EQ(text_of(*fs.contents("x/y/z")), "text");
  EXPECT_EQ(fs.files(), (std::vector<std::filesystem::path>{"a", "b", "x/y/z"}));
  EXPECT_FALSE(fs.contents("/x/y/z")) << "the root is not the current folder";
}

TEST_F(SimFileSystemTest, LinksSurviveACrashOnceTheirFolderIsSynced) {
  must(fs.make_folder("x"));
  must(file->datasync());
  must(fs.sync_folder(""));
  must(fs.link("a", "x/synced"));
  must(fs.sync_folder("x"));
  must(fs.link("a", "x/lost"));
  must(fs.rename("x/synced", "x/renamed"));
  fs.power_off();
  fs.power_on(1, 0);
  EXPECT_EQ(fs.files(), (std::vector<std::filesystem::path>{"a", "b", "x/synced"}));
  EXPECT_EQ(text_of(*fs.contents("x/synced")), "0123456789");
  must(fs.rename("x/synced", "x/renamed"));
  must(fs.unlink("a"));
  fs.power_off();
  fs.power_on(1, 1);
  EXPECT_EQ(fs.files(), (std::vector<std::filesystem::path>{"b", "x/renamed"}));
}

TEST_F(SimFileSystemTest, ALinkTakesNoRoom) {
  fs.set_capacity(1000);
  must(file->allocate(900));
  must(fs.link("a", "second"));
  must(file->allocate(1000));
  EXPECT_EQ(file->allocate(1001).error().code(), ErrorCode::kNoSpace);
}

TEST_F(SimFileSystemTest, FoldersRenameWithinTheirParent) {
  must(fs.make_folder("x/y"));
  must(fs.open("x/y/z", OpenMode::kCreate));
  must(fs.rename("x/y", "x/w"));
  EXPECT_TRUE(fs.contents("x/w/z"));
  EXPECT_EQ(fs.rename("x/w", "w").error().system_error(), EXDEV);
  EXPECT_EQ(fs.rename("a", "x").error().system_error(), EISDIR);
  EXPECT_EQ(fs.rename("x", "a").error().system_error(), ENOTDIR);
  EXPECT_EQ(fs.unlink("x").error().system_error(), EISDIR);
}

TEST_F(SimFileSystemTest, ManyThreadsAndACrash) {
  must(file->allocate(1 << 20));
  for (int t = 0; t < 4; ++t) must(fs.open("thread" + std::to_string(t), OpenMode::kCreate));
  fs.set_fault_rule([n = std::make_shared<std::atomic<int>>(0), this](const SeamCall&) -> std::optional<SeamFault> {
    if (++*n == 3000) fs.power_off();
    return std::nullopt;
  });
  {
    std::vector<std::jthread> threads;
    for (std::uint64_t t = 0; t < 4; ++t) {
      threads.emplace_back([this, t] {
        const std::string name = "thread" + std::to_string(t);
        while (!fs.is_off()) {
          const auto own = fs.open(name, OpenMode::kReadWrite);
          if (own) static_cast<void>(write_all(**own, filled(3000, 'x'), 0));
          static_cast<void>(write_all(*file, filled(1000, 'y'), t * 10'000));
          static_cast<void>(file->datasync());
          static_cast<void>(fs.list(""));
          static_cast<void>(fs.lock("lock"));
        }
      });
    }
  }
  fs.set_fault_rule(nullptr);
  fs.power_on(1, 1);
  for (int t = 0; t < 4; ++t) {
    const auto bytes = fs.contents("thread" + std::to_string(t));
    ASSERT_TRUE(bytes);
    EXPECT_TRUE(bytes->empty() || *bytes == filled(3000, 'x'));
  }
  EXPECT_EQ(fs.contents("a")->size(), std::size_t{1} << 20);
}

}  // namespace
}  // namespace tidemark::platform
