// SPDX-License-Identifier: Apache-2.0
// checkpoints: those that subscriptions and projections have stored in a store.
#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <string>

#include "tidemark/tidemark.hpp"
#include "tools/command/json_text.h"
#include "tools/command/opening.h"
#include "tools/command/output.h"
#include "tools/command/subcommands.h"

namespace tidemark::command {
namespace {

using Json = nlohmann::ordered_json;

// Durable events behind it, whether they match or not. Its owner in another process may be ahead of what this opening
// shows.
std::uint64_t lag(const Checkpoint& checkpoint, Position durable) {
  const Position next = checkpoint.position ? checkpoint.position->next() : Position();
  return durable > next ? durable.value() - next.value() : 0;
}

std::string json_line(const NamedCheckpoint& one, Position durable) {
  const auto& position = one.checkpoint.position;
  return one_line(Json{{"name", one.name},
                       {"position", position ? Json(position->value()) : Json()},
                       {"lag", lag(one.checkpoint, durable)},
                       {"checkpoint", to_string(one.checkpoint)}});
}

std::string head_text(const Output& out) {
  const std::string head = fmt::format("{:>13}  {:>13}  {}", "done to", "lag", "checkpoint");
  return out.coloured() ? fmt::format("\033[2m{}\033[0m", head) : head;
}

std::string text_line(const NamedCheckpoint& one, Position durable) {
  const auto& position = one.checkpoint.position;
  return fmt::format("{:>13}  {:>13}  {}", position ? with_separators(position->value()) : "-",
                     with_separators(lag(one.checkpoint, durable)),
                     printable(one.name, limits::kCheckpointNameBytesMax));
}

}  // namespace

Outcome<ExitCode> run_checkpoints_list(const PlainOptions& options) {
  const Outcome<Store> store = open_to_read(options.store);
  if (!store) { return std::unexpected(store.error()); }
  const Result<std::vector<NamedCheckpoint>> checkpoints = store->checkpoints();
  if (!checkpoints) { return failed(checkpoints.error()); }
  const Position durable = store->info().durable;
  Output out;
  if (!options.json && !checkpoints->empty()) { out.line(head_text(out)); }
  for (const NamedCheckpoint& one : *checkpoints) {
    if (!out.line(options.json ? json_line(one, durable) : text_line(one, durable))) { break; }
  }
  return out.finish(ExitCode::kWell);
}

Outcome<ExitCode> run_checkpoints_remove(const NamedOptions& options) {
  Outcome<Store> store = open_to_read(options.store);
  if (!store) { return std::unexpected(store.error()); }
  const Result<bool> removed = store->remove_checkpoint(options.name);
  if (!removed) { return failed(removed.error()); }
  const std::string shown = printable(options.name, limits::kCheckpointNameBytesMax);
  if (!*removed) {
    return std::unexpected(
        Failure(ExitCode::kFailed, fmt::format("there is no checkpoint \"{}\"; `tidemark checkpoints list` shows those "
                                               "there are",
                                               shown)));
  }
  Output out;
  out.line(options.json ? one_line(Json{{"name", options.name}, {"removed", true}})
                        : fmt::format("checkpoint {} is removed", shown));
  return out.finish(ExitCode::kWell);
}

}  // namespace tidemark::command
