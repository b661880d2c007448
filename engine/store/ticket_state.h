// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <utility>

#include "engine/commit/committer.h"
#include "engine/commit/completions.h"
#include "engine/store/store_core.h"
#include "tidemark/ticket.hpp"

namespace tidemark::detail {

// What a ticket stands for. Its core keeps the committer and the completions alive.
class TicketState {
 public:
  TicketState(std::shared_ptr<engine::StoreCore> owner, engine::Committer& committer, engine::Completions& completions)
      : owner_(std::move(owner)), committer_(committer), completions_(completions) {}

  // Before anybody else has the ticket.
  void set_outcome(engine::Outcome outcome) { outcome_ = std::move(outcome); }

  // kForked, and then nothing else may be called.
  [[nodiscard]] Status check_process() const { return owner_->check_process(); }
  [[nodiscard]] Result<Receipt> wait(const std::stop_token& stop) const {
    return committer_.wait_for(outcome_, false, stop);
  }
  [[nodiscard]] std::optional<Result<Receipt>> poll() const { return committer_.poll(outcome_); }
  // False for every call but the first.
  [[nodiscard]] bool claim_callback() { return !has_callback_.exchange(true); }
  // False if the store was closed and its completion thread has ended.
  [[nodiscard]] bool when_complete(std::function<void()> task) {
    return completions_.add(outcome_.order, std::move(task));
  }

 private:
  const std::shared_ptr<engine::StoreCore> owner_;
  engine::Committer& committer_;
  engine::Completions& completions_;
  engine::Outcome outcome_{Receipt{}, nullptr, {}};
  std::atomic<bool> has_callback_ = false;
};

}  // namespace tidemark::detail
