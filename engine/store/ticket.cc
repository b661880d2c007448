// SPDX-License-Identifier: Apache-2.0
#include "tidemark/ticket.hpp"

#include <new>
#include <utility>

#include "engine/store/ticket_state.h"

namespace tidemark {

namespace {

// Of the one who asks; the append goes on. Short enough to need no memory itself.
Error out_of_memory() { return {ErrorCode::kOutcomeUnknown, "out of memory"}; }

}  // namespace

Ticket::Ticket(std::shared_ptr<detail::TicketState> state) : state_(std::move(state)) {}

Result<Receipt> Ticket::wait(std::stop_token stop) const {
  try {
    if (auto ours = state_->check_process(); !ours) { return std::unexpected(std::move(ours.error())); }
    return state_->wait(stop);
  } catch (const std::bad_alloc&) { return std::unexpected(out_of_memory()); }
}

std::optional<Result<Receipt>> Ticket::poll() const {
  try {
    if (auto ours = state_->check_process(); !ours) { return std::unexpected(std::move(ours.error())); }
    return state_->poll();
  } catch (const std::bad_alloc&) { return std::unexpected(out_of_memory()); }
}

Status Ticket::on_complete(std::function<void(const Result<Receipt>&)> done) const {
  try {
    if (!done) { return std::unexpected(Error(ErrorCode::kInvalidArgument, "the callback is empty")); }
    if (auto ours = state_->check_process(); !ours) { return ours; }
    if (!state_->claim_callback()) {
      return std::unexpected(Error(ErrorCode::kInvalidArgument, "the ticket has a callback already"));
    }
    if (state_->when_complete([state = state_, done = std::move(done)] { done(Ticket(state).wait()); })) { return {}; }
    return std::unexpected(Error(ErrorCode::kClosed, "the store was closed: the answer is there, wait() gives it"));
  } catch (const std::exception&) { return std::unexpected(Error(ErrorCode::kOutOfMemory, "out of memory")); }
}

}  // namespace tidemark
