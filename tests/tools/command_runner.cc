// SPDX-License-Identifier: Apache-2.0
#include "tests/tools/command_runner.h"

#include <array>
#include <cerrno>
#include <fcntl.h>
#include <fstream>
#include <poll.h>
#include <signal.h>
#include <span>
#include <spawn.h>
#include <sstream>
#include <stdexcept>
#include <stdlib.h>
#include <sys/wait.h>
#include <system_error>
#include <unistd.h>
#include <zlib.h>

extern char** environ;

namespace tidemark::test {
namespace {

void check(bool good, const char* what) {
  if (!good) { throw std::system_error(errno, std::generic_category(), what); }
}

struct Pipe {
  int read_end = -1;
  int write_end = -1;
};

Pipe make_pipe() {
  std::array<int, 2> ends{};
  check(::pipe2(ends.data(), O_CLOEXEC) == 0, "pipe2");
  return {.read_end = ends[0], .write_end = ends[1]};
}

// Our end and the process's end of a terminal.
Pipe make_terminal() {
  const int ours = ::posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
  check(ours >= 0 && ::grantpt(ours) == 0 && ::unlockpt(ours) == 0, "posix_openpt");
  std::array<char, 128> name{};
  check(::ptsname_r(ours, name.data(), name.size()) == 0, "ptsname_r");
  const int theirs = ::open(name.data(), O_RDWR | O_NOCTTY | O_CLOEXEC);
  check(theirs >= 0, "open of a terminal");
  return {.read_end = ours, .write_end = theirs};
}

pid_t spawn(const std::vector<std::string>& arguments, const RunOptions& options, int in, int out, int err) {
  std::vector<std::string> all{options.program};
  all.insert(all.end(), arguments.begin(), arguments.end());
  std::vector<char*> argv;
  for (std::string& argument : all) { argv.push_back(argument.data()); }
  argv.push_back(nullptr);

  std::vector<std::string> environment;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    if (!std::string_view(*entry).starts_with("NO_COLOR=")) { environment.emplace_back(*entry); }
  }
  for (const auto& [name, value] : options.environment) { environment.push_back(name + "=" + value); }
  std::vector<char*> envp;
  for (std::string& entry : environment) { envp.push_back(entry.data()); }
  envp.push_back(nullptr);

  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, in, STDIN_FILENO);
  posix_spawn_file_actions_adddup2(&actions, out, STDOUT_FILENO);
  posix_spawn_file_actions_adddup2(&actions, err, STDERR_FILENO);
  pid_t pid = -1;
  errno = ::posix_spawn(&pid, options.program.c_str(), &actions, nullptr, argv.data(), envp.data());
  posix_spawn_file_actions_destroy(&actions);
  check(errno == 0, options.program.c_str());
  return pid;
}

void reap(pid_t pid, Ran& ran) {
  int status = 0;
  check(::waitpid(pid, &status, 0) == pid, "waitpid");
  if (WIFEXITED(status)) { ran.exit_code = WEXITSTATUS(status); }
  if (WIFSIGNALED(status)) { ran.signal = WTERMSIG(status); }
}

// Reads once; false at the end. A terminal whose other side is gone gives EIO.
bool drain(int descriptor, std::string& into) {
  std::array<char, 65536> chunk;
  const ssize_t got = ::read(descriptor, chunk.data(), chunk.size());
  if (got <= 0) { return false; }
  into.append(chunk.data(), static_cast<std::size_t>(got));
  return true;
}

// Feeds stdin and empties stdout and stderr until both are at their ends.
void converse(int in, std::string_view input, int out, int err, Ran& ran) {
  std::array<pollfd, 3> watched{{{.fd = in, .events = POLLOUT, .revents = 0},
                                 {.fd = out, .events = POLLIN, .revents = 0},
                                 {.fd = err, .events = POLLIN, .revents = 0}}};
  const auto close_at = [&](std::size_t i) {
    ::close(watched[i].fd);
    watched[i].fd = -1;
  };
  while (watched[1].fd >= 0 || watched[2].fd >= 0) {
    if (watched[0].fd >= 0 && input.empty()) { close_at(0); }
    check(::poll(watched.data(), watched.size(), -1) > 0 || errno == EINTR, "poll");
    if (watched[0].fd >= 0 && watched[0].revents != 0) {
      const ssize_t put = ::write(watched[0].fd, input.data(), input.size());
      if (put < 0 && errno != EAGAIN) {
        close_at(0);
      } else if (put > 0) {
        input.remove_prefix(static_cast<std::size_t>(put));
      }
    }
    if (watched[1].fd >= 0 && watched[1].revents != 0 && !drain(out, ran.out)) { close_at(1); }
    if (watched[2].fd >= 0 && watched[2].revents != 0 && !drain(err, ran.err)) { close_at(2); }
  }
  if (watched[0].fd >= 0) { close_at(0); }
}

}  // namespace

