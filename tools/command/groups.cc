// SPDX-License-Identifier: Apache-2.0
// groups: the consumer groups of a store, what they have parked, and what a person may do about it.
#include <algorithm>
#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "tidemark/tidemark.hpp"
#include "tools/command/json_text.h"
#include "tools/command/opening.h"
#include "tools/command/output.h"
#include "tools/command/query_text.h"
#include "tools/command/subcommands.h"
#include "tools/command/times.h"

namespace tidemark::command {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::size_t kQueryBytesShown = 80;
constexpr std::size_t kQueryBytesShownAlone = 2000;
constexpr std::size_t kStreamBytesShown = 40;

// The library's word for it speaks of calls, not of commands.
std::unexpected<Failure> no_such_group(const std::string& name) {
  return failed(
      Error(ErrorCode::kGroupUnknown, fmt::format("there is no consumer group \"{}\"; `tidemark groups list` shows "
                                                  "those there are",
                                                  printable(name, limits::kGroupNameBytesMax))));
}

Outcome<Group> find_group(const Store& store, const std::string& name) {
  Result<Group> group = store.group(name);
  if (!group && group.error().code() == ErrorCode::kGroupUnknown) { return no_such_group(name); }
  if (!group) { return failed(group.error()); }
  return *std::move(group);
}

// Durable events behind the checkpoint, whether they match or not. Members in other processes may be ahead of what this
// opening shows.
std::uint64_t lag(const GroupInfo& group, Position durable) {
  return durable > group.next ? durable.value() - group.next.value() : 0;
}

Json info_json(const GroupInfo& group, Position durable) {
  return {{"group", group.name},
          {"query", query_json(group.query)},
          {"partitions", group.partitions},
          {"members", group.members},
          {"first", group.first.value()},
          {"next", group.next.value()},
          {"lag", lag(group, durable)},
          {"parked", group.parked}};
}

std::string list_head(const Output& out) {
  const std::string head = fmt::format("{:>7}  {:>10}  {:>13}  {:>13}  {:>7}  {:<24}  {}", "members", "partitions",
                                       "done before", "lag", "parked", "group", "query");
  return out.coloured() ? fmt::format("\033[2m{}\033[0m", head) : head;
}

std::string list_line(const GroupInfo& group, Position durable) {
  return fmt::format("{:>7}  {:>10}  {:>13}  {:>13}  {:>7}  {:<24}  {}", group.members, group.partitions,
                     with_separators(group.next.value()), with_separators(lag(group, durable)),
                     with_separators(group.parked), printable(group.name, limits::kGroupNameBytesMax),
                     printable(to_string(group.query), kQueryBytesShown));
}

// How many events of the group stand behind its checkpoint. Some of them may be done or parked already: no call of the
// library tells which.
Result<std::uint64_t> count_behind(const Store& store, const GroupInfo& group) {
  std::uint64_t count = 0;
  Cursor events = store.read(group.query, {.from_position = group.next, .access = Access::kCopied});
  const Status read = events.for_each([&](const Event&) { ++count; });
  if (!read) { return std::unexpected(read.error()); }
  return count;
}

void print_info(Output& out, const GroupInfo& group, Position durable, std::optional<std::uint64_t> waiting_max) {
  const auto row = [&](std::string_view name, std::string_view value) {
    out.line(fmt::format("{:<12}{}", name, value));
  };
  row("group", printable(group.name, limits::kGroupNameBytesMax));
  row("query", printable(to_string(group.query), kQueryBytesShownAlone));
  row("partitions", with_separators(group.partitions));
  row("members", with_separators(group.members));
  row("began at", fmt::format("position {}", with_separators(group.first.value())));
  row("done", fmt::format("before position {}", with_separators(group.next.value())));
  row("lag", counted(lag(group, durable), "event"));
  row("waiting", waiting_max ? fmt::format("{} at most", counted(*waiting_max, "event")) : "not known");
  row("parked", counted(group.parked, "event"));
}

// The type of an event; nothing if this opening does not show it.
Result<std::optional<std::string>> type_at(const Store& store, Position position) {
  std::optional<std::string> type;
  Cursor events = store.read(Query::all(), {.from_position = position, .limit = 1, .access = Access::kCopied});
  const Status read = events.for_each([&](const Event& event) {
    if (event.position() == position) { type = event.type(); }
  });
  if (!read) { return std::unexpected(read.error()); }
  return type;
}

std::string parked_head(const Output& out) {
  const std::string head = fmt::format("{:>12} {:>6} {:>6}  {:<30}  {:<24}  {:<24}  {}", "position", "tries", "wanted",
                                       "parked", "stream", "type", "reason");
  return out.coloured() ? fmt::format("\033[2m{}\033[0m", head) : head;
}

std::string parked_text(const ParkedEvent& event, const std::optional<std::string>& type) {
  return fmt::format("{:>12} {:>6} {:>6}  {}  {:<24}  {:<24}  {}", with_separators(event.position.value()), event.tries,
                     event.is_wanted ? "yes" : "no", format_time(event.parked),
                     printable(event.stream, kStreamBytesShown), printable(type.value_or("?"), limits::kTypeBytesMax),
                     printable(event.reason, event.reason.size()));
}

std::string parked_json(const ParkedEvent& event, const std::optional<std::string>& type) {
  return one_line(Json{{"position", event.position.value()},
                       {"stream", event.stream},
                       {"type", type ? Json(*type) : Json()},
                       {"tries", event.tries},
                       {"parked", format_time(event.parked)},
                       {"wanted", event.is_wanted},
                       {"reason", event.reason}});
}

}  // namespace

