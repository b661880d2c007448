// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <vector>

#include "engine/format/segment.h"
#include "engine/log/known_frame.h"
#include "engine/log/segment_memory.h"
#include "platform/file_system.h"
#include "platform/forgettable_bits.h"
#include "tidemark/error.hpp"
#include "tidemark/types.hpp"

namespace tidemark::engine {

// One segment file as its readers use it. Opened and mapped at the first use, then its descriptor is closed again; the
// mapping lives as long as this. Safe from many threads.
class Segment : public std::enable_shared_from_this<Segment> {
 public:
  Segment(platform::FileSystem& files, std::filesystem::path path, const SegmentHeader& header);

  [[nodiscard]] SegmentNumber number() const { return SegmentNumber(header_.number); }
  // The log offsets of its first byte and of the first byte after it.
  [[nodiscard]] Offset base() const { return Offset(header_.base); }
  [[nodiscard]] Offset end() const { return Offset(header_.base + header_.size); }
  [[nodiscard]] std::uint64_t size() const { return header_.size; }
  [[nodiscard]] const FileId& log_id() const { return header_.log_id; }
  [[nodiscard]] const std::filesystem::path& path() const { return path_; }

  // Bytes of the mapped file. They were brought into memory before, so that a failing medium or a file cut short is
  // an error instead of a signal.
  [[nodiscard]] Result<std::span<const std::byte>> view(std::uint64_t offset, std::uint64_t length) const;
  // All bytes, if they are mapped already, or none. Not brought into memory: to be read where something is known whole.
  [[nodiscard]] std::span<const std::byte> mapped() const {
    return mapped_.load(std::memory_order_acquire) ? bytes_ : std::span<const std::byte>();
  }
  // A descriptor of one's own, for reading without the map.
  [[nodiscard]] Result<std::unique_ptr<platform::File>> open_for_reading() const;

  // Before anybody reads: what is remembered from here on is bounded by this.
  void remember_within(std::shared_ptr<SegmentMemory> memory) { memory_ = std::move(memory); }
  // Whether the frame at this offset was found whole in this process before, and it was not forgotten since. One bit
  // for each 64 bytes: no two frames start within the same.
  [[nodiscard]] bool is_verified(std::uint64_t frame_offset) const;
  void set_verified(std::uint64_t frame_offset) const;
  // The same for the table and the names alone, of a frame of at least kVerifiedFrameBytesMin: what else it holds is
  // checked event by event.
  static constexpr std::uint64_t kVerifiedFrameBytesMin = 192;
  [[nodiscard]] bool has_verified_names(std::uint64_t frame_offset) const;
  void set_verified_names(std::uint64_t frame_offset) const;
  // Forgets all of that; gives how many bytes it took.
  std::uint64_t forget() const;

  // What was kept of a frame of at least kKnownFrameBytesMin; null if nothing was. It stays as long as the segment.
  static constexpr std::uint64_t kKnownFrameBytesMin = KnownFrames::kFrameBytesMin;
  [[nodiscard]] const KnownFrame* known_frame(std::uint64_t frame_offset) const { return known_.find(frame_offset); }
  [[nodiscard]] const KnownFrames& known_frames() const { return known_; }
  // The first one holds; past a bound for all segments, or without memory, none is kept.
  void keep(const KnownFrame& frame) const;

  // Whether an event of a known frame, at this offset in its body, was found whole in this process before, and to be
  // of the stream and version that the index said then: no two streams of a right index have one event. Of an event
  // that takes at least kAgreedEventBytesMin: each has a cell of 64 bytes of its own then.
  static constexpr std::uint64_t kAgreedEventBytesMin = 128;
  // The offset lies in the frame's body.
  [[nodiscard]] bool has_agreed(std::uint64_t frame_offset, std::uint32_t offset) const;
  void set_agreed(std::uint64_t frame_offset, std::uint32_t offset) const;

  // Asks the processor for what known_frame() and has_agreed() look at, of a mapped segment.
  void prefetch_known(std::uint64_t frame_offset, std::uint32_t offset) const;

 private:
  [[nodiscard]] static std::uint64_t agreed_cell(std::uint64_t frame_offset, std::uint32_t offset) {
    return (frame_offset + kFrameHeaderBytes + offset) / kVerifiedCellBytes + 1;
  }
  void set_cell(std::uint64_t cell) const;
  [[nodiscard]] Status map() const;
  [[nodiscard]] Status populate(std::uint64_t offset, std::uint64_t length) const;

  static constexpr std::uint64_t kWindowBytes = std::uint64_t{64} << 10U;
  static constexpr std::uint64_t kVerifiedCellBytes = 64;

  platform::FileSystem& files_;
  const std::filesystem::path path_;
  const SegmentHeader header_;

  mutable std::mutex mutex_;                            // for mapping once
  mutable std::unique_ptr<platform::Mapping> mapping_;  // written under the mutex before mapped_ is released
  mutable std::span<const std::byte> bytes_;            // of the mapping
  mutable std::atomic<bool> mapped_ = false;
  mutable std::vector<std::atomic<std::uint64_t>> populated_;  // a bit a window
  mutable std::optional<platform::ForgettableBits> verified_;
  mutable std::vector<std::atomic<std::uint64_t>> remembering_;  // a bit a page of verified_ that was counted
  mutable KnownFrames known_;
  std::shared_ptr<SegmentMemory> memory_;
};

using SegmentList = std::vector<std::shared_ptr<Segment>>;

// The segments of a store, in order; readers hold an immutable list.
class Segments {
 public:
  explicit Segments(std::uint64_t remembered_bytes_max = SegmentMemory::kBytesMax)
      : memory_(std::make_shared<SegmentMemory>(remembered_bytes_max)) {}
  // Those that an opening found. Before anybody else knows this.
  void start_with(SegmentList segments);
  [[nodiscard]] std::shared_ptr<const SegmentList> snapshot() const;
  void add(std::shared_ptr<Segment> segment);

 private:
  const std::shared_ptr<SegmentMemory> memory_;
  mutable std::mutex mutex_;
  std::shared_ptr<const SegmentList> list_ = std::make_shared<SegmentList>();
};

// The segment that a log offset lies in; null if none does.
[[nodiscard]] const Segment* find_segment(const SegmentList& list, Offset offset);

}  // namespace tidemark::engine
