// SPDX-License-Identifier: Apache-2.0
#include "tools/command/output.h"

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <system_error>
#include <unistd.h>

#include "tools/command/base64.h"
#include "tools/command/json_text.h"
#include "tools/command/times.h"

namespace tidemark::command {
namespace {

// ,"name":… of data or metadata.
void add_payload(std::string& json, std::string_view name, Bytes bytes) {
  const std::string_view text = as_text(bytes);
  if (text.empty()) {
    json += fmt::format(R"(,"{}":null)", name);
  } else if (is_json(text)) {
    json += fmt::format(R"(,"{}":)", name);
    const std::size_t at = json.size();
    json += text;
    // In valid JSON a line end is only ever white space between two tokens.
    std::replace_if(
        json.begin() + static_cast<std::ptrdiff_t>(at), json.end(), [](char c) { return c == '\n' || c == '\r'; }, ' ');
  } else {
    json += fmt::format(R"(,"{0}":null,"{0}_base64":"{1}")", name, to_base64(bytes));
  }
}

void write_to_stderr(std::string text) {
  text += '\n';
  std::fwrite(text.data(), 1, text.size(), stderr);
}

}  // namespace

bool is_lively(std::FILE* file) {
  const char* no_color = std::getenv("NO_COLOR");  // NOLINT(concurrency-mt-unsafe): nobody sets it
  return (no_color == nullptr || *no_color == '\0') && ::isatty(::fileno(file)) == 1;
}

Output::Output() : coloured_(is_lively(stdout)) {}

bool Output::line(std::string_view text) {
  if (error_ != 0) { return false; }
  errno = 0;
  if (std::fwrite(text.data(), 1, text.size(), stdout) != text.size() || std::fputc('\n', stdout) == EOF) {
    error_ = errno != 0 ? errno : EIO;
  }
  return error_ == 0;
}

bool Output::flush() {
  errno = 0;
  if (error_ == 0 && std::fflush(stdout) != 0) { error_ = errno != 0 ? errno : EIO; }
  return error_ == 0;
}

Outcome<ExitCode> Output::finish(ExitCode well_code) {
  if (flush() || error_ == EPIPE) { return well_code; }
  return std::unexpected(
      Failure(ExitCode::kFailed, fmt::format("standard output: {}", std::generic_category().message(error_))));
}

void talk(std::string_view text) { write_to_stderr(fmt::format("tidemark: {}", text)); }

void complain(std::string_view text) {
  const bool coloured = is_lively(stderr);
  write_to_stderr(fmt::format("{}tidemark:{} {}", coloured ? "\033[1;31m" : "", coloured ? "\033[0m" : "", text));
}

std::string with_separators(std::uint64_t number) {
  std::string text = std::to_string(number);
  for (std::size_t at = text.size(); at > 3;) {
    at -= 3;
    text.insert(at, 1, ',');
  }
  return text;
}

std::string counted(std::uint64_t number, std::string_view what) {
  return fmt::format("{} {}{}", with_separators(number), what, number == 1 ? "" : "s");
}

std::string with_unit(std::uint64_t bytes) {
  if (bytes < 1024) { return fmt::format("{} B", bytes); }
  constexpr std::string_view kUnits[] = {"KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
  double value = static_cast<double>(bytes) / 1024;
  std::size_t unit = 0;
  for (; value >= 1024 && unit + 1 < std::size(kUnits); ++unit) { value /= 1024; }
  return fmt::format("{:.1f} {}", value, kUnits[unit]);
}

std::string with_unit(std::chrono::nanoseconds duration) {
  const auto count = static_cast<double>(duration.count());
  if (count >= 1e9) { return fmt::format("{:.2f} s", count / 1e9); }
  if (count >= 1e6) { return fmt::format("{:.1f} ms", count / 1e6); }
  return fmt::format("{:.0f} µs", count / 1e3);
}

std::string printable(std::string_view text, std::size_t bytes_max) {
  std::size_t size = std::min(text.size(), bytes_max);
  // Not in the middle of a character.
  while (size > 0 && size < text.size() && (static_cast<unsigned char>(text[size]) & 0xC0U) == 0x80U) { --size; }
  // Replaces what is not UTF-8.
  std::string shown =
      nlohmann::json::parse(json_string(text.substr(0, size)), nullptr, false).get_ref<const std::string&>();
  for (std::size_t i = 0; i < shown.size(); ++i) {
    const auto byte = static_cast<unsigned char>(shown[i]);
    // U+0080 to U+009F steer some terminals too.
    const bool control_pair = byte == 0xC2 && i + 1 < shown.size() && static_cast<unsigned char>(shown[i + 1]) < 0xA0;
    if (control_pair) { shown.erase(i + 1, 1); }
    if (control_pair || byte < 0x20 || byte == 0x7F) { shown[i] = '?'; }
  }
  if (size < text.size()) { shown += "…"; }
  return shown;
}

std::string event_json(const Event& event, std::optional<Position> original) {
  std::string json = fmt::format(
      R"({{"position":{},"stream":{},"version":{},"id":"{}","type":{},"recorded":"{}","valid":"{}","tags":[)",
      event.position().value(), json_string(event.stream()), event.version().value(), to_string(event.id()),
      json_string(event.type()), format_time(event.recorded()), format_time(event.valid()));
  if (original) {
    json.insert(json.find(R"(,"stream":)"), fmt::format(R"(,"original_position":{})", original->value()));
  }
  for (const std::string_view tag : event.tags()) {
    if (!json.ends_with('[')) { json += ','; }
    json += json_string(tag);
  }
  json += ']';
  if (event.is_lost()) { json += R"(,"lost":true)"; }
  add_payload(json, "data", event.data());
  add_payload(json, "metadata", event.metadata());
  json += '}';
  return json;
}

std::string recovery_json(const RecoveryReport& report) {
  nlohmann::ordered_json json;
  json["kind"] = to_string(report.kind);
  json["epoch"] = report.epoch;
  json["frames_kept"] = report.frames_kept;
  json["events_kept"] = report.events_kept;
  json["frames_in_doubt"] = report.frames_in_doubt;
  json["bytes_in_doubt"] = report.bytes_in_doubt;
  json["bytes_cut"] = report.bytes_cut;
  json["rejected"] =
      report.rejected.empty() ? nlohmann::ordered_json() : nlohmann::ordered_json(report.rejected.string());
  json["superblock_lost"] = report.superblock_lost;
  json["clock_behind_ns"] = report.clock_behind.count();
  json["at"] = format_time(report.at);
  json["took_ns"] = report.took.count();
  return one_line(json);
}

std::string recovery_text(const RecoveryReport& report) {
  std::string text =
      fmt::format("{}: {} kept, {} at the end read again, {} cut, epoch {}, took {}", to_string(report.kind),
                  counted(report.events_kept, "event"), counted(report.frames_kept, "frame"),
                  counted(report.bytes_cut, "byte"), report.epoch, with_unit(report.took));
  std::string more;
  if (report.frames_in_doubt > 0) {
    more += fmt::format("; not known durable, so written again and synced: {} ({})",
                        counted(report.frames_in_doubt, "frame"), with_unit(report.bytes_in_doubt));
  }
  if (!report.rejected.empty()) { more += fmt::format("; the cut bytes are in {}", report.rejected.string()); }
  if (report.superblock_lost) { more += "; one of the two superblocks was unreadable, the other served"; }
  if (report.clock_behind.count() > 0) {
    more += fmt::format("; the clock stands {} before the last recorded time", with_unit(report.clock_behind));
  }
  if (!more.empty()) { text += "\n  " + more.substr(2); }
  return text;
}

}  // namespace tidemark::command
