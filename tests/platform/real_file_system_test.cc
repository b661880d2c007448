// SPDX-License-Identifier: Apache-2.0
// Goal: what only the operating system can show: real limits, odd files, reserved space.
#include <cerrno>
#include <fcntl.h>
#include <filesystem>
#include <functional>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "platform/file_system.h"
#include "tests/platform/support.h"

namespace tidemark::platform {
namespace {

using test::filled;
using test::must;
using test::TempFolder;

// Runs it in a forked child, whose limits are then its own.
bool in_child(const std::function<bool()>& work) {
  const pid_t pid = ::fork();
  if (pid == 0) ::_exit(work() ? 0 : 1);
  int status = -1;
  return pid > 0 && ::waitpid(pid, &status, 0) == pid && status == 0;
}

struct RealFileSystemTest : testing::Test {
  TempFolder temp;
  FileSystem& fs = real_file_system();
};

// Who may write into a store's folder must not have its writer write elsewhere.
TEST_F(RealFileSystemTest, ALinkInPlaceOfAFileIsNotFollowed) {
  const auto victim = temp.path() / "victim";
  must(write_all(*must(fs.open(victim, OpenMode::kCreate)), filled(5, 'x'), 0));
  const auto link = temp.path() / "link";
  std::filesystem::create_symlink(victim, link);
  for (const OpenMode mode : {OpenMode::kRead, OpenMode::kReadWrite, OpenMode::kCreate}) {
    const auto opened = fs.open(link, mode);
    ASSERT_FALSE(opened);
    EXPECT_EQ(opened.error().code(), ErrorCode::kIo);
    if (mode != OpenMode::kCreate) { EXPECT_NE(opened.error().message().find("symbolic link"), std::string::npos); }
  }
  const auto locked = fs.lock(link);
  ASSERT_FALSE(locked);
  EXPECT_EQ(locked.error().code(), ErrorCode::kIo);
  EXPECT_FALSE(fs.is_locked(link));
  EXPECT_EQ(std::filesystem::file_size(victim), 5u);
  // A link among the folders above is their owner's choice.
  std::filesystem::create_directory(temp.path() / "folder");
  std::filesystem::create_directory_symlink(temp.path() / "folder", temp.path() / "way");
  EXPECT_TRUE(fs.open(temp.path() / "way" / "a", OpenMode::kCreate));
}

TEST_F(RealFileSystemTest, AFileKnowsWhenItsNameIsGone) {
  const auto path = temp.path() / "a";
  const auto file = must(fs.open(path, OpenMode::kCreate));
  EXPECT_TRUE(file->check());
  std::filesystem::rename(path, temp.path() / "aside");
  const auto gone = file->check();
  ASSERT_FALSE(gone);
  EXPECT_EQ(gone.error().code(), ErrorCode::kLocked);
  EXPECT_EQ(gone.error().path(), path);
  const auto second = must(fs.open(path, OpenMode::kCreate));
  EXPECT_FALSE(file->check());
  EXPECT_TRUE(second->check());
}

TEST_F(RealFileSystemTest, AFileSizeLimitIsNoSpace) {
  EXPECT_TRUE(in_child([&] {
    ::signal(SIGXFSZ, SIG_IGN);
    const rlimit limit = {.rlim_cur = 1 << 20, .rlim_max = 1 << 20};
    if (::setrlimit(RLIMIT_FSIZE, &limit) != 0) return false;
    const auto file = must(fs.open(temp.path() / "a", OpenMode::kCreate));
    const Status written = write_all(*file, filled(2 << 20, 'x'), 0);
    const Status allocated = file->allocate(2 << 20);
    const Status zeros = file->write_zeros(2 << 20);
    const auto is_no_space = [](const Status& status) {
      return !status && status.error().code() == ErrorCode::kNoSpace && status.error().system_error() == EFBIG;
    };
    return is_no_space(written) && is_no_space(allocated) && is_no_space(zeros) && must(file->size()) == 1 << 20;
  }));
}

TEST_F(RealFileSystemTest, ZerosDoNotNeedASecondDescriptor) {
#ifdef TIDEMARK_SANITIZED
  GTEST_SKIP() << "the sanitizers' runtime needs a descriptor itself to look at an object's type";
#endif
  EXPECT_TRUE(in_child([&] {
    const auto file = must(fs.open(temp.path() / "a", OpenMode::kCreate));
    const rlimit limit = {.rlim_cur = 0, .rlim_max = 0};
    if (::setrlimit(RLIMIT_NOFILE, &limit) != 0) return false;
    return file->write_zeros(100'000).has_value() && must(file->size()) == 100'000;
  }));
}

TEST_F(RealFileSystemTest, ZerosWhereThereIsNoDirectIo) {
  if (!std::filesystem::is_directory("/dev/shm") || ::access("/dev/shm", W_OK) != 0) GTEST_SKIP() << "no tmpfs";
  std::string name = "/dev/shm/tidemark-platform-XXXXXX";
  const int made = ::mkostemp(name.data(), O_CLOEXEC);
  ASSERT_GE(made, 0);
  ::close(made);
  const auto file = must(fs.open(name, OpenMode::kReadWrite));
  EXPECT_EQ(::unlink(name.c_str()), 0);
  must(write_all(*file, filled(300'000, 'x'), 0));
  must(file->write_zeros(299'999));
  EXPECT_EQ(test::read_all(*file), std::string(299'999, '\0') + "x");
  const FileSystemTraits traits = must(fs.traits("/dev/shm"));
  EXPECT_EQ(traits.name, "tmpfs");
  EXPECT_FALSE(traits.zeros_help);
  EXPECT_TRUE(traits.objection.empty());
}

TEST_F(RealFileSystemTest, AllocateReservesTheSpace) {
  const std::string name = must(fs.traits(temp.path())).name;
  if (name != "ext4" && name != "xfs" && name != "btrfs" && name != "tmpfs") GTEST_SKIP() << name;
  const auto file = must(fs.open(temp.path() / "a", OpenMode::kCreate));
  must(file->allocate(1 << 20));
  struct stat status;
  ASSERT_EQ(::stat((temp.path() / "a").c_str(), &status), 0);
  EXPECT_GE(status.st_blocks * 512, 1 << 20);
}

TEST_F(RealFileSystemTest, APipeIsNoFileAndDoesNotHang) {
  const auto path = temp.path() / "pipe";
  ASSERT_EQ(::mkfifo(path.c_str(), 0600), 0);
  EXPECT_EQ(fs.open(path, OpenMode::kRead).error().system_error(), EINVAL);
  EXPECT_EQ(fs.open(path, OpenMode::kReadWrite).error().system_error(), EINVAL);
}

TEST_F(RealFileSystemTest, AnInnerFolderIsNoLinkAndMakesNothingAboveIt) {
  std::filesystem::create_directories(temp.path() / "elsewhere");
  std::filesystem::create_directory_symlink(temp.path() / "elsewhere", temp.path() / "link");
  must(fs.open(temp.path() / "file", OpenMode::kCreate));
  EXPECT_TRUE(fs.make_inner_folder(temp.path() / "made"));
  EXPECT_TRUE(fs.make_inner_folder(temp.path() / "made"));
  EXPECT_TRUE(fs.check_inner_folder(temp.path() / "made"));
  EXPECT_EQ(fs.make_inner_folder(temp.path() / "none" / "made").error().code(), ErrorCode::kNotFound);
  EXPECT_EQ(fs.check_inner_folder(temp.path() / "none").error().code(), ErrorCode::kNotFound);
  for (const char* name : {"link", "file"}) {
    EXPECT_EQ(fs.make_inner_folder(temp.path() / name).error().code(), ErrorCode::kIo) << name;
    EXPECT_EQ(fs.check_inner_folder(temp.path() / name).error().code(), ErrorCode::kIo) << name;
  }
  for (const auto& entry : must(fs.list(temp.path()))) {
    EXPECT_EQ(entry.is_folder, entry.name != "link" && entry.name != "file");
  }
}

TEST_F(RealFileSystemTest, ListsLinksThatLeadNowhere) {
  std::filesystem::create_symlink("nowhere", temp.path() / "link");
  const auto entries = must(fs.list(temp.path()));
  ASSERT_EQ(entries.size(), 1u);
  EXPECT_EQ(entries[0].name, "link");
}

TEST_F(RealFileSystemTest, TheFolderWithoutANameIsTheCurrentOne) {
  EXPECT_TRUE(in_child([&] {
    if (::chdir(temp.path().c_str()) != 0) return false;
    must(fs.open("a", OpenMode::kCreate));
    return must(fs.list("")).size() == 1 && fs.sync_folder("").has_value() && fs.traits("").has_value();
  }));
}

TEST_F(RealFileSystemTest, DescriptorsCloseOnExec) {
  const auto file = must(fs.open(temp.path() / "a", OpenMode::kCreate));
  const auto lock = must(fs.lock(temp.path() / "lock"));
  const std::string folder = temp.path().string();
  int found = 0;
  for (const auto& entry : std::filesystem::directory_iterator("/proc/self/fd")) {
    std::error_code error;
    const auto target = std::filesystem::read_symlink(entry.path(), error);
    if (error || !target.string().starts_with(folder)) continue;
    ++found;
    EXPECT_TRUE((::fcntl(std::stoi(entry.path().filename().string()), F_GETFD) & FD_CLOEXEC) != 0) << target;
  }
  EXPECT_EQ(found, 2);
}

TEST_F(RealFileSystemTest, TenThousandFilesMapUnderAFewDescriptors) {
  EXPECT_TRUE(in_child([&] {
    const rlimit limit = {.rlim_cur = 32, .rlim_max = 32};
    if (::setrlimit(RLIMIT_NOFILE, &limit) != 0) return false;
    const auto path = temp.path() / "a";
    test::write_text(*must(fs.open(path, OpenMode::kCreate)), "text");
    std::vector<std::unique_ptr<Mapping>> mappings;
    for (int i = 0; i < 10'000; ++i) {
      const auto file = fs.open(path, OpenMode::kRead);
      if (!file) return false;
      auto mapping = (*file)->map();
      if (!mapping) return false;
      mappings.push_back(std::move(*mapping));
    }
    return test::text_of(mappings.back()->bytes()) == "text";
  }));
}

}  // namespace
}  // namespace tidemark::platform
