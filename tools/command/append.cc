// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <charconv>
#include <fmt/format.h>
#include <system_error>

#include "tidemark/tidemark.hpp"
#include "tools/command/json_text.h"
#include "tools/command/opening.h"
#include "tools/command/output.h"
#include "tools/command/query_text.h"
#include "tools/command/subcommands.h"
#include "tools/command/text_argument.h"
#include "tools/command/times.h"

namespace tidemark::command {
namespace {

constexpr std::size_t kQueryBytesShown = 400;

Outcome<Expect> parse_expect(std::string_view text) {
  if (text == "any") { return Expect::any(); }
  if (text == "no-stream") { return Expect::no_stream(); }
  if (text == "exists") { return Expect::stream_exists(); }
  std::uint64_t version = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), version);
  if (error != std::errc() || end != text.data() + text.size()) {
    return bad_input(
        fmt::format("--expect: must be any, no-stream, exists or the version of the stream's last event, not {}",
                    json_string(text)));
  }
  return Expect::exactly(version);
}

// What --data or --metadata names.
Outcome<std::string> payload(const std::optional<std::string>& given, std::string_view option, bool raw) {
  if (!given) { return std::string(); }
  Outcome<TextArgument> argument = read_argument(*given, std::string(option));
  if (!argument) { return std::unexpected(std::move(argument.error())); }
  if (raw) { return std::move(argument->text); }
  if (argument->text.size() > limits::kEventBytesMax) {
    return bad_input(fmt::format("{}: more than {} MiB", argument->source, limits::kEventBytesMax >> 20U));
  }
  if (const auto error = find_json_error(argument->text)) {
    return bad_input(fmt::format("{}: column {}: {} (--raw takes bytes that are not JSON)", argument->source,
                                 error->column, error->reason));
  }
  return std::move(argument->text);
}

struct Condition {
  Query query;
  std::optional<Position> after;
};

Outcome<std::vector<Condition>> read_conditions(const AppendCommandOptions& options) {
  if (options.after && options.fail_if_match.empty()) {
    return bad_input("--after says from where --fail-if-match looks: give one");
  }
  std::vector<Condition> conditions;
  for (const std::string& given : options.fail_if_match) {
    const Outcome<QueryText> text = read_query_option(given, "--fail-if-match");
    if (!text) { return std::unexpected(text.error()); }
    Condition condition{.query = text->query(), .after = text->after};
    if (!condition.after && options.after) { condition.after = Position(*options.after); }
    conditions.push_back(std::move(condition));
  }
  return conditions;
}

// One line for each condition that did not hold.
std::string match_conflict_text(const Error& error, const std::vector<Condition>& conditions) {
  std::string text;
  for (const MatchConflict& conflict : error.match_conflicts()) {
    const Condition& condition = conditions.at(conflict.condition);
    if (!text.empty()) { text += '\n'; }
    text += fmt::format("match conflict: the event at position {} matches --fail-if-match", conflict.position.value());
    if (conditions.size() > 1) { text += fmt::format(" {}", conflict.condition + 1); }
    text += fmt::format(": {}", printable(to_string(condition.query), kQueryBytesShown));
    if (condition.after) { text += fmt::format(", after position {}", condition.after->value()); }
  }
  return text;
}

std::string receipt_json(const AppendCommandOptions& options, const Receipt& receipt) {
  return fmt::format(R"({{"position":{},"stream":{},"version":{},"recorded":"{}","already_appended":{}}})",
                     receipt.first.value(), json_string(options.stream), receipt.streams.front().first.value(),
                     format_time(receipt.recorded), receipt.already_appended);
}

std::string receipt_text(const Receipt& receipt) {
  return fmt::format("position {}, version {}{}", receipt.first.value(), receipt.streams.front().first.value(),
                     receipt.already_appended ? ", appended before" : "");
}

}  // namespace

Outcome<ExitCode> run_append(const AppendCommandOptions& options) {
  const Outcome<Expect> expect = parse_expect(options.expect);
  if (!expect) { return std::unexpected(expect.error()); }
  if (std::ranges::count(options.fail_if_match, "-") + (options.data == "-" ? 1 : 0) +
          (options.metadata == "-" ? 1 : 0) >
      1) {
    return bad_input("only one of --data, --metadata and --fail-if-match can be -");
  }
  const Outcome<std::string> data = payload(options.data, "--data", options.raw);
  if (!data) { return std::unexpected(data.error()); }
  const Outcome<std::string> metadata = payload(options.metadata, "--metadata", options.raw);
  if (!metadata) { return std::unexpected(metadata.error()); }

  const Outcome<std::vector<Condition>> conditions = read_conditions(options);
  if (!conditions) { return std::unexpected(conditions.error()); }

  NewEvent event{.type = options.type, .data = as_bytes(*data), .metadata = as_bytes(*metadata)};
  event.tags.assign(options.tags.begin(), options.tags.end());
  if (options.valid) {
    event.valid = parse_time(*options.valid);
    if (!event.valid) {
      return bad_input("--valid: must be a time as RFC 3339 has it, such as 2011-10-01T00:38:44.546+02:00");
    }
  }
  if (options.id) {
    event.id = EventId::parse(*options.id);
    if (!event.id || event.id->is_nil()) { return bad_input("--id: must be a UUID, not the nil one"); }
  }

  Batch batch;
  batch.to(options.stream, *expect).add(event);
  for (const Condition& condition : *conditions) { batch.fail_if_match(condition.query, {.after = condition.after}); }
  // Before a store is made that would then be empty.
  if (auto valid = batch.validate(); !valid) { return failed(valid.error()); }

  Outcome<Store> store = open_to_write(options.store);
  if (!store) { return std::unexpected(std::move(store.error())); }
  const Result<Receipt> receipt = store->append(batch);
  if (!receipt && receipt.error().code() == ErrorCode::kMatchConflict) {
    return std::unexpected(Failure(ExitCode::kConflict, match_conflict_text(receipt.error(), *conditions)));
  }
  if (!receipt) { return failed(receipt.error()); }
  Output out;
  out.line(options.json ? receipt_json(options, *receipt) : receipt_text(*receipt));
  if (Status closed = store->close(); !closed) { return failed(closed.error()); }
  auto ended = out.finish(ExitCode::kWell);
  // Who repeats the call for want of an answer would append twice.
  if (!ended) { ended.error().message += fmt::format("; the event is in the store: {}", receipt_text(*receipt)); }
  return ended;
}

}  // namespace tidemark::command
