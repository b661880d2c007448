// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include "tidemark/tidemark.hpp"
#include "tools/command/event_lines.h"
#include "tools/command/opening.h"
#include "tools/command/output.h"
#include "tools/command/query_options.h"
#include "tools/command/query_text.h"
#include "tools/command/subcommands.h"
#include "tools/command/times.h"

namespace tidemark::command {

Outcome<Query> read_query(const ReadCommandOptions& options) {
  if (options.stream && options.category) {
    return bad_input(
        "--stream and --category do not go together: a stream is in one category, so name the stream alone");
  }
  Query query = options.stream     ? Query::stream(*options.stream)
                : options.category ? Query::category(*options.category)
                                   : Query::all();
  if (options.query) {
    if (!options.types.empty() || !options.tags.empty()) {
      return bad_input("--query does not go with --type and --tag: name the types and tags in its items");
    }
    Outcome<QueryText> given = read_query_option(*options.query, "--query");
    if (!given) { return std::unexpected(std::move(given.error())); }
    if (given->after) { return bad_input("--query: \"after\" is for conditions; --from says where to begin reading"); }
    if (given->scope.scope() != Query::Scope::kAll) {
      if (options.stream || options.category) {
        return bad_input("--query names a scope, so --stream and --category are to be left out");
      }
      query = std::move(given->scope);
    }
    return given->items.empty() ? query : query.any_of(std::move(given->items));
  }
  if (!options.types.empty()) { query = query.types(options.types); }
  if (!options.tags.empty()) { query = query.tags(options.tags); }
  return query;
}

Outcome<ReadOptions> read_options(const ReadCommandOptions& options, const Query& query) {
  // Copied: a medium that fails is then an error with a place, and never a signal.
  ReadOptions read{.direction = options.backward ? Direction::kBackward : Direction::kForward,
                   .limit = options.limit,
                   .access = Access::kCopied};
  const bool one_stream = query.scope() == Query::Scope::kStream;
  if (options.from && one_stream) { read.from_version = Version(*options.from); }
  if (options.from && !one_stream) { read.from_position = Position(*options.from); }
  const auto recorded_until = recorded_time_option(options.recorded_until, "--recorded-until");
  if (!recorded_until) { return std::unexpected(recorded_until.error()); }
  const auto valid_until = valid_time_option(options.valid_until, "--valid-until");
  if (!valid_until) { return std::unexpected(valid_until.error()); }
  read.recorded_until = *recorded_until;
  read.valid_until = *valid_until;
  if (options.by_valid_time) { read.order = Order::kValid; }
  return read;
}

Outcome<ExitCode> run_read(const ReadCommandOptions& options) {
  const Outcome<Query> query = read_query(options);
  if (!query) { return std::unexpected(query.error()); }
  const Outcome<ReadOptions> how = read_options(options, *query);
  if (!how) { return std::unexpected(how.error()); }
  const Outcome<Store> store = open_to_read(options.store);
  if (!store) { return std::unexpected(store.error()); }
  Cursor events = store->read(*query, *how);
  return print_events(*store, events, options.json);
}

}  // namespace tidemark::command
