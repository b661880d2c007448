// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include "tidemark/tidemark.hpp"
#include "tools/command/json_text.h"
#include "tools/command/opening.h"
#include "tools/command/output.h"
#include "tools/command/subcommands.h"
#include "tools/command/times.h"

namespace tidemark::command {
namespace {

std::string info_json(const StoreInfo& info, RecoveryKind found) {
  return fmt::format(
      R"({{"events":{},"streams":{},"segments":{},"bytes":{},"durable":{},"written":{},"durable_offset":{},)"
      R"("format":"{}.{}","epoch":{},"store_id":"{}","log_id":"{}","end":{},"last_recovery":{}}})",
      info.events, info.streams, info.segments, info.bytes, info.durable.value(), info.written.value(),
      info.durable_offset.value(), info.format_major, info.format_minor, info.epoch, to_string(EventId(info.store_id)),
      to_string(EventId(info.log_id)), json_string(to_string(found)), recovery_json(info.last_recovery));
}

void print_text(Output& out, const StoreInfo& info, RecoveryKind found) {
  const auto row = [&](std::string_view name, std::string_view value) {
    out.line(fmt::format("{:<15}{}", name, value));
  };
  row("events", with_separators(info.events));
  row("streams", with_separators(info.streams));
  row("segments", with_separators(info.segments));
  row("bytes", fmt::format("{} ({})", with_separators(info.bytes), with_unit(info.bytes)));
  row("durable", fmt::format("below position {}", with_separators(info.durable.value())));
  row("written", fmt::format("below position {}", with_separators(info.written.value())));
  row("format", fmt::format("{}.{}", info.format_major, info.format_minor));
  row("epoch", with_separators(info.epoch));
  row("store", to_string(EventId(info.store_id)));
  row("log", to_string(EventId(info.log_id)));
  row("end of the log", to_string(found));
  row("last recovery", fmt::format("{}, {}", format_time(info.last_recovery.at), recovery_text(info.last_recovery)));
}

}  // namespace

Outcome<ExitCode> run_stat(const PlainOptions& options) {
  const Outcome<Store> store = open_to_read(options.store);
  if (!store) { return std::unexpected(store.error()); }
  const StoreInfo info = store->info();
  const RecoveryKind found = store->recovery().kind;
  Output out;
  if (options.json) {
    out.line(info_json(info, found));
  } else {
    print_text(out, info, found);
  }
  const bool damaged = found == RecoveryKind::kDamaged || found == RecoveryKind::kSuspect;
  return out.finish(damaged ? ExitCode::kDamageFound : ExitCode::kWell);
}

}  // namespace tidemark::command
