// SPDX-License-Identifier: Apache-2.0
// Goal: the lock excludes other processes, names its holder, and goes with it however it ends.
// Method: forked children, killed or let go.
#include "platform/real_lock.h"

#include <atomic>
#include <fcntl.h>
#include <filesystem>
#include <fstream>
#include <functional>
#include <gtest/gtest.h>
#include <memory>
#include <signal.h>
#include <string>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>
#include <vector>

#include "tests/platform/support.h"

namespace tidemark::platform {
namespace {

using test::must;
using test::TempFolder;

// A forked child that does something, says so, and waits to be told to end.
class Child {
 public:
  explicit Child(const std::function<bool()>& work) {
    if (::pipe(said_) != 0 || ::pipe(told_) != 0) throw std::runtime_error("no pipe");
    pid_ = ::fork();
    if (pid_ < 0) throw std::runtime_error("no child");
    if (pid_ == 0) {
      ::close(told_[1]);
      char word = work() ? 'y' : 'n';
      [[maybe_unused]] ssize_t n = ::write(said_[1], &word, 1);
      n = ::read(told_[0], &word, 1);
      ::_exit(0);
    }
    char word = 0;
    ::close(said_[1]);
    worked_ = ::read(said_[0], &word, 1) == 1 && word == 'y';
  }
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;
  ~Child() {
    end(SIGKILL);
    ::close(said_[0]);
    ::close(told_[0]);
    ::close(told_[1]);
  }

  [[nodiscard]] bool worked() const { return worked_; }
  [[nodiscard]] pid_t pid() const { return pid_; }
  void end(int signal) {
    if (pid_ <= 0) return;
    ::kill(pid_, signal);
    ::waitpid(pid_, nullptr, 0);
    pid_ = -1;
  }

 private:
  int said_[2] = {-1, -1};
  int told_[2] = {-1, -1};
  pid_t pid_ = -1;
  bool worked_ = false;
};

struct RealLockTest : testing::Test {
  TempFolder temp;
  std::filesystem::path path = temp.path() / "lock";

