// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "tidemark/event.hpp"

// Base64 as RFC 4648 section 4 has it: with + and /, padded, without line ends.
namespace tidemark::command {

[[nodiscard]] std::string to_base64(Bytes bytes);

// The bytes that a text stands for; nothing if it is not what to_base64 would make of some bytes.
[[nodiscard]] std::optional<std::string> from_base64(std::string_view text);

}  // namespace tidemark::command
