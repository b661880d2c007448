// SPDX-License-Identifier: Apache-2.0
#pragma once

// Lives of an index keeper over a log that is only told of.

#include <cstdint>
#include <functional>
#include <random>
#include <utility>
#include <vector>

#include "engine/log/index_keeper.h"
#include "tests/engine/log/sample_log.h"

namespace tidemark::test {

inline constexpr engine::IndexPolicy kSmall{.files = true, .table_events = 8, .merge_runs = 3, .close_events = 1};

// A folder with its index files, one writer's life after the other.
struct Folder : World {
  explicit Folder(std::uint64_t events, engine::IndexPolicy policy = kSmall, bool with_threads = false)
      : World(with_threads), log(events) {
    index = policy;
    must(files.make_folder(folder));
    must(files.sync_folder("/"));
    must(files.sync_folder(folder.parent_path()));
  }
  [[nodiscard]] std::uint64_t expect_right() { return expect_right_index(files, folder, log); }

  SampleLog log;
};

// A writer's life: what it found, and what it adds.
class Life {
 public:
  explicit Life(Folder& folder, bool makes_files = true)
      : folder_(folder),
        found_(must(engine::find_index(folder.files, folder.folder, some_log_id()))),
        catalog(found_.runs),
        keeper(folder.environment(), folder.folder, some_log_id(), catalog,
               {.files = makes_files, .trailer_before = folder.log.trailer_before(catalog.end().value())}) {
    for (const auto& leftover : found_.leftovers) { must(folder.files.unlink(leftover)); }
  }

  void add(std::uint64_t events) {
    for (std::uint64_t i = 0; i < events; ++i) { folder_.log.add_to(catalog); }
  }
  void close() { ASSERT_TRUE(keeper.close_table(folder_.log.edge(catalog.end().value()))); }
  // Makes all durable that was added.
  void sync() { keeper.durable(folder_.log.edge(catalog.end().value()).point.offset); }
  void add_table(std::uint64_t events = 8) {
    add(events);
    close();
    sync();
  }
  void expect_right() { expect_right_answers(*catalog.view(), folder_.log, catalog.end().value()); }
  // In tables' sizes, where the runs end.
  [[nodiscard]] std::vector<std::uint64_t> run_sizes() const {
    std::vector<std::uint64_t> sizes;
    for (const auto& run : catalog.view()->runs()) { sizes.push_back(run->end() - run->first()); }
    return sizes;
  }

 private:
  Folder& folder_;
  engine::FoundIndex found_;

 public:
  engine::Catalog catalog;
  engine::IndexKeeper keeper;
};

// What a life does, in the same order each time; every call of the keeper is told of first.
inline void live(Life& life, std::uint64_t seed, const std::function<void()>& before,
                 const std::function<void()>& after) {
  std::mt19937_64 random(seed);
  for (int table = 0; table < 10; ++table) {
    life.add(1 + random() % 12);
    life.close();
    if (random() % 3 != 0) { life.sync(); }
    if (random() % 4 == 0) { continue; }
    before();
    life.keeper.work();
    after();
  }
  life.sync();
  before();
  life.keeper.work();
  after();
}

}  // namespace tidemark::test
