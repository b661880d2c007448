// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <optional>
#include <string_view>
#include <vector>

#include "engine/format/body.h"
#include "engine/format/frame.h"
#include "engine/log/segment.h"
#include "index/run_places.h"
#include "platform/file_system.h"
#include "tidemark/cursor.hpp"
#include "tidemark/error.hpp"

namespace tidemark::engine {

// Reads events by their places, from the mapped segments or through copies, and checks every frame (or, in a large
// frame, the event alone) against its checksum before it gives anything out. Belongs to one thread.
class FrameReader {
 public:
  explicit FrameReader(Access access) : access_(access) {}

  // An event with what its frame says of it. Views are valid until the next call.
  struct Found {
    const FrameHeader* frame = nullptr;
    const BodyView* body = nullptr;
    const EventRecord* record = nullptr;
    Version version;
  };
  // kDamaged, also if the frame is not about the position; kIo. The segments stay alive until the next call.
  [[nodiscard]] Result<Found> read(const std::shared_ptr<const SegmentList>& segments, const index::Place& place,
                                   Position position);
  // The same for the event behind the one that was given last, without a place: it stands right behind it, or first in
  // the frame behind. Null if it is not so, or anything is wrong: read() tells.
  [[nodiscard]] const Found* read_following(const std::shared_ptr<const SegmentList>& segments, Position position);
  // The event that read() gave last is of the stream and version that the index said: see Segment::has_agreed.
  void set_agreed(const index::Place& place);

 private:
  [[nodiscard]] Status load(const index::Place& place, Position position);
  [[nodiscard]] Result<Bytes> bytes(std::uint64_t offset, std::uint64_t length);
  [[nodiscard]] FramePlace place_in_segment(std::uint64_t offset) const;
  [[nodiscard]] bool load_known(std::uint64_t offset);
  [[nodiscard]] Status load_rest(std::uint64_t offset, Position position);
  [[nodiscard]] bool load_following(Position position);
  [[nodiscard]] bool decode(std::uint32_t offset);
  [[nodiscard]] Error damaged(std::string_view what, std::uint64_t offset, Position position) const;

  const Access access_;
  std::shared_ptr<const SegmentList> segments_;  // keeps the segment alive
  const Segment* segment_ = nullptr;
  std::unique_ptr<platform::File> file_;  // with kCopied
  std::vector<std::byte> copy_;           // likewise
  std::optional<std::uint64_t> loaded_;   // log offset of the frame in header_ and body_
  bool whole_ = false;                    // its trailer was checked
  FrameHeader header_{};
  BodyView body_;
  const KnownFrame* known_ = nullptr;  // the same, if it is kept
  EventRecord record_;
  std::uint32_t record_bytes_ = 0;
  Position following_;                       // behind the event that was given last …
  std::optional<std::uint32_t> record_end_;  // … where that ends in the body; nothing: none was given
  Found found_;
};

}  // namespace tidemark::engine
