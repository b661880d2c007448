// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "tidemark/tidemark.hpp"
#include "tools/command/damage_text.h"
#include "tools/command/json_text.h"
#include "tools/command/output.h"
#include "tools/command/progress.h"
#include "tools/command/subcommands.h"

namespace tidemark::command {

Outcome<ExitCode> run_repair(const RepairCommandOptions& options) {
  Progress progress(Progress::Mode::kAuto, "bytes");
  const Result<RepairReport> report =
      repair(options.store.folder, options.into, {.allow_unsafe_file_system = options.store.allow_unsafe_file_system},
             progress.callback());
  progress.wipe();
  if (!report) { return failed(report.error()); }
  Output out;
  if (options.json) {
    nlohmann::ordered_json json;
    json["into"] = options.into;
    json["events_copied"] = report->events_copied;
    json["events_lost"] = report->events_lost;
    json["end_lost"] = report->end_lost;
    json["end_suspect"] = report->end_suspect;
    json["found"] = verify_json(report->found);
    out.line(one_line(json));
  } else {
    for (const Damage& damage : report->found.damages) { out.line(damage_text(damage)); }
    out.line(fmt::format("copied {} into {}, {} lost{}", counted(report->events_copied, "event"), options.into,
                         counted(report->events_lost, "event"),
                         report->events_lost == 0 ? "" : " (placeholders of type $lost stand there)"));
    if (report->end_lost) {
      out.line(
          "and the end of the log is lost: nobody can tell how many events stood there; they have no placeholders, and "
          "what is appended next gets their positions");
    }
    if (report->end_suspect) {
      out.line(
          "and the end of the log is suspect: what stood there was left out; the last receipts of your writers tell "
          "whether any of it was acknowledged");
    }
  }
  return out.finish(report->lost_nothing() ? ExitCode::kWell : ExitCode::kDamageFound);
}

}  // namespace tidemark::command
