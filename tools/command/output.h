// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <cstdio>
#include <optional>
#include <string>
#include <string_view>

#include "tidemark/error.hpp"
#include "tidemark/event.hpp"
#include "tidemark/recovery_report.hpp"
#include "tools/command/exit_codes.h"

namespace tidemark::command {

// Data, on the standard output. Once a write failed nothing more is written: a reader that went away (a closed pipe)
// ends the command quietly, anything else is told by finish().
class Output {
 public:
  // Writes the text and a line end. False once there is no use in going on.
  bool line(std::string_view text);
  // What was written so far goes out now. False once there is no use in going on.
  bool flush();
  // Whether what was written so far arrived; well_code if so, or if nobody listens any more.
  [[nodiscard]] Outcome<ExitCode> finish(ExitCode well_code);

  [[nodiscard]] bool coloured() const { return coloured_; }

  Output();

 private:
  bool coloured_;
  int error_ = 0;  // the errno of the first failed write
};

// Whether to colour and to move the cursor: a terminal, and NO_COLOR is not set.
[[nodiscard]] bool is_lively(std::FILE* file);

// One line to a person, on stderr.
void talk(std::string_view text);
// The same for why the command failed.
void complain(std::string_view text);

// 262,200
[[nodiscard]] std::string with_separators(std::uint64_t number);
// 1 event, 2 events
[[nodiscard]] std::string counted(std::uint64_t number, std::string_view what);
// 1.5 MiB
[[nodiscard]] std::string with_unit(std::uint64_t bytes);
// 1.25 s, 310 ms, 45 µs
[[nodiscard]] std::string with_unit(std::chrono::nanoseconds duration);

// Bytes for a terminal: UTF-8 stays, everything that could steer the terminal becomes a question mark, and what is
// longer is cut.
[[nodiscard]] std::string printable(std::string_view text, std::size_t bytes_max);

// One JSON object in one line. data and metadata stand in it as they are if they are JSON; else as null, and in base64
// under data_base64 and metadata_base64. Both are null if empty.
// The original position is that in the store which this one was extracted from.
[[nodiscard]] std::string event_json(const Event& event, std::optional<Position> original = {});

// The object under last_recovery, and what recover --json prints.
[[nodiscard]] std::string recovery_json(const RecoveryReport& report);
// The same for a person, in one or two lines.
[[nodiscard]] std::string recovery_text(const RecoveryReport& report);

}  // namespace tidemark::command
