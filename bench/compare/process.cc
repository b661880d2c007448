// SPDX-License-Identifier: Apache-2.0
#include "bench/compare/process.h"

#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench/compare/store.h"

namespace tidemark::compare {

namespace {

volatile std::sig_atomic_t interrupted = 0;

// Reads until the other end is closed; false if that takes too long.
bool read_all_of(int descriptor, std::chrono::seconds at_most, std::string& into) {
  const auto until = std::chrono::steady_clock::now() + at_most;
  std::array<char, 4096> buffer{};
  while (!is_interrupted() && std::chrono::steady_clock::now() < until) {
    pollfd waited{.fd = descriptor, .events = POLLIN, .revents = 0};
    // Short, since a signal may come just before the wait.
    if (::poll(&waited, 1, 200) <= 0) { continue; }
    const ssize_t count = ::read(descriptor, buffer.data(), buffer.size());
    if (count == 0) { return true; }
    if (count > 0) { into.append(buffer.data(), static_cast<std::size_t>(count)); }
  }
  return false;
}

}  // namespace

Ended run_self(const std::vector<std::string>& arguments, std::chrono::seconds at_most) {
  std::vector<std::string> words{"compare_bench"};
  words.insert(words.end(), arguments.begin(), arguments.end());
  std::vector<char*> pointers;
  for (std::string& word : words) { pointers.push_back(word.data()); }
  pointers.push_back(nullptr);

  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) { throw Failure(std::string("pipe: ") + std::strerror(errno)); }
  posix_spawn_file_actions_t actions;
  ::posix_spawn_file_actions_init(&actions);
  ::posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
  pid_t child = 0;
  const int failed = ::posix_spawn(&child, "/proc/self/exe", &actions, nullptr, pointers.data(), environ);
  ::posix_spawn_file_actions_destroy(&actions);
  ::close(ends[1]);
  if (failed != 0) {
    ::close(ends[0]);
    throw Failure(std::string("cannot start a process: ") + std::strerror(failed));
  }
  Ended ended;
  ended.is_late = !read_all_of(ends[0], at_most, ended.output);
  ::close(ends[0]);
  if (ended.is_late) { ::kill(child, SIGKILL); }
  int status = 0;
  while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {}
  if (WIFEXITED(status)) { ended.exit_code = WEXITSTATUS(status); }
  if (WIFSIGNALED(status)) { ended.signal = WTERMSIG(status); }
  return ended;
}

void end_with_parent() { ::prctl(PR_SET_PDEATHSIG, SIGKILL); }

void note_interrupts() {
  struct sigaction action{};
  action.sa_handler = [](int) { interrupted = 1; };
  ::sigaction(SIGINT, &action, nullptr);
  ::sigaction(SIGTERM, &action, nullptr);
}

bool is_interrupted() { return interrupted != 0; }

}  // namespace tidemark::compare
