// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>
#include <gtest/gtest.h>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "index/memory_run_source.h"
#include "index/run.h"
#include "index/run_writer.h"

// What a run should hold, as plain maps, and the run that is made of it.
namespace tidemark::index::test {

using RunPointer = std::shared_ptr<const Run>;  // in a test, Run is one of its own functions

inline constexpr std::array kKinds = {KeyKind::kStream, KeyKind::kCategory, KeyKind::kType, KeyKind::kTag,
                                      KeyKind::kCheckpoint};

struct ModelEvent {
  std::vector<std::pair<KeyKind, std::string>> keys;
  std::optional<EventId> id;
  Place place;
};

inline EventId id_of(std::uint64_t number) {
  std::array<std::byte, 16> bytes{};
  std::memcpy(bytes.data() + 4, &number, sizeof number);
  bytes[0] = std::byte{0x77};
  return EventId(bytes);
}

// All events of a log from position 0 on.
struct Model {
  std::vector<ModelEvent> events;
  KeyHasher hasher = platform::xxh3_128;
  IdHasher id_hasher = hash_id;
  platform::Uuid log_id{std::byte{1}, std::byte{2}};
  std::vector<std::byte> note;

  using Positions = std::map<std::pair<KeyKind, std::string>, std::vector<std::uint64_t>>;
  // Of the events below end.
  [[nodiscard]] Positions positions(std::uint64_t begin, std::uint64_t end) const {
    Positions all;
    for (std::uint64_t i = begin; i < end; ++i) {
      for (const auto& key : events[i].keys) {
        auto& of_key = all[key];
        if (of_key.empty() || of_key.back() != i) { of_key.push_back(i); }
      }
    }
    return all;
  }

  [[nodiscard]] RunOptions options() const { return {.log_id = log_id, .note = note, .hasher = hasher}; }

  // The content of a run of [begin, end).
  [[nodiscard]] std::unique_ptr<MemoryRunSource> source(std::uint64_t begin, std::uint64_t end) const {
    auto before = std::make_shared<Positions>(positions(0, begin));
    auto base_of = [before](const Key& key) -> Result<std::uint64_t> {
      const auto found = before->find({key.kind, std::string(key.name)});
      return found == before->end() ? 0 : found->second.size();
    };
    auto made = std::make_unique<MemoryRunSource>(Position(begin), base_of, id_hasher);
    for (std::uint64_t i = begin; i < end; ++i) {
      std::vector<Key> keys;
      for (const auto& [kind, name] : events[i].keys) { keys.push_back(make_key(kind, name, hasher)); }
      EXPECT_TRUE(made->add(keys, events[i].id, events[i].place));
    }
    return made;
  }

