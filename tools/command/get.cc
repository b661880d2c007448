// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include "tidemark/tidemark.hpp"
#include "tools/command/event_lines.h"
#include "tools/command/json_text.h"
#include "tools/command/opening.h"
#include "tools/command/output.h"
#include "tools/command/subcommands.h"

namespace tidemark::command {

Outcome<ExitCode> run_get(const GetCommandOptions& options) {
  const std::optional<EventId> id = EventId::parse(options.id);
  if (!id) {
    return bad_input(fmt::format("ID: must be a UUID such as 0190a0e4-1b2c-7d3e-8f40-5162738495a6, not {}",
                                 printable(json_string(options.id), 80)));
  }
  const Outcome<Store> store = open_to_read(options.store);
  if (!store) { return std::unexpected(store.error()); }
  const Result<std::optional<OwnedEvent>> found = store->event_by_id(*id);
  if (!found) { return failed(found.error()); }
  if (!*found) {
    return std::unexpected(
        Failure(ExitCode::kNoSuchEvent, fmt::format("there is no event with id {}", to_string(*id))));
  }
  Cursor event =
      store->read(Query::all(), {.from_position = (*found)->position, .limit = 1, .access = Access::kCopied});
  return print_events(*store, event, options.json);
}

}  // namespace tidemark::command
