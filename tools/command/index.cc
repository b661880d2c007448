// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "tidemark/tidemark.hpp"
#include "tools/command/json_text.h"
#include "tools/command/output.h"
#include "tools/command/subcommands.h"

namespace tidemark::command {
namespace {

using Json = nlohmann::ordered_json;

Json report_json(const IndexReport& report) {
  Json files = Json::array();
  for (const IndexFile& file : report.files) {
    Json one{{"path", file.path.string()},
             {"first", file.first.value()},
             {"end", file.end.value()},
             {"bytes", file.bytes},
             {"whole", file.problem.empty()}};
    if (!file.problem.empty()) { one["problem"] = file.problem; }
    files.push_back(std::move(one));
  }
  return {{"whole", report.whole()}, {"events_indexed", report.indexed.value()}, {"files", std::move(files)}};
}

std::string report_text(const IndexReport& report) {
  std::uint64_t bytes = 0;
  std::uint64_t bad = 0;
  for (const IndexFile& file : report.files) {
    bytes += file.bytes;
    if (!file.problem.empty()) { ++bad; }
  }
  return fmt::format(
      "{}: {} with the index of {}, {}", bad == 0 ? "whole" : fmt::format("{} of no use", counted(bad, "file")),
      counted(report.files.size(), "file"), counted(report.indexed.value(), "event"), counted(bytes, "byte"));
}

Outcome<ExitCode> show(const IndexReport& report, bool json) {
  Output out;
  if (json) {
    out.line(one_line(report_json(report)));
  } else {
    for (const IndexFile& file : report.files) {
      if (!file.problem.empty()) { out.line(fmt::format("{}: {}", file.path.string(), file.problem)); }
    }
    out.line(report_text(report));
    if (!report.whole()) {
      out.line("no answer is wrong because of it; `tidemark index rebuild` makes all of them anew");
    }
  }
  return out.finish(report.whole() ? ExitCode::kWell : ExitCode::kDamageFound);
}

}  // namespace

Outcome<ExitCode> run_index_check(const PlainOptions& options) {
  Progress progress(Progress::Mode::kAuto, "events");
  const Result<IndexReport> report = check_index(options.store.folder, progress.callback());
  progress.wipe();
  if (!report) { return failed(report.error()); }
  return show(*report, options.json);
}

Outcome<ExitCode> run_index_rebuild(const PlainOptions& options) {
  const Result<IndexReport> report =
      rebuild_index(options.store.folder, {.allow_unsafe_file_system = options.store.allow_unsafe_file_system});
  if (!report) { return failed(report.error()); }
  return show(*report, options.json);
}

}  // namespace tidemark::command
