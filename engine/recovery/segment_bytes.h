// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "engine/format/frame.h"
#include "platform/file_system.h"
#include "tidemark/error.hpp"
#include "tidemark/types.hpp"

namespace tidemark::engine {

// What becomes of bytes that the medium does not give back.
enum class Unreadable : std::uint8_t {
  kFails,  // they are an error
  kZeros,  // they read as zeros, and are noted
};

// A part of a file.
struct ByteRange {
  std::uint64_t begin = 0;
  std::uint64_t end = 0;
};

// The bytes of a segment file for a scan, read in large pieces with pread: a medium that fails is an error, and reading
// ahead is faster than page faults.
class SegmentBytes {
 public:
  static constexpr std::uint64_t kPieceBytes = std::uint64_t{1} << 20U;

  // Errors name the segment, if it is told. Smaller pieces are for who looks at the beginning alone.
  SegmentBytes(std::unique_ptr<platform::File> file, std::uint64_t file_size,
               Unreadable unreadable = Unreadable::kFails, std::optional<SegmentNumber> number = {},
               std::uint64_t piece_bytes = kPieceBytes);

  [[nodiscard]] std::uint64_t file_size() const { return file_size_; }
  // The bytes from offset on: length of them, or fewer at the end of the file. Valid until the next call.
  [[nodiscard]] Result<Bytes> at(std::uint64_t offset, std::uint64_t length);
  // The same, and nothing else is read. Leaves what is held as it is.
  [[nodiscard]] Result<Bytes> only(std::uint64_t offset, std::uint64_t length);
  // Of what is read later: see platform::File::will_read.
  void will_read(std::uint64_t begin, std::uint64_t end) { file_->will_read(begin, end - begin); }
  // Forgets what was read, to see what a living writer has written since.
  void forget() { held_ = {}; }

  // What is held from begin on, up to end: at least one byte, unless the file ends. Valid until the next call.
  [[nodiscard]] Result<Bytes> from(std::uint64_t begin, std::uint64_t end);
  // The offset of the first byte in [begin, end) that is not zero; end if there is none.
  [[nodiscard]] Result<std::uint64_t> first_nonzero(std::uint64_t begin, std::uint64_t end);
  // The offset after the last byte in [begin, end) that is not zero; begin if there is none.
  [[nodiscard]] Result<std::uint64_t> after_last_nonzero(std::uint64_t begin, std::uint64_t end);

  // What could not be read so far and was taken for zeros, in order.
  [[nodiscard]] std::vector<ByteRange> unreadable() const;

 private:
  [[nodiscard]] bool holds(std::uint64_t offset, std::uint64_t length) const {
    return offset >= held_at_ && offset + length <= held_at_ + held_.size();
  }
  // Errors name the segment.
  [[nodiscard]] Result<Bytes> read_into(std::vector<std::byte>& buffer, std::uint64_t offset, std::uint64_t length);
  [[nodiscard]] Result<std::size_t> read(std::span<std::byte> into, std::uint64_t offset);

  std::unique_ptr<platform::File> file_;
  std::uint64_t file_size_;
  Unreadable unreadable_mode_;
  std::optional<SegmentNumber> number_;
  std::uint64_t piece_bytes_;
  std::map<std::uint64_t, std::uint64_t> unreadable_;  // begin and end of a piece
  std::vector<std::byte> buffer_;
  Bytes held_;  // in buffer_
  std::uint64_t held_at_ = 0;
  std::vector<std::byte> only_;
};

// A place in a segment, looked at for a frame.
struct FrameCheck {
  enum class State : std::uint8_t {
    kWhole,
    kHeaderOnly,  // the header is right, the rest is not
    kNone,        // there is no header that belongs here
  };
  State state = State::kNone;
  FrameHeader header{};   // unless kNone
  Bytes frame;            // unless kNone; valid until the next look; short if the file ends within
  std::uint64_t end = 0;  // unless kNone: offset after the frame
  std::uint64_t trailer = 0;
};
// A longer frame than frame_bytes_max is not read through: kHeaderOnly, without its bytes.
[[nodiscard]] Result<FrameCheck> look_for_frame(SegmentBytes& bytes, const FramePlace& place,
                                                std::uint64_t segment_size, std::uint64_t frame_bytes_max = UINT64_MAX);

// Looks for frames at one place after the other behind damage. Frames do not overlap, so reading through each that a
// header claims takes one pass over the segment. Headers made to claim the same bytes again and again would take very
// many: after a few passes only headers are looked at.
class FrameSearch {
 public:
  explicit FrameSearch(std::uint64_t segment_size) : bytes_left_(kPassesMax * segment_size) {}
  [[nodiscard]] Result<FrameCheck> look(SegmentBytes& bytes, const FramePlace& place, std::uint64_t segment_size);

 private:
  static constexpr std::uint64_t kPassesMax = 4;
  std::uint64_t bytes_left_;
};

// What ties a frame to the one before it.
struct FrameChain {
  Position next;
  std::uint32_t trailer = 0;
  std::uint32_t epoch = 0;
  std::int64_t recorded_ns = INT64_MIN;

  // Why a frame cannot follow, or null.
  [[nodiscard]] const char* objection(const FrameHeader& header) const;
  void follow(const FrameHeader& header, std::uint64_t frame_trailer);
};

}  // namespace tidemark::engine
