// SPDX-License-Identifier: Apache-2.0
// A member of the consumer group "work" of a store that another process writes to, until it is killed. Says on standard
// output what it was given, "g <time> <position> <stream>", before it deals with it, and "a <time> <position>" once it
// has acknowledged it; "error <text>" for anything else. Times are nanoseconds of the machine's steady clock, which all
// processes share. Usage: group_worker FOLDER SEED
#include <chrono>
#include <csignal>
#include <cstdint>
#include <cstdlib>
#include <random>
#include <string>
#include <sys/prctl.h>
#include <thread>
#include <unistd.h>

#include "tidemark/tidemark.hpp"

namespace {

void say(const std::string& line) {
  if (::write(STDOUT_FILENO, line.data(), line.size()) != static_cast<ssize_t>(line.size())) { std::exit(4); }
}

std::string now() { return std::to_string(std::chrono::steady_clock::now().time_since_epoch().count()); }

// Ends with what went wrong.
tidemark::Status work(const char* folder, std::mt19937_64& random) {
  auto store = tidemark::Store::open(folder, {.read_only = true});
  if (!store) { return std::unexpected(store.error()); }
  const auto group = store->group("work", tidemark::Query::category("a"));
  if (!group) { return std::unexpected(group.error()); }
  auto member = group->join({.max_tries = 100'000, .retry_first = std::chrono::milliseconds(1)});
  if (!member) { return std::unexpected(member.error()); }
  for (;;) {
    const auto given = member->next();
    if (!given) { return std::unexpected(given.error()); }
    const tidemark::Position position = given->event.position;
    say("g " + now() + " " + std::to_string(position.value()) + " " + given->event.stream + "\n");
    std::this_thread::sleep_for(std::chrono::microseconds(random() % 300));
    if (random() % 20 == 0) {
      if (auto done = member->nack(position, "not now"); !done) { return done; }
      continue;
    }
    if (auto done = member->ack(position); !done) { return done; }
    say("a " + now() + " " + std::to_string(position.value()) + "\n");
  }
}

}  // namespace

int main(int argc, char** argv) {
  // No longer than the test: what outlives it holds its output open.
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (argc != 3) { return 64; }
  std::mt19937_64 random(std::strtoull(argv[2], nullptr, 10));
  const auto done = work(argv[1], random);
  say("error " + to_string(done.error()) + "\n");
  ::pause();
}
