// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdio>
#include <memory>
#include <string>

namespace tidemark::test {

// What a shell command prints on its standard output.
inline std::string output_of(const std::string& command) {
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> process(::popen(command.c_str(), "r"), &::pclose);
  std::string all;
  std::array<char, 65536> chunk;
  while (process != nullptr) {
    const std::size_t got = std::fread(chunk.data(), 1, chunk.size(), process.get());
    if (got == 0) { break; }
    all.append(chunk.data(), got);
  }
  return all;
}

}  // namespace tidemark::test
