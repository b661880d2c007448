// SPDX-License-Identifier: Apache-2.0
// Goal: whatever a real process acknowledged is found after SIGKILL, at its version and position, whole; and the store
// goes on. Method: kill_writer is started on the same store again and again, killed after a random time, and what it
// had said it appended is compared with what a new opening shows.
#include <chrono>
#include <cstdlib>
#include <fcntl.h>
#include <filesystem>
#include <gtest/gtest.h>
#include <map>
#include <random>
#include <signal.h>
#include <spawn.h>
#include <sstream>
#include <string>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>

#include "tidemark/tidemark.hpp"

extern char** environ;

namespace {

// A folder of this test's own, removed at its end.
class OwnFolder {
 public:
  OwnFolder() {
    std::string name = (std::filesystem::temp_directory_path() / "tidemark-kill-XXXXXX").string();
    if (::mkdtemp(name.data()) != nullptr) { path_ = name; }
  }
  ~OwnFolder() {
    if (!path_.empty()) { std::filesystem::remove_all(path_); }
  }
  OwnFolder(const OwnFolder&) = delete;
  OwnFolder& operator=(const OwnFolder&) = delete;
  [[nodiscard]] const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

// Runs the writer for a while, kills it, gives what it said.
std::string run_and_kill(const std::filesystem::path& folder, const char* threads, std::chrono::milliseconds time) {
  int ends[2];
  EXPECT_EQ(::pipe2(ends, O_CLOEXEC), 0);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
  std::string program = KILL_WRITER;
  std::string where = folder.string();
  std::string count = threads;
  char* const arguments[] = {program.data(), where.data(), count.data(), nullptr};
  pid_t child = -1;
  EXPECT_EQ(::posix_spawn(&child, KILL_WRITER, &actions, nullptr, arguments, environ), 0);
  posix_spawn_file_actions_destroy(&actions);
  ::close(ends[1]);
  std::thread killer([&] {
    std::this_thread::sleep_for(time);
    ::kill(child, SIGKILL);
  });
  std::string said;
  char piece[65536];
  for (ssize_t n = 0; (n = ::read(ends[0], piece, sizeof piece)) > 0;) {
    said.append(piece, static_cast<std::size_t>(n));
  }
  killer.join();
  ::close(ends[0]);
  int status = 0;
  EXPECT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFSIGNALED(status)) << "the writer ended by itself with " << WEXITSTATUS(status);
  return said;
}

TEST(KillTest, AcknowledgedEventsSurviveSigkill) {
  const char* cycles_wanted = std::getenv("TIDEMARK_KILL_CYCLES");
  const int cycles = cycles_wanted != nullptr ? std::atoi(cycles_wanted) : 25;
  const OwnFolder own;
  const std::filesystem::path folder = own.path() / "store";
  std::mt19937_64 random(std::random_device{}());
  std::map<std::string, std::map<std::uint64_t, std::uint64_t>> acknowledged;  // stream -> version -> position
  std::uint64_t total = 0;
  for (int cycle = 0; cycle < cycles; ++cycle) {
    std::istringstream said(
        run_and_kill(folder, cycle % 2 == 0 ? "8" : "1", std::chrono::milliseconds(20 + random() % 200)));
    std::string stream;
    std::uint64_t version = 0;
    std::uint64_t position = 0;
    while (said >> stream >> version >> position) {
      // A line may have been cut by the kill: only whole ones end with a newline.
      if (said.peek() != '\n') { break; }
      acknowledged[stream][version] = position;
      ++total;
    }
    auto store = tidemark::Store::open(folder, {.segment_bytes_first = 1U << 16U, .segment_bytes_largest = 1U << 18U});
    ASSERT_TRUE(store) << to_string(store.error());
    std::map<std::string, std::uint64_t> next;
    std::uint64_t expected_position = 0;
    std::map<std::string, std::uint64_t> found;
    auto all = store->read(tidemark::Query::all());
    while (const tidemark::Event* event = all.next()) {
      const std::string name(event->stream());
      ASSERT_EQ(event->position().value(), expected_position++);
      ASSERT_EQ(event->version().value(), next[name]++);
      const auto known = acknowledged[name].find(event->version().value());
      if (known != acknowledged[name].end()) {
        ASSERT_EQ(event->position().value(), known->second) << name << " " << event->version().value();
        ++found[name];
      }
      const std::string start = name + "/" + std::to_string(event->version().value()) + "/";
      ASSERT_EQ(tidemark::as_text(event->data()).substr(0, start.size()), start);
      ASSERT_EQ(event->data().size(), std::max<std::size_t>(start.size(), 40 + event->version().value() % 500));
    }
    ASSERT_TRUE(all.status()) << to_string(all.status().error());
    for (const auto& [name, versions] : acknowledged) {
      ASSERT_EQ(found[name], versions.size()) << "acknowledged events of " << name << " are missing";
    }
    ASSERT_TRUE(store->close());
  }
  EXPECT_GT(total, 0U);
}

}  // namespace
