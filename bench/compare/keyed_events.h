// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <functional>
#include <mutex>
#include <string>
#include <string_view>

#include "bench/compare/store.h"

namespace tidemark::compare {

// How stores of keys and values keep events, the same for all of them:
//
//   position                  -> version, stream, type, id, payload
//   stream, zero, version     -> position
//   stream                    -> length
//
// Numbers in keys are big-endian, so that they sort as bytes. A store that has one space of keys for all puts a letter
// before each.

inline void append_number(std::string& to, std::uint64_t number) {
  if constexpr (std::endian::native == std::endian::little) { number = __builtin_bswap64(number); }
  to.append(reinterpret_cast<const char*>(&number), sizeof(number));
}

[[nodiscard]] inline std::uint64_t number_at(const char* from) {
  std::uint64_t number = 0;
  std::memcpy(&number, from, sizeof(number));
  if constexpr (std::endian::native == std::endian::little) { number = __builtin_bswap64(number); }
  return number;
}

// The key without a letter.
[[nodiscard]] inline std::string position_key(std::uint64_t position) {
  std::string key;
  append_number(key, position);
  return key;
}

// What the keys of all events of a stream begin with; its version follows. A name has no zero in it.
inline void append_stream_prefix(std::string& to, std::string_view stream) {
  to.append(stream);
  to.push_back('\0');
}

struct ValueHeader {
  std::uint64_t version = 0;
  std::uint32_t stream_bytes = 0;
  std::uint32_t type_bytes = 0;
  std::array<std::byte, 16> id{};
};

// The value of a position; its memory is used again.
inline void make_value(std::string& value, std::string_view stream, std::uint64_t version, const EventToAppend& event) {
  const ValueHeader header{.version = version,
                           .stream_bytes = static_cast<std::uint32_t>(stream.size()),
                           .type_bytes = static_cast<std::uint32_t>(event.type.size()),
                           .id = event.id};
  value.assign(reinterpret_cast<const char*>(&header), sizeof(header));
  value.append(stream);
  value.append(event.type);
  value.append(event.payload);
}

[[nodiscard]] inline EventSeen read_value(std::uint64_t position, std::string_view value) {
  ValueHeader header;
  std::memcpy(&header, value.data(), sizeof(header));
  value.remove_prefix(sizeof(header));
  EventSeen event{.position = position,
                  .next_position = position + 1,
                  .version = header.version,
                  .stream = value.substr(0, header.stream_bytes),
                  .type = {},
                  .payload = {}};
  value.remove_prefix(header.stream_bytes);
  event.type = value.substr(0, header.type_bytes);
  event.payload = value.substr(header.type_bytes);
  return event;
}

// For stores that let several threads write at once: who appends to a stream keeps others from it between looking at
// its length and writing.
class StreamLocks {
 public:
  [[nodiscard]] std::mutex& of(std::string_view stream) {
    return locks_[std::hash<std::string_view>{}(stream) % locks_.size()];
  }

 private:
  // So many that 256 threads, each with a stream of its own, seldom meet.
  std::array<std::mutex, 16384> locks_;
};

}  // namespace tidemark::compare
