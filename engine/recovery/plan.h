// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

namespace tidemark::engine {

// What a scan found at B, where the whole frames end. W is the highest durable watermark found anywhere.
struct TailFacts {
  // B < W, or a segment that may hold acknowledged data is missing or unreadable.
  bool below_watermark = false;
  // From B on the segment holds zeros alone.
  bool only_zeros = false;
  // The bytes where B's header would stand are all zero.
  bool header_zero = false;
  // B's header is right, and more of its frame's sector parts are zero than it counts.
  bool parts_missing = false;
  // From some byte of the frame at B to its end, trailer included, everything is zero.
  bool zero_to_end = false;
};

enum class Verdict : std::uint8_t {
  kDamaged,   // A: acknowledged data is hit: report, refuse to write
  kCleanEnd,  // B
  kTornTail,  // C: cut it off and report
  kSuspect,   // D: refuse unless told to accept
};

// The table of docs/recovery.md.
[[nodiscard]] constexpr Verdict judge(const TailFacts& facts) {
  if (facts.below_watermark) { return Verdict::kDamaged; }
  if (facts.only_zeros) { return Verdict::kCleanEnd; }
  if (facts.header_zero || facts.parts_missing || facts.zero_to_end) { return Verdict::kTornTail; }
  return Verdict::kSuspect;
}

}  // namespace tidemark::engine
