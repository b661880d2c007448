// SPDX-License-Identifier: Apache-2.0
// Goal: in steady state one small durable commit costs the disk one write and one flush, on a file system with a
// journal. Method: ext4 on a loop device of the test's own; the device's counters before and after a row of commits,
// and, as the measure of what is possible, of the same number of plain overwrites of one page in a file written before,
// each with its fdatasync. Skipped where there is no root, no loop device or no mkfs.ext4.
#include <array>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <fcntl.h>
#include <filesystem>
#include <fstream>
#include <gtest/gtest.h>
#include <optional>
#include <string>
#include <sys/mount.h>
#include <unistd.h>
#include <vector>

#include "tidemark/tidemark.hpp"

namespace {

namespace fs = std::filesystem;

// What a command prints, if it succeeds.
std::optional<std::string> output_of(const std::string& command) {
  FILE* pipe = ::popen((command + " 2>/dev/null").c_str(), "re");
  if (pipe == nullptr) { return std::nullopt; }
  std::string text;
  std::array<char, 256> piece{};
  while (std::fgets(piece.data(), static_cast<int>(piece.size()), pipe) != nullptr) { text += piece.data(); }
  if (::pclose(pipe) != 0) { return std::nullopt; }
  while (!text.empty() && text.back() == '\n') { text.pop_back(); }
  return text;
}

// An ext4 with a journal in a file, mounted in a folder made for it; all of it removed at the end.
class JournaledDisk {
 public:
  // Why it could not be had; empty if it is there.
  std::string make() {
    if (::geteuid() != 0) { return "needs root"; }
    std::string name = (fs::temp_directory_path() / "tidemark-device-XXXXXX").string();
    if (::mkdtemp(name.data()) == nullptr) { return "no temporary folder"; }
    folder_ = name;
    const fs::path image = folder_ / "image";
    std::ofstream(image).close();
    fs::resize_file(image, std::uintmax_t{256} << 20U);
    if (!output_of("PATH=$PATH:/sbin:/usr/sbin mkfs.ext4 -q -F -J size=8 " + image.string())) {
      return "needs mkfs.ext4";
    }
    const auto device = output_of("PATH=$PATH:/sbin:/usr/sbin losetup --show --find " + image.string());
    if (!device) { return "needs a loop device"; }
    device_ = *device;
    mount_ = folder_ / "mount";
    fs::create_directory(mount_);
    if (::mount(device_.c_str(), mount_.c_str(), "ext4", 0, nullptr) != 0) { return "cannot mount ext4"; }
    mounted_ = true;
    return {};
  }
  ~JournaledDisk() {
    if (mounted_) { ::umount2(mount_.c_str(), MNT_DETACH); }
    if (!device_.empty()) { (void)output_of("PATH=$PATH:/sbin:/usr/sbin losetup --detach " + device_); }
    if (!folder_.empty()) { fs::remove_all(folder_); }
  }
  JournaledDisk() = default;
  JournaledDisk(const JournaledDisk&) = delete;
  JournaledDisk& operator=(const JournaledDisk&) = delete;

  [[nodiscard]] const fs::path& mount_point() const { return mount_; }

  struct Counters {
    std::uint64_t writes = 0;
    std::uint64_t flushes = 0;
  };
  // Documented in the kernel's Documentation/block/stat.rst: field 5 counts writes, field 16 flushes. A flush that
  // carries no data is counted as a write too.
  [[nodiscard]] Counters counters() const {
    std::ifstream file("/sys/block/" + fs::path(device_).filename().string() + "/stat");
    std::vector<std::uint64_t> fields;
    for (std::uint64_t field = 0; file >> field;) { fields.push_back(field); }
    if (fields.size() < 16) { return {}; }
    return {fields[4], fields[15]};
  }

 private:
  fs::path folder_;
  fs::path mount_;
  std::string device_;
  bool mounted_ = false;
};

TEST(DeviceTest, OneSmallCommitIsOneWriteAndOneFlush) {
  JournaledDisk disk;
  if (const std::string why = disk.make(); !why.empty()) { GTEST_SKIP() << why; }
  auto store = tidemark::Store::open(disk.mount_point() / "store");
  ASSERT_TRUE(store) << to_string(store.error());
  const std::string data(200, 'x');
  const auto append = [&](int count) {
    for (int i = 0; i < count; ++i) {
      const auto receipt =
          store->append("stream", tidemark::Expect::any(), {{.type = "Counted", .data = tidemark::as_bytes(data)}});
      ASSERT_TRUE(receipt) << to_string(receipt.error());
    }
  };
  append(1000);  // past the making of the next segment
  constexpr std::uint64_t kCommits = 500;
  const auto cost_of = [&](const auto& work) {
    const auto before = disk.counters();
    work();
    const auto after = disk.counters();
    return JournaledDisk::Counters{after.writes - before.writes, after.flushes - before.flushes};
  };
  const auto ours = cost_of([&] { append(static_cast<int>(kCommits)); });

  const int file = ::open((disk.mount_point() / "plain").c_str(), O_CREAT | O_RDWR | O_CLOEXEC, 0600);
  ASSERT_GE(file, 0);
  const std::vector<char> page(4096, 'x');
  ASSERT_EQ(::pwrite(file, page.data(), page.size(), 0), 4096);
  ASSERT_EQ(::fsync(file), 0);
  const auto plain = cost_of([&] {
    for (std::uint64_t i = 0; i < kCommits; ++i) {
      ASSERT_EQ(::pwrite(file, page.data(), page.size(), 0), 4096);
      ASSERT_EQ(::fdatasync(file), 0);
    }
  });
  ::close(file);

  // The file system's own timer may come by: a twentieth more is let pass, never a second write or flush a commit.
  constexpr std::uint64_t kSlack = kCommits / 20;
  EXPECT_GE(ours.flushes, kCommits);
  EXPECT_LE(ours.flushes, kCommits + kSlack);
  EXPECT_LE(ours.flushes, plain.flushes + kSlack);
  EXPECT_GE(ours.writes - ours.flushes, kCommits);
  EXPECT_LE(ours.writes - ours.flushes, kCommits + kSlack);
  EXPECT_LE(ours.writes, plain.writes + kSlack);
  RecordProperty("writes", static_cast<int>(ours.writes));
  RecordProperty("flushes", static_cast<int>(ours.flushes));
  std::printf("%llu commits: %llu writes (flushes among them), %llu flushes; plain overwrites: %llu and %llu\n",
              static_cast<unsigned long long>(kCommits), static_cast<unsigned long long>(ours.writes),
              static_cast<unsigned long long>(ours.flushes), static_cast<unsigned long long>(plain.writes),
              static_cast<unsigned long long>(plain.flushes));
}

}  // namespace
