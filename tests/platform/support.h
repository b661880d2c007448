// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdlib>
#include <filesystem>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "platform/file_system.h"
#include "platform/io.h"
#include "tidemark/types.hpp"

namespace tidemark::platform::test {

// The value of a result; a test that gets an error ends with its message.
template <class T>
T must(Result<T> result) {
  if (!result) throw std::runtime_error(result.error().message() + " " + result.error().path().string());
  if constexpr (!std::is_void_v<T>) return std::move(*result);
}

// A folder of the real file system that is removed with all in it.
class TempFolder {
 public:
  TempFolder() {
    std::string name = (std::filesystem::temp_directory_path() / "tidemark-platform-XXXXXX").string();
    if (::mkdtemp(name.data()) == nullptr) throw std::runtime_error("no temporary folder");
    path_ = name;
  }
  TempFolder(const TempFolder&) = delete;
  TempFolder& operator=(const TempFolder&) = delete;
  ~TempFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }

  [[nodiscard]] const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

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
