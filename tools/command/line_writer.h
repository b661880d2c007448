// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "tools/command/exit_codes.h"

struct gzFile_s;

namespace tidemark::command {

// Lines into a new file, packed by gzip if its name ends in .gz. Until it is finished the file has another name beside
// its own, and it is removed if that never happens: under its own name it is whole.
class LineWriter {
 public:
  // Bad input if the file is there already, unless it is to be overwritten; what is no file is never touched.
  [[nodiscard]] static Outcome<LineWriter> open(const std::string& file, bool overwrite);
  LineWriter(LineWriter&& other) noexcept;
  LineWriter& operator=(LineWriter&&) = delete;
  ~LineWriter();

  // Writes the text and a line end.
  [[nodiscard]] Outcome<void> line(std::string_view text);
  // Brings what was written to the disk and gives the file its name.
  [[nodiscard]] Outcome<void> finish();

 private:
  struct Close {
    void operator()(gzFile_s* file) const;
  };

  LineWriter(gzFile_s* packed, int descriptor, std::string file, bool overwrite);
  [[nodiscard]] Failure failure(int number) const;
  [[nodiscard]] std::string temporary_name() const;

  std::unique_ptr<gzFile_s, Close> packed_;
  int descriptor_;  // of the same file
  std::string file_;
  bool overwrite_;
};

}  // namespace tidemark::command
