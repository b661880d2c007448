// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "tidemark/error.hpp"
#include "tidemark/export.hpp"
#include "tidemark/types.hpp"

namespace tidemark {

// One place where a store is not as it was written.
struct Damage {
  std::filesystem::path file;
  std::optional<SegmentNumber> segment;
  std::optional<Offset> offset;            // from the file's start
  std::uint64_t bytes = 0;                 // how far it reaches, 0 if unknown
  std::optional<Position> first_position;  // the events that are hit, as far as can be told
  std::optional<Position> last_position;
  std::vector<std::string> streams;  // likewise
  std::string what;                  // a sentence
};

struct VerifyReport {
  std::uint64_t segments = 0;
  std::uint64_t frames = 0;
  std::uint64_t events = 0;
  std::uint64_t bytes = 0;          // read and checked
  Position durable;                 // events below this position are known to be acknowledged
  std::uint64_t bytes_pending = 0;  // of an unfinished end that the next writer will decide on; not damage
  std::vector<Damage> damages;

  [[nodiscard]] bool whole() const { return damages.empty(); }
};

// Reads every byte of a store: superblocks, segment headers, frames and their chain, footers, unused space, the order
// of positions, versions and times. Never writes; works beside a writer. An error only if it could not be done; damage
// is in the report. progress is told the bytes done and the bytes in all, now and then.
[[nodiscard]] TIDEMARK_API Result<VerifyReport> verify(
    const std::filesystem::path& folder,
    const std::function<void(std::uint64_t done, std::uint64_t all)>& progress = {});

}  // namespace tidemark
