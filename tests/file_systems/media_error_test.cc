// SPDX-License-Identifier: Apache-2.0
// Goal: a medium that does not give back some sectors of a store is an error that names the segment and where in it: at
// opening, in reads mapped and copied, in find and verify; never a signal, a wrong event or a silent end. Method: ext4
// on a recording disk whose reads of chosen sectors fail with EIO; the sectors of a store's files are asked of the file
// system; readers are processes of their own, with nothing of the files in the page cache.
#include <algorithm>
#include <array>
#include <cstring>
#include <fcntl.h>
#include <filesystem>
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <linux/fiemap.h>
#include <linux/fs.h>
#include <map>
#include <memory>
#include <optional>
#include <signal.h>
#include <sstream>
#include <string>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>
#include <vector>

#include "tests/file_systems/mounts.h"
#include "tests/file_systems/recording_disk.h"
#include "tidemark/tidemark.hpp"

namespace tidemark::file_systems {

namespace {

using Range = RecordingDisk::Range;

constexpr std::uint64_t kBlock = 4096;
constexpr std::uint64_t kSegmentBytes = std::uint64_t{1} << 18U;

// Where on the disk the file's bytes lie, block by block.
std::vector<std::uint64_t> blocks_of(const std::filesystem::path& path) {
  constexpr std::size_t kExtents = 64;
  alignas(fiemap) std::array<std::byte, sizeof(fiemap) + kExtents * sizeof(fiemap_extent)> memory{};
  auto* const map = reinterpret_cast<fiemap*>(memory.data());
  map->fm_length = FIEMAP_MAX_OFFSET;
  map->fm_flags = FIEMAP_FLAG_SYNC;
  map->fm_extent_count = kExtents;
  const int file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  std::vector<std::uint64_t> blocks;
  if (file >= 0 && ::ioctl(file, FS_IOC_FIEMAP, map) == 0) {
    for (std::uint32_t i = 0; i < map->fm_mapped_extents; ++i) {
      const fiemap_extent& extent = map->fm_extents[i];
      for (std::uint64_t at = 0; at < extent.fe_length; at += kBlock) { blocks.push_back(extent.fe_physical + at); }
    }
  }
  if (file >= 0) { ::close(file); }
  return blocks;
}

// What the reading worker said of one way to read: "<code> <segment> <offset> <events>", - where there is none.
struct Answer {
  std::string code;
  std::string segment;
  std::string offset;
  [[nodiscard]] bool is_fine() const { return code == "0"; }
  [[nodiscard]] bool is_media_error() const {
    return code == std::to_string(static_cast<int>(ErrorCode::kIo)) ||
           code == std::to_string(static_cast<int>(ErrorCode::kDamaged));
  }
};

std::map<std::string, Answer> answers_in(const std::string& said) {
  std::map<std::string, Answer> answers;
  std::istringstream lines(said);
  std::string name;
  Answer answer;
  while (lines >> name >> answer.code >> answer.segment >> answer.offset) { answers[name] = answer; }
  return answers;
}

class MediaErrorTest : public testing::Test {
 protected:
  void SetUp() override {
    std::string why;
    disk_ = RecordingDisk::make(own_.path() / "fuse", disk_bytes(Kind::kExt4), why);
    if (!disk_) { GTEST_SKIP() << why; }
    bytes_ = DiskBytes::make(disk_bytes(Kind::kExt4));
    ASSERT_TRUE(bytes_);
    disk_->put(bytes_->bytes());
    device_ = LoopDevice::attach(disk_->file(), why);
    if (!device_) { GTEST_SKIP() << why; }
    why = make_file_system(Kind::kExt4, device_->name());
    if (!why.empty()) { GTEST_SKIP() << why; }
    mount();
    const Ended ended = run_program({STORE_WORKER, "write", store().string(), "--batches", "250", "--segment-bytes",
                                     std::to_string(kSegmentBytes / 4)});
    ASSERT_EQ(ended.exit_code, 0);
    for (const auto& entry : std::filesystem::directory_iterator(store())) {
      files_[entry.path().filename().string()] = blocks_of(entry.path());
    }
    segments_ = 0;
    while (files_.contains(segment_name(segments_ + 1))) { ++segments_; }
    ASSERT_GE(segments_, 3U);
  }
  void TearDown() override {
    mount_.reset();
    device_.reset();
  }

