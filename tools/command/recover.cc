// SPDX-License-Identifier: Apache-2.0
#include "tidemark/tidemark.hpp"
#include "tools/command/output.h"
#include "tools/command/subcommands.h"

namespace tidemark::command {

// Opening for writing is what recovers.
Outcome<ExitCode> run_recover(const RecoverOptions& options) {
  Result<Store> store =
      Store::open(options.store.folder, {.create = false,
                                         .accept_suspect_tail = options.accept_suspect_tail,
                                         .accept_clock = options.accept_clock,
                                         .allow_unsafe_file_system = options.store.allow_unsafe_file_system});
  if (!store) { return failed(store.error()); }
  const RecoveryReport report = store->recovery();
  if (Status closed = store->close(); !closed) { return failed(closed.error()); }
  Output out;
  out.line(options.json ? recovery_json(report) : recovery_text(report));
  return out.finish(ExitCode::kWell);
}

}  // namespace tidemark::command
