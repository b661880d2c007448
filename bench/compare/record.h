// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>
#include <string_view>

#include "bench/compare/store.h"
#include "platform/checksum.h"

namespace tidemark::compare {

// An event as the limits keep it, the least that a log with checksums writes: 336 bytes for a payload of 256.
//
//   0   8  checksum (XXH3) of all that follows
//   8   4  bytes of the record, a multiple of 8
//   12  4  bytes of the payload
//   16  8  position
//   24  8  version
//   32  2  bytes of the stream's name
//   34  2  bytes of the type
//   36  4  zero
//   40 16  id
//   56     stream, type, payload, zeros up to the multiple
struct RecordHeader {
  std::uint64_t checksum = 0;
  std::uint32_t bytes = 0;
  std::uint32_t payload_bytes = 0;
  std::uint64_t position = 0;
  std::uint64_t version = 0;
  std::uint16_t stream_bytes = 0;
  std::uint16_t type_bytes = 0;
  std::uint32_t zero = 0;
  std::array<std::byte, 16> id{};
};
static_assert(sizeof(RecordHeader) == 56);

[[nodiscard]] inline std::size_t record_bytes(std::string_view stream, const EventToAppend& event) {
  return (sizeof(RecordHeader) + stream.size() + event.type.size() + event.payload.size() + 7) / 8 * 8;
}

inline void write_record(std::byte* into, std::string_view stream, const EventToAppend& event, std::uint64_t position,
                         std::uint64_t version) {
  const std::size_t bytes = record_bytes(stream, event);
  RecordHeader header{.checksum = 0,
                      .bytes = static_cast<std::uint32_t>(bytes),
                      .payload_bytes = static_cast<std::uint32_t>(event.payload.size()),
                      .position = position,
                      .version = version,
                      .stream_bytes = static_cast<std::uint16_t>(stream.size()),
                      .type_bytes = static_cast<std::uint16_t>(event.type.size()),
                      .zero = 0,
                      .id = event.id};
  std::byte* at = into + sizeof(header);
  for (const std::string_view part : {stream, event.type, event.payload}) {
    std::memcpy(at, part.data(), part.size());
    at += part.size();
  }
  std::memset(at, 0, static_cast<std::size_t>(into + bytes - at));
  std::memcpy(into, &header, sizeof(header));
  constexpr std::size_t kCovered = sizeof(header.checksum);
  header.checksum = platform::xxh3_64({into + kCovered, bytes - kCovered});
  std::memcpy(into, &header.checksum, sizeof(header.checksum));
}

// The record at the front of some bytes; its next_position is counted in bytes. The checksum is not looked at.
[[nodiscard]] inline EventSeen read_record(const std::byte* from) {
  RecordHeader header;
  std::memcpy(&header, from, sizeof(header));
  const char* text = reinterpret_cast<const char*>(from) + sizeof(header);
  EventSeen event{.position = header.position,
                  .next_position = header.position + header.bytes,
                  .version = header.version,
                  .stream = {text, header.stream_bytes},
                  .type = {text + header.stream_bytes, header.type_bytes},
                  .payload = {}};
  event.payload = {event.type.data() + event.type.size(), header.payload_bytes};
  return event;
}

}  // namespace tidemark::compare
