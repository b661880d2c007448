// SPDX-License-Identifier: Apache-2.0
#include "tools/command/opening.h"

#include <fmt/format.h>

#include "tools/command/output.h"

namespace tidemark::command {
namespace {

bool is_news(const RecoveryReport& report) {
  switch (report.kind) {
    case RecoveryKind::kCreated:
    case RecoveryKind::kClosedCleanly:
      return report.superblock_lost || report.clock_behind.count() > 0;
    case RecoveryKind::kCleanEnd:
    case RecoveryKind::kTornTail:
    case RecoveryKind::kSuspectAccepted:
    case RecoveryKind::kDamaged:
    case RecoveryKind::kSuspect:
      return true;
  }
  return true;
}

}  // namespace

Outcome<Store> open_to_read(const StorePlace& place) {
  Result<Store> opened = Store::open(
      place.folder, {.read_only = true, .create = false, .allow_unsafe_file_system = place.allow_unsafe_file_system});
  if (!opened) { return failed(opened.error()); }
  const RecoveryReport& report = opened->recovery();
  switch (report.kind) {
    case RecoveryKind::kTornTail:
      talk(
          fmt::format("the log has an unfinished end of {} bytes: a writer is at it, or the next one will cut it off; "
                      "this command shows what stands before it",
                      with_separators(report.bytes_cut)));
      break;
    case RecoveryKind::kSuspect:
      talk(
          fmt::format("the end of the log is suspect ({} bytes); nothing can be appended until somebody decides: see "
                      "tidemark recover --help",
                      with_separators(report.bytes_cut)));
      break;
    case RecoveryKind::kDamaged:
      talk("acknowledged data is damaged; tidemark verify tells where");
      break;
    case RecoveryKind::kCreated:
    case RecoveryKind::kClosedCleanly:
    case RecoveryKind::kCleanEnd:
    case RecoveryKind::kSuspectAccepted:
      break;
  }
  if (report.superblock_lost) {
    talk("one of the two superblocks cannot be read; the other serves, and the next writer makes it again");
  }
  const std::uint64_t shown = opened->info().events;
  if (report.kind != RecoveryKind::kDamaged && report.events_kept > shown) {
    talk(
        fmt::format("{} more events stand past what is known to be durable: the next commit, or a recovery, shows them",
                    with_separators(report.events_kept - shown)));
  }
  return *std::move(opened);
}

Outcome<Store> open_to_write(const StorePlace& place) {
  Result<Store> opened = Store::open(place.folder, {.allow_unsafe_file_system = place.allow_unsafe_file_system});
  if (!opened) { return failed(opened.error()); }
  if (is_news(opened->recovery())) { talk(fmt::format("recovered, {}", recovery_text(opened->recovery()))); }
  return *std::move(opened);
}

}  // namespace tidemark::command
