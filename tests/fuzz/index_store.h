// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "engine/log/index_policy.h"
#include "tests/fuzz/twin.h"

// The store that the target of index files puts its inputs into. It is the same each time, log id included.
namespace tidemark::fuzz {

inline constexpr engine::IndexPolicy kIndexStorePolicy{
    .files = true, .table_events = 8, .merge_runs = 3, .close_events = 1};

struct IndexStore {
  Archive archive;                  // closed, with its index files
  std::vector<std::string> events;  // to_text of each
  Offset end;                       // of the log
};
[[nodiscard]] const IndexStore& index_store();
// The id of its n-th event.
[[nodiscard]] EventId index_store_id(std::uint64_t n);

}  // namespace tidemark::fuzz
