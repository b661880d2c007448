// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <vector>

#include "index/key.h"

namespace tidemark::index {

// A query in keys: the positions that the scope has (all, if there is none) and at least one item matches (all, if
// there is none). An item matches where one of its types is (any, if it names none) and all of its tags are. The keys
// look at names that must live as long as it does.
struct KeyQuery {
  struct Item {
    std::vector<Key> types;
    std::vector<Key> tags;
  };
  std::optional<Key> scope;
  std::vector<Item> items;
};

}  // namespace tidemark::index