  [[nodiscard]] std::filesystem::path store() const { return own_.path() / "mount" / "store"; }
  static std::string segment_name(std::uint64_t number) { return fmt::format("segment-{:010}.log", number); }

  void mount() {
    mount_.reset();
    std::string why;
    mount_ = Mount::make(Kind::kExt4, device_->name(), own_.path() / "mount", why);
    ASSERT_TRUE(mount_) << why;
  }

  // Reads of these blocks of a file fail from now on.
  void fail(const std::string& file, std::uint64_t first, std::uint64_t count) {
    const auto& blocks = files_.at(file);
    for (std::uint64_t i = first; i < std::min<std::uint64_t>(first + count, blocks.size()); ++i) {
      // One sector of the block: the device gives none of the block then.
      bad_.push_back({blocks[i] + 512, blocks[i] + 1024});
    }
    disk_->fail_reads(bad_);
  }

  // Runs the reading worker; with `meanwhile` it stops between opening and reading, with the cache empty, until that
  // was done.
  std::map<std::string, Answer> read(const std::function<void()>& meanwhile = {}) {
    std::vector<std::string> call = {STORE_WORKER, "read", store().string()};
    std::function<void(int)> beside;
    if (meanwhile) {
      call.emplace_back("--pause");
      beside = [&](int process) {
        siginfo_t what{};
        if (::waitid(P_PID, static_cast<id_t>(process), &what, WSTOPPED | WEXITED | WNOWAIT) != 0) { return; }
        meanwhile();
        ::kill(process, SIGCONT);
      };
    }
    const Ended ended = run_program(call, -1, beside);
    EXPECT_EQ(ended.signal, 0) << "the reader died of a signal";
    EXPECT_EQ(ended.exit_code, 0) << ended.said;
    return answers_in(ended.said);
  }

