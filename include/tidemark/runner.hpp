// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <memory>

#include "tidemark/error.hpp"
#include "tidemark/event.hpp"
#include "tidemark/export.hpp"
#include "tidemark/subscription.hpp"

namespace tidemark {

// A thread that gives the events of a subscription to a function, one after the other, for who wants no loop of their
// own. With SubscribeOptions::resume it commits after each run of events that was dealt with (at most run_events of
// them): after a crash these come again, and none is left out. A moved-from runner can only be assigned to or
// destroyed.
class TIDEMARK_API Runner {
 public:
  // Called on the runner's thread, with a view that is valid during the call. An error ends the runner, and so does an
  // exception (kHandlerFailed, with what it says). The event then counts as not dealt with.
  using Handler = std::function<Status(const Event&)>;

  // kOutOfMemory: no memory, or no thread.
  [[nodiscard]] static Result<Runner> start(Subscription subscription, Handler handler);

  Runner(Runner&& other) noexcept;
  Runner& operator=(Runner&& other) noexcept;
  Runner(const Runner&) = delete;
  Runner& operator=(const Runner&) = delete;
  // Stops it, and waits for the call that is running. Not from inside the handler.
  ~Runner();

  // Asks it to end after the event that it is at. Does not wait; from any thread, the handler too.
  void request_stop();
  // Waits until it has ended, and says why: kStopped, what the handler gave, kHandlerFailed, or what ended the
  // subscription or its commit. By one thread at a time, not from inside the handler.
  [[nodiscard]] Status wait();
  // Stops it, waits, and gives the subscription back: it goes on with the event that was not dealt with. Once.
  [[nodiscard]] Subscription take();

 private:
  struct State;
  explicit Runner(std::unique_ptr<State> state);

  std::unique_ptr<State> state_;
};

}  // namespace tidemark
