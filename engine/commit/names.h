// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <string_view>

#include "tidemark/error.hpp"

namespace tidemark::engine {

// Whether a name has 1 to bytes_max bytes of well-formed UTF-8 without control characters (Unicode category Cc). what
// begins the error's sentence: "a tag". kInvalidArgument, kLimitExceeded.
[[nodiscard]] Status check_name(std::string_view what, std::string_view name, std::size_t bytes_max);

}  // namespace tidemark::engine