Outcome<ExitCode> run_groups_list(const PlainOptions& options) {
  const Outcome<Store> store = open_to_read(options.store);
  if (!store) { return std::unexpected(store.error()); }
  const Result<std::vector<GroupInfo>> groups = store->groups();
  if (!groups) { return failed(groups.error()); }
  const Position durable = store->info().durable;
  Output out;
  if (!options.json && !groups->empty()) { out.line(list_head(out)); }
  for (const GroupInfo& group : *groups) {
    if (!out.line(options.json ? one_line(info_json(group, durable)) : list_line(group, durable))) { break; }
  }
  return out.finish(ExitCode::kWell);
}

Outcome<ExitCode> run_groups_show(const NamedOptions& options) {
  const Outcome<Store> store = open_to_read(options.store);
  if (!store) { return std::unexpected(store.error()); }
  const Outcome<Group> group = find_group(*store, options.name);
  if (!group) { return std::unexpected(group.error()); }
  const Result<GroupInfo> info = group->info();
  if (!info) { return failed(info.error()); }
  const Result<std::uint64_t> behind = count_behind(*store, *info);
  const std::optional<std::uint64_t> waiting_max = behind ? std::optional(*behind) : std::nullopt;
  const Position durable = store->info().durable;
  Output out;
  if (options.json) {
    Json json = info_json(*info, durable);
    json["waiting_max"] = waiting_max ? Json(*waiting_max) : Json();
    out.line(one_line(json));
  } else {
    print_info(out, *info, durable, waiting_max);
  }
  const Outcome<ExitCode> finished = out.finish(ExitCode::kWell);
  if (!behind) { return failed(behind.error()); }
  return finished;
}

Outcome<ExitCode> run_groups_parked(const ParkedOptions& options) {
  const Outcome<Store> store = open_to_read(options.which.store);
  if (!store) { return std::unexpected(store.error()); }
  const Outcome<Group> group = find_group(*store, options.which.name);
  if (!group) { return std::unexpected(group.error()); }
  const Result<std::vector<ParkedEvent>> parked = group->parked();
  if (!parked) { return failed(parked.error()); }
  const auto shown = static_cast<std::size_t>(std::min<std::uint64_t>(parked->size(), options.limit));
  Output out;
  if (!options.which.json && shown > 0) { out.line(parked_head(out)); }
  std::optional<Error> unread;
  for (std::size_t i = 0; i < shown; ++i) {
    const ParkedEvent& event = (*parked)[i];
    // An event that cannot be read is parked all the same.
    const Result<std::optional<std::string>> looked = type_at(*store, event.position);
    if (!looked && !unread) { unread = looked.error(); }
    const std::optional<std::string> type = looked ? *looked : std::nullopt;
    if (!out.line(options.which.json ? parked_json(event, type) : parked_text(event, type))) { break; }
  }
  const Outcome<ExitCode> finished = out.finish(ExitCode::kWell);
  if (unread) { return failed(*unread); }
  return finished;
}

Outcome<ExitCode> run_groups_replay(const NamedOptions& options) {
  const Outcome<Store> store = open_to_read(options.store);
  if (!store) { return std::unexpected(store.error()); }
  const Outcome<Group> group = find_group(*store, options.name);
  if (!group) { return std::unexpected(group.error()); }
  const Result<GroupInfo> info = group->info();
  if (!info) { return failed(info.error()); }
  if (info->parked > 0) {
    if (Status asked = group->replay_parked(); !asked) { return failed(asked.error()); }
  }
  Output out;
  if (options.json) {
    out.line(one_line(Json{{"group", info->name}, {"parked", info->parked}, {"members", info->members}}));
  } else if (info->parked == 0) {
    out.line("nothing is parked");
  } else {
    out.line(fmt::format("{} will be given once more{}", counted(info->parked, "event"),
                         info->members == 0 ? ", once somebody joins: the group has no member now" : ""));
  }
  return out.finish(ExitCode::kWell);
}

Outcome<ExitCode> run_groups_remove(const NamedOptions& options) {
  Outcome<Store> store = open_to_read(options.store);
  if (!store) { return std::unexpected(store.error()); }
  const Result<bool> removed = store->remove_group(options.name);
  if (!removed) { return failed(removed.error()); }
  if (!*removed) { return no_such_group(options.name); }
  Output out;
  out.line(options.json ? one_line(Json{{"group", options.name}, {"removed", true}})
                        : fmt::format("group {} is removed", printable(options.name, limits::kGroupNameBytesMax)));
  return out.finish(ExitCode::kWell);
}

}  // namespace tidemark::command
