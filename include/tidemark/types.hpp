// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

// The numbers that a store counts with. Each is a type of its own, so that a version cannot be
// passed where a position is meant.
namespace tidemark {

namespace detail {

// A 64-bit unsigned count that knows what it counts.
template <class Tag>
class Number {
 public:
  constexpr Number() = default;
  constexpr explicit Number(std::uint64_t value) : value_(value) {}

  [[nodiscard]] constexpr std::uint64_t value() const { return value_; }
  [[nodiscard]] constexpr Number next() const { return Number(value_ + 1); }

  friend constexpr auto operator<=>(Number, Number) = default;
  friend constexpr Number operator+(Number n, std::uint64_t steps) { return Number(n.value_ + steps); }
  friend constexpr std::uint64_t operator-(Number a, Number b) { return a.value_ - b.value_; }

 private:
  std::uint64_t value_ = 0;
};

}  // namespace detail

// Where an event stands among all events of the log: 0, 1, 2, … without a gap.
using Position = detail::Number<struct PositionTag>;
// Where an event stands in its stream: 0, 1, 2, … without a gap.
using Version = detail::Number<struct VersionTag>;
// A byte address. In the log it runs through all segments; with a file or segment it counts from that file's start.
using Offset = detail::Number<struct OffsetTag>;
// The number of a segment file: 1, 2, 3, …
using SegmentNumber = detail::Number<struct SegmentNumberTag>;

// When the store recorded an event: given by the store, in nanoseconds, strictly rising from batch to batch.
using RecordedTime = std::chrono::sys_time<std::chrono::nanoseconds>;
// From when an event holds in the world: given by the writer, in microseconds, past or future.
using ValidTime = std::chrono::sys_time<std::chrono::microseconds>;

using Bytes = std::span<const std::byte>;

// The bytes of a text, without a copy: valid as long as the text is.
[[nodiscard]] inline Bytes as_bytes(std::string_view text) {
  return std::as_bytes(std::span<const char>(text.data(), text.size()));
}
// The text in some bytes, without a copy: valid as long as the bytes are.
[[nodiscard]] inline std::string_view as_text(Bytes bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

}  // namespace tidemark
