// SPDX-License-Identifier: Apache-2.0
#include "tidemark/dump.hpp"

#include <algorithm>
#include <fmt/format.h>
#include <iterator>
#include <nlohmann/json.hpp>
#include <string>

#include "tools/command/base64.h"
#include "tools/command/json_text.h"
#include "tools/command/output.h"
#include "tools/command/subcommands.h"
#include "tools/command/times.h"

namespace tidemark::command {
namespace {

constexpr std::size_t kNameBytesShown = 60;
constexpr std::size_t kDataBytesShown = 160;
constexpr std::size_t kBytesInLine = 16;

// Sixteen bytes a line: where they stand in the file, in hexadecimal, as ASCII. Lines that repeat the one before are
// shown as one asterisk.
bool print_bytes(Output& out, std::uint64_t offset, Bytes bytes) {
  bool repeats = false;
  for (std::size_t at = 0; at < bytes.size(); at += kBytesInLine) {
    const Bytes line = bytes.subspan(at, std::min(kBytesInLine, bytes.size() - at));
    const bool is_last = at + kBytesInLine >= bytes.size();
    if (at > 0 && !is_last && std::ranges::equal(line, bytes.subspan(at - kBytesInLine, kBytesInLine))) {
      if (!repeats && !out.line("    *")) { return false; }
      repeats = true;
      continue;
    }
    repeats = false;
    std::string digits;
    std::string text;
    for (std::size_t i = 0; i < line.size(); ++i) {
      const auto byte = std::to_integer<unsigned>(line[i]);
      fmt::format_to(std::back_inserter(digits), "{}{:02x}", i == kBytesInLine / 2 ? "  " : " ", byte);
      text += byte >= 0x20 && byte < 0x7F ? static_cast<char>(byte) : '.';
    }
    if (!out.line(fmt::format("    {:08x} {:<49}  |{}|", offset + at, digits, text))) { return false; }
  }
  return true;
}

std::string event_text(const DumpedEvent& event) {
  std::string text = fmt::format("    {} bytes at {}: event {}, stream \"{}\" version {}, type \"{}\", id {}{}{}",
                                 with_separators(event.bytes), with_separators(event.offset),
                                 with_separators(event.position.value()), printable(event.stream, kNameBytesShown),
                                 with_separators(event.version.value()), printable(event.type, kNameBytesShown),
                                 to_string(event.id), event.id_made ? " (made)" : "", event.lost ? ", lost" : "");
  if (event.valid) { text += fmt::format(", valid {}", format_time(*event.valid)); }
  for (const std::string_view tag : event.tags) {
    text += fmt::format(", tag \"{}\"", printable(tag, kNameBytesShown));
  }
  text += fmt::format(", data of {}: {}", counted(event.data.size(), "byte"),
                      printable(as_text(event.data), kDataBytesShown));
  if (!event.metadata.empty()) {
    text += fmt::format(", metadata of {}: {}", counted(event.metadata.size(), "byte"),
                        printable(as_text(event.metadata), kDataBytesShown));
  }
  return text;
}

bool print_text(Output& out, const SegmentPiece& piece, bool bytes) {
  std::string head = fmt::format("{:>14}  {:<8}{}", with_separators(piece.offset), to_string(piece.kind),
                                 counted(piece.bytes, "byte"));
  for (const auto& [name, value] : piece.fields) {
    head += fmt::format(", {} {}", printable(name, kNameBytesShown), value);
  }
  if (!out.line(head)) { return false; }
  if (!piece.what.empty()) {
    const std::string what = "    wrong: " + piece.what;
    if (!out.line(out.coloured() ? fmt::format("\033[31m{}\033[0m", what) : what)) { return false; }
  }
  for (const DumpedEvent& event : piece.events) {
    if (!out.line(event_text(event))) { return false; }
  }
  return !bytes || print_bytes(out, piece.offset, piece.raw);
}

nlohmann::ordered_json event_json(const DumpedEvent& event) {
  nlohmann::ordered_json json;
  json["offset"] = event.offset;
  json["bytes"] = event.bytes;
  json["position"] = event.position.value();
  json["stream"] = event.stream;
  json["version"] = event.version.value();
  json["id"] = to_string(event.id);
  json["id_made"] = event.id_made;
  json["lost"] = event.lost;
  json["type"] = event.type;
  json["valid"] = event.valid ? nlohmann::ordered_json(format_time(*event.valid)) : nlohmann::ordered_json();
  json["tags"] = event.tags;
  json["data_base64"] = to_base64(event.data);
  json["metadata_base64"] = to_base64(event.metadata);
  return json;
}

bool print_json(Output& out, const SegmentPiece& piece, bool bytes) {
  nlohmann::ordered_json json;
  json["offset"] = piece.offset;
  json["bytes"] = piece.bytes;
  json["kind"] = to_string(piece.kind);
  json["wrong"] = piece.what.empty() ? nlohmann::ordered_json() : nlohmann::ordered_json(piece.what);
  json["fields"] = nlohmann::ordered_json::object();
  for (const auto& [name, value] : piece.fields) { json["fields"][name] = value; }
  json["events"] = nlohmann::ordered_json::array();
  for (const DumpedEvent& event : piece.events) { json["events"].push_back(event_json(event)); }
  if (bytes) { json["bytes_base64"] = to_base64(piece.raw); }
  return out.line(one_line(json));
}

}  // namespace

Outcome<ExitCode> run_dump(const DumpOptions& options) {
  Output out;
  bool whole = true;
  const Status done = dump_segment(options.file, [&](const SegmentPiece& piece) {
    if (!piece.what.empty()) { whole = false; }
    return options.json ? print_json(out, piece, options.bytes) : print_text(out, piece, options.bytes);
  });
  if (!done) { return failed(done.error()); }
  return out.finish(whole ? ExitCode::kWell : ExitCode::kDamageFound);
}

}  // namespace tidemark::command
