// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>

#include "tidemark/batch.hpp"

namespace tidemark {

// The engine's way into a Batch.
class BatchAccess {
 public:
  [[nodiscard]] static const auto& streams(const Batch& batch) { return batch.streams_; }
  [[nodiscard]] static const auto& events(const Batch& batch) { return batch.events_; }
  [[nodiscard]] static const auto& conditions(const Batch& batch) { return batch.conditions_; }
  [[nodiscard]] static const auto& checkpoints(const Batch& batch) { return batch.checkpoints_; }
  // Whether an append of it would do or check something.
  [[nodiscard]] static bool asks_for_anything(const Batch& batch) {
    return !batch.streams_.empty() || !batch.conditions_.empty() || !batch.checkpoints_.empty();
  }
  // What the batch expects of a stream, which it names from now on.
  [[nodiscard]] static Expect& expectation(Batch& batch, std::string_view stream) {
    return batch.streams_[batch.stream_index(stream, Expect::any())].expect;
  }
  // Marks a batch as appended; whether it, or a copy of it, had been before.
  [[nodiscard]] static bool mark_attempted(const Batch& batch) {
    return batch.attempted_ && batch.attempted_->exchange(true);
  }
};

}  // namespace tidemark
