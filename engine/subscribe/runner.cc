// SPDX-License-Identifier: Apache-2.0
#include "tidemark/runner.hpp"

#include <new>
#include <optional>
#include <string>
#include <system_error>
#include <thread>
#include <utility>

#include "engine/subscribe/guarded_call.h"

namespace tidemark {

struct Runner::State {
  State(Subscription given, Handler function) : subscription(std::move(given)), handler(std::move(function)) {}

  void run(const std::stop_token& stop) {
    try {
      while (result && !stop.stop_requested()) {
        auto next = subscription.next(stop);
        if (!next) {
          result = std::unexpected(std::move(next.error()));
          return;
        }
        result = deal_with(*next, stop);
        if (!subscription.name().empty()) {
          // What was dealt with before a failure was dealt with.
          if (auto committed = subscription.commit(); result && !committed) { result = std::move(committed); }
        }
      }
      if (result) { result = std::unexpected(Error(ErrorCode::kStopped, "the runner was stopped")); }
    } catch (const std::bad_alloc&) { result = std::unexpected(Error(ErrorCode::kOutOfMemory, "out of memory")); }
  }

  Status deal_with(const Run& events, const std::stop_token& stop) {
    std::optional<ValidPoint> before = subscription.valid_point();
    for (auto event = events.begin(); event != events.end(); ++event) {
      const Position position = event->position();
      if (Status done = call(*event); !done) {
        if (before) {
          subscription.seek(*before);
        } else {
          subscription.seek(position);
        }
        return done;
      }
      if (stop.stop_requested()) { break; }
      before = subscription.valid_point();
    }
    return {};
  }

  // Whatever it throws.
  Status call(const Event& event) {
    return engine::guarded_call([&] { return "the handler for position " + std::to_string(event.position().value()); },
                                [&] { return handler(event); });
  }

  Subscription subscription;
  const Handler handler;
  Status result;        // the thread's until it has ended
  std::jthread thread;  // last, so that it ends before what it uses
};

Runner::Runner(std::unique_ptr<State> state) : state_(std::move(state)) {}
Runner::Runner(Runner&& other) noexcept = default;
Runner& Runner::operator=(Runner&& other) noexcept = default;
Runner::~Runner() = default;

Result<Runner> Runner::start(Subscription subscription, Handler handler) {
  try {
    auto state = std::make_unique<State>(std::move(subscription), std::move(handler));
    state->thread = std::jthread([&running = *state](const std::stop_token& stop) { running.run(stop); });
    return Runner(std::move(state));
  } catch (const std::bad_alloc&) {
    return std::unexpected(Error(ErrorCode::kOutOfMemory, "out of memory"));
  } catch (const std::system_error& error) {
    return std::unexpected(Error(ErrorCode::kOutOfMemory, "no more threads").with_system_error(error.code().value()));
  }
}

void Runner::request_stop() { state_->thread.request_stop(); }

Status Runner::wait() {
  if (state_->thread.joinable()) { state_->thread.join(); }
  return state_->result;
}

Subscription Runner::take() {
  request_stop();
  (void)wait();
  return std::move(state_->subscription);
}

}  // namespace tidemark
