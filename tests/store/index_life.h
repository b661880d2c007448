// SPDX-License-Identifier: Apache-2.0
// A store with index files of a few events each, and what it must hold.
#pragma once

#include <algorithm>
#include <gtest/gtest.h>
#include <map>
#include <optional>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "engine/format/segment.h"
#include "tests/store/support.h"

namespace tidemark::test {

struct Fact {
  std::string stream;
  std::uint64_t version = 0;
  std::string type;
  std::vector<std::string> tags;
  EventId id;
  std::string data;
  // That came with its batch, of which it is the first.
  std::map<std::string, std::optional<std::uint64_t>> checkpoints = {};
};

inline std::string category_in_name(const std::string& stream) { return stream.substr(0, stream.find('-')); }

class IndexedLife {
 public:
  explicit IndexedLife(std::uint64_t seed, bool threads = false) : world(threads), random_(seed) {
    world.index = {
        .files = true, .table_events = 2 + seed % 9, .merge_runs = 2 + seed % 3, .close_events = 1 + seed % 5};
  }

  World world;
  std::vector<Fact> facts;
  std::optional<Store> store;

  std::uint64_t pick(std::uint64_t n) { return random_() % n; }

  OpenOptions options() const { return tiny_segments(); }
  void open() { store.emplace(world.open(options())); }

  void append_some() {
    Batch batch;
    std::vector<Fact> added;
    std::map<std::string, std::uint64_t> counts;
    for (const Fact& fact : facts) { counts[fact.stream] = fact.version + 1; }
    for (std::uint64_t n = 1 + pick(4); n > 0; --n) {
      Fact fact;
      fact.stream =
          std::string(1, static_cast<char>('a' + pick(3))) + (pick(6) == 0 ? "" : "-" + std::to_string(pick(9)));
      fact.version = counts[fact.stream]++;
      fact.type = "T" + std::to_string(pick(4));
      for (std::uint64_t tag = 0; tag < 3; ++tag) {
        if (pick(3) == 0) { fact.tags.push_back("tag:" + std::to_string(tag)); }
      }
      fact.id = EventId::from_name(std::to_string(facts.size() + added.size()) + "/" + std::to_string(pick(1U << 30U)));
      fact.data = std::string(pick(300), static_cast<char>('a' + pick(26)));
      added.push_back(fact);
    }
    for (const Fact& fact : added) {
      const std::vector<std::string_view> tags(fact.tags.begin(), fact.tags.end());
      batch.to(fact.stream).add({.type = fact.type, .data = as_bytes(fact.data), .tags = tags, .id = fact.id});
    }
    while (pick(4) == 0) {
      const std::string name = "consumer " + std::to_string(pick(3));
      const std::uint64_t until = pick(facts.size() + 1);
      auto& position = added.front().checkpoints[name];
      position = until == 0 ? std::nullopt : std::optional(until - 1);
      batch.checkpoint(name, position ? std::optional(Position(*position)) : std::nullopt);
    }
    const auto durability = pick(3) == 0 ? Durability::kBuffered : Durability::kDurable;
    const auto receipt = must(store->append(batch, {.durability = durability}));
    ASSERT_EQ(receipt.first.value(), facts.size());
    facts.insert(facts.end(), added.begin(), added.end());
    if (durability == Durability::kDurable) { acknowledged_ = facts.size(); }
  }

  void close() {
    must(store->close());
    store.reset();
    acknowledged_ = facts.size();
  }

  // What was only buffered may be gone, from the end.
  void take_what_is_there() {
    const std::uint64_t events = store->info().events;
    ASSERT_GE(events, acknowledged_);
    ASSERT_LE(events, facts.size());
    facts.resize(events);
    acknowledged_ = events;
  }

