// SPDX-License-Identifier: Apache-2.0
// Goal: the lists of streams, categories, types and tags tell each name that a visible event has, once, in byte order,
// with the number of its events and the last of them; prefix, after and limit cut exactly that. Method: stores of
// random events; each list is held against a count over everything read.
#include <gtest/gtest.h>
#include <utility>

#include "engine/store/salvager.h"
#include "tests/engine/recovery/sample_store.h"
#include "tests/store/random_events.h"

namespace tidemark {
namespace {

using namespace test;

// One entry of any of the lists: "name events last_position", for a stream its last version in place of events.
std::string line(const NameInfo& info) {
  return info.name + " " + std::to_string(info.events) + " " + std::to_string(info.last_position.value());
}
std::string line(const StreamInfo& info) {
  return info.name + " " + std::to_string(info.last_version.value() + 1) + " " +
         std::to_string(info.last_position.value());
}

// The names of a list, and its entries in full.
using NamesAndLines = std::pair<Lines, Lines>;

template <class Info>
Result<NamesAndLines> named(const Result<std::vector<Info>>& infos) {
  if (!infos) { return std::unexpected(infos.error()); }
  NamesAndLines both;
  for (const Info& info : *infos) {
    both.first.push_back(info.name);
    both.second.push_back(line(info));
  }
  return both;
}

struct List {
  std::string what;
  NaiveNames (*naive)(const std::vector<OwnedEvent>& log);
  Result<NamesAndLines> (*get)(const Store& store, const ListOptions& options);
};

const std::vector<List>& lists() {
  static const std::vector<List> all = {
      {"streams", naive_streams, [](const Store& store, const ListOptions& o) { return named(store.streams(o)); }},
      {"categories", naive_categories,
       [](const Store& store, const ListOptions& o) { return named(store.categories(o)); }},
      {"types", naive_types, [](const Store& store, const ListOptions& o) { return named(store.types(o)); }},
      {"tags", naive_tags, [](const Store& store, const ListOptions& o) { return named(store.tags(o)); }},
  };
  return all;
}

Lines naive_list(const NaiveNames& names, const ListOptions& options) {
  Lines lines;
  for (const auto& [name, info] : names) {  // std::string compares by unsigned bytes
    if (lines.size() == options.limit) { break; }
    if (name.starts_with(options.prefix) && (options.after.empty() || name > options.after)) {
      lines.push_back(line(info));
    }
  }
  return lines;
}

// Every list as a whole, page by page, and cut in random ways.
void expect_as_naive(const Store& store, const std::vector<OwnedEvent>& log, RandomEvents& random) {
  for (const List& list : lists()) {
    SCOPED_TRACE(list.what);
    const NaiveNames names = list.naive(log);
    const Lines whole = naive_list(names, {});
    EXPECT_EQ(must(list.get(store, {})).second, whole);
    for (const std::uint64_t page : {1U, 2U, 3U, 100U}) {
      Lines paged;
      ListOptions options{.limit = page};
      for (;;) {
        const auto [got_names, got] = must(list.get(store, options));
        ASSERT_LE(got.size(), page);
        if (got.empty()) { break; }
        paged.insert(paged.end(), got.begin(), got.end());
        ASSERT_LE(paged.size(), whole.size());
        options.after = got_names.back();
      }
      EXPECT_EQ(paged, whole);
    }
    for (int round = 0; round < 40; ++round) {
      const auto some_name = [&] {
        switch (random.below(4)) {
          case 0:
            return random.one_of(RandomEvents::kStreams);
          case 1:
            return random.one_of(RandomEvents::kTags);
          case 2:
            return random.one_of(RandomEvents::kTypes);
          default:
            return std::string("zz");
        }
      };
      ListOptions options;
      if (random.once_in(2)) {
        options.prefix = some_name();
        options.prefix.resize(random.below(options.prefix.size() + 1));  // also within a letter
      }
      if (random.once_in(2)) { options.after = some_name(); }
      if (random.once_in(2)) { options.limit = random.below(5); }
      EXPECT_EQ(must(list.get(store, options)).second, naive_list(names, options))
          << "prefix '" << options.prefix << "' after '" << options.after << "' limit " << options.limit;
    }
  }
}

TEST(Lists, AsNaive) {
  for (std::uint32_t seed = 1; seed <= 6; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    World world;
    RandomEvents random(seed);
    const OpenOptions options = seed % 2 == 0 ? OpenOptions() : tiny_segments();
    Store store = world.open(options);
    expect_as_naive(store, {}, random);
    for (int i = 0; i < 3; ++i) {
      for (int n = 0; n < 30; ++n) { must(store.append(random.batch())); }
      expect_as_naive(store, read(store), random);
      must(store.close());
      store = world.open(options);
      expect_as_naive(store, read(store), random);
    }
    const Store reader = world.open({.read_only = true});
    expect_as_naive(reader, read(reader), random);
  }
}

TEST(Lists, OneEventOfEachKind) {
  World world;
  Store store = world.open();
  must(store.append("loan-17", Expect::any(), {{.type = "Asked", .tags = {"b", "a", "b"}}}));
  must(store.append("-", Expect::any(), {{.type = "Asked"}}));
  must(store.append("loan", Expect::any(), {{.type = "Given", .tags = {"a"}}}));
  const auto get = [&](std::size_t n) { return must(lists()[n].get(store, {})).second; };
  EXPECT_EQ(get(0), (Lines{"- 1 1", "loan 1 2", "loan-17 1 0"}));
  EXPECT_EQ(get(1), (Lines{"loan 2 2"}));
  EXPECT_EQ(get(2), (Lines{"Asked 2 1", "Given 1 2"}));
  EXPECT_EQ(get(3), (Lines{"a 2 2", "b 1 0"}));  // an event that has a tag twice counts once
}

TEST(Lists, ManyNames) {
  World world;
  Store store = world.open({.durability = Durability::kBuffered, .segment_bytes_first = 65536});
  for (int i = 0; i < 300; ++i) {
    Batch batch;
    for (int k = 0; k < 10; ++k) {
      const std::string n = std::to_string((i * 10 + k) * 7919 % 2000);
      const std::string tag = "tag:" + n;
      batch.to("s" + n + "-1").add({.type = n, .tags = {tag}});
    }
    must(store.append(batch));
  }
  const auto log = read(store);
  for (const List& list : lists()) {
    SCOPED_TRACE(list.what);
    const NaiveNames names = list.naive(log);
    EXPECT_GT(names.size(), 1000U);
    EXPECT_EQ(must(list.get(store, {})).second, naive_list(names, {}));
    for (const std::string prefix : {"s1", "s19", "1", "19", "tag:1", "tag:19", "tag:199"}) {
      EXPECT_EQ(must(list.get(store, {.prefix = prefix})).second, naive_list(names, {.prefix = prefix})) << prefix;
    }
    Lines paged;
    ListOptions options{.limit = 64};
    for (auto page = must(list.get(store, options)); !page.first.empty(); page = must(list.get(store, options))) {
      paged.insert(paged.end(), page.second.begin(), page.second.end());
      ASSERT_LE(paged.size(), names.size());
      options.after = page.first.back();
    }
    EXPECT_EQ(paged, naive_list(names, {}));
  }
}

// Neither new names nor more events of known ones show before they are durable, unless the store reads what is written.
TEST(Lists, WhatIsNotDurableDoesNotCount) {
  for (const Durability by_default : {Durability::kDurable, Durability::kBuffered}) {
    World world;
    RandomEvents random(7);
    Store store = world.open({.durability = by_default});
    for (int i = 0; i < 20; ++i) { must(store.append(random.batch(), {.durability = Durability::kDurable})); }
    const auto before = read(store);
    for (int i = 0; i < 10; ++i) { must(store.append(random.batch(), {.durability = Durability::kBuffered})); }
    must(store.append("new-1", Expect::any(), {{.type = "New", .tags = {"new"}}},
                      {.durability = Durability::kBuffered}));
    const auto all = read(store, Query::all(), {.visibility = Visibility::kWritten});
    ASSERT_EQ(store.info().durable, Position(before.size()));
    const bool durable = by_default == Durability::kDurable;
    expect_as_naive(store, durable ? before : all, random);
    must(store.wait_durable(Position(all.size() - 1)));
    expect_as_naive(store, all, random);
    // What is only sequenced counts nowhere.
    Batch batch;
    batch.to("newer-1").add({.type = "Newer", .tags = {"newer", "x"}});
    const Ticket ticket = must(store.submit(batch));
    expect_as_naive(store, all, random);
    must(ticket.wait());
    expect_as_naive(store, read(store), random);
  }
}

TEST(Lists, PlaceholdersCount) {
  SampleStore sample;
  const FrameAt hit = sample.frames[20];
  sample.flip(sample.segment(hit.segment), hit.begin + 100);
  const Salvage salvaged = must(engine::open_salvage(sample.folder, sample.environment()));
  RandomEvents random(3);
  expect_as_naive(salvaged.store, read(salvaged.store), random);
  EXPECT_EQ(must(lists()[2].get(salvaged.store, {})).second, (Lines{"$lost 1 20", "T 39 39"}));
}

TEST(Lists, OfADamagedOrClosedStoreThereAreNone) {
  SampleStore sample;
  const FrameAt hit = sample.frames[20];
  sample.flip(sample.segment(hit.segment), hit.begin + 100);
  Store store = sample.open({.read_only = true});
  for (const List& list : lists()) { EXPECT_TRUE(fails_with(list.get(store, {}), ErrorCode::kDamaged)) << list.what; }
  must(store.close());
  for (const List& list : lists()) { EXPECT_TRUE(fails_with(list.get(store, {}), ErrorCode::kClosed)) << list.what; }
}

}  // namespace
}  // namespace tidemark
