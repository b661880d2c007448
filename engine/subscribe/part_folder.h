// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <thread>
#include <vector>

#include "tidemark/error.hpp"
#include "tidemark/projection.hpp"
#include "tidemark/types.hpp"

namespace tidemark::engine {

// A part of a model and the positions that it is folded from, [first, end).
struct RangePart {
  Position first;
  Position end;
  ProjectionPart part;
};

// Threads that fold parts, each one part at a time, in the order in which they were given; they are taken back in that
// order too, whichever is done first. Given and taken by one thread. How many parts are held is up to that: it takes
// one before it gives the next. Its end stops the threads at the event that they are at and waits for them.
class PartFolder {
 public:
  // Called on the threads, several at a time. Must not throw.
  using Fold = std::function<Status(const RangePart&, const std::stop_token&)>;

  // kOutOfMemory if there is not one thread; fewer than asked for will do.
  [[nodiscard]] static Result<std::unique_ptr<PartFolder>> start(unsigned threads, Fold fold);
  ~PartFolder();
  PartFolder(const PartFolder&) = delete;
  PartFolder& operator=(const PartFolder&) = delete;

  void give(RangePart part);
  // Those that were given and not taken.
  [[nodiscard]] std::size_t held() const { return held_; }
  // Waits for the part that was given first; one was. An error is that of its folding.
  [[nodiscard]] Result<RangePart> take();
  // Ends the folding: kStopped. From any thread.
  void request_stop() { stop_.request_stop(); }

 private:
  struct Job {
    RangePart part;
    std::optional<Status> folded = {};
  };

  explicit PartFolder(Fold fold) : fold_(std::move(fold)) {}
  void run();

  const Fold fold_;
  std::size_t held_ = 0;  // the caller's
  std::stop_source stop_;
  std::mutex mutex_;
  std::condition_variable_any changed_;
  std::deque<std::unique_ptr<Job>> jobs_;  // guarded by mutex_; what is in a job is its thread's until it is folded
  std::size_t begun_ = 0;                  // guarded by mutex_: so many of the first jobs
  std::vector<std::jthread> threads_;      // last, so that they end before what they use
};

}  // namespace tidemark::engine
