// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "tidemark/cursor.hpp"
#include "tools/command/exit_codes.h"

namespace tidemark::command {

// Prints what the cursor gives, to its end: one JSON object a line, or a table. A cursor that ends with an error is one
// here too, after what came before it.
[[nodiscard]] Outcome<ExitCode> print_events(Cursor& events, bool json);

}  // namespace tidemark::command
