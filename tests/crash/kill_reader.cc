// SPDX-License-Identifier: Apache-2.0
// Reads a store beside its writer, all of it, and writes what it was shown to standard output: a line
// "<events> <digest>" each time, "none" while there is no store, "error <text>" for anything else. Opens it read-only
// again and again; or once, to follow whoever writes to it from then on, one writer after the other. Ends when it is
// killed. Usage: kill_reader FOLDER [follow]
#include <csignal>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>
#include <sys/prctl.h>
#include <unistd.h>

#include "tests/crash/kill_content.h"
#include "tests/open_with_index.h"
#include "tidemark/tidemark.hpp"

namespace {

void say(const std::string& line) {
  if (::write(STDOUT_FILENO, line.data(), line.size()) != static_cast<ssize_t>(line.size())) { std::exit(4); }
}

std::string line_of(std::uint64_t events, std::uint64_t digest) {
  return std::to_string(events) + " " + std::to_string(digest);
}

// Ends with what ended the subscription.
std::string follow(const char* folder) {
  auto store = tidemark::open_with_index(folder, {.read_only = true}, tidemark::crash::kKillTableEvents);
  if (!store) {
    return store.error().code() == tidemark::ErrorCode::kNotFound ? "none" : "error " + to_string(store.error());
  }
  auto all = store->subscribe(tidemark::Query::all());
  if (!all) { return "error " + to_string(all.error()); }
  std::uint64_t events = 0;
  std::uint64_t digest = 0;
  for (;;) {
    auto run = all->next();
    if (!run) { return "error " + to_string(run.error()); }
    for (const tidemark::Event& event : *run) {
      if (event.position().value() != events) { return "error position " + std::to_string(event.position().value()); }
      digest = tidemark::crash::kill_digest(digest, event);
      ++events;
    }
    say(line_of(events, digest) + "\n");
  }
}

std::string show(const char* folder) {
  const auto store = tidemark::open_with_index(folder, {.read_only = true}, tidemark::crash::kKillTableEvents);
  if (!store) {
    return store.error().code() == tidemark::ErrorCode::kNotFound ? "none" : "error " + to_string(store.error());
  }
  std::uint64_t events = 0;
  std::uint64_t digest = 0;
  auto all = store->read(tidemark::Query::all());
  while (const tidemark::Event* event = all.next()) {
    digest = tidemark::crash::kill_digest(digest, *event);
    ++events;
  }
  if (!all.status()) { return "error " + to_string(all.status().error()); }
  return line_of(events, digest);
}

}  // namespace

int main(int argc, char** argv) {
  // No longer than the test: what outlives it holds its output open.
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  const bool follows = argc == 3 && std::string_view(argv[2]) == "follow";
  if (argc != 2 && !follows) { return 64; }
  for (;;) { say((follows ? follow(argv[1]) : show(argv[1])) + "\n"); }
}
