// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>

#include "engine/log/checkpoint_store.h"
#include "engine/read/cursor_impl.h"
#include "engine/subscribe/held_events.h"
#include "engine/subscribe/live_source.h"
#include "tidemark/query.hpp"
#include "tidemark/subscription.hpp"

namespace tidemark::detail {

// Cursors, one after the other, each from where the one before it ended to what is visible then; at the end it waits.
// There is no second way for what comes live.
class SubscriptionImpl {
 public:
  SubscriptionImpl(std::shared_ptr<const engine::LiveSource> source, Query query, const SubscribeOptions& options,
                   Position first)
      : source_(std::move(source)),
        query_(std::move(query)),
        options_(options),
        next_(first),
        not_before_(options.from_recorded),
        told_(first) {
    if (options.when_valid) {
      held_ = options.from_valid_point ? engine::HeldEvents(*options.from_valid_point) : engine::HeldEvents();
    }
  }

  [[nodiscard]] Result<Run> next(const std::stop_token& stop, std::optional<platform::SteadyTime> until);
  // The event that was found and not given yet; then the next of the run, if there is one.
  [[nodiscard]] const Event* give();
  [[nodiscard]] std::optional<Position> position() const;
  [[nodiscard]] std::optional<ValidPoint> valid_point() const;
  [[nodiscard]] std::uint64_t held() const { return held_ ? held_->count() : 0; }
  // All before it was read.
  [[nodiscard]] Position read_until() const { return next_; }
  [[nodiscard]] Position end() const { return source_->visible_end(options()); }
  [[nodiscard]] const engine::LiveSource* source() const { return source_.get(); }
  [[nodiscard]] bool is_open() const { return source_->check_open().has_value(); }
  void seek(Position position);
  void seek(const ValidPoint& point);
  // What commit() writes to.
  void keep(std::unique_ptr<engine::CheckpointFile> file) { file_ = std::move(file); }
  [[nodiscard]] const std::string& name() const { return options_.resume; }
  // Of the name, which there must be: that it is this subscription's alone.
  [[nodiscard]] Status check_name() const { return file_->check_lock(); }
  [[nodiscard]] Result<Checkpoint> checkpoint() const;
  [[nodiscard]] Status commit();

 private:
  enum class Found : std::uint8_t { kEvent, kEnd };

  [[nodiscard]] ReadOptions options() const;
  [[nodiscard]] Result<Found> find();
  // The same by valid time: the event to give stands in due_.
  [[nodiscard]] Result<Found> find_due();
  [[nodiscard]] Result<Found> read_held(const engine::DueKey& key);
  [[nodiscard]] const Event* give_due();
  [[nodiscard]] std::optional<platform::SteadyTime> next_due() const;
  [[nodiscard]] Run run();
  [[nodiscard]] Run progress();
  void look_for_state(Position end);
  void wait(std::uint32_t seen, const std::stop_token& stop, std::optional<platform::SteadyTime> until) const;

  const std::shared_ptr<const engine::LiveSource> source_;
  const Query query_;
  const SubscribeOptions options_;
  std::unique_ptr<CursorImpl> cursor_;              // from next_ on; none: what it could see is through
  const Event* found_ = nullptr;                    // by the cursor, and not given
  mutable std::optional<engine::HeldEvents> held_;  // with when_valid
  std::unique_ptr<CursorImpl> held_cursor_;         // at the held event that is to be given, or was last
  const Event* due_ = nullptr;              // with when_valid: what is to be given, found_ or the first held one
  Position next_;                           // all before it is through
  std::optional<RecordedTime> not_before_;  // nothing that was recorded before it is given
  std::uint64_t left_ = 0;                  // events of the run
  SubscriptionState state_ = SubscriptionState::kCatchingUp;
  bool told_end_ = false;                                       // that it has caught up, since it last had not
  Position told_;                                               // next_ when a run was given last
  std::unique_ptr<engine::CheckpointFile> file_;                // with SubscribeOptions::resume
  std::optional<engine::LiveSource::LoggedCheckpoint> logged_;  // by that name, as far as commit() knows
};

}  // namespace tidemark::detail
