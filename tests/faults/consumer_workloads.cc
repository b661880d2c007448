// SPDX-License-Identifier: Apache-2.0
// Lives of a store with consumers that keep their place, and with the members of a group.
#include <chrono>
#include <string>
#include <utility>

#include "tests/faults/workload_parts.h"

namespace tidemark::faults {

namespace {

using namespace std::chrono_literals;

void places(Stage& s) {
  open_with_segments(s, 8192, 8192);
  s.append(s.batch("a", 6, 60));
  s.consume("reader", Storing::kAlone);
  s.consume("reader", Storing::kAlone);
  s.consume("another", Storing::kAlone);
  s.kill();
  s.open();
  s.consume("reader", Storing::kAlone);
  s.forget_place("another");
  s.append(s.batch("b", 3, 60), kBuffered);
  lose_all_but_the_first_sector(s);
  s.open();
  s.consume("another", Storing::kAlone);
  s.consume("reader", Storing::kAlone);
  s.close();
  s.open();
  s.consume("reader", Storing::kAlone);
  s.close();
}

void places_in_batches(Stage& s) {
  open_with_segments(s, 8192, 8192);
  s.append(s.batch("questions", 6, 60));
  s.consume("reader", Storing::kByBatch);
  s.consume("reader", Storing::kByBufferedBatch);
  s.consume("another", Storing::kByBufferedBatch);
  s.kill();
  s.open();
  s.consume("reader", Storing::kByBatch);
  s.append(s.batch("questions", 2, 300), kBuffered);
  s.consume("reader", Storing::kByBufferedBatch);
  lose_all_but_the_first_sector(s);
  s.open();
  s.consume("reader", Storing::kByBatch);
  s.consume("another", Storing::kByBufferedBatch);
  s.close();
}

// By turns, and across the edge of a segment.
void places_both_ways(Stage& s) {
  s.open();
  s.append(s.batch("questions", 4, 300));
  s.consume("reader", Storing::kByBufferedBatch);
  s.consume("reader", Storing::kAlone);
  s.consume("reader", Storing::kByBatch);
  s.append("a", 1500);
  s.consume("reader", Storing::kAlone);
  s.forget_place("reader");
  s.append("a", 1500, kBuffered);
  s.consume("reader", Storing::kByBufferedBatch);
  s.forget_place("reader");
  s.consume("reader", Storing::kByBatch);
  s.kill();
  s.open();
  s.consume("reader", Storing::kAlone);
  s.close();
}

// No room for a checkpoint's file: told, and everything goes on.
void places_on_a_full_disk(Stage& s) {
  s.open();
  s.append(s.batch("a", 4, 60));
  s.consume("reader", Storing::kByBatch);
  leave_room(s, 0);
  s.consume_without_room("another");
  s.append("a", 60);
  leave_room(s, 1 << 20);
  s.consume("another", Storing::kAlone);
  s.consume("reader", Storing::kAlone);
  s.close();
}

void append_jobs(Stage& s, int count, Durability durability = Durability::kDurable) {
  auto jobs = s.batch("job-0", 1, 40);
  for (int n = 1; n < count; ++n) { s.add(jobs, n % 4 == 3 ? "other" : "job-" + std::to_string(n % 3), 40); }
  s.append(std::move(jobs), durability);
}

void group_of_one(Stage& s) {
  open_with_segments(s, 8192, 8192);
  append_jobs(s, 6);
  s.join(1);
  s.take(1, 3);
  s.finish(1);
  s.take(1, 2);
  s.refuse(1, Nack::kRetry);
  s.finish(1);
  s.clock().advance(2s);
  s.take(1, 2);
  s.flush(1);
  s.kill();
  s.open();
  append_jobs(s, 3, kBuffered);
  s.wait_durable();
  s.join(1);
  s.clock().advance(1s);
  s.take(1, 3);
  s.finish(1);
  s.leave(1);
  s.close();
}

void group_of_two(Stage& s) {
  open_with_segments(s, 8192, 8192);
  append_jobs(s, 10);
  s.join(1);
  s.take(1, 2);
  s.join(2);
  s.clock().advance(300ms);
  s.finish(1);
  s.take(1, 1);
  s.take(2, 2);
  s.finish(2);
  s.leave(1);
  s.clock().advance(300ms);
  s.take(2, 3);
  s.finish(2);
  s.lose_power({.bytes = [](const auto&, std::uint64_t) -> std::uint64_t { return 0; },
                .name = [](const std::string&) { return false; }});
  s.open();
  s.join(2);
  s.clock().advance(2s);
  s.take(2, 4);
  s.finish(2);
  s.close();
}

void group_that_parks(Stage& s) {
  open_with_segments(s, 8192, 8192);
  append_jobs(s, 8);
  s.join(1);
  s.take(1, 3);
  s.refuse(1, Nack::kPark);
  s.refuse(1, Nack::kSkip);
  s.finish(1);
  s.take(1, 2);
  s.refuse(1, Nack::kPark);
  s.replay_parked();
  s.clock().advance(300ms);
  s.take(1, 3);
  s.finish(1);
  s.kill();
  s.open();
  s.join(1);
  s.clock().advance(1s);
  s.take(1, 2);
  s.refuse(1, Nack::kPark);
  s.leave(1);
  s.close();
}

constexpr Workload kWorkloads[] = {
    {"places", places},
    {"places-in-batches", places_in_batches},
    {"places-both-ways", places_both_ways},
    {"places-on-a-full-disk", places_on_a_full_disk, true},
    {"group-of-one", group_of_one},
    {"group-of-two", group_of_two},
    {"group-that-parks", group_that_parks},
};

}  // namespace

std::span<const Workload> consumer_workloads() { return kWorkloads; }

}  // namespace tidemark::faults
