// SPDX-License-Identifier: Apache-2.0
// Lives of a store whose index files are made, merged, left over and lost.
#include <cstddef>
#include <limits>
#include <string>
#include <vector>

#include "engine/format/index_file.h"
#include "tests/faults/workload_parts.h"

namespace tidemark::faults {

namespace {

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

constexpr Workload kWorkloads[] = {
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
};

}  // namespace

std::span<const Workload> index_workloads() { return kWorkloads; }

}  // namespace tidemark::faults
