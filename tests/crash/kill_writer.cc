// SPDX-License-Identifier: Apache-2.0
// Appends from several threads until it is killed. For every append that was acknowledged as durable it first writes a
// line
// "<stream> <version> <position>\n" to standard output, with one write(2) each, so that whoever reads them knows what
// must be found again. Usage: kill_writer FOLDER THREADS
#include <cstdlib>
#include <string>
#include <thread>
#include <unistd.h>
#include <vector>

#include "tidemark/tidemark.hpp"

namespace {

// What an event of this stream and version holds: anybody can tell whether it is whole.
std::string content(const std::string& stream, std::uint64_t version) {
  std::string text = stream + "/" + std::to_string(version) + "/";
  while (text.size() < 40 + version % 500) { text += static_cast<char>('a' + text.size() % 26); }
  return text;
}

void append_for_ever(tidemark::Store& store, const std::string& stream) {
  const auto last = store.stream(stream);
  if (!last) { std::exit(2); }
  std::uint64_t next = *last ? (*last)->last_version.value() + 1 : 0;
  for (;; ++next) {
    const std::string data = content(stream, next);
    const auto expect = next == 0 ? tidemark::Expect::no_stream() : tidemark::Expect::exactly(next - 1);
    const auto receipt = store.append(stream, expect, {{.type = "Counted", .data = tidemark::as_bytes(data)}});
    if (!receipt) { std::exit(3); }
    const std::string line = stream + " " + std::to_string(next) + " " + std::to_string(receipt->first.value()) + "\n";
    if (::write(STDOUT_FILENO, line.data(), line.size()) != static_cast<ssize_t>(line.size())) { std::exit(4); }
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) { return 64; }
  auto store = tidemark::Store::open(argv[1], {.segment_bytes_first = 1U << 16U, .segment_bytes_largest = 1U << 18U});
  if (!store) { return 1; }
  std::vector<std::jthread> threads;
  for (int i = 0; i < std::atoi(argv[2]); ++i) {
    threads.emplace_back([&store, i] { append_for_ever(*store, "stream-" + std::to_string(i)); });
  }
  return 0;
}
