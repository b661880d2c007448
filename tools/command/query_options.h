// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "tidemark/query.hpp"
#include "tidemark/store.hpp"
#include "tools/command/exit_codes.h"
#include "tools/command/subcommands.h"

namespace tidemark::command {

// The query that the options --stream, --category, --type, --tag and --query ask for together.
[[nodiscard]] Outcome<Query> read_query(const ReadCommandOptions& options);
// Where, how far and in which order to read, as the other options say.
[[nodiscard]] Outcome<ReadOptions> read_options(const ReadCommandOptions& options, const Query& query);

}  // namespace tidemark::command
