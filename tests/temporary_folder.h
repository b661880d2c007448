// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <stdexcept>
#include <stdlib.h>
#include <string>
#include <string_view>
#include <system_error>

namespace tidemark::test {

// A folder of the real file system that a test made for itself, removed with all in it.
class TemporaryFolder {
 public:
  // The name says whose it is, should it be left behind.
  explicit TemporaryFolder(std::string_view whose = "test",
                           const std::filesystem::path& under = std::filesystem::temp_directory_path()) {
    std::string name = (under / ("tidemark-" + std::string(whose) + "-XXXXXX")).string();
    if (::mkdtemp(name.data()) == nullptr) { throw std::runtime_error("no temporary folder under " + under.string()); }
    path_ = name;
  }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;
  ~TemporaryFolder() {
    if (is_kept_) { return; }
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }

  [[nodiscard]] const std::filesystem::path& path() const { return path_; }
  // It stays, for whoever looks into what went wrong.
  void keep() { is_kept_ = true; }

 private:
  std::filesystem::path path_;
  bool is_kept_ = false;
};

}  // namespace tidemark::test
