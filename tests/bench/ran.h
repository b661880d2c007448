// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdio>
#include <string>
#include <sys/wait.h>

namespace tidemark::test {

// How a shell command ended.
struct Ran {
  int exit_code = -1;  // -1: by a signal
  std::string said;    // on both streams
};

inline Ran run_in_shell(const std::string& command) {
  Ran ran;
  std::FILE* const process = ::popen((command + " 2>&1").c_str(), "r");
  if (process == nullptr) { return ran; }
  std::array<char, 4096> chunk{};
  while (const std::size_t got = std::fread(chunk.data(), 1, chunk.size(), process)) {
    ran.said.append(chunk.data(), got);
  }
  const int status = ::pclose(process);
  if (WIFEXITED(status)) { ran.exit_code = WEXITSTATUS(status); }
  return ran;
}

}  // namespace tidemark::test
