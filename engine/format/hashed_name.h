// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

namespace tidemark::engine {

// The name of a file or folder that is somebody's by a name of any length and letters: the prefix, and behind it the
// name's hash in 32 hexadecimal digits. Names are narrowed by it and told apart by the bytes in the file.
[[nodiscard]] std::string hashed_name(std::string_view prefix, std::string_view name);
// Whether a file's name can be one of these.
[[nodiscard]] bool is_hashed_name(std::string_view prefix, std::string_view file);

}  // namespace tidemark::engine
