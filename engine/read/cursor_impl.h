// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include "engine/log/frame_reader.h"
#include "engine/read/read_source.h"
#include "index/key.h"
#include "tidemark/cursor.hpp"

namespace tidemark::detail {

// A run over ordinals 0 to count - 1 of a query's events, each turned into a position, a place, an event.
class CursorImpl {
 public:
  CursorImpl(std::shared_ptr<const engine::ReadSource> source, const Query& query, const ReadOptions& options);

  [[nodiscard]] const Event* next();
  [[nodiscard]] const Status& status() const { return status_; }

 private:
  void reject(const char* why);
  [[nodiscard]] Position position_of(std::uint64_t ordinal);

  std::shared_ptr<const engine::ReadSource> source_;
  const Query query_;
  const ReadOptions options_;
  index::Key key_{};
  std::shared_ptr<const engine::SegmentList> segments_;
  engine::FrameReader reader_;
  Position end_;
  std::uint64_t count_ = 0;
  std::uint64_t next_ = 0;  // forward: the ordinal to give next; backward: one more
  std::uint64_t left_ = 0;
  std::array<Position, 64> positions_{};
  std::uint64_t fetched_at_ = 0;  // the ordinal of positions_[0]
  std::size_t fetched_ = 0;
  Event event_;
  std::vector<std::string_view> tags_;
  Status status_;
};

}  // namespace tidemark::detail
