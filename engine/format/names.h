// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <string_view>

#include "tidemark/error.hpp"
#include "tidemark/query.hpp"

namespace tidemark::engine {

// Whether a name is 1 to bytes_max bytes of UTF-8 without control characters (U+0000 to U+001F, U+007F to U+009F).
// kInvalidArgument or kLimitExceeded; `what` names it in the message.
[[nodiscard]] Status check_name(std::string_view what, std::string_view name, std::size_t bytes_max);

// Whether a query can be asked: its objection, and every name in it. kInvalidArgument, kLimitExceeded.
[[nodiscard]] Status check_query(const Query& query);

// The part of a stream's name before its first `-`, the whole name if there is none. Empty for a name that begins with
// `-`: such a stream has no category.
[[nodiscard]] constexpr std::string_view category_of(std::string_view stream) {
  return stream.substr(0, stream.find('-'));
}

}  // namespace tidemark::engine
