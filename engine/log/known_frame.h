// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "engine/format/body.h"
#include "engine/format/frame.h"
#include "platform/prefetch.h"

namespace tidemark::engine {

// What all events of a large frame share, kept in memory once the frame's header, table and names were found right:
// reading one more event of it touches nothing but that event. Its views look into the segment's mapping.
class alignas(64) KnownFrame {
 public:
  KnownFrame(std::uint64_t offset, const FrameHeader& header, const BodyView& body);

  [[nodiscard]] std::uint64_t offset() const { return offset_; }  // in the segment
  [[nodiscard]] bool has(Position position) const { return position >= first_ && position - first_ < event_count_; }
  [[nodiscard]] std::int64_t recorded_ns() const { return recorded_ns_; }
  [[nodiscard]] const BodyView& body() const { return body_; }
  // As the body has it.
  [[nodiscard]] std::string_view type_name(std::uint32_t index) const {
    return index < kTypesKept ? std::string_view(types_begin_ + begins_[index], begins_[index + 1] - begins_[index])
                              : body_.type_name(index);
  }

 private:
  static constexpr std::size_t kTypesKept = 8;

  BodyView body_;
  const std::uint64_t offset_;
  const std::int64_t recorded_ns_;
  const Position first_;
  const std::uint32_t event_count_;
  std::array<std::uint32_t, kTypesKept + 1> begins_{};  // of the first types, from types_begin_ on
  const char* types_begin_ = nullptr;
};
static_assert(sizeof(KnownFrame) == 128, "two lines of the processor's cache");

class SegmentMemory;

// The known frames of a segment. Safe from many threads; takes no memory until the first.
class KnownFrames {
 public:
  // No two frames of this size start in the same stretch of it.
  static constexpr std::uint64_t kFrameBytesMin = std::uint64_t{32} << 10U;

  KnownFrames() = default;
  KnownFrames(const KnownFrames&) = delete;
  KnownFrames& operator=(const KnownFrames&) = delete;
  ~KnownFrames();

  [[nodiscard]] const KnownFrame* find(std::uint64_t offset) const {
    const KnownFrame* frame = likely(offset);
    return frame != nullptr && frame->offset() == offset ? frame : nullptr;
  }
  // The only one that it could be, without a look at it.
  [[nodiscard]] const KnownFrame* likely(std::uint64_t offset) const {
    const auto* slots = slots_.load(std::memory_order_acquire);
    return slots == nullptr ? nullptr : (*slots)[offset / kFrameBytesMin].load(std::memory_order_acquire);
  }
  // Asks the processor for what likely() looks at.
  void prefetch(std::uint64_t offset) const {
    const auto* slots = slots_.load(std::memory_order_acquire);
    if (slots != nullptr) { platform::prefetch(slots->data() + offset / kFrameBytesMin); }
  }
  // The first one holds. None is kept once the memory, if there is one, has given out what it has, or if there is none
  // to be had.
  void keep(const KnownFrame& frame, std::uint64_t segment_size, SegmentMemory* memory);

 private:
  using Slots = std::vector<std::atomic<const KnownFrame*>>;
  [[nodiscard]] Slots* make_slots(std::uint64_t segment_size, SegmentMemory* memory);

  std::atomic<Slots*> slots_ = nullptr;  // a frame each
};

}  // namespace tidemark::engine
