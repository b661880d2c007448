// SPDX-License-Identifier: Apache-2.0
// Goal: a store that keeps its index in files answers as one that builds it from the log, through closings, kills,
// power losses and whatever becomes of the index files. Method: random work by seed on the file system in memory, with
// tables of a few events, held against the events as they were appended; then index files are deleted, damaged, cut,
// exchanged or put back from an earlier time.
#include <algorithm>
#include <gtest/gtest.h>
#include <map>
#include <optional>
#include <random>
#include <set>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "engine/format/index_file.h"
#include "tests/store/support.h"

namespace tidemark {
namespace {

using namespace test;

struct Fact {
  std::string stream;
  std::uint64_t version = 0;
  std::string type;
  std::vector<std::string> tags;
  EventId id;
  std::string data;
};

std::string category_of(const std::string& stream) { return stream.substr(0, stream.find('-')); }

// A store, and what it must hold.
class Life {
 public:
  explicit Life(std::uint64_t seed, bool threads = false) : world(threads), random_(seed) {
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
      by_category[category_of(fact.stream)].push_back(i);
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

 private:
  std::mt19937_64 random_;
  std::uint64_t acknowledged_ = 0;  // as durable
};

TEST(IndexFiles, AnswerAsTheLogDoesThroughKillsAndPowerLosses) {
  std::uint64_t with_files = 0;
  for (std::uint64_t seed = 1; seed <= 40; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Life life(seed);
    life.open();
    life.append_some();
    for (int round = 0; round < 60; ++round) {
      switch (life.pick(12)) {
        case 0:
          life.close();
          life.open();
          break;
        case 1:
          life.world.files.kill_process();
          life.store.reset();
          life.open();
          life.take_what_is_there();
          break;
        case 2:
          life.world.files.power_off();
          life.store.reset();
          life.world.files.power_on(seed * 100 + static_cast<std::uint64_t>(round), 0.5);
          life.open();
          life.take_what_is_there();
          break;
        case 3: {
          Store beside = life.world.open({.read_only = true});
          life.expect_right(beside, beside.info().events);
          break;
        }
        default:
          life.append_some();
      }
      if (testing::Test::HasFatalFailure()) { return; }
      if (life.facts.empty()) { life.append_some(); }
    }
    life.expect_right();
    if (testing::Test::HasFatalFailure()) { return; }
    with_files += life.index_files().size();
    // And without the index files: the same.
    life.close();
    life.world.index.files = false;
    life.open();
    life.expect_right();
    if (testing::Test::HasFatalFailure()) { return; }
  }
  EXPECT_GT(with_files, 40U);
}

// Whatever becomes of the index files, the store opens and answers as before, and has files again after it.
TEST(IndexFiles, CostATimeAndNothingElseWhenTheyAreLostOrDamaged) {
  for (std::uint64_t seed = 1; seed <= 60; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Life life(seed);
    life.open();
    for (int i = 0; i < 40; ++i) { life.append_some(); }
    life.close();
    const auto files = life.index_files();
    ASSERT_FALSE(files.empty());
    std::vector<std::vector<std::byte>> contents;
    for (const auto& path : files) { contents.push_back(life.world.contents(path)); }
    for (std::size_t i = 0; i < files.size(); ++i) {
      const auto& path = files[i];
      auto bytes = contents[i];
      switch (life.pick(7)) {
        case 0:
          life.world.files.remove(path);
          break;
        case 1:  // in its header or table of checksums, which an opening looks at
          bytes[life.pick(512)] ^= std::byte{0x10};
          life.world.files.set_contents(path, bytes);
          break;
        case 2:
          bytes.resize(life.pick(bytes.size()));
          life.world.files.set_contents(path, bytes);
          break;
        case 3:
          bytes.resize(bytes.size() + 1);
          life.world.files.set_contents(path, bytes);
          break;
        case 4:  // another's content
          life.world.files.set_contents(path, contents[life.pick(files.size())]);
          break;
        default:
          break;
      }
    }
    {
      Store beside = life.world.open({.read_only = true});
      life.expect_right(beside, beside.info().events);
      ASSERT_EQ(beside.info().events, life.facts.size());
    }
    life.open();
    life.expect_right();
    for (int i = 0; i < 10; ++i) { life.append_some(); }
    life.expect_right();
    life.close();
    life.open();
    life.expect_right();
    if (testing::Test::HasFatalFailure()) { return; }
    EXPECT_FALSE(life.index_files().empty());
  }
}

// Index files tell that the log went further: a log that was put back from an earlier time is damage and not a shorter
// log.
TEST(IndexFiles, ALogThatEndsBeforeItsIndexIsDamage) {
  Life life(3);
  life.open();
  for (int i = 0; i < 10; ++i) { life.append_some(); }
  life.close();
  const auto before = life.world.snapshot();
  life.open();
  for (int i = 0; i < 30; ++i) { life.append_some(); }
  life.close();
  const auto files = life.index_files();
  for (const auto& path : life.world.files.files()) {
    if (path.extension() != ".run" && path.filename() != engine::kLockName) { life.world.files.remove(path); }
  }
  for (const auto& [path, bytes] : before) {
    if (!path.ends_with(".run")) { life.world.files.set_contents(path, bytes); }
  }
  EXPECT_TRUE(fails_with(life.world.try_open(life.options()), ErrorCode::kDamaged));
  EXPECT_EQ(life.index_files(), files);  // nothing was thrown away
}

// Index files of another course of the same log, such as a copy of the folder went on to have: the log decides.
TEST(IndexFiles, ThoseOfAnotherCourseOfTheLogAreNotBelieved) {
  Life life(4);
  life.open();
  for (int i = 0; i < 10; ++i) { life.append_some(); }
  life.close();
  const auto before = life.world.snapshot();
  const auto facts = life.facts;
  life.open();
  for (int i = 0; i < 20; ++i) { life.append_some(); }
  life.close();
  const auto other = life.world.snapshot();
  // Back, and on in another way, and further: without index files.
  for (const auto& [path, bytes] : other) { life.world.files.remove(path); }
  for (const auto& [path, bytes] : before) {
    if (!path.ends_with(".run")) { life.world.files.set_contents(path, bytes); }
  }
  life.facts = facts;
  life.world.index.files = false;
  life.open();
  for (int i = 0; i < 60; ++i) { life.append_some(); }
  life.close();
  for (const auto& [path, bytes] : other) {
    if (path.ends_with(".run")) { life.world.files.set_contents(path, bytes); }
  }
  life.world.index.files = true;
  {
    Store beside = life.world.open({.read_only = true});
    ASSERT_EQ(beside.info().events, life.facts.size());
    life.expect_right(beside, life.facts.size());
  }
  life.open();
  life.expect_right();
  life.append_some();
  life.close();
  life.open();
  life.expect_right();
}

// An opening reads what comes after the index files and not what is before.
TEST(IndexFiles, AnOpeningReadsTheEndOfTheLogAlone) {
  Life life(8);
  life.open();
  for (int i = 0; i < 200; ++i) { life.append_some(); }
  life.close();
  std::uint64_t bytes = 0;
  life.world.files.set_fault_rule([&](const platform::SeamCall& call) -> std::optional<platform::SeamFault> {
    if (call.kind == platform::SeamCall::Kind::kPread && call.path.find(".run") == std::string_view::npos) {
      bytes += call.length;
    }
    return std::nullopt;
  });
  life.open();
  const std::uint64_t with_files = std::exchange(bytes, 0);
  EXPECT_EQ(life.store->info().events, life.facts.size());
  life.close();
  life.world.index.files = false;
  life.open();
  EXPECT_GT(bytes, 2 * with_files);
  life.world.files.set_fault_rule({});
}

TEST(IndexFiles, ThreadsAppendAndReadBesideTheKeeper) {
  Life life(5, true);
  life.open();
  std::jthread reader([&](const std::stop_token& stop) {
    while (!stop.stop_requested()) {
      std::uint64_t next = 0;
      for (const OwnedEvent& event : read(*life.store)) { ASSERT_EQ(event.position.value(), next++); }
      for (const auto& stream : must(life.store->streams())) {
        ASSERT_GE(read(*life.store, Query::stream(stream.name)).size(), stream.last_version.value() + 1);
      }
    }
  });
  for (int i = 0; i < 300; ++i) { life.append_some(); }
  reader.request_stop();
  reader.join();
  life.expect_right();
  life.close();
  EXPECT_FALSE(life.index_files().empty());
  life.open();
  life.expect_right();
}

}  // namespace
}  // namespace tidemark
