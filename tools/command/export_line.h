// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "tidemark/event.hpp"

namespace tidemark::command {

// An event as a line that parse_import_line takes, without its end: all of it but the position and the version.
[[nodiscard]] std::string export_line(const Event& event);

}  // namespace tidemark::command