  [[nodiscard]] std::vector<std::byte> bytes(std::uint64_t begin, std::uint64_t end) const {
    auto built = build_run(*source(begin, end), options());
    EXPECT_TRUE(built.has_value()) << to_string(built.error());
    return built ? *built : std::vector<std::byte>();
  }
};

// Asks a run of [begin, end) everything, and holds the answers against the model.
inline void expect_equal(const Model& model, const Run& run, std::uint64_t begin, std::uint64_t end) {
  ASSERT_EQ(run.first(), Position(begin));
  ASSERT_EQ(run.end(), Position(end));
  EXPECT_EQ(run.log_id(), model.log_id);
  const auto before = model.positions(0, begin);
  const auto in_run = model.positions(begin, end);
  std::map<KeyKind, std::uint64_t> keys;
  std::map<KeyKind, std::uint64_t> beginning;
  for (const auto& [key, wanted] : in_run) {
    const auto& [kind, name] = key;
    const std::string text = "key " + std::to_string(static_cast<int>(kind)) + " " + name;
    const auto earlier = before.find(key);
    const std::uint64_t base = earlier == before.end() ? 0 : earlier->second.size();
    ++keys[kind];
    beginning[kind] += base == 0 ? 1U : 0U;
    const auto found = run.find(make_key(kind, name, model.hasher));
    ASSERT_TRUE(found.has_value()) << text << to_string(found.error());
    ASSERT_TRUE(found->has_value()) << text;
    EXPECT_EQ((*found)->base, base) << text;
    ASSERT_EQ((*found)->count, wanted.size()) << text;
    std::vector<Position> into(wanted.size() + 3);
    const auto given = run.positions(**found, base, into);
    ASSERT_TRUE(given.has_value()) << text << to_string(given.error());
    ASSERT_EQ(*given, wanted.size()) << text;
    for (std::size_t i = 0; i < wanted.size(); ++i) { ASSERT_EQ(into[i].value(), wanted[i]) << text << " " << i; }
    const auto last = run.last(**found);
    ASSERT_TRUE(last.has_value()) << text;
    EXPECT_EQ(last->value(), wanted.back()) << text;
  }
  for (const KeyKind kind : kKinds) {
    EXPECT_EQ(run.key_count(kind), keys[kind]);
    EXPECT_EQ(run.beginning_count(kind), beginning[kind]);
    const auto listed = run.list(kind, std::nullopt, "", ~std::uint64_t{0});
    ASSERT_TRUE(listed.has_value()) << to_string(listed.error());
    ASSERT_EQ(listed->size(), keys[kind]);
    auto one = listed->begin();
    for (const auto& [key, wanted] : in_run) {
      if (key.first != kind) { continue; }
      EXPECT_EQ(one->name, key.second);
      EXPECT_EQ(one->key.count, wanted.size());
      EXPECT_EQ(one->last.value(), wanted.back());
      ++one;
    }
  }
  for (std::uint64_t i = 0; i < model.events.size(); ++i) {
    const auto place = run.place(Position(i));
    EXPECT_EQ(place.has_value(), i >= begin && i < end);
    if (place) { ASSERT_EQ(*place, model.events[i].place) << i; }
    if (!model.events[i].id) { continue; }
    std::vector<Position> candidates;
    ASSERT_TRUE(run.candidates(*model.events[i].id, candidates, model.id_hasher));
    const bool is_there = std::ranges::find(candidates, Position(i)) != candidates.end();
    EXPECT_EQ(is_there, i >= begin && i < end) << i;
    EXPECT_TRUE(std::ranges::is_sorted(candidates));
  }
}

// Events as they come: frames of one or several, streams with many events and with one, tags now and then.
inline Model random_model(std::uint64_t seed, std::uint64_t events, std::uint64_t streams) {
  std::mt19937_64 random(seed);
  const auto below = [&](std::uint64_t n) { return random() % n; };
  const std::array<std::string, 4> categories = {"order", "o", "customer with a long name", "\xC3\xA9"};
  Model model;
  std::uint64_t frame = below(1U << 20U);
  std::uint64_t offset = 0;
  std::uint64_t left = 0;
  for (std::uint64_t i = 0; i < events; ++i) {
    ModelEvent event;
    const std::string& category = categories[below(below(3) == 0 ? 4 : 2)];
    event.keys.emplace_back(KeyKind::kStream, category + "-" + std::to_string(below(streams)));
    event.keys.emplace_back(KeyKind::kCategory, category);
    event.keys.emplace_back(KeyKind::kType, "Type" + std::to_string(below(7)));
    for (std::uint64_t tags = below(4); tags > 2; --tags) {
      event.keys.emplace_back(KeyKind::kTag, "tag:" + std::to_string(below(20)));
    }
    if (left == 0) {
      frame += 100 + below(50'000);
      offset = below(100);
      left = below(3) == 0 ? 1 + below(100) : 1;
      if (below(16) == 0) { event.keys.emplace_back(KeyKind::kCheckpoint, "consumer " + std::to_string(below(3))); }
    }
    event.place = {.frame = frame, .offset = static_cast<std::uint32_t>(offset)};
    offset += 20 + below(1000);
    --left;
    if (below(40) == 0) {
      event = {.keys = {{KeyKind::kStream, "lost"}}, .id = {}, .place = Place::nowhere()};
    } else {
      event.id = id_of(random());
    }
    model.events.push_back(std::move(event));
  }
  return model;
}

}  // namespace tidemark::index::test