nlohmann::json Ran::json() const { return nlohmann::json::parse(out); }

std::vector<nlohmann::json> Ran::json_lines() const {
  std::vector<nlohmann::json> lines;
  std::istringstream stream(out);
  for (std::string line; std::getline(stream, line);) { lines.push_back(nlohmann::json::parse(line)); }
  return lines;
}

Ran run(const std::vector<std::string>& arguments, const RunOptions& options) {
  ::signal(SIGPIPE, SIG_IGN);  // of a process that does not read its stdin to the end
  const Pipe in = make_pipe();
  Pipe out = options.out_is_terminal ? make_terminal() : make_pipe();
  const Pipe err = options.err_is_terminal ? make_terminal() : make_pipe();
  check(::fcntl(in.write_end, F_SETFL, O_NONBLOCK) == 0, "fcntl");
  if (options.out_is_closed_pipe) {
    ::close(out.read_end);
    out.read_end = -1;
  }
  const pid_t pid = spawn(arguments, options, in.read_end, out.write_end, err.write_end);
  ::close(in.read_end);
  ::close(out.write_end);
  ::close(err.write_end);
  Ran ran;
  converse(in.write_end, options.input, out.read_end, err.read_end, ran);
  reap(pid, ran);
  return ran;
}

Running::Running(const std::vector<std::string>& arguments) {
  const int nothing = ::open("/dev/null", O_RDWR | O_CLOEXEC);
  check(nothing >= 0, "/dev/null");
  const Pipe err = make_pipe();
  pid_ = spawn(arguments, {}, nothing, nothing, err.write_end);
  ::close(nothing);
  ::close(err.write_end);
  err_ = err.read_end;
}

Running::~Running() {
  if (pid_ > 0) {
    kill();
    ::waitpid(pid_, nullptr, 0);
  }
  ::close(err_);
}

bool Running::read_line(std::string& line) {
  std::size_t end = 0;
  while ((end = buffer_.find('\n')) == std::string::npos) {
    if (!drain(err_, buffer_)) { return false; }
  }
  line = buffer_.substr(0, end);
  buffer_.erase(0, end + 1);
  return true;
}

void Running::kill() {
  if (pid_ > 0) { ::kill(pid_, SIGKILL); }  // -1 is every process of the machine
}

Ran Running::wait() {
  Ran ran;
  reap(pid_, ran);
  pid_ = -1;
  return ran;
}

std::string ToolsFolder::file(std::string_view name, std::string_view content) const {
  const std::string path = *this / name;
  std::ofstream stream(path, std::ios::binary);
  stream << content;
  stream.close();
  if (!stream) { throw std::runtime_error("could not write " + path); }
  return path;
}

const std::vector<std::string>& loan_lines() {
  static const std::vector<std::string> lines = [] {
    std::string text;
    gzFile_s* file = gzopen(TIDEMARK_LOAN_DATA, "rb");
    check(file != nullptr, TIDEMARK_LOAN_DATA);
    std::array<char, 65536> chunk;
    for (int got = 0; (got = gzread(file, chunk.data(), static_cast<unsigned>(chunk.size()))) > 0;) {
      text.append(chunk.data(), static_cast<std::size_t>(got));
    }
    gzclose_r(file);
    std::vector<std::string> all;
    std::istringstream stream(text);
    for (std::string line; std::getline(stream, line);) { all.push_back(line); }
    return all;
  }();
  return lines;
}

std::string first_loan_lines(const std::string& path, std::size_t count) {
  std::ofstream file(path);
  for (const std::string& line : std::span(loan_lines()).first(count)) { file << line << '\n'; }
  file.close();
  check(file.good(), path.c_str());
  return path;
}

}  // namespace tidemark::test
