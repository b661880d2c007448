// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <stop_token>

#include "tidemark/batch.hpp"
#include "tidemark/cursor.hpp"
#include "tidemark/error.hpp"
#include "tidemark/types.hpp"

namespace tidemark {

// What Store::decide calls: looks at what happened and adds to the batch what follows from it. It is called again, with
// fresh history and an empty batch, when another append came between: so it does nothing else. It may read the store.
// Appending, submitting or deciding in the same store from inside it is kInvalidArgument.
//
// An error that it returns is given back and nothing is appended. So is one of the cursor, whether it looked at
// status() or not. std::bad_alloc becomes kOutOfMemory; any other exception passes through, nothing is appended, and
// the store goes on.
using Decision = std::function<Status(Cursor& history, Batch& out)>;

struct DecideOptions {
  // The store's default if not given.
  std::optional<Durability> durability = {};
  // Ends the wait, for the turn or for the disk. Before the batch has its place in the log: kStopped, nothing was
  // appended. After: kOutcomeUnknown.
  std::stop_token stop = {};
  // The first version that the history gives, inclusive, for who has the state before it from a snapshot; only with
  // Query::stream. The whole stream is guarded all the same.
  std::optional<Version> from_version = {};
  // The decision is called at most so many times, at least once; then kContended.
  std::uint32_t rounds = 1000;
};

}  // namespace tidemark
