// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "index/run_bytes.h"
#include "index/run_keys.h"
#include "tidemark/error.hpp"
#include "tidemark/types.hpp"

// The positions of a key that was found in a run. A list is entered in its middle without a look at what is before.
namespace tidemark::index {

// Those from the nth in the run on, as many as there are and fit; gives how many.
[[nodiscard]] Result<std::size_t> read_positions(const RunBytes& bytes, const RunKey& key, std::uint64_t nth,
                                                 std::span<Position> into);
// How many are below end.
[[nodiscard]] Result<std::uint64_t> count_positions_below(const RunBytes& bytes, const RunKey& key, Position end);
[[nodiscard]] Result<Position> last_position(const RunBytes& bytes, const RunKey& key);

}  // namespace tidemark::index
