// SPDX-License-Identifier: Apache-2.0
// Lives of a store that append, read, roll, fail and open again.
#include <chrono>
#include <cstddef>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "tests/faults/workload_parts.h"

namespace tidemark::faults {

namespace {

using crash::ModelBatch;

void create(Stage& s) {
  s.open();
  s.close();
}

void create_below_new_folders(Stage& s) {
  s.set_folder("/new/and/deep");
  s.open();
  s.append("a", 100);
  s.close();
}

void open_and_close(Stage& s) {
  for (int i = 0; i < 3; ++i) {
    s.open();
    s.close();
  }
}

void one_by_one(Stage& s) {
  s.open();
  for (std::size_t i = 0; i < 10; ++i) { s.append(i % 2 == 0 ? "even" : "odd", 30 + 37 * i); }
  s.close();
}

void batches(Stage& s) {
  s.open();
  for (std::size_t i = 1; i <= 5; ++i) { s.append(s.batch("a", i, 60 * i)); }
  s.close();
}

void several_streams(Stage& s) {
  s.open();
  for (int round = 0; round < 3; ++round) {
    ModelBatch batch;
    for (int i = 0; i < 9; ++i) { s.add(batch, "stream-" + std::to_string(i % (2 + round)), 50); }
    s.append(std::move(batch));
  }
  s.close();
}

void many_small(Stage& s) {
  open_with_segments(s, 16384, 16384);
  for (int i = 0; i < 40; ++i) { s.append("a", 16); }
  s.close();
}

void buffered_only(Stage& s) {
  s.open();
  for (std::size_t i = 0; i < 8; ++i) { s.append("a", 40 + 90 * i, kBuffered); }
  s.read();
  s.kill();
}

void buffered_then_durable(Stage& s) {
  s.open();
  for (int round = 0; round < 3; ++round) {
    for (std::size_t i = 0; i < 3; ++i) { s.append("a", 200 + 100 * i, kBuffered); }
    s.append("b", 100);
  }
  s.append("a", 600, kBuffered);
  s.close();
}

void groups(Stage& s) {
  open_with_segments(s, 8192, 8192);
  for (std::size_t round = 1; round <= 4; ++round) {
    for (std::size_t i = 0; i <= round; ++i) {
      s.submit(s.batch("stream-" + std::to_string(i), 1 + i % 2, 80 * round + 33 * i),
               i % 3 == 2 ? kBuffered : Durability::kDurable);
    }
    s.wait_tickets();
  }
  s.close();
}

// Tickets in one group and in the next, with a roll between them.
void groups_over_a_roll(Stage& s) {
  s.open();
  for (int round = 0; round < 2; ++round) {
    for (int i = 0; i < 4; ++i) { s.submit(s.batch("a", 1, 1200), i == 1 ? kBuffered : Durability::kDurable); }
    s.wait_tickets();
  }
  s.submit(s.batch("a", 2, 100));
  s.close();
}

// One write of several frames over eight to ten sectors.
void groups_over_many_sectors(Stage& s) {
  open_with_segments(s, 16384, 16384);
  s.append("a", 200);
  for (int i = 0; i < 3; ++i) { s.submit(s.batch("a", 1, 1200)); }
  s.wait_tickets();
  s.submit(s.batch("b", 2, 900));
  s.submit(s.batch("c", 1, 2000), kBuffered);
  s.wait_tickets();
  s.append("b", 4000);
  s.close();
}

void roll(Stage& s) {
  s.open();
  for (int i = 0; i < 9; ++i) { s.append("a", 1500); }
  s.close();
  s.open();
  s.append("a", 1500);
  s.close();
}

void growing_segments(Stage& s) {
  open_with_segments(s, 4096, 16384);
  for (int i = 0; i < 9; ++i) { s.append("a", 2700, i % 3 == 1 ? kBuffered : Durability::kDurable); }
  s.close();
}

void larger_than_a_segment(Stage& s) {
  s.open();
  s.append("a", 100);
  s.append(s.batch("b", 5, 2000));
  s.append("a", 100);
  s.append("b", 20000, kBuffered);
  s.append("a", 100);
  s.close();
}

void close_with_unsynced(Stage& s) {
  s.open();
  s.append("a", 100);
  for (int i = 0; i < 5; ++i) { s.append("a", 700, kBuffered); }
  s.close();
  s.open();
  s.read();
  s.kill();
}

void reopen_closed(Stage& s) {
  s.open();
  for (int i = 0; i < 4; ++i) { s.append("a", 900); }
  s.close();
  s.open();
  s.append("a", 900);
  s.close();
}

void reopen_killed(Stage& s) {
  s.open();
  s.append("a", 300);
  for (int i = 0; i < 4; ++i) { s.append("a", 900, kBuffered); }
  s.kill();
  s.open();
  s.append("b", 300);
  s.append("b", 1300, kBuffered);
  s.kill();
  s.open();
  s.close();
}

void reopen_torn(Stage& s) {
  open_with_segments(s, 8192, 8192);
  s.append("a", 300);
  s.append(s.batch("a", 3, 900), kBuffered);
  lose_all_but_the_first_sector(s);
  s.open();
  s.append("b", 200);
  s.append("b", 1800, kBuffered);
  s.append("b", 200, kBuffered);
  lose_all_but_the_first_sector(s);
  s.open();
  s.close();
}

void reopen_without_a_superblock(Stage& s) {
  s.open();
  s.append("a", 200);
  s.close();
  if (!s.is_down() && !s.wrong()) { s.files().remove(s.folder() / "super-b"); }
  s.open();
  s.append("a", 200);
  s.close();
}

// A process killed while it made a segment: a temporary file and a spare are left.
void reopen_with_leftovers(Stage& s) {
  s.open();
  s.append("a", 200);
  s.kill();
  if (!s.is_down() && !s.wrong()) {
    const std::vector<std::byte> rest(4096);
    s.files().set_contents(s.folder() / "segment-0000000002.log.tmp", rest);
    s.files().set_contents(s.folder() / "super-a.tmp", rest);
  }
  s.open();
  for (int i = 0; i < 3; ++i) { s.append("a", 1500); }
  s.close();
}

void conflict_and_check(Stage& s) {
  s.open();
  s.conflict("nothing");
  s.append("a", 100);
  s.append("a", 100, kBuffered);
  s.conflict("a");
  s.append("b", 500, kBuffered);
  s.check("b");
  s.check("nothing");
  s.submit(s.batch("a", 1, 100), kBuffered);
  s.conflict("a");
  s.wait_tickets();
  s.close();
}

void repeat(Stage& s) {
  s.open();
  s.append(s.batch("a", 2, 700));
  s.append(s.batch("b", 3, 700), kBuffered);
  s.repeat(0);
  s.repeat(1);
  s.append("a", 2500);
  s.kill();
  s.open();
  s.repeat(1);
  s.repeat(2);
  s.close();
}

void wait_durable(Stage& s) {
  s.open();
  s.append("a", 100, kBuffered);
  s.wait_durable();
  s.append("a", 900, kBuffered);
  s.submit(s.batch("a", 1, 100), kBuffered);
  s.wait_durable();
  s.wait_durable();
  s.wait_tickets();
  s.close();
}

// The clock goes on by more than the sync interval and the time after which a log counts as idle. A store without
// threads does nothing by itself then; its next call must not mind.
void long_pauses(Stage& s) {
  s.open();
  for (int i = 0; i < 4; ++i) {
    s.append("a", 300, i % 2 == 0 ? Durability::kDurable : kBuffered);
    s.clock().advance(std::chrono::hours(2));
    s.read();
  }
  s.clock().jump(-std::chrono::hours(3));
  s.append("a", 300);
  s.kill();
  s.open();
  s.append("a", 300);
  s.close();
}

void zeros(Stage& s) {
  open_with_segments(s, 8192, 8192);
  for (std::size_t i = 1; i <= 6; ++i) {
    ModelBatch batch = s.batch("a", 2, 450 * i);
    for (auto& event : batch.events) { event.data.assign(event.data.size(), '\0'); }
    s.append(std::move(batch), i % 2 == 0 ? kBuffered : Durability::kDurable);
  }
  s.close();
}

void large_payloads(Stage& s) {
  open_with_segments(s, 65536, 65536);
  s.append("a", 40000);
  s.append(s.batch("b", 4, 9000), kBuffered);
  s.append("a", 150000);
  s.close();
}

void tags_metadata_and_valid_times(Stage& s) {
  s.open();
  for (std::size_t i = 1; i <= 5; ++i) {
    s.append(s.batch("a", i, 100, true), i == 3 ? kBuffered : Durability::kDurable);
  }
  s.close();
}

void full_disk_and_room_again(Stage& s) {
  s.open();
  s.append("a", 1500);
  leave_room(s, 2 * 4096 - 64);
  s.append("a", 1500);
  s.append_without_room("a", 1500);
  s.read();
  s.append("b", 100);
  s.append_without_room("a", 1500);
  if (!s.is_down()) { s.files().set_capacity(std::numeric_limits<std::uint64_t>::max()); }
  s.append("a", 1500);
  s.close();
}

void read_while_appending(Stage& s) {
  s.open();
  for (int i = 0; i < 3; ++i) { s.append("a", 700); }
  s.begin_reading();
  for (int i = 0; i < 3; ++i) {
    s.append(i == 1 ? "b" : "a", 1100, i == 2 ? kBuffered : Durability::kDurable);
    s.read_on(1);
    if (!s.is_down() && !s.wrong()) { (void)s.look(); }
  }
  s.read_on(10);
  s.read();
  s.close();
}

void unwritten_segments(Stage& s) {
  s.options().preallocation = Preallocation::kUnwritten;
  s.open();
  for (int i = 0; i < 4; ++i) { s.append("a", 1500); }
  s.kill();
  s.open();
  s.close();
}

constexpr Workload kWorkloads[] = {
    {"create", create},
    {"create-below-new-folders", create_below_new_folders},
    {"open-and-close", open_and_close},
    {"one-by-one", one_by_one},
    {"batches", batches},
    {"several-streams", several_streams},
    {"many-small", many_small},
    {"buffered-only", buffered_only},
    {"buffered-then-durable", buffered_then_durable},
    {"groups", groups},
    {"groups-over-a-roll", groups_over_a_roll},
    {"groups-over-many-sectors", groups_over_many_sectors},
    {"roll", roll},
    {"growing-segments", growing_segments},
    {"larger-than-a-segment", larger_than_a_segment},
    {"close-with-unsynced", close_with_unsynced},
    {"reopen-closed", reopen_closed},
    {"reopen-killed", reopen_killed},
    {"reopen-torn", reopen_torn},
    {"reopen-without-a-superblock", reopen_without_a_superblock, false, true},
    {"reopen-with-leftovers", reopen_with_leftovers},
    {"conflict-and-check", conflict_and_check},
    {"repeat", repeat},
    {"wait-durable", wait_durable},
    {"long-pauses", long_pauses},
    {"zeros", zeros},
    {"large-payloads", large_payloads},
    {"tags-metadata-and-valid-times", tags_metadata_and_valid_times},
    {"full-disk-and-room-again", full_disk_and_room_again, true},
    {"read-while-appending", read_while_appending},
    {"unwritten-segments", unwritten_segments},
};

}  // namespace

std::span<const Workload> log_workloads() { return kWorkloads; }

}  // namespace tidemark::faults
