// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "tidemark/error.hpp"
#include "tidemark/export.hpp"
#include "tidemark/types.hpp"

namespace tidemark {

// How far a consumer has come in one log: a position that can prove that it belongs there. A value, made by
// Subscription::checkpoint(), to be kept wherever the consumer keeps what it built: in the same transaction, so that
// both are there or neither. Who goes on from it (SubscribeOptions::after) is refused with kCheckpointUnknown if it is
// another log's, lies past the end, or another event stands at its position now, as in a store that was put back to an
// older copy and written to since.
struct Checkpoint {
  std::array<std::byte, 16> log_id{};
  // Through with everything up to here, inclusive; nothing: with nothing yet.
  std::optional<Position> position = {};
  // Of the batch that the event at the position is in: the opening of the store that it was appended in, and a checksum
  // of how it stands in the log. 0 without a position.
  std::uint32_t epoch = 0;
  std::uint64_t check = 0;

  friend bool operator==(const Checkpoint&, const Checkpoint&) = default;
};

// As a text of at most 96 letters, digits, colons and hyphens, the same for the same checkpoint.
[[nodiscard]] TIDEMARK_API std::string to_string(const Checkpoint& checkpoint);
// What to_string() gave. kInvalidArgument for anything else.
[[nodiscard]] TIDEMARK_API Result<Checkpoint> parse_checkpoint(std::string_view text);

}  // namespace tidemark
