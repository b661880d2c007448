// SPDX-License-Identifier: Apache-2.0
// Opens a store read-only again and again beside its writer, reads all of it, and writes what it was shown to standard
// output: a line "<events> <digest>" each time, "none" while there is no store, "error <text>" for anything else. Ends
// when it is killed. Usage: kill_reader FOLDER
#include <cstdint>
#include <string>
#include <unistd.h>

#include "tests/crash/kill_content.h"
#include "tests/open_with_index.h"
#include "tidemark/tidemark.hpp"

namespace {

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
  return std::to_string(events) + " " + std::to_string(digest);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) { return 64; }
  for (;;) {
    const std::string line = show(argv[1]) + "\n";
    if (::write(STDOUT_FILENO, line.data(), line.size()) != static_cast<ssize_t>(line.size())) { return 4; }
  }
}
