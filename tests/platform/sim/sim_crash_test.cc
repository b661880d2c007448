// SPDX-License-Identifier: Apache-2.0
// Goal: a crash in memory keeps what was synced, loses the rest by chance, and the same way for the same seed; so that
// a store that survives it survives a real one.
// Method: each rule by itself at the chances 0 and 1, then mixtures.
#include <algorithm>
#include <cerrno>
#include <gtest/gtest.h>
#include <set>
#include <string>
#include <sys/resource.h>
#include <vector>

#include "platform/io.h"
#include "platform/sim/sim_file_system.h"
#include "tests/platform/support.h"

namespace tidemark::platform {
namespace {

using test::filled;
using test::must;
using test::read_all;
using test::text_of;
using test::write_text;

constexpr std::size_t kBlock = 512;

struct SimCrashTest : testing::Test {
  SimFileSystem fs;

  SimCrashTest() {
    must(fs.make_folder("/f"));
    must(fs.sync_folder("/"));
  }

  // A file whose entry is on the disk.
  std::unique_ptr<File> durable_file(const std::string& path) {
    auto file = must(fs.open(path, OpenMode::kCreate));
    must(fs.sync_folder("/f"));
    return file;
  }
  std::optional<std::string> text_at(const std::string& path) const {
    const auto bytes = fs.contents(path);
    return bytes ? std::optional(text_of(*bytes)) : std::nullopt;
  }
  std::string names() const {
    std::string all;
    for (const auto& path : fs.files()) all += path.filename().string() + " ";
    return all;
  }
  void crash(double keep, std::uint64_t seed = 1) {
    fs.power_off();
    fs.power_on(seed, keep);
  }
};

TEST_F(SimCrashTest, SyncedBytesSurvive) {
  const auto file = durable_file("/f/a");
  write_text(*file, "text");
  must(file->datasync());
  crash(0);
  EXPECT_EQ(text_at("/f/a"), "text");
}

TEST_F(SimCrashTest, UnsyncedBytesAreLostOrKept) {
  for (const bool kept : {false, true}) {
    const auto file = durable_file(kept ? "/f/kept" : "/f/lost");
    write_text(*file, "old");
    must(file->datasync());
    write_text(*file, "newer");
    EXPECT_EQ(read_all(*file), "newer");
    crash(kept ? 1 : 0);
    EXPECT_EQ(text_at(kept ? "/f/kept" : "/f/lost"), kept ? "newer" : "old");
  }
}

TEST_F(SimCrashTest, ANewFileWithoutSyncIsEmpty) {
  const auto file = durable_file("/f/a");
  write_text(*file, "text");
  crash(0);
  EXPECT_EQ(text_at("/f/a"), "");
}

TEST_F(SimCrashTest, BlocksSurviveByThemselves) {
  constexpr std::size_t kBlocks = 1000;
  const auto file = durable_file("/f/a");
  must(write_all(*file, filled(kBlocks * kBlock, 'o'), 0));
  must(file->datasync());
  must(write_all(*file, filled(kBlocks * kBlock, 'n'), 0));
  crash(0.5, 7);
  const std::string text = *text_at("/f/a");
  ASSERT_EQ(text.size(), kBlocks * kBlock);
  std::size_t kept = 0;
  for (std::size_t block = 0; block < kBlocks; ++block) {
    const std::string_view part = std::string_view(text).substr(block * kBlock, kBlock);
    EXPECT_EQ(part, std::string(kBlock, part[0])) << "block " << block << " is torn";
    kept += part[0] == 'n';
  }
  EXPECT_GT(kept, 400u);
  EXPECT_LT(kept, 600u);
}

TEST_F(SimCrashTest, TheRestOfABlockIsKeptFromTheSync) {
  const auto file = durable_file("/f/a");
  must(write_all(*file, filled(2 * kBlock, 'o'), 0));
  must(file->datasync());
  write_text(*file, "XY", 10);
  write_text(*file, "Z", 700);
  crash(0);
  EXPECT_EQ(text_at("/f/a"), std::string(2 * kBlock, 'o'));
}

TEST_F(SimCrashTest, LostBlocksOfAGrownFileAreZeros) {
  std::set<std::string> outcomes;
  for (std::uint64_t seed = 0; seed < 64; ++seed) {
    SimFileSystem disk;
    const auto file = must(disk.open("a", OpenMode::kCreate));
    must(disk.sync_folder(""));
    write_text(*file, "old");
    must(file->datasync());
    must(write_all(*file, filled(2 * kBlock, 'n'), 0));
    disk.power_on(seed, 0.5);
    outcomes.insert(text_of(*disk.contents("a")));
  }
  const std::string zeros(kBlock, '\0');
  const std::string news(kBlock, 'n');
  const std::string old = "old" + zeros.substr(3);
  EXPECT_EQ(outcomes, (std::set<std::string>{"old", "nnn", old + zeros, old + news, news + zeros, news + news}));
}

TEST_F(SimCrashTest, WhatWasCutOffDoesNotComeBack) {
  bool was_cut = false;
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    SimFileSystem disk;
    disk.set_contents("a", as_bytes("text"));
    const auto file = must(disk.open("a", OpenMode::kReadWrite));
    must(write_all(*file, filled(2000, 'x'), 1000));
    disk.power_on(seed, 0.5);
    const auto again = must(disk.open("a", OpenMode::kReadWrite));
    if (must(again->size()) != 4) continue;
    was_cut = true;
    must(again->allocate(3000));
    EXPECT_EQ(read_all(*again), "text" + std::string(2996, '\0')) << "seed " << seed;
  }
  EXPECT_TRUE(was_cut);

