// SPDX-License-Identifier: Apache-2.0
#include "engine/log/segment_maker.h"

#include <algorithm>
#include <cstddef>
#include <new>
#include <span>
#include <string>
#include <utility>
#include <vector>

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

Result<PreparedSegment> SegmentMaker::replace(const SegmentPlan& plan) const {
  if (auto ours = check_lock(); !ours) { return std::unexpected(std::move(ours.error()).with_segment(plan.number)); }
  // It goes first: there may not be room for both.
  auto gone = environment_.files.unlink(folder_ / segment_file_name(plan.number));
  if (!gone && gone.error().code() != ErrorCode::kNotFound) { return std::unexpected(std::move(gone.error())); }
  return make(plan);
}

Result<bool> SegmentMaker::is_blank(const PreparedSegment& found, const std::stop_token& stop) {
  constexpr std::uint64_t kPieceBytes = std::uint64_t{1} << 20U;
  const std::uint64_t size = found.segment->size();
  std::vector<std::byte> buffer(std::min(kPieceBytes, size));
  for (std::uint64_t at = kSegmentHeaderBytes; at < size;) {
    if (stop.stop_requested()) { return std::unexpected(Error(ErrorCode::kClosed, "the store was closed")); }
    const auto piece = std::span(buffer).first(std::min<std::uint64_t>(buffer.size(), size - at));
    auto read = platform::read_up_to(*found.file, piece, at);
    if (!read || *read < piece.size() || !all_zero(piece)) { return false; }
    at += piece.size();
  }
  return true;
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
  found_plan_ = plan;
  found_segment_ = std::move(segment);
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

Result<PreparedSegment> SpareSegment::make(const SegmentPlan& plan, std::optional<PreparedSegment>& found,
                                           const std::stop_token& stop) const {
  if (!found) { return maker_.make(plan); }
  auto blank = SegmentMaker::is_blank(*found, stop);
  if (!blank) { return std::unexpected(std::move(blank.error())); }
  if (*blank) { return *std::exchange(found, std::nullopt); }
  found.reset();  // a file keeps its space as long as it is open
  return maker_.replace(plan);
}

void SpareSegment::make_wanted(std::unique_lock<std::mutex>& lock, const std::stop_token& stop) {
  const SegmentPlan plan = *wanted_;
  wanted_.reset();
  std::optional<PreparedSegment> found;
  if (found_plan_ == plan) { found = std::exchange(found_segment_, std::nullopt); }
  making_ = true;
  lock.unlock();
  Result<PreparedSegment> made = std::unexpected(Error(ErrorCode::kOutOfMemory, "out of memory"));
  try {
    made = make(plan, found, stop);
  } catch (const std::bad_alloc&) {
    // As it stands.
  }
  lock.lock();
  making_ = false;
  failed_plan_.reset();
  error_.reset();
  if (made) {
    // A segment that was ready or found with another plan has lost its name to this one.
    found_plan_.reset();
    found_segment_.reset();
    ready_plan_ = plan;
    ready_segment_ = std::move(*made);
  } else {
    if (found) { found_segment_ = std::move(found); }
    if (!found_segment_) { found_plan_.reset(); }
    failed_plan_ = plan;
    error_ = std::move(made.error());
  }
}

void SpareSegment::make_now() {
  {
    std::unique_lock lock(mutex_);
    if (!wanted_) { return; }
    make_wanted(lock, {});
  }
  attempted_();
}

void SpareSegment::run(const std::stop_token& stop) {
  std::unique_lock lock(mutex_);
  while (wanted_changed_.wait(lock, stop, [this] { return wanted_.has_value(); })) {
    make_wanted(lock, stop);
    lock.unlock();
    attempted_();
    lock.lock();
  }
}

}  // namespace tidemark::engine
