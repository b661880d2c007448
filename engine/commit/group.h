// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "engine/commit/encoded_batch.h"
#include "engine/log/log_point.h"
#include "engine/log/segment_maker.h"
#include "platform/wait_word.h"
#include "tidemark/error.hpp"

namespace tidemark::engine {

// How far a batch has come.
enum class Level : std::uint8_t { kWritten, kDurable };

[[nodiscard]] constexpr Level level_of(Durability durability) {
  return durability == Durability::kDurable ? Level::kDurable : Level::kWritten;
}

// The batches that are written, and synced, together: what gathers while the group before is on its way to the disk.
// All lie in one segment.
class Group {
 public:
  struct Member {
    std::shared_ptr<EncodedBatch> batch;
    Offset frame;  // log offset
  };

  // The word's low bits say how far the group is; the rest counts calls for a leader.
  static constexpr std::uint32_t kWritten = 1U << 0U;
  static constexpr std::uint32_t kDone = 1U << 1U;  // as far as its members asked, or failed: error is final
  static constexpr std::uint32_t kCall = 1U << 8U;

  platform::WaitWord word;
  std::atomic<std::uint32_t> sleepers = 0;  // on the word

  // Guarded by the sequencer's lock while the group gathers; then of the thread that leads it.
  std::vector<Member> members;
  std::optional<PreparedSegment> roll_to;  // leave the active segment for this one first
  LogPoint end;
  bool wants_sync = false;      // a member wants to be durable
  bool has_buffered = false;    // a member goes once it is written
  std::uint32_t attending = 0;  // callers that will come and wait; guarded for ever

  std::optional<Error> error;  // written before kDone is set

  // Whether the group has come so far, by the word as it was seen.
  [[nodiscard]] static bool has_reached(std::uint32_t seen, Level level) {
    return (seen & kDone) != 0 || (level == Level::kWritten && (seen & kWritten) != 0);
  }
  [[nodiscard]] bool reached(Level level) const { return has_reached(word.load(), level); }
};

}  // namespace tidemark::engine
