// SPDX-License-Identifier: Apache-2.0
#include "tests/faults/workloads.h"

#include <limits>
#include <string>

#include "engine/format/index_file.h"
#include "engine/format/segment.h"

namespace tidemark::faults {

namespace {

using crash::ModelBatch;

constexpr Durability kBuffered = Durability::kBuffered;

void open_with_segments(Stage& s, std::uint64_t first, std::uint64_t largest) {
  s.options().segment_bytes_first = first;
  s.options().segment_bytes_largest = largest;
  s.open();
}

// What is left of the last group is its first sector alone.
void lose_all_but_the_first_sector(Stage& s) {
  const std::uint64_t end = s.has_store() ? s.store().info().durable_offset.value() : 0;
  s.lose_power({.bytes = [end](const auto&, std::uint64_t block) -> std::uint64_t {
    return block <= end / engine::kSectorBytes ? engine::kSectorBytes : 0;
  }});
}

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

// For so many bytes more than there are now.
void leave_room(Stage& s, std::uint64_t bytes) {
  if (s.is_down()) { return; }
  for (const auto& path : s.files().files()) { bytes += s.files().contents(path)->size(); }
  s.files().set_capacity(bytes);
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

// Tables of a few events each: they close, become files and are merged while there is not much to be done.
constexpr engine::IndexPolicy kSmallTables{.files = true, .table_events = 3, .merge_runs = 2, .close_events = 1};
constexpr engine::IndexPolicy kWithoutMerging{.files = true, .table_events = 3, .merge_runs = 100, .close_events = 1};

void open_with_index(Stage& s, const engine::IndexPolicy& policy) {
  s.set_index(policy);
  open_with_segments(s, 8192, 8192);
}

void index_tables(Stage& s) {
  open_with_index(s, kWithoutMerging);
  for (std::size_t i = 0; i < 8; ++i) { s.append(s.batch(i % 3 == 0 ? "a" : "b-1", 1 + i % 2, 40, true)); }
  s.read();
  s.close();
  s.open();
  s.read();
  s.append("a", 40);
  s.close();
}

void index_merges(Stage& s) {
  open_with_index(s, kSmallTables);
  for (std::size_t i = 0; i < 14; ++i) { s.append("stream-" + std::to_string(i % 3), 30); }
  s.read();
  s.repeat(1);
  s.conflict("stream-2");
  s.close();
  s.open();
  s.read();
  s.close();
}

// What is not durable yet goes into no file; the power takes it, and the log goes on in another way.
void index_behind_buffered(Stage& s) {
  open_with_index(s, kSmallTables);
  s.append("a", 100);
  for (int i = 0; i < 7; ++i) { s.append("b", 100, kBuffered); }
  s.read();
  s.append(s.batch("a", 2, 100));
  for (int i = 0; i < 4; ++i) { s.append("c", 900, kBuffered); }
  lose_all_but_the_first_sector(s);
  s.open();
  for (int i = 0; i < 4; ++i) { s.append("d", 60); }
  s.kill();
  s.open();
  s.read();
  s.close();
}

void index_over_rolls(Stage& s) {
  s.set_index(kSmallTables);
  open_with_segments(s, 4096, 4096);
  for (int i = 0; i < 10; ++i) { s.append(i % 2 == 0 ? "a" : "b", 1300); }
  s.kill();
  s.open();
  s.append(s.batch("a", 4, 1300));
  s.read();
  s.close();
}

void index_groups(Stage& s) {
  open_with_index(s, kSmallTables);
  for (std::size_t round = 1; round <= 3; ++round) {
    for (std::size_t i = 0; i <= round; ++i) {
      s.submit(s.batch("stream-" + std::to_string(i), 1 + i % 2, 80), i % 3 == 2 ? kBuffered : Durability::kDurable);
    }
    s.wait_tickets();
  }
  s.close();
}

// What a crash in the making of an index file leaves, and files that are not what their names say.
void index_leftovers(Stage& s) {
  open_with_index(s, kWithoutMerging);
  for (int i = 0; i < 7; ++i) { s.append("a", 60); }
  s.close();
  if (!s.is_down() && !s.wrong() && s.model().durable_event_count() > 0) {
    const std::vector<std::byte> rest(700);
    s.files().set_contents(s.folder() / (engine::index_file_name({Position(6), Position(9)}) + ".tmp"), rest);
    s.files().set_contents(s.folder() / engine::index_file_name({Position(3), Position(9)}), rest);
    const auto first = s.files().contents(s.folder() / engine::index_file_name({Position(0), Position(3)}));
    if (first) { s.files().set_contents(s.folder() / engine::index_file_name({Position(0), Position(4)}), *first); }
  }
  s.open();
  s.read();
  for (int i = 0; i < 4; ++i) { s.append("b", 60); }
  s.close();
}

void index_files_lost(Stage& s) {
  open_with_index(s, kWithoutMerging);
  for (int i = 0; i < 11; ++i) { s.append(i % 2 == 0 ? "a" : "b", 60); }
  s.close();
  s.lose_index_file(1);
  s.open();
  s.read();
  s.append("a", 60);
  s.close();
  s.lose_index_file(0);
  s.open();
  s.read();
  s.close();
}

void index_now_and_then(Stage& s) {
  open_with_index(s, kSmallTables);
  for (int i = 0; i < 5; ++i) { s.append("a", 60); }
  s.close();
  s.set_index({.files = false});
  s.open();
  for (int i = 0; i < 5; ++i) { s.append("b", 60); }
  s.close();
  s.set_index(kSmallTables);
  s.open();
  s.read();
  s.append("a", 60);
  s.close();
}

// There is room for the log and none for its index: that stays in memory until there is.
void index_on_a_full_disk(Stage& s) {
  open_with_index(s, kSmallTables);
  s.append("a", 60);
  leave_room(s, 4096 - 64);
  for (int i = 0; i < 12; ++i) { s.append(i % 3 == 0 ? "a" : "b", 60); }
  s.read();
  if (!s.is_down()) { s.files().set_capacity(std::numeric_limits<std::uint64_t>::max()); }
  for (int i = 0; i < 3; ++i) { s.append("a", 60); }
  s.read();
  s.close();
}

void index_read_while_merging(Stage& s) {
  open_with_index(s, kSmallTables);
  for (int i = 0; i < 6; ++i) { s.append("a", 60); }
  s.begin_reading();
  for (int i = 0; i < 6; ++i) {
    s.append(i % 2 == 0 ? "b" : "a", 60);
    s.read_on(1);
    if (!s.is_down() && !s.wrong()) { (void)s.look(); }
  }
  s.read_on(10);
  s.close();
}

void decisions(Stage& s) {
  s.open();
  for (std::size_t i = 0; i < 3; ++i) {
    s.append("a", 100, kBuffered);
    s.submit(s.batch("a", 1, 60), kBuffered);
    s.wait_tickets();
    s.decide(s.batch("a", 1 + i, 80));
    s.decide(s.batch("b", 1, 80), kBuffered);
    s.decide(s.batch("b", 2, 80), i == 1 ? kBuffered : Durability::kDurable);
  }
  s.read();
  s.close();
}

void snapshots(Stage& s) {
  open_with_segments(s, 8192, 8192);
  s.append("a", 100);
  s.save_snapshot("a");
  s.append(s.batch("a", 3, 100), kBuffered);
  s.save_snapshot("a");
  s.append("b", 100, kBuffered);
  s.append("a", 100, kBuffered);
  s.save_snapshot("b");
  s.kill();
  s.open();
  s.append("a", 100);
  s.save_snapshot("a");
  s.append("c", 700, kBuffered);
  lose_all_but_the_first_sector(s);
  s.open();
  s.append(s.batch("b", 2, 100));
  s.save_snapshot("b");
  s.check_snapshots();
  s.close();
}

void snapshots_pruned_and_lost(Stage& s) {
  open_with_segments(s, 8192, 8192);
  for (const char* const stream : {"a", "b", "c"}) {
    for (int i = 0; i < 2; ++i) {
      s.append(stream, 60);
      s.save_snapshot(stream);
    }
  }
  s.clock().advance(std::chrono::hours(2));
  s.append("a", 60);
  s.save_snapshot("a");
  s.prune_snapshots({.keep = 1});
  s.lose_snapshots(false);
  s.check_snapshots();
  s.prune_snapshots({.older_than = std::chrono::hours(1)});
  s.append("b", 60);
  s.save_snapshot("b");
  s.lose_snapshots(true);
  s.close();
  s.open();
  s.save_snapshot("c");
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
    {"index-tables", index_tables},
    {"index-merges", index_merges},
    {"index-behind-buffered", index_behind_buffered},
    {"index-over-rolls", index_over_rolls},
    {"index-groups", index_groups},
    {"index-leftovers", index_leftovers, true},
    {"index-files-lost", index_files_lost, true},
    {"index-now-and-then", index_now_and_then},
    {"index-on-a-full-disk", index_on_a_full_disk, true},
    {"index-read-while-merging", index_read_while_merging},
    {"decisions", decisions},
    {"snapshots", snapshots},
    {"snapshots-pruned-and-lost", snapshots_pruned_and_lost, true},
};

}  // namespace

std::span<const Workload> workloads() { return kWorkloads; }

}  // namespace tidemark::faults