  fs.set_contents("/f/a", as_bytes("long text"));
  fs.set_contents("/f/a", as_bytes("long"));
  const auto shortened = must(fs.open("/f/a", OpenMode::kReadWrite));
  must(shortened->allocate(10));
  EXPECT_EQ(read_all(*shortened), "long" + std::string(6, '\0'));
}

TEST_F(SimCrashTest, AllocationAndZerosFollowTheSameRules) {
  const auto file = durable_file("/f/a");
  must(write_all(*file, filled(2 * kBlock, 'x'), 0));
  must(file->datasync());
  must(file->write_zeros(10'000));
  must(file->allocate(20'000));
  crash(0);
  EXPECT_EQ(text_at("/f/a"), std::string(2 * kBlock, 'x'));

  const auto again = must(fs.open("/f/a", OpenMode::kReadWrite));
  must(again->write_zeros(10'000));
  must(again->allocate(20'000));
  must(again->datasync());
  crash(0);
  EXPECT_EQ(text_at("/f/a"), std::string(20'000, '\0'));
}

TEST_F(SimCrashTest, BlocksTearOnlyIfAsked) {
  bool torn = false;
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    SimFileSystem disk;
    const auto file = must(disk.open("a", OpenMode::kCreate));
    must(disk.sync_folder(""));
    must(write_all(*file, filled(kBlock, 'o'), 0));
    must(file->datasync());
    must(write_all(*file, filled(kBlock, 'n'), 0));
    disk.power_on(seed, 1, true);
    const std::string text = text_of(*disk.contents("a"));
    const std::size_t cut = text.find('o');
    if (cut == std::string::npos) continue;
    torn = torn || cut > 0;
    EXPECT_EQ(text, std::string(cut, 'n') + std::string(kBlock - cut, 'o'));
  }
  EXPECT_TRUE(torn);
}

TEST_F(SimCrashTest, TheSameSeedGivesTheSameDisk) {
  const auto run = [](std::uint64_t seed) {
    SimFileSystem disk;
    must(disk.make_folder("/f"));
    must(disk.sync_folder("/"));
    for (const char* name : {"/f/a", "/f/b", "/f/c", "/f/d"}) {
      const auto file = must(disk.open(name, OpenMode::kCreate));
      must(write_all(*file, filled(20 * kBlock, 'x'), 0));
    }
    must(disk.rename("/f/a", "/f/e"));
    must(disk.unlink("/f/b"));
    disk.power_on(seed, 0.5, true);
    std::string all;
    for (const auto& path : disk.files()) all += path.string() + ":" + text_of(*disk.contents(path)) + "\n";
    return all;
  };
  std::set<std::string> different;
  for (std::uint64_t seed = 0; seed < 10; ++seed) {
    EXPECT_EQ(run(seed), run(seed));
    different.insert(run(seed));
  }
  EXPECT_GT(different.size(), 5u);
}

TEST_F(SimCrashTest, AnEntryNeedsASyncOfItsFolder) {
  const auto file = must(fs.open("/f/a", OpenMode::kCreate));
  write_text(*file, "text");
  must(file->datasync());
  crash(0);
  EXPECT_EQ(names(), "");

  write_text(*must(fs.open("/f/b", OpenMode::kCreate)), "text");
  crash(1);
  EXPECT_EQ(text_at("/f/b"), "text");
}

TEST_F(SimCrashTest, AFolderNeedsASyncOfTheOneAbove) {
  must(fs.make_folder("/f/inner"));
  const auto file = must(fs.open("/f/inner/a", OpenMode::kCreate));
  must(fs.sync_folder("/f/inner"));
  crash(0);
  EXPECT_EQ(fs.list("/f/inner").error().code(), ErrorCode::kNotFound);

  must(fs.make_folder("/f/inner"));
  must(fs.open("/f/inner/a", OpenMode::kCreate));
  must(fs.sync_folder("/f/inner"));
  must(fs.sync_folder("/f"));
  crash(0);
  EXPECT_EQ(names(), "a ");
}

// What survives can be told block by block and name by name, and is just that.
TEST_F(SimCrashTest, WhatSurvivesCanBeToldExactly) {
  const auto file = durable_file("/f/a");
  write_text(*file, std::string(4 * kBlock, 'o'));
  must(file->datasync());
  write_text(*file, std::string(4 * kBlock, 'n'));
  must(fs.open("/f/kept", OpenMode::kCreate));
  must(fs.open("/f/gone", OpenMode::kCreate));
  fs.power_off();
  fs.power_on({.bytes = [](const auto&, std::uint64_t block) -> std::uint64_t {
                 return block == 1 ? 512 : block == 2 ? 100 : 0;
               },
               .name = [](const std::string& name) { return name == "kept"; }});
  EXPECT_EQ(names(), "a kept ");
  const std::string old(kBlock, 'o');
  EXPECT_EQ(text_at("/f/a"), old + std::string(kBlock + 100, 'n') + std::string(kBlock - 100, 'o') + old);
}

TEST_F(SimCrashTest, ARenameIsThereOrNot) {
  std::set<std::string> outcomes;
  for (std::uint64_t seed = 0; seed < 32; ++seed) {
    SimFileSystem disk;
    disk.set_contents("/f/final", as_bytes("old"));
    const auto file = must(disk.open("/f/temp", OpenMode::kCreate));
    write_text(*file, "new");
    must(file->datasync());
    must(disk.sync_folder("/f"));
    must(disk.rename("/f/temp", "/f/final"));
    disk.power_on(seed, 0.5);
    std::string all;
    for (const auto& path : disk.files()) all += path.filename().string() + "=" + text_of(*disk.contents(path)) + " ";
    outcomes.insert(all);
  }
  EXPECT_EQ(outcomes, (std::set<std::string>{"final=old temp=new ", "final=new "}));
}

TEST_F(SimCrashTest, ARenameWhoseSourceWasNeverSynced) {
  std::set<std::string> outcomes;
  for (std::uint64_t seed = 0; seed < 64; ++seed) {
    SimFileSystem disk;
    must(disk.open("temp", OpenMode::kCreate));
    must(disk.rename("temp", "middle"));
    must(disk.rename("middle", "final"));
    disk.power_on(seed, 0.5);
    std::string all;
    for (const auto& path : disk.files()) all += path.string() + " ";
    outcomes.insert(all);
  }
  EXPECT_EQ(outcomes, (std::set<std::string>{"", "temp ", "middle ", "final "})) << "one name, or none";
}

TEST_F(SimCrashTest, ARenameSyncedInOneFolderIsNotUndoneByTheOther) {
  must(fs.make_folder("/f/one"));
  must(fs.make_folder("/f/two"));
  must(fs.sync_folder("/f"));
  must(fs.open("/f/one/a", OpenMode::kCreate));
  must(fs.rename("/f/one/a", "/f/two/b"));
  must(fs.sync_folder("/f/two"));
  crash(1);
  EXPECT_EQ(names(), "b ");
}

TEST_F(SimCrashTest, ARemovedFileComesBackUnlessSynced) {
  write_text(*durable_file("/f/a"), "text");
  must(fs.unlink("/f/a"));
  EXPECT_EQ(names(), "");
  crash(0);
  EXPECT_EQ(names(), "a ");
  must(fs.unlink("/f/a"));
  must(fs.sync_folder("/f"));
  crash(0);
  EXPECT_EQ(names(), "");
}

TEST_F(SimCrashTest, NothingChangesWhileThePowerIsOff) {
  const auto file = durable_file("/f/a");
  write_text(*file, "text");
  auto lock = must(fs.lock("/f/lock"));
  fs.power_off();
  EXPECT_TRUE(fs.is_off());
  const Bytes part = as_bytes("XXXX");
  EXPECT_EQ(file->pwritev({&part, 1}, 0).error().system_error(), EIO);
  EXPECT_EQ(file->datasync().error().system_error(), EIO);
  EXPECT_EQ(fs.unlink("/f/a").error().system_error(), EIO);
  EXPECT_EQ(fs.lock("/f/other").error().system_error(), EIO);
  EXPECT_EQ(text_at("/f/a"), "text");
  fs.power_on(1, 1);
  EXPECT_FALSE(fs.is_off());
  EXPECT_EQ(text_at("/f/a"), "text");
  EXPECT_EQ(file->pwritev({&part, 1}, 0).error().system_error(), EIO) << "a file opened before stays dead";

  EXPECT_FALSE(must(fs.is_locked("/f/lock")));
  const auto second = must(fs.lock("/f/lock"));
  lock.reset();
  EXPECT_TRUE(must(fs.is_locked("/f/lock"))) << "a lock of before released one of after";
}

TEST_F(SimCrashTest, AMappingOfBeforeKeepsItsBytes) {
  const auto file = durable_file("/f/a");
  write_text(*file, "old.");
  must(file->datasync());
  const auto mapping = must(file->map());
  write_text(*file, "new!");
  crash(0);
  EXPECT_EQ(text_of(mapping->bytes()), "new!");
  EXPECT_EQ(mapping->populate(0, 4).error().system_error(), EIO);
  EXPECT_EQ(text_at("/f/a"), "old.");
}

TEST_F(SimCrashTest, AKilledProcessLosesNothingButItsFiles) {
  const auto file = must(fs.open("/f/a", OpenMode::kCreate));
  write_text(*file, "text");
  const auto lock = must(fs.lock("/f/lock"));
  fs.kill_process();
  std::vector<std::byte> into(4);
  EXPECT_EQ(file->pread(into, 0).error().system_error(), EIO);
  EXPECT_FALSE(must(fs.is_locked("/f/lock")));
  const auto again = must(fs.open("/f/a", OpenMode::kReadWrite));
  EXPECT_EQ(read_all(*again), "text");
  crash(0);
  EXPECT_EQ(names(), "") << "the kill made something durable";
}

TEST_F(SimCrashTest, DamageIsOnTheDiskAtOnce) {
  fs.set_contents("/f/new/a", as_bytes("damage"));
  write_text(*durable_file("/f/b"), "text");
  fs.set_contents("/f/b", as_bytes("bad"));
  must(fs.open("/f/c", OpenMode::kCreate));
  fs.set_contents("/f/c", as_bytes("c"));
  write_text(*durable_file("/f/d"), "text");
  fs.remove("/f/d");
  crash(0);
  EXPECT_EQ(names(), "b c a ");
  EXPECT_EQ(text_at("/f/new/a"), "damage");
  EXPECT_EQ(text_at("/f/b"), "bad");
  EXPECT_EQ(text_at("/f/c"), "c");
}

#ifdef TIDEMARK_SANITIZED
constexpr bool kIsSanitized = true;
#else
constexpr bool kIsSanitized = false;
#endif

// Thousands of crashes are tried, with files of real sizes. Memory that is never written to must cost nothing: the
// pages that the kernel hands out are counted.
TEST_F(SimCrashTest, TheCostIsThatOfWhatWasWritten) {
  constexpr std::uint64_t kSize = 16u << 20;
  constexpr long kCycles = 50;
  const auto pages_so_far = [] {
    rusage usage{};
    ::getrusage(RUSAGE_SELF, &usage);
    return usage.ru_minflt;
  };
  const long before = pages_so_far();
  for (long cycle = 0; cycle < kCycles; ++cycle) {
    SimFileSystem disk;
    const auto file = must(disk.open("a", OpenMode::kCreate));
    must(disk.sync_folder(""));
    must(file->allocate(kSize));
    must(file->write_zeros(kSize));
    must(file->datasync());
    const auto mapping = must(file->map());
    write_text(*file, "text", 0);
    disk.power_on(static_cast<std::uint64_t>(cycle), 0.5);
    const std::string text = text_of(must(must(disk.open("a", OpenMode::kRead))->map())->bytes().first(4));
    EXPECT_TRUE(text == "text" || text == std::string(4, '\0'));
  }
  if (kIsSanitized) GTEST_SKIP() << "the sanitizer touches pages of its own";
  EXPECT_LT((pages_so_far() - before) / kCycles, 200) << "of 4096 pages in a file";
}

}  // namespace
}  // namespace tidemark::platform
