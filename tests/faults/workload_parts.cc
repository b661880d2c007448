// SPDX-License-Identifier: Apache-2.0
#include "tests/faults/workload_parts.h"

#include <vector>

#include "engine/format/segment.h"

namespace tidemark::faults {

void open_with_segments(Stage& s, std::uint64_t first, std::uint64_t largest) {
  s.options().segment_bytes_first = first;
  s.options().segment_bytes_largest = largest;
  s.open();
}

void lose_all_but_the_first_sector(Stage& s) {
  const std::uint64_t end = s.has_store() ? s.store().info().durable_offset.value() : 0;
  s.lose_power({.bytes = [end](const auto&, std::uint64_t block) -> std::uint64_t {
    return block <= end / engine::kSectorBytes ? engine::kSectorBytes : 0;
  }});
}

void leave_room(Stage& s, std::uint64_t bytes) {
  if (s.is_down()) { return; }
  for (const auto& path : s.files().files()) { bytes += s.files().contents(path)->size(); }
  s.files().set_capacity(bytes);
}

std::span<const Workload> workloads() {
  static const std::vector<Workload> all = [] {
    std::vector<Workload> some;
    for (const auto part : {log_workloads(), index_workloads(), aggregate_workloads(), consumer_workloads()}) {
      some.insert(some.end(), part.begin(), part.end());
    }
    return some;
  }();
  return all;
}

}  // namespace tidemark::faults
