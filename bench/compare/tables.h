// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "bench/compare/workload.h"

// What workloads are put together of.
namespace tidemark::compare {

inline const Column kRate{.figure = "events_s", .title = "events/s", .is_compared = true};
inline const Column kHalf{.figure = "p50_us", .title = "p50 µs", .more_is_better = false};
inline const Column kTail{.figure = "p99_us", .title = "p99 µs", .more_is_better = false};

// Space that was zeroed before costs nothing while the clock runs: a store that makes its files as it grows is held
// against files that are made then, too.
inline const std::vector<std::string> kWritingLimits = {"L1", "L1-fresh"};

inline void add_stores(Workload& workload, const std::vector<std::string>& stores, const Measure& measure) {
  for (const std::string& store : stores) {
    workload.contenders.push_back({.name = store, .store = store, .measure = measure});
  }
}

// Everything but the contenders.
inline Workload make_table(std::string name, std::string title, std::vector<Column> columns,
                           std::vector<std::string> bases) {
  Workload w;
  w.family = name.substr(0, name.find('-'));
  w.name = std::move(name);
  w.title = std::move(title);
  w.columns = std::move(columns);
  w.bases = std::move(bases);
  return w;
}

}  // namespace tidemark::compare
