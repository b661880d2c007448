// SPDX-License-Identifier: Apache-2.0
// Goal: names come in the order of their bytes. Method: random names beside std::sort, with what the leading bytes
// alone do not decide: one the beginning of another, zero bytes, bytes above 127, long shared beginnings.
#include "index/name_order.h"

#include <algorithm>
#include <cstdint>
#include <gtest/gtest.h>
#include <random>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace tidemark::index {
namespace {

std::vector<std::string> in_order(const std::vector<std::string>& names) {
  std::vector<platform::Keyed> entries;
  for (std::uint32_t i = 0; i < names.size(); ++i) { entries.push_back({.key = 0, .value = i}); }
  sort_by_name(entries, [&](std::uint32_t i) { return std::string_view(names[i]); });
  std::vector<std::string> sorted;
  for (const auto& one : entries) { sorted.push_back(names[one.value]); }
  return sorted;
}

TEST(NameOrder, IsThatOfTheBytes) {
  using namespace std::string_literals;
  EXPECT_EQ(in_order({}), std::vector<std::string>());
  EXPECT_EQ(in_order({"one"}), std::vector<std::string>{"one"});
  std::vector<std::string> names{"order-2",        "order-10"s,      "order-",          "order",
                                 "order-1\0"s,     "order-1",        "order-1\0\0"s,    "order-\xff",
                                 "order-\x7f",     "order-1234567",  "order-12345678a", "order-12345678b",
                                 "order-12345678", "order-123456789"};
  auto sorted = names;
  std::ranges::sort(sorted);
  EXPECT_EQ(in_order(names), sorted);
}

TEST(NameOrder, OfManyRandomNames) {
  std::mt19937 random(7);
  for (const std::size_t count : {10U, 1500U, 20'000U}) {
    for (const std::string_view shared : {"", "a", "account-of-a-customer-"}) {
      for (const unsigned letters : {2U, 200U}) {
        std::set<std::string> names;
        while (names.size() < count) {
          std::string name(shared);
          const std::size_t more = random() % 20;
          for (std::size_t i = 0; i < more; ++i) { name.push_back(static_cast<char>(random() % letters)); }
          names.insert(std::move(name));
        }
        std::vector<std::string> shuffled(names.begin(), names.end());
        std::ranges::shuffle(shuffled, random);
        EXPECT_EQ(in_order(shuffled), std::vector<std::string>(names.begin(), names.end()));
      }
    }
  }
}

}  // namespace
}  // namespace tidemark::index
