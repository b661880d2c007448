// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace tidemark::compare {

// What figures depend on, a line each: date, processors, memory, kernel, file system, compiler.
[[nodiscard]] std::vector<std::string> machine_facts(const std::filesystem::path& folder);

// How many threads wanted a processor, on average over the last minute.
[[nodiscard]] double load_average();

}  // namespace tidemark::compare
