// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string_view>
#include <vector>

#include "engine/format/layout.h"
#include "engine/log/segment.h"
#include "platform/file_system.h"
#include "tidemark/backup.hpp"
#include "tidemark/error.hpp"

namespace tidemark::engine {

// Copies the files of a store, one after the other; each is synced when a call returns, its name is not. What could not
// be finished is left for the caller to remove.
class SegmentCopier {
 public:
  // all: the bytes that there are to copy, for progress.
  SegmentCopier(platform::FileSystem& files, SealedSegments sealed, const CopyProgress& progress, std::uint64_t all)
      : files_(files), sealed_(sealed), progress_(progress), all_(all) {}

  // A sealed segment under another name, linked or copied. kDamaged if its header or footer is not as it was written.
  [[nodiscard]] Status copy_sealed(const Segment& segment, const std::filesystem::path& to);

  // Whether every frame of a sealed segment is whole, and all are there that its footer counts. kDamaged, kIo.
  [[nodiscard]] static Status check_sealed(const Segment& segment);

  struct Tail {
    std::uint32_t epoch = 0;  // the highest of a frame
  };
  // A segment's header and its frames up to an edge; the rest of the file is a hole that reads as zeros. Each frame is
  // checked. With own_log the segment and its frames become that log's, and have all their room. kDamaged if a frame up
  // to there is not whole, or the edge is none.
  [[nodiscard]] Result<Tail> copy_tail(const Segment& segment, std::uint64_t end, const std::filesystem::path& to,
                                       const std::optional<FileId>& own_log = {});

  // A segment's header, and nothing in it yet.
  [[nodiscard]] Status make_blank(const Segment& segment, const std::filesystem::path& to);

  // An index file, likewise linked or copied.
  [[nodiscard]] Status copy_index(const std::filesystem::path& from, std::uint64_t size,
                                  const std::filesystem::path& to);

  // Counts bytes of a segment that need not be copied.
  void pass(std::uint64_t bytes);

  [[nodiscard]] std::uint64_t segments_copied() const { return segments_copied_; }
  [[nodiscard]] std::uint64_t segments_linked() const { return segments_linked_; }
  [[nodiscard]] std::uint64_t bytes_copied() const { return bytes_copied_; }

 private:
  // Whether a link was made; a copy is needed otherwise.
  [[nodiscard]] Result<bool> link(const std::filesystem::path& from, const std::filesystem::path& to) const;
  [[nodiscard]] Status copy_bytes(const std::filesystem::path& from, std::uint64_t size,
                                  const std::filesystem::path& to);
  [[nodiscard]] Status write(platform::File& file, Bytes bytes, std::uint64_t offset);
  enum class Room : std::uint8_t {
    kReserved,  // for a store that is written into
    kHole,      // what is zeros takes none
  };
  // A file of the segment's size with its header, as that of a log.
  [[nodiscard]] Result<std::unique_ptr<platform::File>> begin(const Segment& segment, const FileId& log_id,
                                                              const std::filesystem::path& to, Room room);

  platform::FileSystem& files_;
  const SealedSegments sealed_;
  const CopyProgress& progress_;
  const std::uint64_t all_;
  std::uint64_t done_ = 0;
  std::uint64_t segments_copied_ = 0;
  std::uint64_t segments_linked_ = 0;
  std::uint64_t bytes_copied_ = 0;
  std::vector<std::byte> buffer_;
};

// Whether these are the header and the footer of this segment, sealed.
[[nodiscard]] bool is_sealed(const Segment& segment, Bytes header, Bytes footer);

// That a place of a store is not as it was written.
[[nodiscard]] Error damaged_source(const Segment& segment, std::uint64_t offset, std::string_view what);

}  // namespace tidemark::engine