  [[nodiscard]] std::string text() const {
    std::ifstream in(path);
    return {std::istreambuf_iterator<char>(in), {}};
  }
};

TEST_F(RealLockTest, AChildIsExcluded) {
  const auto lock = must(lock_real_file(path));
  const Child child([&] {
    const auto second = lock_real_file(path);
    return !second && second.error().code() == ErrorCode::kLocked &&
           second.error().message().find("process " + std::to_string(::getppid()) + " on host") != std::string::npos &&
           must(is_real_file_locked(path));
  });
  EXPECT_TRUE(child.worked());
}

TEST_F(RealLockTest, NamesTheHolder) {
  Child child([&] { return must(lock_real_file(path)).release() != nullptr; });
  ASSERT_TRUE(child.worked());
  EXPECT_TRUE(must(is_real_file_locked(path)));
  const auto second = lock_real_file(path);
  ASSERT_FALSE(second);
  const std::string& message = second.error().message();
  EXPECT_NE(message.find("held by process " + std::to_string(child.pid()) + " on host "), std::string::npos) << message;
  EXPECT_NE(message.find(" since 2"), std::string::npos) << message;
  EXPECT_TRUE(message.ends_with("Z")) << message;
}

TEST_F(RealLockTest, AKilledHolderIsReleased) {
  Child child([&] { return must(lock_real_file(path)).release() != nullptr; });
  ASSERT_TRUE(child.worked());
  EXPECT_FALSE(lock_real_file(path));
  child.end(SIGKILL);
  EXPECT_FALSE(must(is_real_file_locked(path)));
  const auto lock = must(lock_real_file(path));
  EXPECT_TRUE(text().starts_with("pid " + std::to_string(::getpid()) + "\nhost ")) << text();
}

TEST_F(RealLockTest, AChildNeitherKeepsNorDropsTheLockOfItsParent) {
  auto lock = must(lock_real_file(path));
  const Child child([&] {
    lock.reset();  // its copy
    return must(is_real_file_locked(path));
  });
  EXPECT_TRUE(child.worked());
  EXPECT_TRUE(must(is_real_file_locked(path)));

  const Child idle([] { return true; });  // shares the open file all the while
  lock.reset();
  EXPECT_FALSE(must(is_real_file_locked(path)));
  lock = must(lock_real_file(path));
}

TEST_F(RealLockTest, KnowsWhenItsFileIsGone) {
  const auto lock = must(lock_real_file(path));
  EXPECT_TRUE(lock->check());
  std::filesystem::rename(path, temp.path() / "aside");
  auto gone = lock->check();
  ASSERT_FALSE(gone);
  EXPECT_EQ(gone.error().code(), ErrorCode::kLocked);
  const auto second = must(lock_real_file(path));  // another file under the same name
  EXPECT_FALSE(lock->check());
  EXPECT_TRUE(second->check());
  std::filesystem::rename(temp.path() / "aside", path);
  EXPECT_TRUE(lock->check());
  EXPECT_FALSE(second->check());
}

TEST_F(RealLockTest, ReadingTheFileDoesNotDropIt) {
  const auto lock = must(lock_real_file(path));
  EXPECT_FALSE(text().empty());
  EXPECT_TRUE(must(is_real_file_locked(path)));
  EXPECT_FALSE(lock_real_file(path));
  const Child child([&] { return !lock_real_file(path).has_value(); });
  EXPECT_TRUE(child.worked());
}

TEST_F(RealLockTest, TheSameFileUnderAnotherNameIsLockedToo) {
  const auto lock = must(lock_real_file(path));
  std::filesystem::create_hard_link(path, temp.path() / "link");
  std::filesystem::create_symlink(path, temp.path() / "symlink");
  EXPECT_FALSE(lock_real_file(temp.path() / "link"));
  EXPECT_FALSE(lock_real_file(temp.path() / "symlink"));
}

TEST_F(RealLockTest, AForeignTextIsShownHarmlessly) {
  const auto holder = [&](const std::string& content) {
    Child child([&] {
      const int file = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
      struct flock range = {};
      range.l_type = F_WRLCK;
      return file >= 0 && ::fcntl(file, F_OFD_SETLK, &range) == 0 && ::ftruncate(file, 0) == 0 &&
             ::pwrite(file, content.data(), content.size(), 0) == static_cast<ssize_t>(content.size());
    });
    EXPECT_TRUE(child.worked());
    return lock_real_file(path).error().message();
  };
  EXPECT_EQ(holder("no idea"), "the lock is held by another process");
  EXPECT_EQ(holder(""), "the lock is held by another process");
  EXPECT_EQ(holder("pid 12\x1b[2J\nhost \xff\n"), "the lock is held by process 12?[2J on host ?");
  EXPECT_LT(holder("pid " + std::string(100'000, 'x')).size(), 1000u);
}

TEST_F(RealLockTest, OneOfManyThreadsGetsIt) {
  std::atomic<int> holders = 0;
  std::atomic<int> taken = 0;
  std::atomic<int> strange = 0;
  {
    std::vector<std::jthread> threads;
    for (int t = 0; t < 4; ++t) {
      threads.emplace_back([&] {
        for (int i = 0; i < 300; ++i) {
          const auto lock = lock_real_file(path);
          if (!lock) {
            if (lock.error().code() != ErrorCode::kLocked) ++strange;
            continue;
          }
          if (++holders != 1) ++strange;
          ++taken;
          --holders;
        }
      });
    }
  }
  EXPECT_EQ(strange, 0);
  EXPECT_GT(taken, 0);
}

TEST_F(RealLockTest, NoFolderNoLock) {
  EXPECT_EQ(lock_real_file(temp.path() / "none" / "lock").error().code(), ErrorCode::kNotFound);
  EXPECT_FALSE(lock_real_file(temp.path()));
}

}  // namespace
}  // namespace tidemark::platform
