// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <filesystem>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "platform/file_system.h"
#include "platform/io.h"
#include "tests/temporary_folder.h"
#include "tidemark/types.hpp"

namespace tidemark::platform::test {

// The value of a result; a test that gets an error ends with its message.
template <class T>
T must(Result<T> result) {
  if (!result) throw std::runtime_error(result.error().message() + " " + result.error().path().string());
  if constexpr (!std::is_void_v<T>) return std::move(*result);
}

using TempFolder = tidemark::test::TemporaryFolder;

inline std::vector<std::byte> filled(std::size_t size, char with) {
  return std::vector<std::byte>(size, static_cast<std::byte>(with));
}

inline std::string text_of(Bytes bytes) { return std::string(as_text(bytes)); }

// All bytes of a file, through the seam.
inline std::string read_all(File& file) {
  std::vector<std::byte> bytes(must(file.size()));
  bytes.resize(must(read_up_to(file, bytes, 0)));
  return text_of(bytes);
}

inline void write_text(File& file, std::string_view text, std::uint64_t offset = 0) {
  must(write_all(file, as_bytes(text), offset));
}

}  // namespace tidemark::platform::test
