// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <utility>

#include "engine/store/store_core.h"
#include "tidemark/tidemark.hpp"

namespace tidemark {

// Store::open with tables of so few events that a short test makes index files and merges them.
inline Result<Store> open_with_index(const std::filesystem::path& folder, const OpenOptions& options,
                                     std::uint64_t table_events) {
  engine::Environment environment{platform::real_file_system(), platform::real_clock(), platform::real_machine()};
  environment.index = {.files = true, .table_events = table_events, .merge_runs = 3, .close_events = 1};
  auto core = engine::open_store(folder, options, environment);
  if (!core) { return std::unexpected(std::move(core.error())); }
  return Store(std::move(*core));
}

}  // namespace tidemark
