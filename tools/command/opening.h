// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "tidemark/store.hpp"
#include "tools/command/exit_codes.h"
#include "tools/command/subcommands.h"

// How the subcommands open a store, and what they say about what they found.
namespace tidemark::command {

// Read-only, never creating; says on stderr if the next writer will have to recover something.
[[nodiscard]] Outcome<Store> open_to_read(const StorePlace& place);
// For writing, creating the store if need be; says on stderr what was recovered.
[[nodiscard]] Outcome<Store> open_to_write(const StorePlace& place);

}  // namespace tidemark::command
