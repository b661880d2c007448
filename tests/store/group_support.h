// SPDX-License-Identifier: Apache-2.0
#pragma once

// What the tests of consumer groups share: a group called "work" in a store in memory, and short ways to take from it.

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <gtest/gtest.h>
#include <string>
#include <vector>

#include "engine/format/group_file.h"
#include "tests/store/support.h"

namespace tidemark::test {

// All that there is to give now.
inline std::vector<Delivery> take_all(Member& member) {
  std::vector<Delivery> all;
  while (auto given = must(member.next_for(std::chrono::seconds(0)))) { all.push_back(std::move(*given)); }
  return all;
}

inline std::vector<std::uint64_t> positions_of(const std::vector<Delivery>& all) {
  std::vector<std::uint64_t> positions;
  for (const auto& given : all) { positions.push_back(given.event.position.value()); }
  return positions;
}

// Takes and acknowledges until nothing comes.
inline std::vector<std::uint64_t> work_off(Member& member) {
  std::vector<std::uint64_t> positions;
  while (auto given = must(member.next_for(std::chrono::seconds(0)))) {
    positions.push_back(given->event.position.value());
    must(member.ack(given->event.position));
  }
  return positions;
}

template <class T>
Status status_of(const Result<T>& result) {
  return result ? Status() : std::unexpected(result.error());
}

inline std::vector<std::uint64_t> up_to(std::uint64_t end) {
  std::vector<std::uint64_t> positions;
  for (std::uint64_t n = 0; n < end; ++n) { positions.push_back(n); }
  return positions;
}

class GroupFixture : public testing::Test {
 protected:
  void append_some(int count, int streams = 3) {
    for (int i = 0; i < count; ++i) { must(append(store, "a-" + std::to_string(i % streams), "x")); }
  }
  // Long enough for members to see each other.
  void let_them_look() { world.clock.advance(std::chrono::milliseconds(300)); }

  World world;
  Store store = world.open(tiny_segments());
  const std::filesystem::path folder = world.folder / engine::group_folder_name("work");
};

}  // namespace tidemark::test
