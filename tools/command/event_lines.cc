// SPDX-License-Identifier: Apache-2.0
#include "tools/command/event_lines.h"

#include <fmt/format.h>

#include "tools/command/output.h"
#include "tools/command/times.h"

namespace tidemark::command {
namespace {

constexpr std::size_t kNameBytesShown = 40;
constexpr std::size_t kDataBytesShown = 160;

std::string head_text(const Output& out) {
  const std::string head =
      fmt::format("{:>12} {:>9}  {:<30}  {:<24}  {:<30}  {}", "position", "version", "valid", "stream", "type", "data");
  return out.coloured() ? fmt::format("\033[2m{}\033[0m", head) : head;
}

std::string event_text(const Event& event, const Output& out) {
  const bool coloured = out.coloured();
  return fmt::format("{:>12} {:>9}  {}  {:<24}  {}{:<30}{}  {}", with_separators(event.position().value()),
                     with_separators(event.version().value()), format_time(event.valid()),
                     printable(event.stream(), kNameBytesShown), coloured ? "\033[36m" : "",
                     printable(event.type(), kNameBytesShown), coloured ? "\033[0m" : "",
                     printable(as_text(event.data()), kDataBytesShown));
}

}  // namespace

Outcome<ExitCode> print_events(Cursor& events, bool json) {
  Output out;
  bool first = true;
  const Status read = events.for_each([&](const Event& event) {
    if (json) { return out.line(event_json(event)); }
    if (first && !out.line(head_text(out))) { return false; }
    first = false;
    return out.line(event_text(event, out));
  });
  const Outcome<ExitCode> finished = out.finish(ExitCode::kWell);
  if (!read) { return failed(read.error()); }
  return finished;
}

}  // namespace tidemark::command
