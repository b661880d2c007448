// SPDX-License-Identifier: Apache-2.0
// Goal: one range has one name, and nothing else is taken for one. Method: ranges there and back; a right name with
// each of its characters changed, and with some more.
#include "engine/format/index_file.h"

#include <cstdint>
#include <gtest/gtest.h>
#include <string>
#include <vector>

#include "engine/format/segment.h"

namespace tidemark::engine {
namespace {

TEST(IndexFileName, ThereAndBack) {
  EXPECT_EQ(index_file_name({Position(0), Position(32768)}), "index-00000000000000000000-00000000000000032768.run");
  for (const std::uint64_t first : {std::uint64_t{0}, std::uint64_t{17}, UINT64_MAX - 1}) {
    for (const std::uint64_t end : {first + 1, UINT64_MAX}) {
      const IndexRange range{Position(first), Position(end)};
      EXPECT_EQ(parse_index_file_name(index_file_name(range)), range);
      EXPECT_TRUE(is_store_file_name(index_file_name(range)));
    }
  }
}

TEST(IndexFileName, AnythingElseIsNone) {
  const std::string name = index_file_name({Position(1234567), Position(7654321)});
  for (std::size_t i = 0; i < name.size(); ++i) {
    for (const char c : {'-', '+', ' ', 'x', 'R', '\0', '.'}) {
      std::string other = name;
      if (other[i] == c) { continue; }
      other[i] = c;
      EXPECT_FALSE(parse_index_file_name(other)) << other;
      EXPECT_FALSE(is_store_file_name(other)) << other;
    }
    EXPECT_FALSE(parse_index_file_name(name.substr(0, i)));
    EXPECT_FALSE(parse_index_file_name(name.substr(i + 1)));
  }
  for (const std::string& other : std::vector<std::string>{"x" + name, name + "x", name + ".tmp", "index-0-1.run",
                                                           "index-00000000000000000005-00000000000000000005.run",
                                                           "index-00000000000000000005-00000000000000000004.run",
                                                           "index-00000000000000000000-18446744073709551616.run",
                                                           "index-000000000000000000000-00000000000000000001.run"}) {
    EXPECT_FALSE(parse_index_file_name(other)) << other;
  }
}

TEST(IndexFileName, OfOneThatWasNotFinished) {
  const std::string name = index_file_name({Position(0), Position(5)});
  EXPECT_TRUE(is_temporary_index_file_name(name + ".tmp"));
  EXPECT_TRUE(is_store_file_name(name + ".tmp"));
  EXPECT_FALSE(is_temporary_index_file_name(name));
  EXPECT_FALSE(is_temporary_index_file_name("segment-0000000001.log.tmp"));
}

}  // namespace
}  // namespace tidemark::engine
