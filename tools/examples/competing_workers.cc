// SPDX-License-Identifier: Apache-2.0
// An example: work shared by several workers. Each is a member of one consumer group; the events of one customer are
// dealt with one after the other, those of different customers side by side. What fails is tried again, and put aside
// in the end, to be looked at by a person and given once more.
//
//   competing_workers orders place 200        places 200 orders of 20 customers
//   competing_workers orders work 4           4 workers, until nothing is left; run it from several terminals at once
//   competing_workers orders parked           what was put aside
//   competing_workers orders replay           gives that once more: run `work` again
#include <atomic>
#include <charconv>
#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <fmt/format.h>
#include <map>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "tidemark/tidemark.hpp"

namespace {

using namespace tidemark;
using namespace std::chrono_literals;

constexpr std::string_view kGroup = "fulfilment";
constexpr std::uint64_t kCustomers = 20;

int complain(const Error& error) {
  fmt::print(stderr, "competing_workers: {}\n", to_string(error));
  return 1;
}

// As the command does.
bool any_file_system() { return std::getenv("TIDEMARK_ALLOW_UNSAFE_FILE_SYSTEM") != nullptr; }

Result<Group> open_group(const Store& store) { return store.group(kGroup, Query::category("customer")); }

int place(const std::string& folder, std::uint64_t orders) {
  auto store = Store::open(folder, {.allow_unsafe_file_system = any_file_system()});
  if (!store) { return complain(store.error()); }
  Batch batch;
  for (std::uint64_t n = 0; n < orders; ++n) {
    // One order in forty cannot be read by anybody.
    batch.to(fmt::format("customer-{}", n % kCustomers))
        .add({.type = "OrderPlaced", .data = as_bytes(n % 40 == 7 ? "???" : "one lamp")});
  }
  if (auto placed = store->append(batch); !placed) { return complain(placed.error()); }
  fmt::print("{} orders placed\n", orders);
  return 0;
}

// What the workers of this process did.
struct Tally {
  std::mutex mutex;
  std::map<std::string, std::uint64_t> last;  // of each customer the position dealt with last
  std::uint64_t done = 0;
  std::uint64_t out_of_order = 0;

  void add(const Delivery& given) {
    const std::scoped_lock lock(mutex);
    std::uint64_t& last_position = last[given.event.stream];
    if (!given.replayed && given.event.position.value() < last_position) { ++out_of_order; }
    last_position = given.event.position.value();
    ++done;
  }
};

// The work itself. The store promises that each order comes at least once: a worker that dies between doing the work
// and acknowledging it leaves it to another. So it is work that may be done twice, or that looks whether it was done.
Status fulfil(const Delivery& given) {
  if (as_text(given.event.data) != "one lamp") {
    return std::unexpected(Error(ErrorCode::kInvalidArgument, "the order cannot be read"));
  }
  return {};
}

Status work(const Group& group, Tally& tally) {
  auto member = group.join({.max_tries = 3, .retry_first = 5ms});
  if (!member) { return std::unexpected(member.error()); }
  // An order that is being tried again is waited for; a worker for good would call next(stop) instead.
  for (;;) {
    auto given = member->next_for(1s);
    if (!given) { return std::unexpected(given.error()); }
    if (!*given) { return member->leave(); }
    const Delivery& order = **given;
    Status said;
    if (auto done = fulfil(order); done) {
      tally.add(order);
      said = member->ack(order.event.position);
    } else {
      said = member->nack(order.event.position, done.error().message());
    }
    if (!said) { return said; }
  }
}

int work(const std::string& folder, std::uint64_t workers) {
  // Read-only: the store may be open for writing elsewhere, and workers may run in several processes.
  auto store = Store::open(folder, {.read_only = true, .allow_unsafe_file_system = any_file_system()});
  if (!store) { return complain(store.error()); }
  const auto group = open_group(*store);
  if (!group) { return complain(group.error()); }
  Tally tally;
  std::atomic<bool> failed = false;
  {
    std::vector<std::jthread> threads;
    for (std::uint64_t n = 0; n < workers; ++n) {
      threads.emplace_back([&] {
        if (auto done = work(*group, tally); !done) {
          complain(done.error());
          failed = true;
        }
      });
    }
  }
  fmt::print("{} orders fulfilled for {} customers, {} out of order\n", tally.done, tally.last.size(),
             tally.out_of_order);
  return failed ? 1 : 0;
}

int show_parked(const std::string& folder, bool replay) {
  auto store = Store::open(folder, {.read_only = true, .allow_unsafe_file_system = any_file_system()});
  if (!store) { return complain(store.error()); }
  const auto group = open_group(*store);
  if (!group) { return complain(group.error()); }
  const auto parked = group->parked();
  if (!parked) { return complain(parked.error()); }
  for (const ParkedEvent& event : *parked) {
    fmt::print("{} {} after {} tries: {}\n", event.position.value(), event.stream, event.tries, event.reason);
  }
  if (!replay) { return 0; }
  if (auto asked = group->replay_parked(); !asked) { return complain(asked.error()); }
  fmt::print("{} orders will be given once more\n", parked->size());
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  const std::vector<std::string> words(argv + 1, argv + argc);
  const std::string command = words.size() > 1 ? words[1] : "";
  std::uint64_t number = 0;
  if (words.size() == 3) {
    const auto [end, error] = std::from_chars(words[2].data(), words[2].data() + words[2].size(), number);
    if (error != std::errc() || end != words[2].data() + words[2].size()) { number = 0; }
  }
  if (command == "place" && number > 0) { return place(words[0], number); }
  if (command == "work" && number > 0) { return work(words[0], number); }
  if (command == "parked" && words.size() == 2) { return show_parked(words[0], false); }
  if (command == "replay" && words.size() == 2) { return show_parked(words[0], true); }
  fmt::print(stderr, "usage: competing_workers STORE place ORDERS | work WORKERS | parked | replay\n");
  return 2;
}
