// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <optional>
#include <utility>

#include "engine/log/frame_reader.h"
#include "engine/log/segment.h"
#include "index/tiers.h"
#include "tidemark/error.hpp"
#include "tidemark/event.hpp"

namespace tidemark::engine {

// Finds events by their ids: the index narrows, the log decides. Belongs to one thread.
class EventFinder {
 public:
  EventFinder(std::shared_ptr<const index::Tiers> index, std::shared_ptr<const SegmentList> segments)
      : index_(std::move(index)), segments_(std::move(segments)) {}

  // The position of the event with this id, if there is one below end. kDamaged, kIo.
  [[nodiscard]] Result<std::optional<Position>> find(const EventId& id, Position end) {
    return index_->find(id, end, [&](Position position, const index::Place& place) -> Result<bool> {
      if (place.is_nowhere()) { return false; }
      auto found = reader_.read(segments_, place, position);
      if (!found) { return std::unexpected(std::move(found.error())); }
      return found->record->id == id;
    });
  }

 private:
  const std::shared_ptr<const index::Tiers> index_;
  const std::shared_ptr<const SegmentList> segments_;
  FrameReader reader_{Access::kCopied};
};

}  // namespace tidemark::engine