  OwnFolder own_;
  std::unique_ptr<RecordingDisk> disk_;
  std::optional<DiskBytes> bytes_;
  std::optional<LoopDevice> device_;
  std::optional<Mount> mount_;
  std::map<std::string, std::vector<std::uint64_t>> files_;
  std::uint64_t segments_ = 0;
  std::vector<Range> bad_;
};

TEST_F(MediaErrorTest, NothingIsWrongWithAGoodDisk) {
  mount();
  for (const auto& [name, answer] : read([] {})) { EXPECT_TRUE(answer.is_fine()) << name << " " << answer.code; }
  EXPECT_EQ(disk_->failed_reads(), 0U);
}

// In every segment: its header, its first frames, its middle, its footer.
TEST_F(MediaErrorTest, BeforeOpening) {
  std::uint64_t looked = 0;
  for (std::uint64_t number = 1; number <= segments_; ++number) {
    const std::string name = segment_name(number);
    const std::uint64_t blocks = files_.at(name).size();
    for (const std::uint64_t at : {std::uint64_t{0}, std::uint64_t{1}, blocks / 2, blocks - 1}) {
      SCOPED_TRACE(fmt::format("block {} of {}", at, name));
      bad_.clear();
      disk_->fail_reads({});
      mount();
      fail(name, at, 1);
      const auto answers = read();
      ASSERT_TRUE(answers.contains("open"));
      const bool met = disk_->failed_reads() > 0;
      ++looked;
      bool told = false;
      for (const auto& [way, answer] : answers) {
        SCOPED_TRACE(way);
        if (answer.is_fine()) { continue; }
        told = true;
        EXPECT_TRUE(answer.is_media_error()) << answer.code;
        EXPECT_EQ(answer.segment, std::to_string(number));
        EXPECT_NE(answer.offset, "-");
      }
      EXPECT_EQ(told, met) << "reads of the bad block: " << disk_->failed_reads();
      EXPECT_FALSE(answers.at("verify").is_fine()) << "verify reads every byte";
      if (answers.at("open").is_fine()) { EXPECT_EQ(answers.at("mapped").is_fine(), answers.at("copied").is_fine()); }
    }
  }
  EXPECT_GE(looked, 12U);
}

TEST_F(MediaErrorTest, AfterOpening) {
  for (std::uint64_t number = 1; number <= segments_; ++number) {
    const std::string name = segment_name(number);
    // Past the first window of the map in one, the whole file in the next.
    const std::uint64_t first = number % 2 == 0 ? 0 : 2;
    SCOPED_TRACE(fmt::format("blocks from {} of {}", first, name));
    bad_.clear();
    disk_->fail_reads({});
    mount();
    const auto answers = read([&] { fail(name, first, 4); });
    ASSERT_TRUE(answers.contains("open"));
    EXPECT_TRUE(answers.at("open").is_fine());
    if (number == segments_) { continue; }  // it may hold too few frames, or none
    for (const char* way : {"mapped", "copied", "find", "verify"}) {
      SCOPED_TRACE(way);
      ASSERT_TRUE(answers.contains(way));
      const Answer& answer = answers.at(way);
      EXPECT_TRUE(answer.is_media_error()) << answer.code;
      EXPECT_EQ(answer.segment, std::to_string(number));
      EXPECT_NE(answer.offset, "-");
    }
    EXPECT_GT(disk_->failed_reads(), 0U);
  }
}

TEST_F(MediaErrorTest, ASuperblockIsServedByTheOther) {
  for (const char* name : {"super-a", "super-b"}) {
    SCOPED_TRACE(name);
    bad_.clear();
    disk_->fail_reads({});
    mount();
    fail(name, 0, 1);
    const auto answers = read();
    for (const char* way : {"open", "mapped", "copied", "find"}) {
      ASSERT_TRUE(answers.contains(way)) << way;
      EXPECT_TRUE(answers.at(way).is_fine()) << way;
    }
    EXPECT_GT(disk_->failed_reads(), 0U);
  }
  bad_.clear();
  disk_->fail_reads({});
  mount();
  fail("super-a", 0, 1);
  fail("super-b", 0, 1);
  const auto answers = read();
  ASSERT_TRUE(answers.contains("open"));
  EXPECT_TRUE(answers.at("open").is_media_error());
}

// The last of a test, since it may write.
TEST_F(MediaErrorTest, OpeningForWritingIsRefusedAndChangesNothing) {
  // Without index files it reads the whole log.
  std::erase_if(files_, [&](const auto& file) {
    return file.first.starts_with("index-") && std::filesystem::remove(store() / file.first);
  });
  mount();
  fail(segment_name(2), 3, 1);
  const std::vector<std::byte> before(bytes_->bytes().begin(), bytes_->bytes().end());
  const Ended ended = run_program({STORE_WORKER, "write", store().string(), "--batches", "1"});
  EXPECT_EQ(ended.signal, 0);
  EXPECT_EQ(ended.exit_code, 4) << ended.said;
  EXPECT_NE(ended.said.find("segment 2"), std::string::npos) << ended.said;
  // Every other reader, once the disk has recovered, finds all of it.
  disk_->fail_reads({});
  mount();
  for (const auto& [name, answer] : read([] {})) { EXPECT_TRUE(answer.is_fine()) << name << " " << answer.code; }
  for (const auto& [name, blocks] : files_) {
    if (name == "lock") { continue; }
    for (const std::uint64_t block : blocks) {
      ASSERT_EQ(std::memcmp(before.data() + block, bytes_->bytes().data() + block, kBlock), 0) << name;
    }
  }
}

// What index files cover is not read by an opening: what cannot be read there stands in no append's way.
TEST_F(MediaErrorTest, OpeningForWritingGoesByWhatIsIndexed) {
  ASSERT_TRUE(std::ranges::any_of(files_, [](const auto& file) { return file.first.starts_with("index-"); }));
  mount();
  fail(segment_name(2), 3, 1);
  const Ended ended = run_program({STORE_WORKER, "write", store().string(), "--batches", "1", "--unread", "250"});
  EXPECT_EQ(ended.signal, 0);
  EXPECT_EQ(ended.exit_code, 0) << ended.said;
  const auto answers = read();
  EXPECT_TRUE(answers.at("open").is_fine());
  for (const char* way : {"mapped", "copied", "verify"}) {
    EXPECT_TRUE(answers.at(way).is_media_error()) << way << " " << answers.at(way).code;
    EXPECT_EQ(answers.at(way).segment, "2") << way;
  }
  disk_->fail_reads({});
  mount();
  for (const auto& [name, answer] : read([] {})) { EXPECT_TRUE(answer.is_fine()) << name << " " << answer.code; }
}

}  // namespace

}  // namespace tidemark::file_systems
