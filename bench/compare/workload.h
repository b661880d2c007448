// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "bench/compare/events.h"
#include "bench/compare/store.h"

namespace tidemark::compare {

// How much is measured; the same for all stores of a run.
struct Scale {
  double seconds = 0.6;             // of one measurement
  std::uint64_t events = 500'000;   // that loads append
  std::size_t payload_bytes = 256;  // of one event
  std::chrono::microseconds gather{60};
  std::uint64_t events_max = 1'000'000;  // in the largest store of a curve
  bool allow_unsafe_file_system = false;
};

// What a measurement found, by name.
using Figures = std::map<std::string, double>;

// What stands before a workload as it begins.
struct Bench {
  Store& store;  // closed
  std::filesystem::path folder;
  const Scale& scale;
  std::shared_ptr<const Pool> pool;
  bool is_checked = true;     // afterwards all of it can be read, and is held against what was appended
  bool is_in_memory = false;  // nothing is there when it is opened

  [[nodiscard]] Opening opening() const {
    return {.gather = scale.gather, .allow_unsafe_file_system = scale.allow_unsafe_file_system};
  }
};

using Measure = std::function<Figures(const Bench&)>;

// A row of a workload's table: who is measured, and how.
struct Contender {
  std::string name;
  std::string store;
  Measure measure;
};

// A column. What is compared is divided by the same figure of the bases, within a repetition.
struct Column {
  std::string figure;  // in Figures
  std::string title;
  bool is_compared = false;
  bool more_is_better = true;
  bool is_drawn = false;        // the value too; ratios always are
  std::string drawing_title{};  // where the title does not do alone

  [[nodiscard]] const std::string& drawn_title() const { return drawing_title.empty() ? title : drawing_title; }
};

// In which folder.
enum class Place : std::uint8_t {
  kEmpty,    // a new one, but what recycles goes on with its own
  kGrown,    // a new one, which goes again
  kLoading,  // a new one, which is kept for those that need
  kLoaded,   // a loaded one, which stays for the next
};

// Where a workload stands on a curve.
struct Point {
  std::string curve;
  std::string unit;  // of what
  std::uint64_t at = 0;
};

struct Workload {
  std::string name;    // w2-64
  std::string family;  // w2
  std::string title;
  Place place = Place::kEmpty;
  int repetitions_max = 1000;
  double cost = 1;  // how much longer a contender takes than with an ordinary workload, roughly
  Measure before;   // in a process of its own, which may end by SIGKILL
  std::optional<Point> point;
  std::size_t payload_bytes = 0;  // in place of Scale's, if not 0
  std::uint64_t events = 0;       // that a store of its own has, if not 0
  std::vector<Column> columns;
  std::vector<std::string> bases;  // contenders
  std::vector<Contender> contenders;
};

// All of them, curves too, but for points with larger stores; of the stores only those named (and the limits).
[[nodiscard]] std::vector<Workload> workloads(const std::vector<std::string>& stores, std::uint64_t events_max);
// The one that loads the stores.
inline constexpr std::string_view kLoadWorkload = "w9";
// The one that asks them for answers.
inline constexpr std::string_view kCheckWorkload = "check";
[[nodiscard]] const Workload* find_workload(const std::vector<Workload>& all, std::string_view name);

// Reads all that the store has and holds it against what was appended: nothing lost, nothing doubled, versions dense,
// positions rising.
void check_content(Store& store, const Tally& appended);

}  // namespace tidemark::compare
