// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "engine/format/frame.h"
#include "platform/file_system.h"
#include "tidemark/error.hpp"
#include "tidemark/types.hpp"

namespace tidemark::engine {

// The bytes of a segment file for a scan, read in large pieces with pread: a medium that fails is an error, and reading
// ahead is faster than page faults.
class SegmentBytes {
 public:
  SegmentBytes(std::unique_ptr<platform::File> file, std::uint64_t file_size);

  [[nodiscard]] std::uint64_t file_size() const { return file_size_; }
  // The bytes from offset on: length of them, or fewer at the end of the file. Valid until the next call.
  [[nodiscard]] Result<Bytes> at(std::uint64_t offset, std::uint64_t length);
  // Forgets what was read, to see what a living writer has written since.
  void forget() { held_ = {}; }

  // The offset of the first byte in [begin, end) that is not zero; end if there is none.
  [[nodiscard]] Result<std::uint64_t> first_nonzero(std::uint64_t begin, std::uint64_t end);
  // The offset after the last byte in [begin, end) that is not zero; begin if there is none.
  [[nodiscard]] Result<std::uint64_t> after_last_nonzero(std::uint64_t begin, std::uint64_t end);

 private:
  std::unique_ptr<platform::File> file_;
  std::uint64_t file_size_;
  std::vector<std::byte> buffer_;
  Bytes held_;  // in buffer_
  std::uint64_t held_at_ = 0;
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
[[nodiscard]] Result<FrameCheck> look_for_frame(SegmentBytes& bytes, const FramePlace& place,
                                                std::uint64_t segment_size);

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
