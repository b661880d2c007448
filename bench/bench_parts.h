// SPDX-License-Identifier: Apache-2.0
// What the benchmarks of store_bench and parts_bench share.
#pragma once

#include <cstddef>
#include <filesystem>
#include <stdlib.h>
#include <string>
#include <vector>

namespace tidemark::bench {

// A new folder of its own under TMPDIR, gone with the object. Its path is empty if it could not be made.
class OwnFolder {
 public:
  OwnFolder() {
    std::string name = (std::filesystem::temp_directory_path() / "tidemark-bench-XXXXXX").string();
    if (::mkdtemp(name.data()) != nullptr) { path_ = name; }
  }
  ~OwnFolder() {
    if (!path_.empty()) { std::filesystem::remove_all(path_); }
  }
  OwnFolder(const OwnFolder&) = delete;
  OwnFolder& operator=(const OwnFolder&) = delete;
  [[nodiscard]] const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

// The same at each call, and random, so that nothing below compresses it.
inline std::vector<std::byte> random_data(std::size_t size) {
  std::vector<std::byte> data(size);
  unsigned state = 1;
  for (std::byte& byte : data) { byte = static_cast<std::byte>((state = state * 1664525 + 1013904223) >> 24U); }
  return data;
}

}  // namespace tidemark::bench
