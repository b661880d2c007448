// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <stop_token>
#include <string_view>

#include "engine/read/read_source.h"
#include "platform/clock.h"
#include "tidemark/checkpoint.hpp"

namespace tidemark::engine {

// What a subscription reads from, and waits for at its end.
class LiveSource : public ReadSource {
 public:
  // A number that changes whenever what is visible has grown, and when it will not any more.
  [[nodiscard]] virtual std::uint32_t moves() const = 0;
  // Sleeps while it is still `seen`, until that moment. May return early for no reason.
  virtual void wait_for_move(std::uint32_t seen, const std::stop_token& stop,
                             std::optional<platform::SteadyTime> until) const = 0;
  // Why nothing more will become visible, if that is so: kStoreFailed, kClosed, kReadOnly. What is visible can be read.
  [[nodiscard]] virtual Status check_live() const = 0;
  // At the event there, which must be durable, or before the first one.
  [[nodiscard]] virtual Result<Checkpoint> checkpoint_at(std::optional<Position> position) const = 0;
  // kCheckpointUnknown: it is not of this log.
  [[nodiscard]] virtual Status check_checkpoint(const Checkpoint& checkpoint) const = 0;
  // What a batch in the log stored as a checkpoint.
  struct LoggedCheckpoint {
    Checkpoint batch;   // its first event
    Checkpoint stored;  // with a log id of zeros if it is of this log: then its position is all
  };
  // The last one of this name, durable when this returns; of what this process appended nothing is left aside.
  // `known` is what this gave before. kStoreFailed: there may be one that is not durable and never will be.
  [[nodiscard]] virtual Result<std::optional<LoggedCheckpoint>> logged_checkpoint(
      std::string_view name, const std::optional<LoggedCheckpoint>& known) const = 0;
  // The time by which events are recorded.
  [[nodiscard]] virtual RecordedTime now() const = 0;
};

}  // namespace tidemark::engine
