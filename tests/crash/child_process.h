// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <mutex>
#include <signal.h>
#include <spawn.h>
#include <string>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>
#include <utility>
#include <vector>

extern char** environ;

namespace tidemark::crash {

// A process whose standard output is read.
class Process {
 public:
  explicit Process(std::vector<std::string> words) {
    int ends[2];
    EXPECT_EQ(::pipe2(ends, O_CLOEXEC), 0);
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
    std::vector<char*> list;
    for (auto& word : words) { list.push_back(word.data()); }
    list.push_back(nullptr);
    const int failed = ::posix_spawn(&child_, list[0], &actions, nullptr, list.data(), environ);
    EXPECT_EQ(failed, 0) << "cannot start " << list[0];
    // Never a signal to -1: that is every process of the machine.
    if (failed != 0) { child_ = 0; }
    posix_spawn_file_actions_destroy(&actions);
    ::close(ends[1]);
    output_ = ends[0];
    reader_ = std::jthread([this] {
      char piece[65536];
      for (ssize_t n = 0; (n = ::read(output_, piece, sizeof piece)) > 0;) {
        {
          const std::scoped_lock lock(mutex_);
          said_.append(piece, static_cast<std::size_t>(n));
        }
        heard_.store(true);
        heard_.notify_all();
      }
      heard_.store(true);
      heard_.notify_all();
    });
  }
  ~Process() {
    if (reader_.joinable()) { (void)kill(); }
  }
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;

  // Until it has said something, or ended.
  void wait_until_heard() { heard_.wait(false); }

  // Until it has said a line that begins like this, or it took too long.
  bool hears(const std::string& begin) {
    for (int tries = 0; tries < 2000; ++tries) {
      {
        const std::scoped_lock lock(mutex_);
        if (said_.starts_with(begin) || said_.find("\n" + begin) != std::string::npos) { return true; }
      }
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
    return false;
  }

  enum class Ends : std::uint8_t { kKilled, kPerhapsWell };
  // Gives what it said, whole lines alone. It is still there when it is killed, or has perhaps ended well.
  std::string kill(Ends ends = Ends::kKilled) {
    if (child_ > 0) { ::kill(child_, SIGKILL); }
    reader_.join();
    ::close(output_);
    if (child_ <= 0) { return {}; }
    int status = 0;
    EXPECT_EQ(::waitpid(child_, &status, 0), child_);
    const bool well = ends == Ends::kPerhapsWell && WIFEXITED(status) && WEXITSTATUS(status) == 0;
    EXPECT_TRUE(WIFSIGNALED(status) || well) << "it ended by itself with " << WEXITSTATUS(status);
    child_ = 0;
    const auto last = said_.rfind('\n');
    return said_.substr(0, last == std::string::npos ? 0 : last + 1);
  }

 private:
  pid_t child_ = 0;  // 0: not started, or ended
  int output_ = -1;
  std::mutex mutex_;
  std::string said_;  // guarded by mutex_ until the reading thread has ended
  std::atomic<bool> heard_ = false;
  std::jthread reader_;
};

}  // namespace tidemark::crash
