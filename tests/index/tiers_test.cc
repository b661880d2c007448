// SPDX-License-Identifier: Apache-2.0
// Goal: runs and tables side by side answer as one index, at every end. Method: random logs by seed, cut into runs and
// tables at random, held against plain maps; a table that became a run answers as before; a damaged run is an error and
// never another answer.
#include "index/tiers.h"

#include <algorithm>
#include <deque>
#include <gtest/gtest.h>
#include <random>
#include <set>

#include "index/merged_run_source.h"
#include "index/table_source.h"
#include "tests/index/run_model.h"

namespace tidemark::index {
namespace {

using test::kKinds;
using test::Model;
using test::random_model;
using test::RunPointer;

// A table is told how many positions streams have before, or is not.
std::shared_ptr<MemoryTable> table_of(const Model& model, std::uint64_t begin, std::uint64_t end, bool told) {
  auto table = std::make_shared<MemoryTable>(Position(begin));
  const auto before = model.positions(0, end);
  for (std::uint64_t i = begin; i < end; ++i) {
    const auto& event = model.events[i];
    for (const auto& [kind, name] : event.keys) {
      std::optional<std::uint64_t> ordinal;
      if (told && kind == KeyKind::kStream) {
        const auto& all = before.at({kind, name});
        ordinal = static_cast<std::uint64_t>(std::ranges::lower_bound(all, i) - all.begin());
      }
      table->keys.add(make_key(kind, name), Position(i), ordinal);
    }
    if (event.id) { table->ids.add(*event.id, Position(i)); }
    table->places.add(event.place);
  }
  return table;
}

// Runs and tables over the first `count` events; the bytes of the runs live in it.
struct Parts {
  std::vector<std::vector<std::byte>> bytes;
  Tiers::Runs runs;
  Tiers::Tables tables;

