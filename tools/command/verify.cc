// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "tidemark/tidemark.hpp"
#include "tools/command/damage_text.h"
#include "tools/command/json_text.h"
#include "tools/command/output.h"
#include "tools/command/subcommands.h"

namespace tidemark::command {
namespace {

void print_text(Output& out, const VerifyReport& report) {
  for (const Damage& damage : report.damages) { out.line(damage_text(damage)); }
  const std::string pending = report.bytes_pending == 0
                                  ? std::string()
                                  : fmt::format("; an unfinished end of {} bytes awaits the next writer",
                                                with_separators(report.bytes_pending));
  out.line(fmt::format("{}: {} in {} and {}, {} read{}",
                       report.whole() ? "whole" : fmt::format("{} damaged", counted(report.damages.size(), "place")),
                       counted(report.events, "event"), counted(report.frames, "frame"),
                       counted(report.segments, "segment"), counted(report.bytes, "byte"), pending));
}

}  // namespace

Outcome<ExitCode> run_verify(const PlainOptions& options) {
  Progress progress(Progress::Mode::kAuto, "bytes");
  const Result<VerifyReport> report = verify(options.store.folder, progress.callback());
  progress.wipe();
  if (!report) { return failed(report.error()); }
  Output out;
  if (options.json) {
    out.line(one_line(verify_json(*report)));
  } else {
    print_text(out, *report);
  }
  return out.finish(report->whole() ? ExitCode::kWell : ExitCode::kDamageFound);
}

}  // namespace tidemark::command
