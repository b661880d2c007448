// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "tidemark/types.hpp"
#include "tools/command/exit_codes.h"

namespace tidemark::command {

// Reads a time as RFC 3339 writes it, such as 2011-10-01T00:38:44.546+02:00, with any offset and up to nine digits of
// fraction; or with a year as format_time writes those that four digits cannot say. What is finer than a microsecond is
// cut off. Nothing if it is not one.
[[nodiscard]] std::optional<ValidTime> parse_time(std::string_view text);

// The same for a recorded time, to the nanosecond. A time outside of those that a recorded time can have (1677 to 2262)
// gives the first or the last of them.
[[nodiscard]] std::optional<RecordedTime> parse_recorded_time(std::string_view text);

// What an option of this name says, if it is given; bad input if that is no time.
[[nodiscard]] Outcome<std::optional<ValidTime>> valid_time_option(const std::optional<std::string>& text,
                                                                  std::string_view name);
[[nodiscard]] Outcome<std::optional<RecordedTime>> recorded_time_option(const std::optional<std::string>& text,
                                                                        std::string_view name);

// RFC 3339 in UTC with nanoseconds: 2011-09-30T22:38:44.546000000Z. Years past 9999 and before 0 have a sign and more
// digits, as ISO 8601 has it.
[[nodiscard]] std::string format_time(RecordedTime time);
[[nodiscard]] std::string format_time(ValidTime time);

}  // namespace tidemark::command