  void add_run(std::vector<std::byte> content) {
    bytes.push_back(std::move(content));
    auto run = Run::over(bytes.back());
    ASSERT_TRUE(run) << to_string(run.error());
    runs.push_back(*run);
  }
  [[nodiscard]] Tiers tiers() const { return {runs, tables}; }
};

Parts cut(const Model& model, std::mt19937_64& random) {
  Parts parts;
  const std::uint64_t events = model.events.size();
  std::set<std::uint64_t> edges = {0, events};
  for (std::uint64_t n = random() % 6; n > 0; --n) { edges.insert(random() % events); }
  const std::vector<std::uint64_t> at(edges.begin(), edges.end());
  const std::size_t runs = random() % at.size();
  parts.bytes.reserve(at.size());
  for (std::size_t i = 0; i + 1 < at.size(); ++i) {
    if (i < runs) {
      parts.add_run(model.bytes(at[i], at[i + 1]));
    } else {
      parts.tables.push_back(table_of(model, at[i], at[i + 1], random() % 3 != 0));
    }
  }
  parts.tables.push_back(table_of(model, events, events, false));  // the one that grows, still empty
  return parts;
}

void expect_equal(const Model& model, const Tiers& tiers, std::uint64_t end, std::mt19937_64& random) {
  const auto expected = model.positions(0, end);
  for (const auto& [name, positions] : expected) {
    const Key key = make_key(name.first, name.second);
    ASSERT_EQ(tiers.count(key, Position(end)).value(), positions.size());
    const auto postings = tiers.postings(key, Position(end)).value();
    ASSERT_EQ(postings.count(), positions.size());
    std::vector<Position> all(positions.size() + 3);
    ASSERT_EQ(postings.positions(0, all).value(), positions.size());
    for (std::size_t i = 0; i < positions.size(); ++i) { ASSERT_EQ(all[i].value(), positions[i]); }
    const std::uint64_t from = random() % positions.size();
    Position one;
    ASSERT_EQ(postings.positions(from, {&one, 1}).value(), 1U);
    ASSERT_EQ(one.value(), positions[from]);
    ASSERT_EQ(postings.positions(positions.size(), {&one, 1}).value(), 0U);
    for (int i = 0; i < 3; ++i) {
      const std::uint64_t below = random() % (end + 2);
      const auto count = std::ranges::lower_bound(positions, below) - positions.begin();
      ASSERT_EQ(postings.below(Position(below)).value(), static_cast<std::uint64_t>(count));
    }
  }
  // All of them together, and some that are not there.
  std::deque<std::string> absent;
  std::vector<Key> keys;
  std::vector<std::uint64_t> sizes;
  for (const auto& [name, positions] : expected) {
    keys.push_back(make_key(name.first, name.second));
    sizes.push_back(positions.size());
    if (random() % 4 != 0) { continue; }
    keys.push_back(make_key(name.first, absent.emplace_back(name.second + " that is not there")));
    sizes.push_back(0);
  }
  std::vector<const Key*> asked;
  for (const Key& key : keys) { asked.push_back(&key); }
  std::vector<std::uint64_t> counts(asked.size(), 77);
  ASSERT_TRUE(tiers.counts(asked, Position(end), counts));
  ASSERT_EQ(counts, sizes);
  for (const KeyKind kind : kKinds) {
    std::vector<std::string> names;
    for (const auto& [name, positions] : expected) {
      if (name.first == kind) { names.push_back(name.second); }
    }
    ASSERT_EQ(tiers.key_count(kind, Position(end)).value(), names.size());
    ASSERT_EQ(tiers.count(make_key(kind, "there is no such name"), Position(end)).value(), 0U);
    ASSERT_EQ(tiers.postings(make_key(kind, "there is no such name"), Position(end)).value().count(), 0U);
    for (const std::uint64_t limit : {std::uint64_t{1}, std::uint64_t{4}, UINT64_MAX}) {
      std::vector<std::string> listed;
      std::string after;
      for (;;) {
        const auto page = tiers.list(kind, {.after = after, .limit = limit}, Position(end)).value();
        ASSERT_LE(page.size(), limit);
        for (const auto& entry : page) {
          const auto& positions = expected.at({kind, entry.name});
          ASSERT_EQ(entry.count, positions.size());
          ASSERT_EQ(entry.last.value(), positions.back());
          listed.push_back(entry.name);
        }
        if (page.size() < limit) { break; }
        after = page.back().name;
      }
      ASSERT_EQ(listed, names);
      if (names.empty()) { continue; }
      const std::string prefix = names[random() % names.size()].substr(0, 2);
      const auto page = tiers.list(kind, {.prefix = prefix, .limit = limit}, Position(end)).value();
      const auto with = std::ranges::count_if(names, [&](const auto& name) { return name.starts_with(prefix); });
      ASSERT_EQ(page.size(), std::min(limit, static_cast<std::uint64_t>(with)));
    }
  }
  const auto right = [&](const EventId& id) {
    return [&model, id](Position position, const Place& place) -> Result<bool> {
      EXPECT_EQ(place, model.events[position.value()].place);
      return model.events[position.value()].id == id;
    };
  };
  for (std::uint64_t i = 0; i < model.events.size(); ++i) {
    const auto& event = model.events[i];
    if (event.id) {
      const auto found = tiers.find(*event.id, Position(end), right(*event.id)).value();
      ASSERT_EQ(found, i < end ? std::optional(Position(i)) : std::nullopt);
    }
    if (i < end) { ASSERT_EQ(tiers.place(Position(i)).value(), event.place); }
  }
  const EventId unknown = EventId::from_name("unknown");
  ASSERT_FALSE(tiers.find(unknown, Position(end), right(unknown)).value());
  std::vector<Place> places(70);
  for (std::uint64_t i = 0; i < end;) {
    const auto got = tiers.places(Position(i), places).value();
    ASSERT_GT(got, 0U);
    for (std::size_t n = 0; n < got && i + n < end; ++n) { ASSERT_EQ(places[n], model.events[i + n].place); }
    i += got;
  }
}

TEST(Tiers, AnswerAsOneIndexAtEveryEnd) {
  for (std::uint64_t seed = 1; seed <= 25; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    std::mt19937_64 random(seed);
    const Model model = random_model(seed, 30 + seed * 20, 30);
    const Parts parts = cut(model, random);
    const Tiers tiers = parts.tiers();
    for (const std::uint64_t end : {std::uint64_t{model.events.size()}, std::uint64_t{0},
                                    random() % model.events.size(), random() % model.events.size()}) {
      SCOPED_TRACE("end " + std::to_string(end));
      expect_equal(model, tiers, end, random);
      if (HasFatalFailure()) { return; }
    }
  }
}

TEST(Tiers, ATableBecomesTheRunThatWouldHaveBeenBuiltFromTheLog) {
  for (std::uint64_t seed = 100; seed < 110; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    std::mt19937_64 random(seed);
    const Model model = random_model(seed, 400, 30);
    Parts parts = cut(model, random);
    for (const auto& table : parts.tables) {
      if (table->end() == table->first) { continue; }
      const Tiers older(parts.runs, {});
      TableSource source(table, [&](auto keys, auto into) { return older.counts(keys, table->first, into); });
      auto bytes = build_run(source, model.options());
      ASSERT_TRUE(bytes) << to_string(bytes.error());
      EXPECT_EQ(*bytes, model.bytes(table->first.value(), table->end().value()));
      parts.add_run(std::move(*bytes));
    }
    parts.tables = {table_of(model, 400, 400, true)};
    expect_equal(model, parts.tiers(), 400, random);
  }
}

TEST(Tiers, ADamagedRunIsAnErrorAndNeverAnotherAnswer) {
  std::mt19937_64 random(7);
  const Model model = random_model(7, 500, 30);
  std::uint64_t errors = 0;
  for (int round = 0; round < 300; ++round) {
    Parts parts;
    parts.bytes.reserve(2);
    parts.add_run(model.bytes(0, 200));
    auto bytes = model.bytes(200, 400);
    bytes[512 + random() % (bytes.size() - 512)] ^= static_cast<std::byte>(1U << random() % 8);
    parts.bytes.push_back(std::move(bytes));
    auto run = Run::over(parts.bytes.back());
    if (!run) { continue; }
    parts.runs.push_back(*run);
    parts.tables = {table_of(model, 400, 500, true)};
    const Tiers tiers = parts.tiers();
    for (const auto& [name, positions] : model.positions(0, 500)) {
      const auto postings = tiers.postings(make_key(name.first, name.second), Position(500));
      if (!postings) {
        ASSERT_EQ(postings.error().code(), ErrorCode::kDamaged);
        ++errors;
        continue;
      }
      ASSERT_EQ(postings->count(), positions.size());
      std::vector<Position> all(positions.size());
      const auto got = postings->positions(0, all);
      if (!got) {
        ASSERT_EQ(got.error().code(), ErrorCode::kDamaged);
        ++errors;
        continue;
      }
      for (std::size_t i = 0; i < positions.size(); ++i) { ASSERT_EQ(all[i].value(), positions[i]); }
    }
    for (const KeyKind kind : kKinds) {
      const auto listed = tiers.list(kind, {}, Position(500));
      if (!listed) { ASSERT_EQ(listed.error().code(), ErrorCode::kDamaged); }
    }
  }
  EXPECT_GT(errors, 0U);
}

// Whoever made them, and with whatever checksums.
TEST(Tiers, RunsThatDoNotFollowEachOtherAreDamage) {
  const Model one = random_model(1, 200, 3);
  const Model other = random_model(2, 200, 3);
  Parts parts;
  parts.bytes.reserve(2);
  parts.add_run(one.bytes(0, 100));
  parts.add_run(other.bytes(100, 200));
  const Tiers tiers = parts.tiers();
  std::uint64_t damaged = 0;
  for (const auto& [key, positions] : other.positions(0, 200)) {
    const auto postings = tiers.postings(make_key(key.first, key.second), Position(200));
    ASSERT_TRUE(postings) << to_string(postings.error());
    std::vector<Position> into(1);
    for (std::uint64_t ordinal = 0; ordinal < postings->count(); ++ordinal) {
      const auto got = postings->positions(ordinal, into);
      if (got) { continue; }
      EXPECT_EQ(got.error().code(), ErrorCode::kDamaged) << to_string(got.error());
      ++damaged;
    }
  }
  EXPECT_GT(damaged, 0U);
}

}  // namespace
}  // namespace tidemark::index
