// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "tidemark/error.hpp"
#include "tidemark/event.hpp"
#include "tidemark/export.hpp"
#include "tidemark/types.hpp"

namespace tidemark {

// An event as it stands in a frame.
struct DumpedEvent {
  std::uint64_t offset = 0;  // in the file
  std::uint64_t bytes = 0;
  Position position;
  Version version;
  EventId id;
  bool id_made = false;  // by the library
  bool lost = false;     // a repair found only damage in its place
  std::string_view stream;
  std::string_view type;
  std::vector<std::string_view> tags = {};
  std::optional<ValidTime> valid;  // none: that of recording
  Bytes data;
  Bytes metadata;
};

// A part of a segment file. What it points to is valid during the call that it is told by.
struct SegmentPiece {
  enum class Kind : std::uint8_t {
    kHeader,   // the first sector
    kFrame,    // one batch, its padding and trailer included
    kZeros,    // written ahead, and not used yet
    kUnknown,  // bytes that belong to nothing
    kFooter,   // the last sector of a segment that is full
  };
  Kind kind = Kind::kUnknown;
  std::uint64_t offset = 0;  // in the file
  std::uint64_t bytes = 0;
  std::string what = {};  // what is wrong with it, in words; empty if all is right
  std::vector<std::pair<std::string, std::string>> fields =
      {};                                // name and value, as docs/format has them, in its order
  std::vector<DumpedEvent> events = {};  // of a frame: those that can be decoded
  Bytes raw = {};                        // of all but zeros
};

[[nodiscard]] TIDEMARK_API std::string_view to_string(SegmentPiece::Kind kind);

// Tells of every byte of a segment file once, in order, whatever state it is in and without the rest of its store: for
// people who look for what went wrong. Nothing is repaired and nothing left out; what the medium does not give back
// reads as zeros and is said. visit ends the dump by returning false. Never writes; may run beside a writer, whose last
// frame may then look torn.
//
// kNotFound, kIo; kInvalidArgument if the file has neither a segment's name nor its first bytes.
[[nodiscard]] TIDEMARK_API Status dump_segment(const std::filesystem::path& file,
                                               const std::function<bool(const SegmentPiece&)>& visit);

}  // namespace tidemark
