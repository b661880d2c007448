// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <filesystem>
#include <fmt/format.h>
#include <optional>
#include <string>
#include <system_error>

#include "tidemark/tidemark.hpp"
#include "tools/command/export_line.h"
#include "tools/command/json_text.h"
#include "tools/command/line_writer.h"
#include "tools/command/opening.h"
#include "tools/command/output.h"
#include "tools/command/progress.h"
#include "tools/command/query_options.h"
#include "tools/command/subcommands.h"

namespace tidemark::command {
namespace {

bool lies_in(const std::filesystem::path& file, const std::filesystem::path& folder) {
  std::error_code error;
  const auto inner = std::filesystem::weakly_canonical(std::filesystem::absolute(file, error).parent_path(), error);
  const auto outer = std::filesystem::weakly_canonical(std::filesystem::absolute(folder, error), error);
  return std::mismatch(outer.begin(), outer.end(), inner.begin(), inner.end()).first == outer.end();
}

// Beside a superblock.
bool lies_in_a_store(const std::filesystem::path& file) {
  std::error_code error;
  return std::filesystem::exists(file.parent_path() / "super-a", error) ||
         std::filesystem::exists(file.parent_path() / "super-b", error);
}

}  // namespace

Outcome<ExitCode> run_export(const ExportOptions& options) {
  const Outcome<Query> query = read_query(options.which);
  if (!query) { return std::unexpected(query.error()); }
  const Outcome<ReadOptions> how = read_options(options.which, *query);
  if (!how) { return std::unexpected(how.error()); }
  const Outcome<Store> store = open_to_read(options.which.store);
  if (!store) { return std::unexpected(store.error()); }
  // What nobody has decided on may be events: a file without them would look like all.
  if (store->recovery().kind == RecoveryKind::kSuspect) {
    return std::unexpected(Failure(exit_code(ErrorCode::kSuspectTail),
                                   "an export would leave the suspect end of the log out: decide on it first "
                                   "(tidemark recover), or repair the store into a new one and export that"));
  }
  std::optional<LineWriter> file;
  if (options.file != "-") {
    if (lies_in(options.file, options.which.store.folder) || lies_in_a_store(options.file)) {
      return bad_input(options.file + ": an export cannot lie in a store's own folder");
    }
    Outcome<LineWriter> opened = LineWriter::open(options.file, options.overwrite);
    if (!opened) { return std::unexpected(std::move(opened.error())); }
    file.emplace(*std::move(opened));
  }

  Output out;
  Progress progress(file ? Progress::Mode::kAuto : Progress::Mode::kNever, "events");
  std::uint64_t exported = 0;
  std::uint64_t lost = 0;
  std::optional<Failure> failure;
  const std::uint64_t all = store->info().events;
  Cursor events = store->read(*query, *how);
  const Status read = events.for_each([&](const Event& event) {
    if (event.is_lost()) {
      ++lost;
      return true;
    }
    ++exported;
    progress.update(event.position().value(), all, exported);
    if (!file) { return out.line(export_line(event)); }
    Outcome<void> written = file->line(export_line(event));
    if (!written) { failure.emplace(std::move(written.error())); }
    return !failure;
  });
  progress.wipe();
  if (failure) { return std::unexpected(*std::move(failure)); }
  if (!read) { return failed(read.error()); }
  if (file) {
    if (auto finished = file->finish(); !finished) { return std::unexpected(std::move(finished.error())); }
    if (options.which.json) {
      out.line(fmt::format(R"({{"file":{},"exported":{},"lost":{}}})", json_string(options.file), exported, lost));
    } else {
      out.line(fmt::format("{} in {}", counted(exported, "event"), options.file));
    }
  }
  if (lost > 0) {
    complain(
        fmt::format("{} left out: a repair found only damage in their places, so that the positions and versions "
                    "behind them are others after an import",
                    counted(lost, "event")));
  }
  return out.finish(lost > 0 ? ExitCode::kDamageFound : ExitCode::kWell);
}

}  // namespace tidemark::command
