// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <string_view>

#include "tools/command/exit_codes.h"

struct gzFile_s;

namespace tidemark::command {

// Lines into a new file, packed by gzip if its name ends in .gz. The file has its name only once it is finished:
// whoever sees it sees all of it. Until then it has none, so that nothing is left of a process that is killed; where
// the file system knows no such files it has another name in the same folder, which goes if it is not finished.
class LineWriter {
 public:
  // Bad input if something is there already, unless it is a file that is to be overwritten.
  [[nodiscard]] static Outcome<LineWriter> open(const std::filesystem::path& file, bool overwrite);
  LineWriter(LineWriter&& other) noexcept;
  LineWriter& operator=(LineWriter&&) = delete;
  ~LineWriter();

  // Writes the text and a line end.
  [[nodiscard]] Outcome<void> line(std::string_view text);
  // Brings what was written to the disk, gives the file its name, and brings that to the disk.
  [[nodiscard]] Outcome<void> finish();

 private:
  struct Close {
    void operator()(gzFile_s* file) const;
  };

  LineWriter() = default;
  [[nodiscard]] Failure failure(int number) const;
  [[nodiscard]] Outcome<void> open_unnamed(unsigned mode);
  [[nodiscard]] Outcome<void> take_name();
  [[nodiscard]] Outcome<void> sync_folder() const;

  std::unique_ptr<gzFile_s, Close> packed_;
  int descriptor_ = -1;  // of the same file
  std::filesystem::path file_;
  std::filesystem::path temporary_;  // its name until then; empty if it has none
  bool replaces_ = false;            // a file that was there at open()
};

}  // namespace tidemark::command
