// SPDX-License-Identifier: Apache-2.0
// Goal: a run answers as plain maps do, about every key, id and place, whatever the names and the numbers are; runs
// that are merged are the run that would have been built at once. Method: random logs by seed, cut into runs at random;
// logs made by hand for the edges; hashes that collide.
#include "index/run.h"

#include <algorithm>
#include <atomic>
#include <gtest/gtest.h>
#include <thread>

#include "tests/index/run_model.h"

namespace tidemark::index {
namespace {

using test::expect_equal;
using test::id_of;
using test::kKinds;
using test::Model;
using test::random_model;
using test::RunPointer;

RunPointer over(std::span<const std::byte> bytes) {
  auto run = Run::over(bytes);
  EXPECT_TRUE(run.has_value()) << to_string(run.error());
  return run ? *run : nullptr;
}

void expect_all(const Model& model, std::uint64_t begin, std::uint64_t end) {
  const std::vector<std::byte> bytes = model.bytes(begin, end);
  const auto run = over(bytes);
  ASSERT_NE(run, nullptr);
  EXPECT_EQ(run->file_size(), bytes.size());
  expect_equal(model, *run, begin, end);
}

TEST(Run, AnswersAsMapsDo) {
  for (std::uint64_t seed = 1; seed <= 60; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    const std::uint64_t events = 1 + seed * seed;
    const Model model = random_model(seed, events, 1 + seed * 7 % 500);
    expect_all(model, 0, events);
    expect_all(model, events / 3, events);
    if (HasFailure()) { return; }
  }
}

Model model_of(std::vector<std::vector<std::pair<KeyKind, std::string>>> events) {
  Model model;
  std::uint64_t frame = 4096;
  for (auto& keys : events) {
    model.events.push_back({.keys = std::move(keys), .id = id_of(frame), .place = {.frame = frame, .offset = 16}});
    frame += 300;
  }
  return model;
}

// Streams s-0, s-1, … one after the other, and one category.
Model round_robin(std::uint64_t events, std::uint64_t streams) {
  std::vector<std::vector<std::pair<KeyKind, std::string>>> all;
  for (std::uint64_t i = 0; i < events; ++i) {
    all.push_back({{KeyKind::kStream, "s-" + std::to_string(i % streams)}, {KeyKind::kCategory, "s"}});
  }
  return model_of(std::move(all));
}

RunKey found(const index::Run& run, const Key& key) {
  const auto answer = run.find(key);
  EXPECT_TRUE(answer.has_value() && answer->has_value()) << key.name;
  return answer && *answer ? **answer : RunKey{.count = 1};
}

bool is_absent(const index::Run& run, const Key& key) {
  const auto answer = run.find(key);
  EXPECT_TRUE(answer.has_value());
  return answer && !answer->has_value();
}

std::vector<std::string> names(const Result<std::vector<index::Run::Listed>>& listed) {
  EXPECT_TRUE(listed.has_value());
  std::vector<std::string> all;
  if (listed) {
    for (const auto& one : *listed) { all.push_back(one.name); }
  }
  return all;
}

TEST(Run, OfOneEvent) {
  expect_all(model_of({{{KeyKind::kStream, "only"}, {KeyKind::kType, "T"}}}), 0, 1);
  expect_all(model_of({{}}), 0, 1);
  Model far = model_of({{{KeyKind::kStream, "a"}}, {{KeyKind::kStream, "a"}}});
  expect_all(far, 1, 2);
}

TEST(Run, KindsAreApartAndMayBeMissing) {
  for (const KeyKind kind : kKinds) {
    expect_all(model_of({{{kind, "same"}}, {{kind, "same"}, {kind, "other"}}, {}}), 0, 3);
    const std::vector<std::byte> bytes = model_of({{{kind, "same"}}}).bytes(0, 1);
    for (const KeyKind other : kKinds) {
      EXPECT_EQ(is_absent(*over(bytes), make_key(other, "same")), other != kind);
      EXPECT_EQ(over(bytes)->key_count(other), other == kind ? 1U : 0U);
    }
  }
  expect_all(
      model_of({{{KeyKind::kStream, "x"}, {KeyKind::kCategory, "x"}, {KeyKind::kType, "x"}, {KeyKind::kTag, "x"}}}), 0,
      1);
}

TEST(Run, NamesOfAnyShape) {
  std::vector<std::vector<std::pair<KeyKind, std::string>>> events = {{{KeyKind::kTag, ""}}};
  const std::string long_name(kKeyNameBytesMax, 'n');
  for (std::size_t n = 0; n <= long_name.size(); n += n < 40 ? 1 : 123) {
    events.push_back({{KeyKind::kStream, long_name.substr(0, n)}, {KeyKind::kTag, std::string(n, '\xFF')}});
    events.push_back({{KeyKind::kStream, long_name.substr(0, n / 2) + "a"}, {KeyKind::kTag, std::string(n, '\0')}});
    events.push_back({{KeyKind::kStream, std::to_string(n) + long_name.substr(0, 1000)}});
  }
  events.push_back({{KeyKind::kStream, long_name}, {KeyKind::kStream, long_name.substr(1) + "z"}});
  const Model model = model_of(std::move(events));
  expect_all(model, 0, model.events.size());
}

TEST(Run, AKeyOfManyPositions) {
  const std::uint64_t n = 100'000;
  Model model = round_robin(n, 3);
  for (std::uint64_t i = 0; i < n; i += 1 + i % 1000) {
    model.events[i].keys.emplace_back(KeyKind::kTag, "now and then");
  }
  expect_all(model, 0, n);
  const std::vector<std::byte> bytes = model.bytes(500, n);
  const auto run = over(bytes);
  expect_equal(model, *run, 500, n);
  const Key category = make_key(KeyKind::kCategory, "s");
  const RunKey key = found(*run, category);
  std::mt19937_64 random(7);
  for (int i = 0; i < 2000; ++i) {
    const std::uint64_t ordinal = 500 + random() % (n - 400);
    std::vector<Position> into(random() % 300);
    const auto given = run->positions(key, ordinal, into);
    ASSERT_TRUE(given.has_value());
    ASSERT_EQ(*given, ordinal >= n ? 0 : std::min<std::uint64_t>(into.size(), n - ordinal));
    for (std::size_t j = 0; j < *given; ++j) { ASSERT_EQ(into[j].value(), ordinal + j); }
  }
}

TEST(Run, CountsBelowAnyEnd) {
  const Model model = random_model(3, 3000, 20);
  const std::vector<std::byte> bytes = model.bytes(700, 3000);
  const auto run = over(bytes);
  for (const auto& [key, positions] : model.positions(700, 3000)) {
    const RunKey known = found(*run, make_key(key.first, key.second));
    for (std::uint64_t end = 0; end < 3100; end += end > 690 ? 7 : 345) {
      const auto below = std::ranges::lower_bound(positions, end) - positions.begin();
      ASSERT_EQ(run->count_below(known, Position(end)), static_cast<std::uint64_t>(below)) << key.second << " " << end;
    }
    for (const std::uint64_t at : positions) {
      ASSERT_EQ(*run->count_below(known, Position(at + 1)) - *run->count_below(known, Position(at)), 1U);
    }
  }
}

TEST(Run, AnAbsentKeyIsNotFound) {
  const Model model = round_robin(5000, 2500);
  const std::vector<std::byte> bytes = model.bytes(0, 5000);
  const auto run = over(bytes);
  for (int i = 0; i < 5000; ++i) {
    EXPECT_TRUE(is_absent(*run, make_key(KeyKind::kStream, "t-" + std::to_string(i))));
    EXPECT_TRUE(is_absent(*run, make_key(KeyKind::kType, "s-" + std::to_string(i))));
  }
}

TEST(Run, ListsFromANameOnAndByPrefix) {
  const Model model = round_robin(1000, 500);
  const std::vector<std::byte> bytes = model.bytes(100, 1000);
  const auto run = over(bytes);
  std::vector<std::string> all;
  for (int i = 0; i < 500; ++i) { all.push_back("s-" + std::to_string(i)); }
  std::ranges::sort(all);
  EXPECT_EQ(names(run->list(KeyKind::kStream, std::nullopt, "", 1000)), all);
  for (const std::uint64_t page : {1U, 7U, 16U, 100U}) {
    std::vector<std::string> paged;
    std::optional<std::string> after;
    while (true) {
      const auto some = names(run->list(KeyKind::kStream, after, "", page));
      paged.insert(paged.end(), some.begin(), some.end());
      if (some.size() < page) { break; }
      after = some.back();
    }
    EXPECT_EQ(paged, all);
  }
  for (const char* prefix : {"", "s", "s-", "s-4", "s-49", "s-499", "s-4999", "r", "t", "s-\xFF"}) {
    for (const auto& after : {std::optional<std::string>(), {"s-3"}, {"s-45"}, {"s-499"}, {"zz"}, {""}}) {
      std::vector<std::string> wanted;
      for (const std::string& name : all) {
        if (name.starts_with(std::string_view(prefix)) && (!after || name > *after)) { wanted.push_back(name); }
      }
      EXPECT_EQ(names(run->list(KeyKind::kStream, after, prefix, 1000)), wanted)
          << prefix << " after " << after.value_or("-");
    }
  }
  EXPECT_EQ(names(run->list(KeyKind::kStream, std::nullopt, "", 0)).size(), 0U);
  EXPECT_EQ(names(run->list(KeyKind::kTag, std::nullopt, "", 9)).size(), 0U);
  const auto one = run->list(KeyKind::kStream, "s-6", "s-7", 1);
  ASSERT_EQ(one->size(), 1U);
  EXPECT_EQ(one->front().key.base, 1U);
  EXPECT_EQ(one->front().key.count, 1U);
  EXPECT_EQ(one->front().last, Position(507));
}

TEST(Run, AnEmptyNameIsListedFirst) {
  const std::vector<std::byte> bytes = model_of({{{KeyKind::kTag, ""}}, {{KeyKind::kTag, "a"}}}).bytes(0, 2);
  EXPECT_EQ(names(over(bytes)->list(KeyKind::kTag, std::nullopt, "", 9)), (std::vector<std::string>{"", "a"}));
  EXPECT_EQ(names(over(bytes)->list(KeyKind::kTag, "", "", 9)), std::vector<std::string>{"a"});
}

TEST(Run, RefusesWhatItDoesNotReachTo) {
  const Model model = round_robin(10, 2);
  const std::vector<std::byte> bytes = model.bytes(4, 10);
  const auto run = over(bytes);
  std::vector<Position> into(3);
  const RunKey key = found(*run, make_key(KeyKind::kStream, "s-0"));
  EXPECT_EQ(key.base, 2U);
  EXPECT_EQ(run->positions(key, 1, into).error().code(), ErrorCode::kInvalidArgument);
  EXPECT_EQ(run->positions(key, 5, into), 0U);
  EXPECT_EQ(run->positions(key, ~std::uint64_t{0}, into), 0U);
  EXPECT_EQ(run->place(Position(3)).error().code(), ErrorCode::kInvalidArgument);
  EXPECT_EQ(run->place(Position(10)).error().code(), ErrorCode::kInvalidArgument);
  std::vector<Place> places(6);
  EXPECT_TRUE(run->places(Position(4), places));
  EXPECT_EQ(places[5], model.events[9].place);
  EXPECT_FALSE(run->places(Position(5), places));
  EXPECT_FALSE(run->places(Position(11), std::span(places).first(0)));
}

// Keys of the same hash, whole or in the bits that a table keeps, are told apart by their bytes.
TEST(Run, HashesThatCollide) {
  const KeyHasher hashers[] = {
      [](std::span<const std::byte>, std::uint64_t) { return platform::Hash128{.low = 42, .high = 42}; },
      [](std::span<const std::byte>, std::uint64_t) { return platform::Hash128{.low = ~std::uint64_t{0}, .high = 0}; },
      [](std::span<const std::byte> name, std::uint64_t seed) {
        return platform::Hash128{.low = platform::xxh3_64(name, seed) >> 40U, .high = platform::xxh3_64(name, 1)};
      },
      [](std::span<const std::byte> name, std::uint64_t) {
        return platform::Hash128{.low = platform::xxh3_64(name) << 60U, .high = name.size()};
      }};
  const IdHasher id_hashers[] = {[](const EventId&) { return std::uint64_t{0}; },
                                 [](const EventId&) { return ~std::uint64_t{0}; },
                                 [](const EventId& id) { return hash_id(id) << 61U; }, hash_id};
  for (int i = 0; i < 4; ++i) {
    Model model = random_model(5, 800, 200);
    model.hasher = hashers[i];
    model.id_hasher = id_hashers[i];
    expect_all(model, 0, 800);
    expect_all(model, 300, 800);
    const std::vector<std::byte> bytes = model.bytes(0, 800);
    EXPECT_TRUE(is_absent(*over(bytes), make_key(KeyKind::kStream, "not there", model.hasher)));
  }
}

TEST(Run, CandidatesOfAnIdThatIsTwiceThere) {
  Model model = round_robin(100, 5);
  model.events[70].id = model.events[20].id;
  const std::vector<std::byte> bytes = model.bytes(0, 100);
  std::vector<Position> candidates = {Position(7)};
  ASSERT_TRUE(over(bytes)->candidates(*model.events[20].id, candidates));
  EXPECT_EQ(candidates, (std::vector<Position>{Position(7), Position(20), Position(70)}));
}

TEST(Run, PlacesOfAnyShape) {
  std::mt19937_64 random(11);
  const std::uint64_t end = Place::nowhere().frame;
  for (int round = 0; round < 200; ++round) {
    Model model = round_robin(1 + random() % 100, 3);
    for (auto& event : model.events) {
      switch (random() % (1 + static_cast<std::uint64_t>(round) % 6)) {
        case 0:
          break;
        case 1:
          event.place = Place::nowhere();
          break;
        case 2:
          event.place = {.frame = random(), .offset = static_cast<std::uint32_t>(random())};
          break;
        case 3:
          event.place = {.frame = end - random() % 4, .offset = ~std::uint32_t{0}};
          break;
        case 4:
          event.place = {.frame = random() % 3, .offset = static_cast<std::uint32_t>(random() % 3)};
          break;
        default:
          event.place = {.frame = std::uint64_t{1} << random() % 64, .offset = 1U << random() % 32};
      }
    }
    expect_all(model, 0, model.events.size());
    const std::vector<std::byte> bytes = model.bytes(0, model.events.size());
    const std::uint64_t from = random() % model.events.size();
    std::vector<Place> places(random() % (model.events.size() - from + 1));
    ASSERT_TRUE(over(bytes)->places(Position(from), places));
    for (std::size_t i = 0; i < places.size(); ++i) { ASSERT_EQ(places[i], model.events[from + i].place); }
    ASSERT_FALSE(HasFailure());
  }
}

TEST(Run, KeepsItsNote) {
  Model model = round_robin(3, 3);
  for (const std::size_t size : {std::size_t{0}, std::size_t{1}, kRunNoteBytesMax}) {
    model.note.assign(size, std::byte{0xAB});
    const std::vector<std::byte> bytes = model.bytes(0, 3);
    EXPECT_TRUE(std::ranges::equal(over(bytes)->note(), model.note));
  }
}

// Many threads at the first touch of every window.
TEST(Run, IsReadByManyThreads) {
  const Model model = random_model(9, 20'000, 4000);
  const std::vector<std::byte> bytes = model.bytes(0, 20'000);
  for (int round = 0; round < 3; ++round) {
    const auto run = over(bytes);
    std::atomic<int> wrong = 0;
    std::vector<std::jthread> threads;
    for (std::uint64_t t = 0; t < 4; ++t) {
      threads.emplace_back([&, t] {
        for (std::uint64_t i = t; i < 20'000; i += 3) {
          const auto place = run->place(Position(i));
          const auto& [kind, name] = model.events[i].keys[0];
          const auto key = run->find(make_key(kind, name));
          if (!place || *place != model.events[i].place || !key || !*key) { ++wrong; }
        }
      });
    }
    threads.clear();
    EXPECT_EQ(wrong, 0);
  }
}

}  // namespace
}  // namespace tidemark::index
