// SPDX-License-Identifier: Apache-2.0
#include "engine/log/segment_memory.h"

#include <algorithm>
#include <new>

#include "engine/log/segment.h"
#include "platform/forgettable_bits.h"

namespace tidemark::engine {

void SegmentMemory::take_page(const Segment& segment) {
  const std::scoped_lock lock(mutex_);
  const auto is_segment = [&](const auto& one) { return one.lock().get() == &segment; };
  if (std::ranges::none_of(oldest_first_, is_segment)) {
    try {
      oldest_first_.push_back(segment.weak_from_this());
    } catch (const std::bad_alloc&) { return; }  // it is not counted, and will not forget
  }
  bytes_ += platform::ForgettableBits::kPageBytes;
  while (bytes_ > bytes_max_ && oldest_first_.size() > 1) {
    const auto oldest = oldest_first_.front().lock();
    oldest_first_.pop_front();
    if (oldest != nullptr) { bytes_ -= std::min(bytes_, oldest->forget()); }
  }
}

}  // namespace tidemark::engine
