// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "tidemark/query.hpp"
#include "tools/command/exit_codes.h"
#include "tools/command/subcommands.h"

namespace tidemark::command {

// The query that the options --stream, --category, --type, --tag and --query ask for together.
[[nodiscard]] Outcome<Query> read_query(const ReadCommandOptions& options);

}  // namespace tidemark::command
