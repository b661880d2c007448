// SPDX-License-Identifier: Apache-2.0
#include "engine/subscribe/part_folder.h"

#include <system_error>
#include <utility>

namespace tidemark::engine {

Result<std::unique_ptr<PartFolder>> PartFolder::start(unsigned threads, Fold fold) {
  std::unique_ptr<PartFolder> folder(new PartFolder(std::move(fold)));
  folder->threads_.reserve(threads);
  try {
    for (unsigned i = 0; i < threads; ++i) {
      folder->threads_.emplace_back([&running = *folder] { running.run(); });
    }
  } catch (const std::system_error& error) {
    if (folder->threads_.empty()) {
      return std::unexpected(Error(ErrorCode::kOutOfMemory, "no more threads").with_system_error(error.code().value()));
    }
  }
  return folder;
}

PartFolder::~PartFolder() { stop_.request_stop(); }

void PartFolder::give(RangePart part) {
  auto job = std::make_unique<Job>(std::move(part));
  {
    const std::scoped_lock lock(mutex_);
    jobs_.push_back(std::move(job));
  }
  ++held_;
  changed_.notify_all();
}

Result<RangePart> PartFolder::take() {
  std::unique_lock lock(mutex_);
  // Not by the stop token: a thread that was stopped answers too, and one that has no job yet is never waited for.
  changed_.wait(lock, [&] { return jobs_.front()->folded || (begun_ == 0 && stop_.stop_requested()); });
  const std::unique_ptr<Job> job = std::move(jobs_.front());
  jobs_.pop_front();
  --held_;
  if (begun_ > 0) { --begun_; }
  if (!job->folded) { return std::unexpected(Error(ErrorCode::kStopped, "the rebuild was stopped")); }
  if (!*job->folded) { return std::unexpected(std::move(job->folded->error())); }
  return std::move(job->part);
}

void PartFolder::run() {
  const std::stop_token stop = stop_.get_token();
  std::unique_lock lock(mutex_);
  while (changed_.wait(lock, stop, [&] { return begun_ < jobs_.size(); })) {
    Job& job = *jobs_[begun_++];
    lock.unlock();
    Status folded = fold_(job.part, stop);
    lock.lock();
    job.folded = std::move(folded);
    changed_.notify_all();
  }
}

}  // namespace tidemark::engine
