// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>

namespace tidemark::engine {

class Segment;

// Bounds what the segments of a store remember of their frames, so that reading a log of any size takes no more: past
// the bound, those that began to remember first forget all. It costs their frames another check when they are read.
class SegmentMemory {
 public:
  // Of 16 GiB of a log, if it is read from end to end.
  static constexpr std::uint64_t kBytesMax = std::uint64_t{32} << 20U;

  explicit SegmentMemory(std::uint64_t bytes_max = kBytesMax) : bytes_max_(bytes_max) {}

  // The segment is about to take a page more. Safe from many threads, never fails.
  void take_page(const Segment& segment);
  // Whether so many bytes may be kept as long as the segment is: of the frames that are known. Likewise.
  [[nodiscard]] bool give(std::uint64_t bytes) {
    return given_.fetch_add(bytes, std::memory_order_relaxed) + bytes <= bytes_max_ / 2;
  }

 private:
  const std::uint64_t bytes_max_;
  std::atomic<std::uint64_t> given_ = 0;
  std::mutex mutex_;
  std::deque<std::weak_ptr<const Segment>> oldest_first_;  // guarded by mutex_; those that have pages
  std::uint64_t bytes_ = 0;                                // likewise
};

}  // namespace tidemark::engine
