// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "tidemark/tidemark.hpp"
#include "tools/command/json_text.h"
#include "tools/command/output.h"
#include "tools/command/progress.h"
#include "tools/command/query_options.h"
#include "tools/command/subcommands.h"

namespace tidemark::command {

Outcome<ExitCode> run_extract(const ExtractCommandOptions& options) {
  const Outcome<Query> query = read_query(options.which);
  if (!query) { return std::unexpected(query.error()); }
  Progress progress(Progress::Mode::kAuto, "events");
  const Result<ExtractReport> report =
      extract(options.which.store.folder, *query, options.into,
              {.allow_unsafe_file_system = options.which.store.allow_unsafe_file_system}, progress.callback());
  progress.wipe();
  if (!report) { return failed(report.error()); }
  Output out;
  if (options.which.json) {
    nlohmann::ordered_json json;
    json["into"] = options.into;
    json["streams"] = report->streams;
    json["events"] = report->events;
    json["batches"] = report->batches;
    out.line(one_line(json));
  } else {
    out.line(fmt::format("{} has {} in {}", options.into, counted(report->events, "event"),
                         counted(report->streams, "stream")));
  }
  return out.finish(ExitCode::kWell);
}

}  // namespace tidemark::command
