// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "tidemark/tidemark.hpp"
#include "tools/command/json_text.h"
#include "tools/command/opening.h"
#include "tools/command/output.h"
#include "tools/command/progress.h"
#include "tools/command/subcommands.h"

namespace tidemark::command {

Outcome<ExitCode> run_backup(const BackupCommandOptions& options) {
  const Outcome<Store> store = open_to_read(options.store);
  if (!store) { return std::unexpected(store.error()); }
  Progress progress(Progress::Mode::kAuto, "bytes");
  const Result<BackupReport> report =
      store->backup(options.into,
                    {.incremental = options.incremental,
                     .sealed = options.link ? SealedSegments::kLinked : SealedSegments::kCopied,
                     .verify = !options.no_verify},
                    progress.callback());
  progress.wipe();
  if (!report) { return failed(report.error()); }
  Output out;
  if (options.json) {
    nlohmann::ordered_json json;
    json["into"] = options.into;
    json["added_to_earlier"] = report->added_to_earlier;
    json["events"] = report->events;
    json["segments_copied"] = report->segments_copied;
    json["segments_linked"] = report->segments_linked;
    json["segments_kept"] = report->segments_kept;
    json["bytes_copied"] = report->bytes_copied;
    json["verified"] = !options.no_verify;
    out.line(one_line(json));
  } else {
    out.line(fmt::format("{} {}: {}, {} copied ({}), {} linked, {} kept{}", options.into,
                         report->added_to_earlier ? "now has" : "has", counted(report->events, "event"),
                         counted(report->segments_copied, "segment"), with_unit(report->bytes_copied),
                         with_separators(report->segments_linked), with_separators(report->segments_kept),
                         options.no_verify ? "; not verified" : "; verified"));
  }
  return out.finish(ExitCode::kWell);
}

}  // namespace tidemark::command
