// SPDX-License-Identifier: Apache-2.0
// What instructions_test counts: makes a store in a new folder, prepares, does some work as often as asked, and ends
// without closing the store. Two runs that differ in how often differ in that work alone.
//
//   counted_work FOLDER append-1|append-1000|read-all|read-stream TIMES
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "tidemark/tidemark.hpp"

namespace {

using namespace tidemark;

constexpr std::uint64_t kStreams = 1000;
constexpr std::uint64_t kRounds = 10;  // events of a stream
const AppendOptions kBuffered{.durability = Durability::kBuffered};

[[noreturn]] void fail(const std::string& why) {
  std::fprintf(stderr, "counted_work: %s\n", why.c_str());
  std::exit(1);
}

template <class T>
void must(const Result<T>& result) {
  if (!result) { fail(to_string(result.error())); }
}

std::string stream_name(std::uint64_t number) { return "account-" + std::to_string(1'000'000 + number % kStreams); }

const std::vector<std::byte>& data() {
  static const std::vector<std::byte> bytes = [] {
    std::vector<std::byte> made(256);
    unsigned state = 1;
    for (std::byte& byte : made) { byte = static_cast<std::byte>((state = state * 1664525 + 1013904223) >> 24U); }
    return made;
  }();
  return bytes;
}

NewEvent event() { return {.type = "DepositReceived", .data = data()}; }

void append_one(Store& store, std::uint64_t n) {
  must(store.append(stream_name(n), Expect::any(), {event()}, kBuffered));
}

// An event for each of the streams.
void append_round(Store& store) {
  Batch batch;
  for (std::uint64_t i = 0; i < kStreams; ++i) { batch.to(stream_name(i)).add(event()); }
  must(store.append(batch, kBuffered));
}

void load(Store& store) {
  for (std::uint64_t round = 0; round < kRounds; ++round) { append_round(store); }
  must(store.wait_durable(Position(kStreams * kRounds - 1)));
}

void read(Store& store, const Query& query, std::uint64_t events) {
  std::uint64_t found = 0;
  std::size_t bytes = 0;
  must(store.read(query).for_each([&](const Event& one) {
    ++found;
    bytes += one.data().size();
  }));
  if (found != events || bytes != events * data().size()) { fail("not the events that were appended"); }
}

void read_stream(Store& store, std::uint64_t n) { read(store, Query::stream(stream_name(n * 7919)), kRounds); }
void read_all(Store& store) { read(store, Query::all(), kStreams * kRounds); }

}  // namespace

int main(int argc, char** argv) {
  if (argc != 4) { fail("takes a folder, a kind of work and a number"); }
  auto store = Store::open(argv[1], {.allow_unsafe_file_system = true});
  must(store);
  const std::string_view work = argv[2];
  const std::uint64_t times = std::strtoull(argv[3], nullptr, 10);
  const bool reads = work.starts_with("read-");
  if (reads) {
    load(*store);
    // What a first look costs once is no part of it.
    read_all(*store);
    for (std::uint64_t n = 0; n < kStreams; ++n) { read_stream(*store, n); }
  }
  for (std::uint64_t n = 0; n < times; ++n) {
    if (work == "append-1") {
      append_one(*store, n);
    } else if (work == "append-1000") {
      append_round(*store);
    } else if (work == "read-all") {
      read_all(*store);
    } else if (work == "read-stream") {
      read_stream(*store, n);
    } else {
      fail("there is no such work");
    }
  }
  std::_Exit(0);
}
