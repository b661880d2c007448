// SPDX-License-Identifier: Apache-2.0
#include "engine/log/known_frame.h"

#include <algorithm>
#include <memory>
#include <new>

#include "engine/log/segment_memory.h"

namespace tidemark::engine {

KnownFrame::KnownFrame(std::uint64_t offset, const FrameHeader& header, const BodyView& body)
    : body_(body),
      offset_(offset),
      recorded_ns_(header.recorded_ns),
      first_(header.first_position),
      event_count_(header.event_count) {
  const auto kept = std::min<std::uint32_t>(body.type_count(), kTypesKept);
  if (kept > 0) { types_begin_ = body.type_name(0).data(); }
  for (std::uint32_t i = 0; i < kept; ++i) {
    begins_[i + 1] = begins_[i] + static_cast<std::uint32_t>(body.type_name(i).size());
  }
}

KnownFrames::~KnownFrames() {
  const std::unique_ptr<Slots> slots(slots_.load(std::memory_order_relaxed));
  if (slots == nullptr) { return; }
  for (const auto& frame : *slots) { delete frame.load(std::memory_order_relaxed); }
}

// Stores are released with likely()'s acquire: what they point to is seen whole.
void KnownFrames::keep(const KnownFrame& frame, std::uint64_t segment_size, SegmentMemory* memory) {
  try {
    Slots* slots = slots_.load(std::memory_order_acquire);
    if (slots == nullptr) { slots = make_slots(segment_size, memory); }
    if (slots == nullptr) { return; }
    auto& slot = (*slots)[frame.offset() / kFrameBytesMin];
    if (slot.load(std::memory_order_relaxed) != nullptr) { return; }
    if (memory != nullptr && !memory->give(sizeof frame)) { return; }
    auto kept = std::make_unique<const KnownFrame>(frame);
    const KnownFrame* none = nullptr;
    if (slot.compare_exchange_strong(none, kept.get(), std::memory_order_release, std::memory_order_relaxed)) {
      (void)kept.release();
    }
  } catch (const std::bad_alloc&) { return; }  // it is looked for in the segment again
}

KnownFrames::Slots* KnownFrames::make_slots(std::uint64_t segment_size, SegmentMemory* memory) {
  const std::uint64_t count = segment_size / kFrameBytesMin + 1;
  if (memory != nullptr && !memory->give(count * sizeof(Slots::value_type))) { return nullptr; }
  auto made = std::make_unique<Slots>(count);
  Slots* there = nullptr;
  if (!slots_.compare_exchange_strong(there, made.get(), std::memory_order_acq_rel, std::memory_order_acquire)) {
    return there;
  }
  return made.release();
}

}  // namespace tidemark::engine
