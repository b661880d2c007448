// SPDX-License-Identifier: Apache-2.0
#include "engine/log/segment_maker.h"

#include <new>
#include <string>
#include <utility>

#include "engine/format/segment.h"
#include "platform/io.h"

namespace tidemark::engine {

SegmentMaker::SegmentMaker(Environment environment, std::filesystem::path folder, FileId log_id, bool zeroed)
    : environment_(environment), folder_(std::move(folder)), log_id_(log_id), zeroed_(zeroed) {}

Status SegmentMaker::fill(platform::File& file, const SegmentPlan& plan) const {
  if (auto done = file.allocate(plan.size); !done) { return done; }
  if (zeroed_) {
    if (auto done = file.write_zeros(plan.size); !done) { return done; }
  }
  SegmentHeader header{};
  header.log_id = log_id_;
  header.number = plan.number.value();
  header.base = plan.base.value();
  header.size = plan.size;
  if (auto done = platform::write_all(file, encode_segment_header(header), 0); !done) { return done; }
  return file.datasync();
}

Result<PreparedSegment> SegmentMaker::make(const SegmentPlan& plan) const {
  platform::FileSystem& files = environment_.files;
  const std::filesystem::path path = folder_ / segment_file_name(plan.number);
  const std::filesystem::path temporary = path.string() + std::string(kTemporarySuffix);
  if (auto ours = check_lock(); !ours) { return std::unexpected(std::move(ours.error()).with_segment(plan.number)); }
  if (auto gone = files.unlink(temporary); !gone && gone.error().code() != ErrorCode::kNotFound) {
    return std::unexpected(std::move(gone.error()));
  }
  auto file = files.open(temporary, platform::OpenMode::kCreate);
  if (!file) { return std::unexpected(std::move(file.error()).with_segment(plan.number)); }
  Status done = fill(**file, plan);
  if (done) { done = check_lock(); }
  if (done) { done = files.rename(temporary, path); }
  const bool named = done.has_value();
  if (done) { done = files.sync_folder(folder_); }
  if (!done) {
    // A file that could not be filled, or whose name may not be durable, still holds its space: the next attempt would
    // need as much again.
    (void)files.unlink(named ? path : temporary);
    return std::unexpected(std::move(done.error()).with_segment(plan.number));
  }
  SegmentHeader header{};
  header.log_id = log_id_;
  header.number = plan.number.value();
  header.base = plan.base.value();
  header.size = plan.size;
  return PreparedSegment{std::make_shared<Segment>(files, path, header), std::move(*file)};
}

SpareSegment::SpareSegment(const SegmentMaker& maker, bool threads, std::function<void()> attempted)
    : maker_(maker), threads_(threads), attempted_(std::move(attempted)) {
  if (threads_) {
    thread_ = std::jthread([this](const std::stop_token& stop) { run(stop); });
  }
}

SpareSegment::~SpareSegment() { stop(); }

void SpareSegment::stop() {
  if (!thread_.joinable()) { return; }
  thread_.request_stop();
  thread_.join();
  attempted_();
}

void SpareSegment::want(const SegmentPlan& plan) {
  {
    const std::scoped_lock lock(mutex_);
    if (ready_plan_ == plan) { return; }
    wanted_ = plan;
  }
  wanted_changed_.notify_one();
}

void SpareSegment::put(const SegmentPlan& plan, PreparedSegment segment) {
  const std::scoped_lock lock(mutex_);
  ready_plan_ = plan;
  ready_segment_ = std::move(segment);
  wanted_.reset();
}

SpareSegment::Answer SpareSegment::take(const SegmentPlan& plan) {
  const std::scoped_lock lock(mutex_);
  Answer answer;
  if (making_ || wanted_) { return answer; }
  if (ready_plan_ == plan) {
    answer.segment = std::exchange(ready_segment_, std::nullopt);
    ready_plan_.reset();
  } else if (failed_plan_ == plan) {
    answer.error = std::exchange(error_, std::nullopt);
    failed_plan_.reset();
  }
  return answer;
}

void SpareSegment::make_wanted(std::unique_lock<std::mutex>& lock) {
  const SegmentPlan plan = *wanted_;
  wanted_.reset();
  making_ = true;
  lock.unlock();
  Result<PreparedSegment> made = std::unexpected(Error(ErrorCode::kOutOfMemory, "out of memory"));
  try {
    made = maker_.make(plan);
  } catch (const std::bad_alloc&) {
    // As it stands.
  }
  lock.lock();
  making_ = false;
  failed_plan_.reset();
  error_.reset();
  if (made) {
    // A segment that was ready with another plan has lost its name to this one.
    ready_plan_ = plan;
    ready_segment_ = std::move(*made);
  } else {
    failed_plan_ = plan;
    error_ = std::move(made.error());
  }
}

void SpareSegment::make_now() {
  {
    std::unique_lock lock(mutex_);
    if (!wanted_) { return; }
    make_wanted(lock);
  }
  attempted_();
}

void SpareSegment::run(const std::stop_token& stop) {
  std::unique_lock lock(mutex_);
  while (wanted_changed_.wait(lock, stop, [this] { return wanted_.has_value(); })) {
    make_wanted(lock);
    lock.unlock();
    attempted_();
    lock.lock();
  }
}

}  // namespace tidemark::engine