  // Every answer of the store, against the facts.
  void expect_right(const Store& shown, std::uint64_t events) {
    std::map<std::string, std::vector<std::uint64_t>> by_stream, by_category, by_type, by_tag;
    for (std::uint64_t i = 0; i < events; ++i) {
      const Fact& fact = facts[i];
      by_stream[fact.stream].push_back(i);
      by_category[category_in_name(fact.stream)].push_back(i);
      by_type[fact.type].push_back(i);
      for (const auto& tag : fact.tags) { by_tag[tag].push_back(i); }
    }
    const auto expect_read = [&](const Query& query, const std::vector<std::uint64_t>& positions) {
      for (const Direction direction : {Direction::kForward, Direction::kBackward}) {
        auto expected = positions;
        if (direction == Direction::kBackward) { std::ranges::reverse(expected); }
        const auto got = read(shown, query, {.direction = direction, .visibility = Visibility::kWritten});
        ASSERT_EQ(got.size(), expected.size()) << to_string(query);
        for (std::size_t i = 0; i < expected.size(); ++i) {
          ASSERT_EQ(got[i].position.value(), expected[i]) << to_string(query);
          const Fact& fact = facts[expected[i]];
          ASSERT_EQ(got[i].stream, fact.stream);
          ASSERT_EQ(got[i].version.value(), fact.version);
          ASSERT_EQ(got[i].id, fact.id);
          ASSERT_EQ(as_text(got[i].data), fact.data);
        }
      }
    };
    std::vector<std::uint64_t> all(events);
    for (std::uint64_t i = 0; i < events; ++i) { all[i] = i; }
    expect_read(Query::all(), all);
    for (const auto& [name, positions] : by_stream) { expect_read(Query::stream(name), positions); }
    for (const auto& [name, positions] : by_category) { expect_read(Query::category(name), positions); }
    for (const auto& [name, positions] : by_type) { expect_read(Query::type(name), positions); }
    for (const auto& [name, positions] : by_tag) { expect_read(Query::tag(name), positions); }
    if (testing::Test::HasFatalFailure()) { return; }
    for (std::uint64_t i = 0; i < events; i += 1 + pick(7)) {
      const auto found = must(shown.event_by_id(facts[i].id));
      ASSERT_TRUE(found);
      ASSERT_EQ(found->position.value(), i);
    }
    ASSERT_FALSE(must(shown.event_by_id(EventId::from_name("unknown"))));
    const auto streams = must(shown.streams());
    ASSERT_EQ(streams.size(), by_stream.size());
    ASSERT_EQ(shown.info().streams, by_stream.size());
    for (const auto& stream : streams) {
      ASSERT_EQ(stream.last_version.value() + 1, by_stream.at(stream.name).size());
      ASSERT_EQ(stream.last_position.value(), by_stream.at(stream.name).back());
    }
    const auto expect_names = [&](const std::vector<NameInfo>& names, const auto& expected) {
      ASSERT_EQ(names.size(), expected.size());
      for (const auto& name : names) { ASSERT_EQ(name.events, expected.at(name.name).size()); }
    };
    expect_names(must(shown.categories()), by_category);
    expect_names(must(shown.types()), by_type);
    expect_names(must(shown.tags()), by_tag);
    std::map<std::string, std::optional<std::uint64_t>> checkpoints;
    for (std::uint64_t i = 0; i < events; ++i) {
      for (const auto& [name, position] : facts[i].checkpoints) { checkpoints[name] = position; }
    }
    const auto expect_checkpoint = [&](const Checkpoint& checkpoint, const std::optional<std::uint64_t>& expected) {
      ASSERT_EQ(checkpoint.position, expected ? std::optional(Position(*expected)) : std::nullopt);
    };
    for (const auto& [name, position] : checkpoints) {
      const auto found = must(shown.checkpoint(name));
      ASSERT_TRUE(found) << name;
      expect_checkpoint(*found, position);
    }
    ASSERT_FALSE(must(shown.checkpoint("nobody")));
    const auto listed = must(shown.checkpoints());
    ASSERT_EQ(listed.size(), checkpoints.size());
    for (const auto& one : listed) { expect_checkpoint(one.checkpoint, checkpoints.at(one.name)); }
  }

  void expect_right() {
    must(store->wait_durable(Position(facts.size() - 1)));
    acknowledged_ = facts.size();
    expect_right(*store, facts.size());
  }

  [[nodiscard]] std::vector<std::filesystem::path> index_files() const {
    std::vector<std::filesystem::path> paths;
    for (const auto& path : world.files.files()) {
      if (path.extension() == ".run") { paths.push_back(path); }
    }
    return paths;
  }

  // The log as it was then, beside the index files as they are now.
  void set_log_back(const std::vector<std::pair<std::string, std::vector<std::byte>>>& then) {
    for (const auto& path : world.files.files()) {
      if (path.extension() != ".run" && path.filename() != engine::kLockName) { world.files.remove(path); }
    }
    for (const auto& [path, bytes] : then) {
      if (!path.ends_with(".run")) { world.files.set_contents(path, bytes); }
    }
  }

  [[nodiscard]] std::size_t store_segments() const {
    return static_cast<std::size_t>(std::ranges::count_if(world.files.files(), [](const auto& path) {
      return engine::parse_segment_file_name(path.filename().native()).has_value();
    }));
  }

 private:
  std::mt19937_64 random_;
  std::uint64_t acknowledged_ = 0;  // as durable
};

}  // namespace tidemark::test
