// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <chrono>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "tools/command/importer.h"
#include "tools/command/json_text.h"
#include "tools/command/opening.h"
#include "tools/command/output.h"
#include "tools/command/subcommands.h"

namespace tidemark::command {
namespace {

std::string summary_json(const Importer& importer, double seconds, double rate) {
  nlohmann::ordered_json json;
  json["imported"] = importer.imported();
  json["skipped"] = importer.skipped();
  json["batches"] = importer.batches();
  json["seconds"] = seconds;
  json["events_per_second"] = rate;
  return one_line(json);
}

std::string summary_text(const Importer& importer, double seconds, double rate) {
  return fmt::format("{} imported in {}, {} skipped, {:.2f} s, {} a second", counted(importer.imported(), "event"),
                     with_separators(importer.batches()) + (importer.batches() == 1 ? " batch" : " batches"),
                     with_separators(importer.skipped()), seconds, counted(static_cast<std::uint64_t>(rate), "event"));
}

}  // namespace

Outcome<ExitCode> run_import(const ImportOptions& options) {
  if (options.recorded_from && !can_name_recorded(*options.recorded_from)) {
    return bad_input(
        fmt::format("--recorded-from: field \"{}\" says something else; name \"time\", or a field of its own",
                    printable(*options.recorded_from, 40)));
  }
  if (options.recorded_from && options.keep_recorded) {
    return bad_input("--keep-recorded is --recorded-from recorded: give one of them");
  }
  if (options.keep_recorded && options.batch_given) {
    return bad_input("--batch does not go with --keep-recorded: what was recorded together stays together");
  }
  const std::string recorded_field = options.keep_recorded ? "recorded" : options.recorded_from.value_or("");
  Outcome<LineReader> lines = LineReader::open(options.file);
  if (!lines) { return std::unexpected(std::move(lines.error())); }
  Outcome<Store> store = open_to_write(options.store);
  if (!store) { return std::unexpected(std::move(store.error())); }

  const auto started = std::chrono::steady_clock::now();
  // What was recorded together stays one batch: a second one could not have the same time.
  const std::uint64_t batch = options.keep_recorded ? UINT64_MAX : options.batch;
  Importer importer(*store, *lines, batch, options.progress, recorded_field);
  Outcome<void> done = importer.run();
  importer.wipe_progress();
  if (!done) {
    done.error().message +=
        fmt::format("\n  {}; {}: {}",
                    importer.in_doubt() ? "this batch may have been imported: import again to be sure"
                                        : "nothing of this batch was imported",
                    !recorded_field.empty() ? "imported beside it, and durable" : "imported before it, and durable",
                    counted(importer.imported(), "event"));
    return std::unexpected(std::move(done.error()));
  }
  const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - started).count();
  if (Status closed = store->close(); !closed) { return failed(closed.error()); }

  const double rate = static_cast<double>(importer.imported()) / std::max(seconds, 1e-6);
  Output out;
  out.line(options.json ? summary_json(importer, seconds, rate) : summary_text(importer, seconds, rate));
  return out.finish(ExitCode::kWell);
}

}  // namespace tidemark::command
