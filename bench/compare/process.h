// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <string>
#include <vector>

namespace tidemark::compare {

struct Ended {
  std::string output;  // what it wrote to stdout
  int exit_code = -1;  // -1: by a signal
  int signal = 0;
  bool is_late = false;  // it was killed because it took too long, or because this program was interrupted
};

// Runs this very program with other arguments and waits for its end. Throws Failure if it cannot be started.
[[nodiscard]] Ended run_self(const std::vector<std::string>& arguments, std::chrono::seconds at_most);

// In a process started by run_self: ends it with its parent.
void end_with_parent();

// From now on SIGINT and SIGTERM only set a mark, so that folders are removed.
void note_interrupts();
[[nodiscard]] bool is_interrupted();

}  // namespace tidemark::compare
