// SPDX-License-Identifier: Apache-2.0
// Appends from several threads until it is killed. Once the store is open it writes the line "ready" to standard
// output, and for every append that was acknowledged as durable a line "<stream> <version> <position>", with one
// write(2) each, so that whoever reads them knows what must be found again. After so many appends a thread rests, so
// that a store that lives through thousands of kills stays small. Usage: kill_writer FOLDER THREADS APPENDS
#include <csignal>
#include <cstdlib>
#include <string>
#include <string_view>
#include <sys/prctl.h>
#include <thread>
#include <unistd.h>
#include <vector>

#include "tests/crash/kill_content.h"
#include "tests/open_with_index.h"
#include "tidemark/tidemark.hpp"

namespace {

void say(std::string_view line) {
  if (::write(STDOUT_FILENO, line.data(), line.size()) != static_cast<ssize_t>(line.size())) { std::exit(4); }
}

void append_some(tidemark::Store& store, const std::string& stream, int appends) {
  const auto last = store.stream(stream);
  if (!last) { std::exit(2); }
  std::uint64_t next = *last ? (*last)->last_version.value() + 1 : 0;
  for (int i = 0; i < appends; ++i, ++next) {
    const std::string data = tidemark::crash::kill_content(stream, next);
    const auto expect = next == 0 ? tidemark::Expect::no_stream() : tidemark::Expect::exactly(next - 1);
    const auto receipt = store.append(stream, expect, {{.type = "Counted", .data = tidemark::as_bytes(data)}});
    if (!receipt) { std::exit(3); }
    say(stream + " " + std::to_string(next) + " " + std::to_string(receipt->first.value()) + "\n");
  }
}

}  // namespace

int main(int argc, char** argv) {
  // No longer than the test: what outlives it holds its output open.
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (argc != 4) { return 64; }
  auto store =
      tidemark::open_with_index(argv[1], {.segment_bytes_first = 1U << 14U, .segment_bytes_largest = 1U << 18U},
                                tidemark::crash::kKillTableEvents);
  if (!store) { return 1; }
  say("ready\n");
  {
    std::vector<std::jthread> threads;
    for (int i = 0; i < std::atoi(argv[2]); ++i) {
      threads.emplace_back([&, i] { append_some(*store, "stream-" + std::to_string(i), std::atoi(argv[3])); });
    }
  }
  for (;;) { ::pause(); }
}
