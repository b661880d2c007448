// SPDX-License-Identifier: Apache-2.0
// checkpoints: those that subscriptions and projections have stored in a store.
#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "tidemark/tidemark.hpp"
#include "tools/command/json_text.h"
#include "tools/command/opening.h"
#include "tools/command/output.h"
#include "tools/command/subcommands.h"

namespace tidemark::command {
namespace {

using Json = nlohmann::ordered_json;

// Durable events behind it, whether they match or not; nothing for a place in another store. Its owner in another
// process may be ahead of what this opening shows.
std::optional<std::uint64_t> lag(const Checkpoint& checkpoint, const StoreInfo& store) {
  if (checkpoint.log_id != store.log_id) { return std::nullopt; }
  const Position next = checkpoint.position ? checkpoint.position->next() : Position();
  return store.durable > next ? store.durable.value() - next.value() : 0;
}

std::string json_line(const NamedCheckpoint& one, const StoreInfo& store) {
  const auto& position = one.checkpoint.position;
  const auto behind = lag(one.checkpoint, store);
  return one_line(Json{{"name", one.name},
                       {"position", position ? Json(position->value()) : Json()},
                       {"lag", behind ? Json(*behind) : Json()},
                       {"checkpoint", to_string(one.checkpoint)}});
}

std::string head_text(const Output& out) {
  const std::string head = fmt::format("{:>13}  {:>13}  {}", "done to", "lag", "checkpoint");
  return out.coloured() ? fmt::format("\033[2m{}\033[0m", head) : head;
}

std::string text_line(const NamedCheckpoint& one, const StoreInfo& store) {
  const auto& position = one.checkpoint.position;
  const auto behind = lag(one.checkpoint, store);
  return fmt::format("{:>13}  {:>13}  {}", position ? with_separators(position->value()) : "-",
                     behind ? with_separators(*behind) : "elsewhere",
                     printable(one.name, limits::kCheckpointNameBytesMax));
}

}  // namespace

Outcome<ExitCode> run_checkpoints_list(const PlainOptions& options) {
  const Outcome<Store> store = open_to_read(options.store);
  if (!store) { return std::unexpected(store.error()); }
  const Result<std::vector<NamedCheckpoint>> checkpoints = store->checkpoints();
  if (!checkpoints) { return failed(checkpoints.error()); }
  const StoreInfo info = store->info();
  Output out;
  if (!options.json && !checkpoints->empty()) { out.line(head_text(out)); }
  for (const NamedCheckpoint& one : *checkpoints) {
    if (!out.line(options.json ? json_line(one, info) : text_line(one, info))) { break; }
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
