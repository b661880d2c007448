// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "engine/log/catalog.h"
#include "engine/log/lost_event.h"
#include "engine/log/segment.h"
#include "tidemark/cursor.hpp"
#include "tidemark/error.hpp"

namespace tidemark::engine {

// What a reader reads from: a store, open for writing or read-only. Shared by its cursors, which may outlive the
// opening.
class ReadSource {
 public:
  virtual ~ReadSource() = default;
  // The end of what a reader may see now.
  [[nodiscard]] virtual Position visible_end(const ReadOptions& options) const = 0;
  [[nodiscard]] virtual std::shared_ptr<const SegmentList> segment_list() const = 0;
  [[nodiscard]] virtual const Catalog& catalog() const = 0;
  // Why the log cannot be read past its visible end although it goes on there: a read-only opening of a store that is
  // damaged there.
  [[nodiscard]] virtual std::optional<Error> damage() const = 0;
  // The placeholders of a salvaged store, by position; elsewhere there are none.
  [[nodiscard]] virtual const LostEvents& lost_events() const = 0;
  // The placeholder at this position. kDamaged if there is none: an index file may say that there is.
  [[nodiscard]] Result<const LostEvent*> lost_event(Position position) const {
    const auto found = lost_events().find(position);
    if (found != lost_events().end()) { return &found->second; }
    return std::unexpected(
        Error(ErrorCode::kDamaged, "the index says that the event at position " + std::to_string(position.value()) +
                                       " was lost, and it was not: build it again (`tidemark index rebuild`)"));
  }
  // Why nothing can be read any more: kClosed, kForked.
  [[nodiscard]] virtual Status check_open() const = 0;
};

}  // namespace tidemark::engine
