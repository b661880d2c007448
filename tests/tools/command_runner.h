// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <sys/types.h>
#include <vector>

#include "tests/temporary_folder.h"

// Runs the built command as a user does: a process with arguments, an environment and three streams.
namespace tidemark::test {

// How a process ended and what it said.
struct Ran {
  int exit_code = -1;  // -1: ended by a signal
  int signal = 0;
  std::string out;
  std::string err;

  // out as one JSON value.
  [[nodiscard]] nlohmann::json json() const;
  // out as one JSON value a line.
  [[nodiscard]] std::vector<nlohmann::json> json_lines() const;
};

struct RunOptions {
  std::string input = {};
  std::map<std::string, std::string> environment = {};  // added to our own, of which NO_COLOR is taken away
  bool out_is_terminal = false;
  bool err_is_terminal = false;
  // The reader of stdout goes away before anything is written.
  bool out_is_closed_pipe = false;
  std::string program = TIDEMARK_COMMAND;
};

// Runs it to its end.
[[nodiscard]] Ran run(const std::vector<std::string>& arguments, const RunOptions& options = {});

// A process under way, for killing. Killed and reaped at the end if it still runs.
class Running {
 public:
  explicit Running(const std::vector<std::string>& arguments);
  Running(const Running&) = delete;
  Running& operator=(const Running&) = delete;
  ~Running();

  // The next line of its stderr, without its end; false at the end of it.
  [[nodiscard]] bool read_line(std::string& line);
  void kill();
  // Waits for its end.
  [[nodiscard]] Ran wait();

 private:
  pid_t pid_ = -1;
  int err_ = -1;
  std::string buffer_;
};

// A folder of our own, gone at the end with all that is in it.
class ToolsFolder : public TemporaryFolder {
 public:
  ToolsFolder() : TemporaryFolder("tools") {}

  [[nodiscard]] std::string operator/(std::string_view name) const { return (path() / name).string(); }
  // Makes a file in it and gives its path.
  [[nodiscard]] std::string file(std::string_view name, std::string_view content) const;
};

// The loan applications, one line each, without line ends.
[[nodiscard]] const std::vector<std::string>& loan_lines();
// Writes so many of them to a file and gives its path: for tests that need no more and run under sanitizers too.
[[nodiscard]] std::string first_loan_lines(const std::string& path, std::size_t count);

}  // namespace tidemark::test
