// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "index/key.h"
#include "tidemark/types.hpp"

namespace tidemark::index {

// Key -> the positions of its events, in order. For a stream the n-th position is version n. Derived from the log:
// whatever implements this can be thrown away and built again.
//
// Every question names an end: positions from there on do not exist for it, so that readers with different views share
// one index. Safe to ask from many threads while one adds.
class KeyIndex {
 public:
  virtual ~KeyIndex() = default;

  // How many of the key's positions are below end.
  [[nodiscard]] virtual std::uint64_t count(const Key& key, Position end) const = 0;
  // The key's positions from the ordinal-th on, below end: as many as fit; gives how many.
  [[nodiscard]] virtual std::size_t positions(const Key& key, std::uint64_t ordinal, std::span<Position> into,
                                              Position end) const = 0;

  struct Entry {
    std::string name;
    std::uint64_t count;
    Position last;
  };
  struct Page {
    std::string_view prefix = {};  // names that begin with this
    std::string_view after = {};   // and come after this one in byte order
    std::uint64_t limit = UINT64_MAX;
  };
  // The keys of a kind with a position below end, in the byte order of their names.
  [[nodiscard]] virtual std::vector<Entry> list(KeyKind kind, const Page& page, Position end) const = 0;
  // How many keys of a kind have a position below end.
  [[nodiscard]] virtual std::uint64_t key_count(KeyKind kind, Position end) const = 0;
};

}  // namespace tidemark::index
