// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <ranges>
#include <string_view>
#include <vector>

#include "platform/sort.h"

namespace tidemark::index {

// The first bytes as a number that compares as they do.
[[nodiscard]] inline std::uint64_t leading_bytes(std::string_view text) {
  std::uint64_t value = 0;
  std::memcpy(&value, text.data(), std::min(text.size(), sizeof value));
  return __builtin_bswap64(value);
}

// Sorts entries whose values stand for names, which name_of(value) gives, by the bytes of these. No name is there
// twice. Most of a kind begin alike ("account-"): the bytes after what all of them share decide nearly every
// comparison. May throw std::bad_alloc.
template <class NameOf>
void sort_by_name(std::vector<platform::Keyed>& entries, NameOf name_of) {
  if (entries.empty()) { return; }
  std::string_view shared = name_of(entries.front().value);
  for (const platform::Keyed& one : entries) {
    const auto differ = std::ranges::mismatch(shared, name_of(one.value));
    shared = shared.substr(0, static_cast<std::size_t>(differ.in1 - shared.begin()));
  }
  for (platform::Keyed& one : entries) { one.key = leading_bytes(name_of(one.value).substr(shared.size())); }
  platform::sort_by_key(entries);
  for (auto from = entries.begin(); from != entries.end();) {
    const auto until = std::find_if(from + 1, entries.end(), [&](const auto& one) { return one.key != from->key; });
    if (until - from > 1) {
      std::ranges::sort(from, until, {}, [&](const platform::Keyed& one) { return name_of(one.value); });
    }
    from = until;
  }
}

}  // namespace tidemark::index
