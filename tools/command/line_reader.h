// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "tools/command/exit_codes.h"

struct gzFile_s;

namespace tidemark::command {

// The lines of a file, plain or packed by gzip, or of the standard input. A line longer than the bound is an error, so
// that a file without line ends cannot fill the memory.
class LineReader {
 public:
  // More than any event needs, even with every byte of it escaped.
  static constexpr std::size_t kLineBytesMax = std::size_t{80} << 20U;

  // "-" is the standard input.
  [[nodiscard]] static Outcome<LineReader> open(const std::string& file);

  // The next line without its end, valid until the next call; nothing at the end of the file.
  [[nodiscard]] Outcome<std::optional<std::string_view>> next();

  // The number of the line that next() gave, from 1.
  [[nodiscard]] std::uint64_t line_number() const { return line_number_; }
  [[nodiscard]] const std::string& name() const { return name_; }
  // Of the file as it lies on the disk: how far it was read, and its size, 0 if it has none.
  [[nodiscard]] std::uint64_t bytes_read() const;
  [[nodiscard]] std::uint64_t bytes_all() const { return bytes_all_; }

 private:
  struct Close {
    void operator()(gzFile_s* file) const;
  };

  LineReader(gzFile_s* file, std::string name, std::uint64_t bytes_all);
  Outcome<bool> fill();

  std::unique_ptr<gzFile_s, Close> file_;
  std::string name_;
  std::uint64_t bytes_all_ = 0;
  std::uint64_t line_number_ = 0;
  std::vector<char> buffer_;
  std::size_t begin_ = 0;  // of what was not given yet
  std::size_t end_ = 0;
  bool at_end_ = false;
};

}  // namespace tidemark::command
