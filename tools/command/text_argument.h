// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "tools/command/exit_codes.h"

namespace tidemark::command {

// What an option names that takes a text, @FILE, or - for the standard input.
struct TextArgument {
  std::string text;    // of a file or the standard input at most a little more than the largest event
  std::string source;  // for messages: the option, the file, or "standard input"
};

[[nodiscard]] Outcome<TextArgument> read_argument(const std::string& given, std::string option);

}  // namespace tidemark::command
