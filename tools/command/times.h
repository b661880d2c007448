// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "tidemark/types.hpp"

namespace tidemark::command {

// Reads a time as RFC 3339 writes it, such as 2011-10-01T00:38:44.546+02:00, with any offset and up to nine digits of
// fraction. What is finer than a microsecond is cut off. Nothing if it is not one.
[[nodiscard]] std::optional<ValidTime> parse_time(std::string_view text);

// RFC 3339 in UTC with nanoseconds: 2011-09-30T22:38:44.546000000Z. Years past 9999 and before 0 have a sign and more
// digits, as ISO 8601 has it.
[[nodiscard]] std::string format_time(RecordedTime time);
[[nodiscard]] std::string format_time(ValidTime time);

}  // namespace tidemark::command
