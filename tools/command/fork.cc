// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "tidemark/tidemark.hpp"
#include "tools/command/json_text.h"
#include "tools/command/output.h"
#include "tools/command/progress.h"
#include "tools/command/subcommands.h"

namespace tidemark::command {

Outcome<ExitCode> run_fork(const ForkCommandOptions& options) {
  Progress progress(Progress::Mode::kAuto, "bytes");
  const Result<ForkReport> report = fork(options.store.folder, options.into,
                                         {.at = options.at ? std::optional(Position(*options.at)) : std::nullopt,
                                          .sealed = options.copy ? SealedSegments::kCopied : SealedSegments::kLinked,
                                          .verify = !options.no_verify,
                                          .allow_unsafe_file_system = options.store.allow_unsafe_file_system},
                                         progress.callback());
  progress.wipe();
  if (!report) { return failed(report.error()); }
  Output out;
  if (options.json) {
    nlohmann::ordered_json json;
    json["into"] = options.into;
    json["events"] = report->events;
    json["segments_copied"] = report->segments_copied;
    json["segments_linked"] = report->segments_linked;
    json["bytes_copied"] = report->bytes_copied;
    json["log_id"] = to_string(EventId(report->log_id));
    json["parent_log_id"] = to_string(EventId(report->parent_log_id));
    json["verified"] = !options.no_verify;
    out.line(one_line(json));
  } else {
    out.line(fmt::format("{} has {} and goes its own way: {} copied ({}), {} linked{}", options.into,
                         counted(report->events, "event"), counted(report->segments_copied, "segment"),
                         with_unit(report->bytes_copied), with_separators(report->segments_linked),
                         options.no_verify ? "; not verified" : "; verified"));
  }
  return out.finish(ExitCode::kWell);
}

}  // namespace tidemark::command
