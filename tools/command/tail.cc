// SPDX-License-Identifier: Apache-2.0
#include <chrono>
#include <csignal>
#include <optional>

#include "tidemark/tidemark.hpp"
#include "tools/command/event_lines.h"
#include "tools/command/opening.h"
#include "tools/command/output.h"
#include "tools/command/query_options.h"
#include "tools/command/subcommands.h"

namespace tidemark::command {
namespace {

constexpr auto kLookAtSignals = std::chrono::milliseconds(100);

volatile std::sig_atomic_t is_over = 0;
void end_it(int) { is_over = 1; }

// Where it begins, and in a stream the version before which nothing is wanted.
struct Start {
  Position position = {};
  std::uint64_t version = 0;
};

Result<Start> find_start(const Store& store, const Query& query, const TailCommandOptions& options) {
  const bool one_stream = query.scope() == Query::Scope::kStream;
  if (options.which.from && !one_stream) { return Start{.position = Position(*options.which.from)}; }
  ReadOptions how{.direction = Direction::kBackward, .limit = options.lines, .access = Access::kCopied};
  if (options.which.from) {
    how = {.from_version = Version(*options.which.from), .limit = 1, .access = Access::kCopied};
  }
  Start start{.version = options.which.from.value_or(0)};
  Cursor events = store.read(query, how);
  std::optional<Position> first;
  const Status read = events.for_each([&](const Event& event) { first = event.position(); });
  if (!read) { return std::unexpected(read.error()); }
  const auto last = events.last_visible();
  start.position = first ? *first : last ? last->next() : Position(0);
  return start;
}

}  // namespace

Outcome<ExitCode> run_tail(const TailCommandOptions& options) {
  const Outcome<Query> query = read_query(options.which);
  if (!query) { return std::unexpected(query.error()); }
  std::signal(SIGINT, &end_it);
  std::signal(SIGTERM, &end_it);
  const Outcome<Store> store = open_to_read(options.which.store);
  if (!store) { return std::unexpected(store.error()); }
  const Result<Start> start = find_start(*store, *query, options);
  if (!start) { return failed(start.error()); }
  Result<Subscription> events = store->subscribe(*query, {.from_position = start->position, .access = Access::kCopied});
  if (!events) { return failed(events.error()); }
  Output out;
  EventPrinter printer(*store, out, options.which.json);
  while (is_over == 0) {
    auto run = events->next_for(kLookAtSignals);
    if (!run) {
      (void)out.finish(ExitCode::kWell);
      return failed(run.error());
    }
    for (const Event& event : *run) {
      const bool is_wanted = event.version() >= Version(start->version);
      if (is_wanted && !printer.print(event)) { break; }
      if (is_over != 0) { break; }
    }
    // What came is seen at once; a reader that went away ends it.
    if (!out.flush()) { break; }
  }
  return out.finish(ExitCode::kWell);
}

}  // namespace tidemark::command
