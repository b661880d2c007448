// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>

#include "tests/damage/damage_list.h"

// What a single copy of a store cannot tell from a writer that died earlier: docs/durability.md, "What a single copy
// cannot decide". Computed from the bytes before and after the damage, whatever the store says to it.
namespace tidemark::damage {

struct Undecidable {
  std::uint64_t events = 0;  // that are left, exactly
  bool tail_left = false;    // bytes that are not zero stand behind them: the end looks torn, else it looks clean
};

// Nothing if every reading must find the damage, as after a clean close, or where anything later says what was durable.
[[nodiscard]] std::optional<Undecidable> undecidable(const Sample& sample, const Damaged& damaged);

}  // namespace tidemark::damage
