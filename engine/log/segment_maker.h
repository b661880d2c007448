// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <condition_variable>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <thread>

#include "engine/format/layout.h"
#include "engine/log/environment.h"
#include "engine/log/segment.h"
#include "tidemark/error.hpp"

namespace tidemark::engine {

struct SegmentPlan {
  SegmentNumber number;
  Offset base;
  std::uint64_t size = 0;

  friend bool operator==(const SegmentPlan&, const SegmentPlan&) = default;
};

// A segment file that is ready to be written into.
struct PreparedSegment {
  std::shared_ptr<Segment> segment;
  std::shared_ptr<platform::File> file;
};

// Makes segment files. A file appears under a temporary name, gets its header and all its space, is synced, renamed,
// and the folder synced; a crash leaves a temporary file or a whole, empty segment.
class SegmentMaker {
 public:
  SegmentMaker(Environment environment, std::filesystem::path folder, FileId log_id, bool zeroed);

  // From now on no file gets its name once this lock has lost its own: another writer's may stand there. The lock must
  // live as long as this.
  void guard_with(platform::FileLock& lock) { lock_ = &lock; }

  // kNoSpace, kIo, kLocked (the lock lost its file); what was begun is removed again.
  [[nodiscard]] Result<PreparedSegment> make(const SegmentPlan& plan) const;

  // The same in place of a file that has the name and is of no use.
  [[nodiscard]] Result<PreparedSegment> replace(const SegmentPlan& plan) const;

  // Whether a segment that was found is as one that was made: nothing but zeros after its header. One that cannot be
  // read is not. kClosed at a stop.
  [[nodiscard]] static Result<bool> is_blank(const PreparedSegment& found, const std::stop_token& stop);

 private:
  [[nodiscard]] Status check_lock() const { return lock_ == nullptr ? Status() : lock_->check(); }
  [[nodiscard]] Status fill(platform::File& file, const SegmentPlan& plan) const;

  Environment environment_;
  const std::filesystem::path folder_;
  const FileId log_id_;
  const bool zeroed_;
  platform::FileLock* lock_ = nullptr;
};

// Keeps the next segment ready, made by a thread of its own while commits go on (or, without threads, by whoever needs
// it).
class SpareSegment {
 public:
  // attempted is called, on the thread that made it, whenever an attempt has ended, well or not.
  SpareSegment(const SegmentMaker& maker, bool threads, std::function<void()> attempted);
  ~SpareSegment();
  SpareSegment(const SpareSegment&) = delete;
  SpareSegment& operator=(const SpareSegment&) = delete;

  // Asks for this segment. One that is ready with another plan stays until this one has been made. Does not wait, does
  // no I/O.
  void want(const SegmentPlan& plan);
  // Puts in a segment that was found. Once it is wanted it is looked through, and made anew if it is not blank: an
  // opening has no time for that, and may never need it.
  void put(const SegmentPlan& plan, PreparedSegment segment);

  struct Answer {
    std::optional<PreparedSegment> segment;
    std::optional<Error> error;  // of the last attempt; the next want() tries again
    [[nodiscard]] bool pending() const { return !segment && !error; }
  };
  // The wanted segment if it is ready, handed over; or why it could not be made; or neither: it is still being made.
  [[nodiscard]] Answer take(const SegmentPlan& plan);
  // Without threads: makes what is wanted, now. To be called without locks held.
  void make_now();
  // Ends the thread, after the file that it is making, and wakes those who wait. Nothing is made from then on.
  void stop();

 private:
  void run(const std::stop_token& stop);
  void make_wanted(std::unique_lock<std::mutex>& lock, const std::stop_token& stop);
  // Takes what was found, or leaves it.
  [[nodiscard]] Result<PreparedSegment> make(const SegmentPlan& plan, std::optional<PreparedSegment>& found,
                                             const std::stop_token& stop) const;

  const SegmentMaker& maker_;
  const bool threads_;
  const std::function<void()> attempted_;

  std::mutex mutex_;
  std::condition_variable_any wanted_changed_;
  std::optional<SegmentPlan> wanted_;  // guarded by mutex_, like all below
  std::optional<SegmentPlan> found_plan_;
  std::optional<PreparedSegment> found_segment_;  // of found_plan_, not looked through yet
  std::optional<SegmentPlan> ready_plan_;
  std::optional<PreparedSegment> ready_segment_;  // of ready_plan_
  std::optional<SegmentPlan> failed_plan_;
  std::optional<Error> error_;  // of failed_plan_
  bool making_ = false;
  std::jthread thread_;  // last, so that it ends before what it uses
};

}  // namespace tidemark::engine
