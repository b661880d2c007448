// SPDX-License-Identifier: Apache-2.0
// Lives of a store with decisions and snapshots.
#include <chrono>
#include <cstddef>

#include "tests/faults/workload_parts.h"

namespace tidemark::faults {

namespace {

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
    {"decisions", decisions},
    {"snapshots", snapshots},
    {"snapshots-pruned-and-lost", snapshots_pruned_and_lost, true},
};

}  // namespace

std::span<const Workload> aggregate_workloads() { return kWorkloads; }

}  // namespace tidemark::faults
