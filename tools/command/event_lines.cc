// SPDX-License-Identifier: Apache-2.0
#include "tools/command/event_lines.h"

#include <fmt/format.h>

#include "tools/command/output.h"
#include "tools/command/times.h"

namespace tidemark::command {
namespace {

constexpr std::size_t kNameBytesShown = 40;
constexpr std::size_t kDataBytesShown = 160;

std::string head_text(const Output& out, bool has_originals) {
  std::string head =
      fmt::format("{:>12} {:>9}  {:<30}  {:<24}  {:<30}  {}", "position", "version", "valid", "stream", "type", "data");
  if (has_originals) { head = fmt::format("{:>12} ", "original") + head; }
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

EventPrinter::EventPrinter(const Store& store, Output& out, bool json) : store_(store), out_(out), json_(json) {
  const auto original = store.original_position(Position(0));
  has_originals_ = original.has_value() && original->has_value();
  if (!original) { talk(to_string(original.error())); }
}

std::optional<Position> EventPrinter::original(const Event& event) {
  if (!has_originals_) { return std::nullopt; }
  const auto found = store_.original_position(event.position());
  if (found) { return *found; }
  talk(to_string(found.error()));
  has_originals_ = false;  // said once
  return std::nullopt;
}

bool EventPrinter::print(const Event& event) {
  const bool had_originals = has_originals_;
  const auto position = original(event);
  if (json_) { return out_.line(event_json(event, position)); }
  if (first_ && !out_.line(head_text(out_, had_originals))) { return false; }
  first_ = false;
  const std::string text = event_text(event, out_);
  if (!had_originals) { return out_.line(text); }
  return out_.line(fmt::format("{:>12} ", position ? with_separators(position->value()) : "-") + text);
}

Outcome<ExitCode> print_events(const Store& store, Cursor& events, bool json) {
  Output out;
  EventPrinter printer(store, out, json);
  const Status read = events.for_each([&](const Event& event) { return printer.print(event); });
  const Outcome<ExitCode> finished = out.finish(ExitCode::kWell);
  if (!read) { return failed(read.error()); }
  return finished;
}

}  // namespace tidemark::command
