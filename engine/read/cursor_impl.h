// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>
#include <vector>

#include "engine/log/frame_reader.h"
#include "engine/log/read_ahead.h"
#include "engine/read/read_source.h"
#include "engine/read/valid_order.h"
#include "index/key.h"
#include "index/positions.h"
#include "tidemark/cursor.hpp"

namespace tidemark::detail {

// Turns a query's positions into places, and these into events. The whole log and a whole stream are a run over
// ordinals; other queries seek from position to position through their keys.
class CursorImpl {
 public:
  CursorImpl(std::shared_ptr<const engine::ReadSource> source, const Query& query, const ReadOptions& options);

  [[nodiscard]] const Event* next();
  [[nodiscard]] const Status& status() const { return status_; }
  [[nodiscard]] std::optional<Position> last_visible() const;
  // What this read can see ends before it.
  [[nodiscard]] Position end() const { return end_; }

  // How many events the stream has that it reads, as far as it can see; of another query, the log.
  [[nodiscard]] std::uint64_t ordinals() const { return count_; }

 private:
  void reject(const char* why);
  [[nodiscard]] Status start();
  [[nodiscard]] Result<std::optional<std::uint64_t>> first_ordinal() const;
  [[nodiscard]] Result<std::optional<Position>> next_position();
  [[nodiscard]] Status show(Position position);
  // Makes event_ the next one in position order, whatever its valid time; false at the end or on an error.
  [[nodiscard]] bool advance();
  [[nodiscard]] bool next_by_valid_time();
  [[nodiscard]] bool is_wanted() const { return !options_.valid_until || event_.valid() <= *options_.valid_until; }
  // Whether what is read ends where a damaged log cannot be read on.
  [[nodiscard]] bool ends_damaged() const {
    return !is_cut_ && source_->damage().has_value() && visible_ == source_->visible_end(options_);
  }
  [[nodiscard]] bool next_agreed();
  [[nodiscard]] bool next_following();
  [[nodiscard]] bool show_agreed(Position position);
  [[nodiscard]] Version version_of_current() const;
  [[nodiscard]] Error disagrees(Position position) const;
  void step_past(Position position);
  [[nodiscard]] Result<Position> position_of(std::uint64_t ordinal);
  void locate_fetched();

  std::shared_ptr<const engine::ReadSource> source_;
  const Query query_;
  const ReadOptions options_;
  std::shared_ptr<const index::Tiers> index_;
  std::optional<index::Postings> stream_;  // of a query of one stream
  std::shared_ptr<const engine::SegmentList> segments_;
  engine::FrameReader reader_;
  Position end_;
  Position visible_;     // what was visible when the read began
  bool is_cut_ = false;  // end_ is that of an earlier time
  std::uint64_t count_ = 0;
  std::uint64_t next_ = 0;  // forward: the ordinal to give next; backward: one more
  std::uint64_t left_ = 0;
  std::unique_ptr<index::Positions> matches_;  // of a query that seeks …
  std::optional<Position> from_;               // … where it goes on; nothing: at the end
  std::array<Position, engine::ReadAhead::kEventsMax> positions_{};
  std::uint64_t fetched_at_ = 0;  // the ordinal of positions_[0]
  std::size_t fetched_ = 0;
  std::array<index::Place, engine::ReadAhead::kEventsMax> places_{};  // of positions_, the first located_ of them
  std::size_t located_ = 0;
  engine::ReadAhead read_ahead_;
  std::size_t current_ = 0;                     // in positions_: what position_of gave last
  std::unique_ptr<engine::ValidOrder> sorted_;  // of a read by valid time, once all was looked at
  engine::EventRecord record_;
  Event event_;
  std::vector<std::string_view> tags_;
  Status status_;
};

}  // namespace tidemark::detail
