// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <stop_token>

#include "tidemark/batch.hpp"
#include "tidemark/error.hpp"
#include "tidemark/export.hpp"

namespace tidemark {

namespace detail {
class TicketState;
}

// An append under way. Dropping a ticket cancels nothing. A ticket may outlive its store: closing the store completes
// every ticket. Safe to use from several threads.
class TIDEMARK_API Ticket {
 public:
  // Waits for the answer. The stop token ends the wait with kStopped and not the append: wait again, or drop it.
  [[nodiscard]] Result<Receipt> wait(std::stop_token stop = {}) const;
  // The answer if it is there.
  [[nodiscard]] std::optional<Result<Receipt>> poll() const;
  // Calls done with the answer, once, on the store's completion thread. Callbacks that wait to be called are called in
  // the order of submission. One a ticket: a second is kInvalidArgument; kClosed after the store was closed. done must
  // not throw and must not close the store; it may append.
  [[nodiscard]] Status on_complete(std::function<void(const Result<Receipt>&)> done) const;

  explicit Ticket(std::shared_ptr<detail::TicketState> state);  // made by Store::submit

 private:
  std::shared_ptr<detail::TicketState> state_;
};

}  // namespace tidemark
